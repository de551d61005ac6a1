import { coalesce } from '../../async.js'
import { errorCode } from './disk-error.js'
import { type FileSystem, OPEN } from './fs.js'
import { withRegular } from './open-regular.js'

/** Syncs the content of the regular file at `path`, never through a link. Errors are those of the system. */
export async function syncFile(fs: FileSystem, path: string): Promise<void> {
  // Windows can sync only a file that is open for writing
  const flags = fs.platform === 'win32' ? OPEN.update : OPEN.read
  await withRegular(fs, path, (fd) => fs.fsync(fd), flags)
}

/** Codes of file systems that cannot sync a folder, and those of Windows, where a folder is never open for writing. */
const CANNOT_SYNC = new Set(['EINVAL', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'])
const CANNOT_SYNC_WINDOWS = new Set(['EPERM', 'EACCES', 'EBADF', 'EISDIR'])

/** Syncs the names in the folder that is open as `fd`; does nothing where the system cannot do that. */
export async function syncOpenFolder(fs: FileSystem, fd: number): Promise<void> {
  try {
    await fs.fsync(fd)
  } catch (error) {
    const code = errorCode(error) ?? ''
    if (CANNOT_SYNC.has(code) || (fs.platform === 'win32' && CANNOT_SYNC_WINDOWS.has(code))) return
    throw error
  }
}

/**
 * The syncs of a folder for all who share its handle, which `open` gives: who calls while one runs shares the next,
 * which begins after all of them have called and fails for all of them. Once one has failed, all fail: the system tells
 * a handle only once of names that it has lost, and the next sync would say that they are there.
 */
export function shareSyncs(fs: FileSystem, open: () => Promise<number> | number): () => Promise<void> {
  let failed: Promise<void> | undefined
  return coalesce(() => {
    if (failed) return failed
    const synced = (async () => syncOpenFolder(fs, await open()))()
    synced.catch(() => {
      failed = synced
    })
    return synced
  })
}
