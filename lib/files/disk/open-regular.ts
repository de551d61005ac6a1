import { SystemError } from './disk-error.js'
import { type FileStats, type FileSystem, NOFOLLOW, OPEN } from './fs.js'
import { sameInode } from './stats.js'

/**
 * Opens an existing regular file, never through a link, never waiting for a pipe. Fails with the system codes ELOOP
 * (a link), EISDIR (a folder) and ENXIO (pipe, socket, device).
 * @param flags {@link OPEN}`.read` or `.update`
 */
export async function openRegular(
  fs: FileSystem,
  path: string,
  flags: number = OPEN.read,
): Promise<{ fd: number; stats: FileStats }> {
  // without O_NOFOLLOW: looks for a link before, and compares the inode afterwards
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

/** {@link openRegular} by synchronous calls; only for a file system that has them. */
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
      // the first failure is the one to report
    }
    throw error
  }
}

/**
 * Fails with EISDIR or ENXIO for what is no regular file, and with ELOOP for another one than before.
 * @param before the stats before it was opened
 */
export function checkRegular(stats: FileStats, before?: FileStats): void {
  if (stats.isDirectory()) throw new SystemError('EISDIR', 'open', 'a folder')
  if (!stats.isFile()) throw new SystemError('ENXIO', 'open', 'not a regular file')
  if (before && !sameInode(before, stats))
    throw new SystemError('ELOOP', 'open', 'changed while it was opened')
}

/**
 * Opens a file as {@link openRegular} does, calls `work` with it, and closes it. An error of the close is ignored: it
 * is for what is only read or synced.
 */
export async function withRegular<T>(
  fs: FileSystem,
  path: string,
  work: (fd: number, stats: FileStats) => Promise<T>,
  flags: number = OPEN.read,
): Promise<T> {
  const { fd, stats } = await openRegular(fs, path, flags)
  try {
    return await work(fd, stats)
  } finally {
    await fs.close(fd).catch(() => {})
  }
}

/**
 * Calls `work` and then closes the handle in any case. An error of the close is thrown, unless `work` failed before.
 */
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
