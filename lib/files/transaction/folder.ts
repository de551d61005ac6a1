import { Limiter } from '../../async.js'
import { isSluiceError } from '../../errors.js'
import { UNRECORDED } from '../audit/audited.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import { parentOf } from '../disk/names.js'
import { inFolder } from '../intent/staging.js'
import { DirectoryLock, type LockOptions } from '../lock/directory-lock.js'
import type { ProcessSystem } from '../own/owner.js'
import type { Tree } from '../tree/tree.js'

/** The folder of a transaction. */
export interface TransactionFolder {
  tree: Tree
  limiter: Limiter
}

/** Files that are checked and digested at once. */
const MOST_AT_ONCE = 8

export function transactionFolder(tree: Tree): TransactionFolder {
  return { tree, limiter: new Limiter(MOST_AT_ONCE) }
}

/** Takes the lock of the folder: only one transaction or recovery runs there at a time. */
export function lockFolder(
  { tree: { root, fs } }: TransactionFolder,
  { lock, system }: { lock?: Pick<LockOptions, 'timeout' | 'signal'>; system: ProcessSystem },
): Promise<DirectoryLock> {
  return DirectoryLock.acquire(root, { ...lock, name: 'transaction', fs, system, audit: UNRECORDED })
}

/** Removes files; missing ones are fine. Continues after an error, and throws the first one. */
export async function removeAll(
  { tree, limiter }: TransactionFolder,
  paths: Iterable<string | undefined>,
): Promise<void> {
  await limiter.each(paths, async (path) => {
    if (path !== undefined) await removeFile(tree, path)
  })
}

/** Removes a file; a missing one is fine. */
export async function removeFile(tree: Tree, path: string): Promise<void> {
  try {
    await inFolder(tree, path, (where) => tree.fs.unlink(where))
  } catch (error) {
    if (!isMissing(error)) throw diskError(error, 'remove', path)
  }
}

/** Syncs the names in the folders of these paths, each folder once. A missing folder is fine. */
export async function syncFoldersOf(
  { tree, limiter }: TransactionFolder,
  paths: readonly (string | undefined)[],
): Promise<void> {
  const folders = new Set(paths.flatMap((path) => (path === undefined ? [] : [parentOf(path)])))
  await limiter.each(folders, async (path) => {
    const folder = await tree.directory(path).catch(unlessMissing)
    if (!folder) return
    try {
      await folder.sync()
    } catch (error) {
      throw diskError(error, 'sync the folder', path)
    } finally {
      folder.release()
    }
  })
}

/** Returns undefined for an error that says that a file or a folder above it does not exist; throws any other. */
export function unlessMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error
}

function isMissing(error: unknown): boolean {
  const code = errorCode(isSluiceError(error) ? error.cause : error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}
