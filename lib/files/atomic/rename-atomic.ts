import { basename, dirname } from 'node:path'
import { type Clock, systemClock } from '../../clock.js'
import { printable, SluiceError } from '../../errors.js'
import { checkAbortSignal, checkChoice, checkFlag, checkKeys, type Keys } from '../../options.js'
import { AUDITED, type Audited, audited } from '../audit/recorder.js'
import { checkReplaceable } from '../disk/attributes.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import type { FileStats, FileSystem } from '../disk/fs.js'
import { type Copied, copyFile, copyLink, dropOldName, moveFile, orRemove } from '../disk/move-file.js'
import { foldName, inside, localTarget, type PathLike } from '../disk/names.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { checkStillWritten, lstatIfThere, sameInode } from '../disk/stats.js'
import { syncFile } from '../disk/sync.js'
import { temporaryName } from '../own/temporary-name.js'
import type { Durability } from '../publish/publish.js'
import { handlesOf } from '../tree/handle-budget.js'
import { makeFolders } from '../tree/make-folders.js'
import { Folder } from '../tree/open-folder.js'
import { syncFolder } from '../tree/shared-folder.js'
import { takeFreeName } from './take-free-name.js'

/** Options of {@link renameAtomic}. */
export interface RenameOptions extends Audited {
  /**
   * 'overwrite' (default) replaces a file, a link or an empty folder that has the name. 'rename' gives a suffix
   * instead, 'fail' fails with `ERR_CONFLICT`.
   */
  conflict?: 'overwrite' | 'rename' | 'fail'
  /** Replaces a file also if nobody may write to it, as one of mode 0444. Default false: `ERR_PERMISSION`. */
  replaceReadOnly?: boolean
  /** 'power' (default) syncs the file and its names; for a folder only its names, not its content. */
  durability?: Durability
  /** Cancels with `ERR_CANCELLED` before the rename, or during a copy to another file system; the source stays. */
  signal?: AbortSignal
  fs?: FileSystem
  /** For the pauses between attempts on Windows. */
  clock?: Clock
}

const RENAME_OPTIONS: Keys<RenameOptions> = {
  ...AUDITED,
  conflict: true,
  replaceReadOnly: true,
  durability: true,
  signal: true,
  fs: true,
  clock: true,
}

/** What {@link renameAtomic} did. */
export interface Renamed {
  /** Its path now. */
  path: string
  /** Whether it had to be copied, to another file system. */
  copied: boolean
  /** Mode, time or owner that the copy could not get there. */
  warning?: SluiceError
}

/** The checked options, and the stats of the source. */
export interface Renaming extends Required<Pick<RenameOptions, 'fs' | 'clock' | 'conflict' | 'durability'>> {
  from: string
  /** The stats of `from`. */
  source: FileStats
  /** Throws if it was cancelled. */
  check: () => void
}

/**
 * Renames a file, a folder or a link; missing folders above `to` are made. At any moment the content has the old
 * name, the new one, or both. To another file system a file is copied, synced, put in place, and only then removed
 * from the old one; a folder is not copied (`ERR_WRITE`, cause EXDEV). If the new name is given before the old one is
 * removed (with 'fail' and 'rename', and to another file system), a file that somebody else puts at `from` meanwhile
 * stays; but one that is put there between the last check and the removal is lost: use a lock against that. On
 * Windows it tries again while another program has the file open. Fails with `ERR_NO_SUCH_FILE` (no source),
 * `ERR_USAGE` (twice the same path, a folder into itself), `ERR_CONFLICT`, `ERR_SOURCE_CHANGED` (while it was
 * copied), `ERR_CANCELLED`, `ERR_DISK_FULL`, `ERR_READ_ONLY`, `ERR_PERMISSION`, `ERR_WRITE`.
 */
export function renameAtomic(from: PathLike, to: PathLike, options: RenameOptions = {}): Promise<Renamed> {
  return audited('renameAtomic', from, options, async () =>
    rename(localTarget('from', from), localTarget('to', to), options),
  )
}

async function rename(from: string, to: string, options: RenameOptions): Promise<Renamed> {
  checkKeys('options', options, RENAME_OPTIONS)
  const { fs = nodeFileSystem, clock = systemClock, signal } = options
  const { conflict = 'overwrite', durability = 'power' } = options
  checkChoice('conflict', conflict, ['overwrite', 'rename', 'fail'])
  checkChoice('durability', durability, ['crash', 'power'])
  checkAbortSignal('signal', signal)
  checkFlag('replaceReadOnly', options.replaceReadOnly)
  if (from === to) throw samePath(from)
  const check = () => {
    if (!signal?.aborted) return
    const message = `renaming ${printable(from)} was cancelled; it is where it was`
    throw new SluiceError('ERR_CANCELLED', message, { path: from, cause: signal.reason })
  }
  check()
  const handles = handlesOf(fs)
  try {
    return await handles.brief(async () => {
      check()
      const source = await sourceAt(fs, from)
      if (await isSameName(fs, from, to, source)) throw samePath(from)
      const there = conflict === 'overwrite' ? await lstatIfThere(fs, to) : undefined
      // a second name of the source is none that is replaced
      if (there && !sameInode(there, source)) checkReplaceable(to, there, options.replaceReadOnly)
      await makeFolders(fs, dirname(to), durability === 'power')
      // a synced name does not mean that the content is on the disk, too
      if (durability === 'power' && source.isFile()) await handles.retry(() => syncFile(fs, from))
      return await move({ fs, clock, from, source, conflict, durability, check }, to)
    })
  } catch (error) {
    throw diskError(error, 'rename', from)
  }
}

