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

/** Where temporary files are made, and for whom. */
export interface StagingArea {
  tree: Tree
  owner: Owner
  durability: Durability
  /** Every temporary path that was taken: to be removed in the end. */
  taken: Set<string>
  /** What failed, although it went on. */
  warnings: SluiceError[]
}

/** A file under a temporary path. */
export interface StagedFile {
  /** Below the root of the tree. */
  path: string
  bytes: number
  /** SHA-256, hexadecimal. */
  digest: string
}

/** What a new file gets besides its content. What is left out comes from the system. */
export interface NewFileAttributes {
  /** The path that it is meant for, for messages. */
  shown?: string
  /** The file whose mode and owner it takes over. */
  there?: FileStats
  /** Permission bits, instead of those. */
  mode?: number
  /** Time of the last change, milliseconds since 1970. */
  mtimeMs?: number
}

/** What the temporary files of transactions begin with. */
const TRANSACTION_PREFIX = 'transaction'

/** Bytes that are copied at once. */
const COPY_SIZE = 512 * 1024

/** Acts in the folder of `path`, with the place of its name there. */
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

/** Writes a new temporary file into `folder`, synced where that is asked for; removed again where it fails. */
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

/** Writes and finishes an open temporary file. */
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
  /** For messages. */
  path: string
}

/**
 * A copy of the file at `from` in a new temporary file. It is read in pieces. Fails with `ERR_SOURCE_CHANGED` where
 * somebody wrote to it meanwhile.
 * @param check looks at the content before it is written: then it is read as a whole
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
 * A second name for the file at `from`, in `folder`; a copy with its mode, owner and time where there are no links.
 * @param expected the file that was looked at
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
    // EACCES: the system does not let this file have another name
    if (!isLinkRefusal(error) && errorCode(error) !== 'EACCES') throw error
  }
  return (await stageCopy(area, from, folder, (there) => ({ shown: from, there, mtimeMs: there.mtimeMs })))
    .path
}

/** SHA-256 of the regular file at `path`, hexadecimal. @param sync whether its content is synced */
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
