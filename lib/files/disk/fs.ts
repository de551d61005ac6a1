import { constants } from 'node:fs'
import { errorCode, SystemError } from './disk-error.js'

export { blockingFileSystem, commandFileSystem, makeFileSystem, nodeFileSystem } from './node-fs.js'

/** What Sluice asks of a `stat`; a `Stats` of Node fits. */
export interface FileStats {
  isFile(): boolean
  isDirectory(): boolean
  isSymbolicLink(): boolean
  size: number
  mode: number
  uid: number
  gid: number
  dev: number
  ino: number
  nlink: number
  mtimeMs: number
  ctimeMs: number
}

/**
 * Every file-system call of the library: the one thing to inject in order to fail, delay, kill or reorder any of them.
 * Paths are strings, handles are numbers, errors carry the `code` of the system (`ENOENT`, `EEXIST`, …).
 */
export interface FileSystem {
  /** Whose rules hold for names and handles. */
  readonly platform: NodeJS.Platform
  /** Opens with the flags of `fs.constants`. */
  open(path: string, flags: number, mode?: number): Promise<number>
  close(fd: number): Promise<void>
  /** Fills part of `buffer`; gives the number of bytes, 0 at the end. */
  read(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): Promise<number>
  /**
   * Writes the buffers one after the other from `position`; may take fewer bytes than given, and says how many.
   * @param position `null` for a handle that was opened with {@link OPEN}`.append`, and only there: at the end that
   *   the file has then, in one step, whoever else appends
   */
  write(fd: number, buffers: readonly Uint8Array[], position: number | null): Promise<number>
  fstat(fd: number): Promise<FileStats>
  fsync(fd: number): Promise<void>
  ftruncate(fd: number, length: number): Promise<void>
  fchmod(fd: number, mode: number): Promise<void>
  fchown(fd: number, uid: number, gid: number): Promise<void>
  /** Times in seconds, as in Node. */
  futimes(fd: number, atime: number, mtime: number): Promise<void>
  stat(path: string): Promise<FileStats>
  lstat(path: string): Promise<FileStats>
  mkdir(path: string, mode?: number): Promise<void>
  rmdir(path: string): Promise<void>
  /** The names in a folder, as bytes: a name need not be valid UTF-8. */
  readdir(path: string): Promise<Buffer[]>
  link(from: string, to: string): Promise<void>
  symlink(target: string, path: string): Promise<void>
  readlink(path: string): Promise<string>
  rename(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  realpath(path: string): Promise<string>
  /** Free bytes for an ordinary user at `path`. */
  free(path: string): Promise<number>
  /**
   * The path of `name` inside the folder that is open as `fd`, whatever is done meanwhile to the folders above it
   * (on Linux through `/proc/self/fd`); `null` where the platform has no such thing.
   */
  at(fd: number, name: string): string | null
  /**
   * Some of the calls made at once, for loops over many small files: a promise for each call costs more there than the
   * call. Without it the calls above are used. Who replaces a call above replaces it here too, or leaves this out.
   */
  readonly sync?: SyncCalls | undefined
}

/** Calls of a {@link FileSystem} that are done when they return, and hold the event loop until then. */
export interface SyncCalls {
  open(path: string, flags: number, mode?: number): number
  close(fd: number): void
  read(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): number
  write(fd: number, buffers: readonly Uint8Array[], position: number | null): number
  fstat(fd: number): FileStats
  fsync(fd: number): void
  fchmod(fd: number, mode: number): void
  futimes(fd: number, atime: number, mtime: number): void
  lstat(path: string): FileStats
  mkdir(path: string, mode?: number): void
  link(from: string, to: string): void
  rename(from: string, to: string): void
  unlink(path: string): void
}

// Windows knows neither O_NOFOLLOW nor O_DIRECTORY nor O_NONBLOCK: what they do is checked by hand there.
const NOFOLLOW = constants.O_NOFOLLOW ?? 0
const NONBLOCK = constants.O_NONBLOCK ?? 0

/** Flags for `open`, in the combinations that are safe. */
export const OPEN = {
  /** A new file that nobody else has, never through a link. */
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | NOFOLLOW,
  /** What stands there, for reading. Not blocking: four pipes would hold the whole thread pool. */
  read: constants.O_RDONLY | NOFOLLOW | NONBLOCK,
  /** What stands there, or what a link leads to, for reading: for paths that are the user's choice. */
  anyFile: constants.O_RDONLY | NONBLOCK,
  /** What stands there, for reading and writing. */
  update: constants.O_RDWR | NOFOLLOW | NONBLOCK,
  /** What stands there, or a new file, for reading and for writes that always go to its end. */
  append: constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | NOFOLLOW | NONBLOCK,
  /** A folder, not a link to one. */
  directory: constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | NOFOLLOW | NONBLOCK,
  /** A folder, or a link to one: for paths that are the user's choice. */
  anyDirectory: constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | NONBLOCK,
} as const

/**
 * Opens a regular file that stands there already, never through a link, never waiting for a pipe. Fails with the
 * system codes ELOOP (a link), EISDIR (a folder) and ENXIO (pipe, socket, device).
 * @param flags {@link OPEN}`.read` or `.update`
 */
export async function openRegular(
  fs: FileSystem,
  path: string,
  flags: number = OPEN.read,
): Promise<{ fd: number; stats: FileStats }> {
  // where O_NOFOLLOW is missing, the link is looked for first and the inode compared afterwards
  const before = NOFOLLOW === 0 || fs.platform === 'win32' ? await fs.lstat(path) : undefined
  if (before?.isSymbolicLink()) throw new SystemError('ELOOP', 'open', 'a link')
  const fd = await fs.open(path, flags)
  try {
    const stats = await fs.fstat(fd)
    checkRegular(stats, before)
    return { fd, stats }
  } catch (error) {
    await fs.close(fd).catch(() => {})
    throw error
  }
}

/** {@link openRegular} by the calls that are made at once; only where there are such. */
export function openRegularSync(
  fs: FileSystem,
  path: string,
  flags: number = OPEN.read,
): { fd: number; stats: FileStats } {
  const sync = fs.sync!
  const before = NOFOLLOW === 0 || fs.platform === 'win32' ? sync.lstat(path) : undefined
  if (before?.isSymbolicLink()) throw new SystemError('ELOOP', 'open', 'a link')
  const fd = sync.open(path, flags)
  try {
    const stats = sync.fstat(fd)
    checkRegular(stats, before)
    return { fd, stats }
  } catch (error) {
    try {
      sync.close(fd)
    } catch {
      // the failure before counts
    }
    throw error
  }
}

/** What stands at `path`, not followed; undefined where nothing does. */
export async function lstatIfThere(fs: FileSystem, path: string): Promise<FileStats | undefined> {
  try {
    return await fs.lstat(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

function checkRegular(stats: FileStats, before: FileStats | undefined): void {
  if (stats.isDirectory()) throw new SystemError('EISDIR', 'open', 'a folder')
  if (!stats.isFile()) throw new SystemError('ENXIO', 'open', 'not a regular file')
  if (before && !sameInode(before, stats))
    throw new SystemError('ELOOP', 'open', 'changed while it was opened')
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

/** Whether both are one file under two names. */
export function sameInode(a: FileStats, b: FileStats): boolean {
  return a.ino === b.ino && a.dev === b.dev
}

/** Whether nobody wrote to an open file between two looks at it, as far as its size and its times tell. */
export function sameContent(before: FileStats, after: FileStats): boolean {
  return before.size === after.size && before.mtimeMs === after.mtimeMs && before.ctimeMs === after.ctimeMs
}

/** How often a positioned read or write that was only disturbed (EINTR, EAGAIN) is done again. */
const MOST_RETRIES = 100

/** Does a call again that was only disturbed, at most a hundred times. Only for what may be done again. */
export async function undisturbed(act: () => Promise<number>): Promise<number> {
  for (let tries = 0; ; tries++) {
    try {
      return await act()
    } catch (error) {
      checkDisturbed(error, tries)
    }
  }
}

/** Throws, unless the call was only disturbed: at the same position nothing is written or read twice. */
function checkDisturbed(error: unknown, tries: number): void {
  const code = errorCode(error)
  if (tries === MOST_RETRIES || (code !== 'EINTR' && code !== 'EAGAIN')) throw error
}

/**
 * Writes all of `buffers` from `position`. A write may take fewer bytes than given; one that takes none means that
 * the disk is full, and becomes ENOSPC. The number of bytes that stand is unknown after an error.
 */
export async function writeFully(
  fs: FileSystem,
  fd: number,
  buffers: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let total = 0
  for (const buffer of buffers) total += buffer.length
  let rest = buffers
  let done = 0
  for (let tries = 0; done < total; tries++) {
    let taken: number
    try {
      taken = await fs.write(fd, rest, position + done)
    } catch (error) {
      checkDisturbed(error, tries)
      continue
    }
    tries = 0
    if (taken === 0) {
      throw new SystemError('ENOSPC', 'write', `${done} of ${total} bytes were taken at position ${position}`)
    }
    done += taken
    if (done < total) rest = after(rest, taken)
  }
}

/** The buffers without their first `taken` bytes. */
function after(buffers: readonly Uint8Array[], taken: number): Uint8Array[] {
  let index = 0
  let skip = taken
  while (skip >= buffers[index]!.length) skip -= buffers[index++]!.length
  return [buffers[index]!.subarray(skip), ...buffers.slice(index + 1)]
}

/** Fills `buffer` from `position`; gives the number of bytes, fewer than its length only where the file ends. */
export async function readFully(
  fs: FileSystem,
  fd: number,
  buffer: Uint8Array,
  position: number,
): Promise<number> {
  let done = 0
  for (let tries = 0; done < buffer.length; tries++) {
    try {
      const got = await fs.read(fd, buffer, done, buffer.length - done, position + done)
      if (got === 0) break
      done += got
      tries = 0
    } catch (error) {
      checkDisturbed(error, tries)
    }
  }
  return done
}

/** {@link readFully} by the calls that are made at once, into `length` bytes of `buffer` from `offset` on. */
export function readFullySync(
  { read }: SyncCalls,
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number,
  position: number,
): number {
  let done = 0
  for (let tries = 0; done < length; tries++) {
    try {
      const got = read(fd, buffer, offset + done, length - done, position + done)
      if (got === 0) break
      done += got
      tries = 0
    } catch (error) {
      checkDisturbed(error, tries)
    }
  }
  return done
}

/** Does the work on a handle, and closes it in any case. What the close says counts, unless the work failed before. */
export async function closing<T>(fs: FileSystem, fd: number, work: () => Promise<T>): Promise<T> {
  let result: T
  try {
    result = await work()
  } catch (error) {
    await fs.close(fd).catch(() => {})
    throw error
  }
  await fs.close(fd)
  return result
}

/** Codes of file systems that cannot sync a folder, and of Windows, where a folder is never open for writing. */
const CANNOT_SYNC = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])
const CANNOT_SYNC_WINDOWS = new Set(['EPERM', 'EACCES', 'EBADF', 'EISDIR'])

/** Syncs the names in the folder that is open as `fd`; does nothing where the system has no such thing. */
export async function syncDirectory(fs: FileSystem, fd: number): Promise<void> {
  try {
    await fs.fsync(fd)
  } catch (error) {
    const code = errorCode(error) ?? ''
    if (CANNOT_SYNC.has(code) || (fs.platform === 'win32' && CANNOT_SYNC_WINDOWS.has(code))) return
    throw error
  }
}
