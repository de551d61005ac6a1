import { createHash, randomBytes } from 'node:crypto'
import type { SluiceError } from '../../errors.js'
import { setTime } from '../disk/attributes.js'
import { digestFile } from '../disk/digest-file.js'
import { errorCode, SystemError } from '../disk/disk-error.js'
import { type FileStats, type FileSystem, OPEN } from '../disk/fs.js'
import { keepAttributes, openingMode, wantedMode } from '../disk/keep-attributes.js'
import { checkUnchanged, createTemporary } from '../disk/move-file.js'
import { nameOf, parentOf } from '../disk/names.js'
import { closing, openRegular } from '../disk/open-regular.js'
import { readFully, writeFully } from '../disk/read-write.js'
import { sameInode } from '../disk/stats.js'
import type { Owner } from '../own/owner.js'
import { temporaryName } from '../own/temporary-name.js'
import type { Durability } from '../publish/publish.js'
import { isLinkRefusal } from '../publish/take-name.js'
import type { Directory, Tree } from '../tree/tree.js'

/** Where temporary files are made, and in whose name. */
export interface StagingArea {
  tree: Tree
  owner: Owner
  durability: Durability
  /** All temporary paths that were used, to be removed in the end. */
  taken: Set<string>
  /** Failures that did not stop the work. */
  warnings: SluiceError[]
}

/** A file under a temporary path. */
export interface StagedFile {
  /** The temporary path, below the root of the tree. */
  path: string
  bytes: number
  /** SHA-256, hexadecimal. */
  digest: string
}

/** Attributes of a new file. What is missing is left to the system. */
export interface NewFileAttributes {
  /** The final path, for messages. */
  shown?: string
  /** The stats of the file whose mode and owner it gets. */
  there?: FileStats
  /** Permission bits instead of those of `there`. */
  mode?: number
  /** Time of the last change, milliseconds since 1970. */
  mtimeMs?: number
}

/** The prefix of the temporary names of transactions. */
const TRANSACTION_PREFIX = 'transaction'

/** Bytes that are copied at once. */
const COPY_SIZE = 512 * 1024

/** Calls `act` with the folder of `path` and the path of its last name in there. */
export async function inFolder<T>(
  tree: Tree,
  path: string,
  act: (where: string, folder: Directory) => Promise<T>,
): Promise<T> {
  const folder = await tree.directory(parentOf(path))
  try {
    return await act(folder.at(nameOf(path)), folder)
  } finally {
    folder.release()
  }
}

/** Writes a new temporary file into `folder`, and syncs it with 'power'. If that fails, it is removed. */
export async function stage(
  area: StagingArea,
  folder: string,
  data: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  attributes: NewFileAttributes = {},
): Promise<StagedFile> {
  const { fs } = area.tree
  const path = newPath(area, folder)
  return inFolder(area.tree, path, async (where) => {
    const mode = wantedMode(attributes.mode, attributes.there)
    const fd = await createTemporary(fs, where, openingMode(mode))
    try {
      return { path, ...(await closing(fs, fd, () => fillStaged(area, fd, data, attributes))) }
    } catch (error) {
      await fs.unlink(where).catch(() => {})
      throw error
    }
  })
}

/** Writes an open temporary file, and sets its attributes. */
async function fillStaged(
  { tree: { fs }, durability, warnings }: StagingArea,
  fd: number,
  data: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { there, mode, mtimeMs, shown = '' }: NewFileAttributes,
): Promise<{ bytes: number; digest: string }> {
  const hasher = createHash('sha256')
  let bytes = 0
  for await (const piece of data) {
    if (piece.length === 0) continue
    hasher.update(piece)
    await writeFully(fs, fd, [piece], bytes)
    bytes += piece.length
  }
  const made = await fs.fstat(fd)
  if (made.size !== bytes) throw new SystemError('EIO', 'write', `${made.size} of ${bytes} bytes stand there`)
  const warning = await keepAttributes(fd, made, there, { fs, mode, owner: 'try' }, shown)
  if (warning) warnings.push(warning)
  if (mtimeMs !== undefined) await setTime(fs, fd, mtimeMs)
  // a failed fsync is never tried again: a second one would report success for data that is lost
  if (durability === 'power') await fs.fsync(fd)
  return { bytes, digest: hasher.digest('hex') }
}

