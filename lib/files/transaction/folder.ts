import { Limiter } from '../../async.js'
import { isSluiceError } from '../../errors.js'
import { UNRECORDED } from '../audit/audited.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import { parentOf } from '../disk/names.js'
import { inFolder } from '../intent/staging.js'
import { DirectoryLock, type LockOptions } from '../lock/directory-lock.js'
import type { ProcessSystem } from '../own/owner.js'
import type { Tree } from '../tree/tree.js'

/** Where a transaction is carried out. */
export interface TransactionFolder {
  tree: Tree
  limiter: Limiter
}

/** Files that are looked at and digested at once. */
const MOST_AT_ONCE = 8

export function transactionFolder(tree: Tree): TransactionFolder {
  return { tree, limiter: new Limiter(MOST_AT_ONCE) }
}

/** Takes the lock of the folder in which transactions run, and are recovered: one at a time. */
export function lockFolder(
  { tree: { root, fs } }: TransactionFolder,
  { lock, system }: { lock?: Pick<LockOptions, 'timeout' | 'signal'>; system: ProcessSystem },
): Promise<DirectoryLock> {
  return DirectoryLock.acquire(root, { ...lock, name: 'transaction', fs, system, audit: UNRECORDED })
}

/** Removes files; one that is not there is fine. Goes on after an error, and throws the first one. */
export async function removeAll(
  { tree, limiter }: TransactionFolder,
  paths: Iterable<string | undefined>,
): Promise<void> {
  await limiter.each(paths, async (path) => {
    if (path !== undefined) await removeFile(tree, path)
  })
}

/** Removes a file; that there is none is fine. */
export async function removeFile(tree: Tree, path: string): Promise<void> {
  try {
    await inFolder(tree, path, (where) => tree.fs.unlink(where))
  } catch (error) {
    if (!isMissing(error)) throw diskError(error, 'remove', path)
  }
}

/** Makes the names last in the folders of these paths, each folder once. One that is not there is fine. */
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

/** Undefined for the error that says that something is not there, or not below a folder; throws any other. */
export function unlessMissing(error: unknown): undefined {
  if (!isMissing(error)) throw error
}

function isMissing(error: unknown): boolean {
  const code = errorCode(isSluiceError(error) ? error.cause : error)
  return code === 'ENOENT' || code === 'ENOTDIR'
}
