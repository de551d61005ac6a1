import { isSluiceError } from '../../errors.js'
import { UNRECORDED } from '../audit/audited.js'
import { AtOnce } from '../disk/async.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import { parentOf } from '../disk/names.js'
import { inFolder } from '../intent/staging.js'
import { DirectoryLock, type LockOptions } from '../lock/directory-lock.js'
import type { ProcessSystem } from '../own/owner.js'
import type { Tree } from '../tree/tree.js'

/** Where a transaction is carried out. */
export interface Ground {
  tree: Tree
  atOnce: AtOnce
}

/** Files that are looked at and digested at once. */
const MOST_AT_ONCE = 8

export function groundOf(tree: Tree): Ground {
  return { tree, atOnce: new AtOnce(MOST_AT_ONCE) }
}

/** Takes the lock of the folder in which transactions run, and are recovered: one at a time. */
export function lockGround(
  { tree: { root, fs } }: Ground,
  { lock, system }: { lock?: Pick<LockOptions, 'timeout' | 'signal'>; system: ProcessSystem },
): Promise<DirectoryLock> {
  return DirectoryLock.acquire(root, { ...lock, name: 'transaction', fs, system, audit: UNRECORDED })
}

/** Removes files; one that is not there is fine. Goes on after an error, and throws the first one. */
export async function removeAll(
  { tree, atOnce }: Ground,
  paths: Iterable<string | undefined>,
): Promise<void> {
  await atOnce.each(paths, async (path) => {
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
  { tree, atOnce }: Ground,
  paths: readonly (string | undefined)[],
): Promise<void> {
  const folders = new Set(paths.flatMap((path) => (path === undefined ? [] : [parentOf(path)])))
  await atOnce.each(folders, async (path) => {
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