/** An open file that is copied. */
interface CopySource {
  fd: number
  stats: FileStats
  /** The path for messages. */
  path: string
}

/**
 * Copies the file at `from` into a new temporary file, block by block. Fails with `ERR_SOURCE_CHANGED` if somebody
 * wrote to it meanwhile.
 * @param check looks at the content before it is written; then the file is read as a whole
 */
export async function stageCopy(
  area: StagingArea,
  from: string,
  folder: string,
  attributesFor: (source: FileStats) => NewFileAttributes,
  check?: (content: Uint8Array) => Promise<void>,
): Promise<StagedFile> {
  const { fs } = area.tree
  return inFolder(area.tree, from, async (where) => {
    const source = { ...(await openRegular(fs, where)), path: from }
    try {
      const content = check ? await checkedContent(fs, source, check) : pieces(fs, source)
      return await stage(area, folder, content, attributesFor(source.stats))
    } finally {
      await fs.close(source.fd)
    }
  })
}

async function checkedContent(
  fs: FileSystem,
  source: CopySource,
  check: (content: Uint8Array) => Promise<void>,
): Promise<[Uint8Array]> {
  const buffer = Buffer.alloc(source.stats.size)
  const content = buffer.subarray(0, await readFully(fs, source.fd, buffer, 0))
  await checkUnchanged(fs, source, content.length, source.path)
  await check(content)
  return [content]
}

async function* pieces(fs: FileSystem, source: CopySource): AsyncGenerator<Uint8Array> {
  const buffer = Buffer.allocUnsafe(COPY_SIZE)
  for (let position = 0; ; ) {
    const got = await fs.read(source.fd, buffer, 0, buffer.length, position)
    if (got === 0) return checkUnchanged(fs, source, position, source.path)
    position += got
    yield buffer.subarray(0, got)
  }
}

/**
 * A second name in `folder` for the file at `from`. Without hard links it is a copy with mode, owner and time.
 * @param expected the stats that the file must have
 */
export async function stageLink(
  area: StagingArea,
  from: string,
  folder: string,
  expected: FileStats,
): Promise<string> {
  const { tree } = area
  const path = newPath(area, folder)
  try {
    return await inFolder(tree, from, (source) =>
      inFolder(tree, path, async (where) => {
        await tree.fs.link(source, where)
        if (sameInode(await tree.fs.lstat(where), expected)) return path
        throw new SystemError('EBUSY', 'link', 'the file was exchanged meanwhile')
      }),
    )
  } catch (error) {
    // EACCES: the system does not allow another name for this file
    if (!isLinkRefusal(error) && errorCode(error) !== 'EACCES') throw error
  }
  return (await stageCopy(area, from, folder, (there) => ({ shown: from, there, mtimeMs: there.mtimeMs })))
    .path
}

/**
 * The SHA-256 of the regular file at `path`, hexadecimal.
 * @param sync whether its content is synced
 */
export async function digestOfFileAt(tree: Tree, path: string, sync = false): Promise<string> {
  const { fs } = tree
  return inFolder(tree, path, async (where) => {
    const { fd } = await openRegular(fs, where, sync && fs.platform === 'win32' ? OPEN.update : OPEN.read)
    try {
      const digest = (await digestFile(fs, fd, createHash('sha256'))).toString('hex')
      if (sync) await fs.fsync(fd)
      return digest
    } finally {
      await fs.close(fd)
    }
  })
}

function newPath({ owner, taken }: StagingArea, folder: string): string {
  const name = temporaryName({
    prefix: TRANSACTION_PREFIX,
    owner: { ...owner, token: randomBytes(8).toString('hex') },
  })
  const path = folder === '' ? name : `${folder}/${name}`
  taken.add(path)
  return path
}
