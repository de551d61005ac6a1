import { type Clock, pause } from '../../clock.js'
import { printable, SluiceError } from '../../errors.js'
import { withAccessList } from './access-list.js'
import { keepAttributes, setTime, unlessRefused } from './attributes.js'
import { errorCode, isRefusal, SystemError } from './disk-error.js'
import { type FileStats, type FileSystem, OPEN } from './fs.js'
import { closing, withRegular } from './open-regular.js'
import { readPieces, writeFully } from './read-write.js'
import { HELD_OPEN } from './retry.js'
import {
  checkStillWritten,
  type FileNumbers,
  lstatIfThere,
  otherSize,
  removeWritten,
  sameContent,
  sameInode,
  type WrittenFile,
} from './stats.js'

/** Milliseconds between two attempts: from the first to the longest, and in all. */
const FIRST_MOVE_WAIT = 10
const LONGEST_MOVE_WAIT = 500
const MOVE_TIMEOUT = 10_000

/**
 * Renames `from` over `to`. If the call fails, a look at both names decides: on a network disk it may have succeeded
 * although the answer was an error.
 * @param known the stats of `from`, if the caller has them
 */
export async function moveOver(fs: FileSystem, from: string, to: string, known?: FileNumbers): Promise<void> {
  const ours = known ?? (await fs.lstat(from))
  const isDone = async () => {
    const there = await lstatIfThere(fs, to)
    return there !== undefined && sameInode(ours, there) && !(await lstatIfThere(fs, from))
  }
  try {
    await fs.rename(from, to)
  } catch (error) {
    if (!(await isDone().catch(() => false))) throw error
  }
}

/**
 * {@link moveOver} for a temporary file. Fails with EBUSY if something else than what was written has its name by now.
 */
export async function moveWritten(
  fs: FileSystem,
  from: string,
  to: string,
  written: WrittenFile,
): Promise<void> {
  await checkStillWritten(fs, from, written)
  await moveOver(fs, from, to, written)
}

/**
 * {@link moveOver}, again for up to 10 seconds while Windows says that another program has the file open.
 * @param check called right before each attempt, if `known` is given; throws to stop it
 */
export async function moveFile(
  fs: FileSystem,
  clock: Clock,
  from: string,
  to: string,
  known?: FileNumbers,
  check?: () => Promise<void>,
): Promise<void> {
  const began = clock.now()
  for (let wait = FIRST_MOVE_WAIT; ; wait = Math.min(2 * wait, LONGEST_MOVE_WAIT)) {
    await check?.()
    try {
      return await moveOver(fs, from, to, known)
    } catch (error) {
      const passes = fs.platform === 'win32' && HELD_OPEN.has(errorCode(error) ?? '')
      if (!passes || clock.now() - began >= MOVE_TIMEOUT) throw error
    }
    await pause(clock, wait, undefined)
  }
}

/** Makes a new file with a temporary name, exclusively. If that fails, no file is left. */
export async function createTemporary(fs: FileSystem, path: string, mode: number): Promise<number> {
  return making(fs, path, () => fs.open(path, OPEN.create, mode))
}

/** A failing disk may have made something nevertheless: that goes. No other process uses a name like ours. */
async function making<T>(fs: FileSystem, path: string, make: () => Promise<T>): Promise<T> {
  try {
    return await make()
  } catch (error) {
    if (!isRefusal(error)) await fs.unlink(path).catch(() => {})
    throw error
  }
}

/** Makes a temporary file as {@link createTemporary} does, fills it and closes it. If that fails, it is removed. */
export async function writeTemporary<T>(
  fs: FileSystem,
  path: string,
  mode: number,
  fill: (fd: number) => Promise<T>,
): Promise<T> {
  const fd = await createTemporary(fs, path, mode)
  let written: WrittenFile | undefined
  try {
    return await closing(fs, fd, () =>
      fill(fd).catch(async (error: unknown) => {
        written = await fs.fstat(fd).catch(() => undefined)
        throw error
      }),
    )
  } catch (error) {
    await removeWritten(fs, path, written).catch(() => {})
    throw error
  }
}