async function move(renaming: Renaming, to: string): Promise<Renamed> {
  const { fs, from, source, conflict, durability } = renaming
  const folder = await handlesOf(fs).retry(() => Folder.open(fs, dirname(to)))
  try {
    let renamed: Renamed
    try {
      let name = basename(to)
      if (conflict === 'overwrite') {
        await moveFile(fs, renaming.clock, from, folder.at(name), source)
        await dropSecondName(fs, from, to, source)
      } else name = await takeFreeName(renaming, folder, from, to)
      renamed = { path: inside(dirname(to), name), copied: false }
    } catch (error) {
      if (errorCode(error) !== 'EXDEV' || !(source.isFile() || source.isSymbolicLink()))
        throw intoItself(error, from, to)
      renamed = await copyOver(renaming, folder, to)
    }
    // a power cut must neither lose the new name nor bring back the old one
    if (durability === 'power') {
      await folder.sync()
      if (dirname(from) !== dirname(to)) await syncFolder(fs, dirname(from))
    }
    return renamed
  } finally {
    await folder.close()
  }
}

/** To rename one hard link of a file over another one does nothing, and leaves both: removes the old one. */
async function dropSecondName(fs: FileSystem, from: string, to: string, source: FileStats): Promise<void> {
  if (source.nlink < 2 || source.isDirectory()) return
  const left = await lstatIfThere(fs, from)
  if (!left || !sameInode(left, source)) return
  // where case is ignored both are one name, with a new spelling
  if (foldName(basename(from)) === foldName(basename(to)) && (await inOneFolder(fs, from, to))) return
  await fs.unlink(from)
}

/** Whether both paths lead to the same name, although they differ: through a link to its folder. */
async function isSameName(fs: FileSystem, from: string, to: string, source: FileStats): Promise<boolean> {
  if (basename(from) !== basename(to)) return false
  const there = await lstatIfThere(fs, to)
  return there !== undefined && sameInode(there, source) && (await inOneFolder(fs, from, to))
}

async function inOneFolder(fs: FileSystem, from: string, to: string): Promise<boolean> {
  return sameInode(await fs.stat(dirname(from)), await fs.stat(dirname(to)))
}

async function copyOver(renaming: Renaming, folder: Folder, to: string): Promise<Renamed> {
  const { fs, clock, from, source, conflict, durability, check } = renaming
  const temporary = folder.at(temporaryName())
  const copied: Copied = source.isFile()
    ? await copyFile(fs, from, temporary, durability === 'power', check)
    : { source, ...(await copyLink(fs, from, temporary)) }
  const { written } = copied
  const checkCopy = () => checkStillWritten(fs, temporary, written)
  const give = async () => {
    if (conflict !== 'overwrite') {
      await checkCopy()
      return takeFreeName(renaming, folder, temporary, to, written)
    }
    await moveFile(fs, clock, temporary, folder.at(basename(to)), written, checkCopy)
    return basename(to)
  }
  const name = await orRemove(fs, temporary, give, written)
  // the name of the copy must be durable before the source is removed
  if (durability === 'power') await folder.sync()
  await dropOldName(fs, from, copied.source)
  const { warning } = copied
  return { path: inside(dirname(to), name), copied: true, ...(warning && { warning }) }
}

async function sourceAt(fs: FileSystem, from: string): Promise<FileStats> {
  try {
    return await fs.lstat(from)
  } catch (cause) {
    if (errorCode(cause) !== 'ENOENT' && errorCode(cause) !== 'ENOTDIR') throw cause
    const message = `${printable(from)} cannot be renamed: it does not exist`
    throw new SluiceError('ERR_NO_SUCH_FILE', message, { path: from, cause })
  }
}

function samePath(path: string): SluiceError {
  return new SluiceError('ERR_USAGE', `from and to are the same path: ${printable(path)}`, { path })
}

function intoItself(error: unknown, from: string, to: string): unknown {
  if (errorCode(error) !== 'EINVAL') return error
  const message = `${printable(from)} cannot be renamed to ${printable(to)}, which is inside it`
  return new SluiceError('ERR_USAGE', message, { path: from, cause: error })
}
