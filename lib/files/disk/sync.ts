import { coalesce } from '../../async.js'
import { errorCode } from './disk-error.js'
import { type FileSystem, OPEN, type SyncCalls } from './fs.js'
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

// A new file is written to the disk when it is synced, and each sync then waits for a commit of the journal of the file
// system in which this one file is. Where many files are on their way to the disk already, one commit has all of them.
// Node has no call that begins to write and does not wait; but ext4, XFS and Btrfs do so by themselves when a file is
// closed that was cut to nothing before it was filled: they take it for one that is being replaced, which a crash is
// not to leave empty. Elsewhere it changes nothing. It promises nothing either: the sync says whether it went well.

/** To be called before anything is written to a new file: only then {@link beginWriteBack} takes effect. */
export async function prepareWriteBack(fs: FileSystem, fd: number): Promise<void> {
  if (mayWriteBack(fs)) await fs.ftruncate(fd, 0).catch(() => {})
}

/**
 * Has the system begin to write what stands in a new file, some time before the sync. Its own handle stays open, so
 * that the sync learns what fails until then.
 */
export async function beginWriteBack(fs: FileSystem, path: string): Promise<void> {
  const reopen = async () => fs.close(await fs.open(path, OPEN.read))
  if (mayWriteBack(fs)) await reopen().catch(() => {})
}

/** {@link prepareWriteBack} by a call that is made at once. */
export function prepareWriteBackNow(fs: FileSystem, calls: SyncCalls, fd: number): void {
  if (mayWriteBack(fs)) ifItGoes(() => calls.ftruncate(fd, 0))
}

/** {@link beginWriteBack} by calls that are made at once. */
export function beginWriteBackNow(fs: FileSystem, calls: SyncCalls, path: string): void {
  if (mayWriteBack(fs)) ifItGoes(() => calls.close(calls.open(path, OPEN.read)))
}

function mayWriteBack({ platform }: FileSystem): boolean {
  return platform === 'linux'
}

/** Where it does not, the sync takes longer. */
function ifItGoes(act: () => void): void {
  try {
    act()
  } catch {
    // what the disk cannot do, the sync tells
  }
}