/**
 * Calls `act`; if it fails, removes the temporary file at `path`.
 * @param written what was written there, if that is known: nothing else is removed
 */
export async function orRemove<T>(
  fs: FileSystem,
  path: string,
  act: () => Promise<T>,
  written?: WrittenFile,
): Promise<T> {
  try {
    return await act()
  } catch (error) {
    await removeWritten(fs, path, written).catch(() => {})
    throw error
  }
}

/** Checks that an open file has as many bytes as were written: a disk may have lied. Returns its stats. */
export async function checkWritten(fs: FileSystem, fd: number, bytes: number): Promise<FileStats> {
  const stats = await fs.fstat(fd)
  if (stats.size !== bytes) throw otherSize('write', stats.size, bytes)
  return stats
}

/**
 * Removes the old name of a file that has a new one, unless another file has the old name by now. A file that another
 * process puts there between this look and the unlink is lost: no system has a call for "unlink it if it is still
 * this file".
 */
export async function dropOldName(fs: FileSystem, from: string, moved: FileNumbers): Promise<void> {
  const now = await lstatIfThere(fs, from)
  if (now && sameInode(now, moved)) await fs.unlink(from)
}

/** What {@link copyFile} copied. */
export interface Copied {
  /** The stats of the source. */
  source: FileStats
  /** Those of the copy, in the end. */
  written: FileStats
  /** Mode, time or owner that the copy could not get. */
  warning: SluiceError | undefined
}

/**
 * Copies a regular file to a new one at `to`, with its mode, times and owner, as far as the system allows them. If that
 * fails, `to` is removed.
 * @param power syncs the copy
 * @param check called before each block that is copied; throws to stop the copy
 */
export async function copyFile(
  fs: FileSystem,
  from: string,
  to: string,
  power: boolean,
  check: () => void = () => {},
): Promise<Copied> {
  return withRegular(fs, from, async (fd, stats) => {
    return writeTemporary(fs, to, 0o600, async (copy) => {
      let size = 0
      check()
      for await (const piece of readPieces(fs, fd)) {
        await writeFully(fs, copy, [piece], size)
        size += piece.length
        check()
      }
      await checkUnchanged(fs, { fd, stats }, size, from)
      const made = await checkWritten(fs, copy, size)
      // of what was copied: another file may have the name by now
      await withAccessList(fs, fd, stats)
      const kept = await keepAttributes(copy, made, stats, { fs, owner: 'try' }, from)
      const refused = await unlessRefused('time', from, () => setTime(fs, copy, stats.mtimeMs))
      if (power) await fs.fsync(copy)
      return { source: stats, written: await checkWritten(fs, copy, size), warning: kept ?? refused }
    })
  })
}

/** Makes a link to where the one at `from` leads. If that fails, `to` is removed. */
export async function copyLink(fs: FileSystem, from: string, to: string): Promise<Omit<Copied, 'source'>> {
  const target = await fs.readlink(from)
  await making(fs, to, () => fs.symlink(target, to))
  const written = await orRemove(fs, to, () => fs.lstat(to))
  // a link cannot be held open: what has its name is looked at after its stats, which are compared later
  if (written.isSymbolicLink() && (await fs.readlink(to)) === target) return { written, warning: undefined }
  throw new SystemError('EBUSY', 'readlink', 'another program exchanged it')
}

/** Fails with `ERR_SOURCE_CHANGED` if somebody wrote to an open file while `size` bytes of it were read. */
export async function checkUnchanged(
  fs: FileSystem,
  source: { fd: number; stats: FileStats },
  size: number,
  path: string,
): Promise<void> {
  const now = await fs.fstat(source.fd)
  if (now.size !== size || !sameContent(source.stats, now)) throw changedWhileCopied(path)
}

/** The error `ERR_SOURCE_CHANGED`. */
export function changedWhileCopied(path: string): SluiceError {
  const message = `${printable(path)} changed while it was copied; run it again`
  return new SluiceError('ERR_SOURCE_CHANGED', message, { path })
}
