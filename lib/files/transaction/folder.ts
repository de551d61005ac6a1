import { Limiter } from '../../async.js'
import { UNRECORDED } from '../audit/recorder.js'
import { diskError, systemCode } from '../disk/disk-error.js'
import { parentOf } from '../disk/names.js'
import { removeWritten, type WrittenFile } from '../disk/stats.js'
import { inFolder, type StagingArea } from '../intent/staging.js'
import { FolderLock, type LockOptions } from '../lock/folder-lock.js'
import type { ProcessSystem } from '../own/owner.js'
import type { Tree } from '../tree/tree.js'

/** Files that are checked and digested at once. */
const MOST_AT_ONCE = 8

/** For what is done with many files: a few at once. */
export const fewAtOnce = (): Limiter => new Limiter(MOST_AT_ONCE)

/** Takes the lock of the folder: only one transaction or recovery runs there at a time. */
export function lockFolder(
  { root, fs }: Tree,
  lock: Omit<LockOptions, 'name' | 'fs' | 'system' | 'audit'> | undefined,
  system: ProcessSystem,
): Promise<FolderLock> {
  return FolderLock.acquire(root, { ...lock, name: 'transaction', fs, system, audit: UNRECORDED })
}

/**
 * Removes temporary files; missing ones are fine, and what is known not to be ours is left. Continues after an error,
 * and throws the first one.
 */
export async function removeAll(
  tree: Tree,
  paths: Iterable<string | undefined>,
  taken?: StagingArea['taken'],
): Promise<void> {
  await fewAtOnce().each(paths, async (path) => {
    if (path !== undefined) await removeFile(tree, path, taken?.get(path))
  })
}

/**
 * Removes a file; a missing one is fine.
 * @param written what was written there, if it is a temporary file: nothing else is removed
 */
export async function removeFile(tree: Tree, path: string, written?: WrittenFile): Promise<void> {
  try {
    await inFolder(tree, path, (where) => removeWritten(tree.fs, where, written)).catch(unlessMissing)
  } catch (error) {
    throw diskError(error, 'remove', path)
  }
}

/** Syncs the names in the folders of these paths, each folder once. A missing folder is fine. */
export async function syncFoldersOf(tree: Tree, paths: readonly (string | undefined)[]): Promise<void> {
  const folders = new Set(paths.flatMap((path) => (path === undefined ? [] : [parentOf(path)])))
  await fewAtOnce().each(folders, async (path) => {
    const folder = await tree.folder(path).catch(unlessMissing)
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
  const code = systemCode(error)
  if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
}
