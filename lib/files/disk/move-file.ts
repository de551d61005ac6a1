import { printable, SluiceError } from '../../errors.js'
import { setTime } from './attributes.js'
import { type Clock, pause } from './clock.js'
import { errorCode, isRefusal, SystemError } from './disk-error.js'
import { type FileStats, type FileSystem, OPEN } from './fs.js'
import { setAttributes } from './keep-attributes.js'
import { closing, openRegular } from './open-regular.js'
import { readFully, writeFully } from './read-write.js'
import { lstatIfThere, sameContent, sameInode } from './stats.js'

/** What Windows says of a file that a scanner or an indexer has open for a moment. */
const PASSING = new Set(['EPERM', 'EACCES', 'EBUSY'])

/** Milliseconds between two attempts: from the first to the longest, and in all. */
const FIRST_WAIT = 10
const LONGEST_WAIT = 500
const PATIENCE = 10_000

/** Bytes that are copied at once. */
const PIECE = 1024 * 1024

/** Calls `move` again while Windows says that somebody has the file open, for 10 seconds in all. */
export async function patiently(fs: FileSystem, clock: Clock, move: () => Promise<void>): Promise<void> {
  const began = clock.now()
  for (let wait = FIRST_WAIT; ; wait = Math.min(2 * wait, LONGEST_WAIT)) {
    try {
      return await move()
    } catch (error) {
      const passes = fs.platform === 'win32' && PASSING.has(errorCode(error) ?? '')
      if (!passes || clock.now() - began >= PATIENCE) throw error
    }
    await pause(clock, wait, undefined)
  }
}

/**
 * Renames `from` over `to`; an error is believed only if a look afterwards does not find it done.
 * @param known what stands at `from`, if the caller knows
 */
export async function moveOver(fs: FileSystem, from: string, to: string, known?: FileStats): Promise<void> {
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

/** Renames `from` over `to`, patiently. */
export function moveFile(
  fs: FileSystem,
  clock: Clock,
  from: string,
  to: string,
  known?: FileStats,
): Promise<void> {
  return patiently(fs, clock, () => moveOver(fs, from, to, known))
}

/** Makes a new file with a name of ours, exclusively; none is left where that fails. */
export async function createTemporary(fs: FileSystem, path: string, mode: number): Promise<number> {
  try {
    return await fs.open(path, OPEN.create, mode)
  } catch (error) {
    // a failing disk may have made it; nobody else takes such a name
    if (!isRefusal(error)) await fs.unlink(path).catch(() => {})
    throw error
  }
}

/** Options of {@link copyFile}. */
export interface CopyOptions {
  /** Sync the copy. */
  power: boolean
  /** Throws where it is to end. */
  check?: () => void
}

/**
 * Removes the old name of what has a new one, unless somebody put another file there since then: that one is his. Of
 * one that comes between this look and the unlink nothing is left: no system has a call for "if it is still this one".
 */
export async function dropOldName(fs: FileSystem, from: string, moved: FileStats): Promise<void> {
  const now = await lstatIfThere(fs, from)
  if (now && sameInode(now, moved)) await fs.unlink(from)
}

/**
 * Copies a regular file, with mode, times and, if the system allows it, owner, to a new one at `to`, which is
 * removed if it fails. Gives which file it was.
 */
export async function copyFile(
  fs: FileSystem,
  from: string,
  to: string,
  { power, check }: CopyOptions,
): Promise<FileStats> {
  const source = await openRegular(fs, from)
  try {
    const fd = await createTemporary(fs, to, 0o600)
    try {
      await closing(fs, fd, () => fill(fs, source, fd, { from, power, check }))
    } catch (error) {
      await fs.unlink(to).catch(() => {})
      throw error
    }
    return source.stats
  } finally {
    await fs.close(source.fd).catch(() => {})
  }
}

async function fill(
  fs: FileSystem,
  source: { fd: number; stats: FileStats },
  fd: number,
  { from, power, check }: CopyOptions & { from: string },
): Promise<void> {
  const { stats } = source
  const size = await pour(fs, source.fd, fd, check)
  await checkUnchanged(fs, source, size, from)
  const own = await fs.fstat(fd)
  if (own.size !== size) throw new SystemError('EIO', 'write', `${own.size} of ${size} bytes stand there`)
  await setAttributes(fd, own, stats, { fs, owner: 'try' }, from)
  await setTime(fs, fd, stats.mtimeMs)
  if (power) await fs.fsync(fd)
}

/** Refuses (`ERR_SOURCE_CHANGED`) `size` bytes that were read of a file while somebody wrote to it. */
export async function checkUnchanged(
  fs: FileSystem,
  source: { fd: number; stats: FileStats },
  size: number,
  path: string,
): Promise<void> {
  const now = await fs.fstat(source.fd)
  if (now.size === size && sameContent(source.stats, now)) return
  const message = `${printable(path)} changed while it was copied; run it again`
  throw new SluiceError('ERR_SOURCE_CHANGED', message, { path })
}

async function pour(fs: FileSystem, from: number, to: number, check: CopyOptions['check']): Promise<number> {
  const buffer = Buffer.allocUnsafe(PIECE)
  for (let position = 0; ; ) {
    check?.()
    const got = await readFully(fs, from, buffer, position)
    await writeFully(fs, to, [buffer.subarray(0, got)], position)
    position += got
    if (got < buffer.length) return position
  }
}
