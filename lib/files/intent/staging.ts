import { createHash } from 'node:crypto'
import type { SluiceError } from '../../errors.js'
import { readOpened } from '../content/read-file.js'
import { withAccessList } from '../disk/access-list.js'
import { keepAttributes, openingMode, setTime, unlessRefused } from '../disk/attributes.js'
import { type DigestOptions, fileDigest } from '../disk/digest-file.js'
import { errorCode, SystemError } from '../disk/disk-error.js'
import type { FileStats, FileSystem } from '../disk/fs.js'
import { changedWhileCopied, checkUnchanged, checkWritten, writeTemporary } from '../disk/move-file.js'
import { nameOf, parentOf } from '../disk/names.js'
import { withRegular } from '../disk/open-regular.js'
import { readPieces, writeFully } from '../disk/read-write.js'
import { numbersOf, sameInode, type WrittenFile, writtenOf } from '../disk/stats.js'
import type { Owner } from '../own/owner.js'
import type { Durability } from '../publish/publish.js'
import { isLinkRefusal } from '../publish/take-name.js'
import type { OpenFolder, Tree } from '../tree/tree.js'
import { transactionPath } from './intent.js'

/** Where temporary files are made, and in whose name. */
export interface StagingArea {
  tree: Tree
  owner: Owner
  durability: Durability
  /**
   * All temporary paths that were used, to be removed in the end, and what was written there: nothing else gets a name,
   * or is removed.
   */
  taken: Map<string, WrittenFile | undefined>
  /** Failures that did not stop the work. */
  warnings: SluiceError[]
}

/** A file under a temporary path. */
export interface StagedContent {
  /** The temporary path, below the root of the tree. */
  path: string
  bytes: number
  /** SHA-256, hexadecimal. */
  digest: string
  written: WrittenFile
}

/** Attributes of a new file. What is missing is left to the system. */
interface NewFileAttributes {
  /** The final path, for messages. */
  shown?: string
  /** The stats of the file whose mode and owner it gets. */
  there?: FileStats
  /** It gets the mode alone: a copy belongs to whoever makes it. */
  isCopy?: boolean
  /** Permission bits instead of those of `there`. */
  mode?: number
  /** Time of the last change, milliseconds since 1970. */
  mtimeMs?: number
}

/** Calls `act` with the folder of `path` and the path of its last name in there. */
export function inFolder<T>(
  tree: Tree,
  path: string,
  act: (where: string, folder: OpenFolder) => Promise<T>,
): Promise<T> {
  return tree.within(parentOf(path), (folder) => act(folder.at(nameOf(path)), folder))
}

/** Writes a new temporary file into `folder`, and syncs it with 'power'. If that fails, it is removed. */
export async function stage(
  area: StagingArea,
  folder: string,
  data: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  { there, isCopy = false, mode, mtimeMs, shown = '' }: NewFileAttributes = {},
): Promise<StagedContent> {
  const { fs } = area.tree
  const path = newPath(area, folder)
  const hasher = createHash('sha256')
  let bytes = 0
  const fill = async (fd: number) => {
    for await (const piece of data) {
      if (piece.length === 0) continue
      hasher.update(piece)
      await writeFully(fs, fd, [piece], bytes)
      bytes += piece.length
    }
    const made = await checkWritten(fs, fd, bytes)
    const owner = isCopy ? 'ignore' : 'try'
    const warning = await keepAttributes(fd, made, there, { fs, mode, owner }, shown)
    if (warning) area.warnings.push(warning)
    if (mtimeMs !== undefined) {
      const refused = await unlessRefused('time', shown, () => setTime(fs, fd, mtimeMs))
      if (refused) area.warnings.push(refused)
    }
    // a failed fsync is never tried again: a second one would report success for data that is lost
    if (area.durability === 'power') await fs.fsync(fd)
    return writtenOf(await checkWritten(fs, fd, bytes))
  }
  const first = openingMode(mode, there)
  const written = await inFolder(area.tree, path, (where) => writeTemporary(fs, where, first, fill))
  area.taken.set(path, written)
  return { path, bytes, digest: hasher.digest('hex'), written }
}

/**
 * Copies the file at `from` into a new temporary file, piece by piece. Fails with `ERR_SOURCE_CHANGED` if somebody
 * wrote to it meanwhile.
 * @param check looks at the content before it is written; then the file is read as a whole
 * @param tree the one that `from` is in, if it is another one
 */
export async function stageCopy(
  area: StagingArea,
  from: string,
  folder: string,
  attributesFor: (source: FileStats) => NewFileAttributes,
  check?: (content: Uint8Array) => Promise<unknown>,
  tree: Tree = area.tree,
): Promise<StagedContent> {
  const { fs } = tree
  const copy = async (fd: number, stats: FileStats) => {
    await withAccessList(fs, fd, stats)
    const source = { fd, stats }
    if (!check) return stage(area, folder, unchangedPieces(fs, source, from), attributesFor(stats))
    const { bytes, isSame } = await readOpened(fs, fd, stats)
    if (!isSame) throw changedWhileCopied(from)
    await check(bytes)
    return stage(area, folder, [bytes], attributesFor(stats))
  }
  return inFolder(tree, from, (where) => withRegular(fs, where, copy))
}

/** Throws at the end if the file was written to meanwhile. */
async function* unchangedPieces(
  fs: FileSystem,
  source: { fd: number; stats: FileStats },
  path: string,
): AsyncGenerator<Uint8Array> {
  let size = 0
  for await (const piece of readPieces(fs, source.fd)) {
    size += piece.length
    yield piece
  }
  await checkUnchanged(fs, source, size, path)
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
): Promise<Pick<StagedContent, 'path' | 'written'>> {
  const { tree } = area
  const path = newPath(area, folder)
  const written = numbersOf(expected)
  try {
    return await inFolder(tree, from, (source) =>
      inFolder(tree, path, async (where) => {
        await tree.fs.link(source, where)
        area.taken.set(path, written)
        if (sameInode(await tree.fs.lstat(where), expected)) return { path, written }
        // one or the other was exchanged: only a second name of what is at `from` is ours
        area.taken.set(path, numbersOf(await tree.fs.lstat(source)))
        throw new SystemError('EBUSY', 'link', 'the file was exchanged meanwhile')
      }),
    )
  } catch (error) {
    // EACCES: the system does not allow another name for this file
    if (!isLinkRefusal(error) && errorCode(error) !== 'EACCES') throw error
    // the link may have been made nevertheless, and nobody else would remove it
    await inFolder(tree, path, (where) => tree.fs.unlink(where)).catch(() => {})
  }
  const attributes = (there: FileStats) => ({ shown: from, there, mtimeMs: there.mtimeMs })
  return stageCopy(area, from, folder, attributes)
}

/** {@link fileDigest} for a path below the root. */
export function digestOfFileAt(tree: Tree, path: string, options?: DigestOptions): Promise<string> {
  return inFolder(tree, path, (where) => fileDigest(tree.fs, where, options))
}

function newPath({ owner, taken }: StagingArea, folder: string): string {
  const path = transactionPath(owner, folder)
  taken.set(path, undefined)
  return path
}
