import type { SluiceError } from '../../errors.js'
import type { Keys } from '../../options.js'
import { diskError } from '../disk/disk-error.js'
import { type FolderLock, type LockOptions, underFileLock } from '../lock/folder-lock.js'
import type { WriteSettings } from './options.js'
import { findTarget, type Target } from './target.js'

/** How long the lock of a file is waited for. The signal and the clock are those of the write. */
export type FileLockOptions = Pick<LockOptions, 'timeout' | 'system' | 'random'>

/** Their names. */
export const FILE_LOCK_OPTIONS: Keys<FileLockOptions> = { timeout: true, system: true, random: true }

/**
 * Calls `work` with the file that a write to the path would replace, while it holds the lock of that file. All paths to
 * one file, also through links, share the lock.
 * @param verb for the message: what could not be done
 */
export async function underTargetLock<T extends { warning?: SluiceError }>(
  settings: WriteSettings,
  { timeout, system, random }: FileLockOptions,
  verb: string,
  work: (target: Target, lock: FolderLock) => Promise<T>,
): Promise<T> {
  const { path, fs, clock, signal } = settings
  let target: Target
  let folder: string
  try {
    target = await findTarget(path, settings)
    folder = await fs.realpath(target.folder)
  } catch (error) {
    throw diskError(error, verb, path)
  }
  const waiting = { fs, clock, signal, timeout, system, random }
  return underFileLock(folder, target.name, path, waiting, (lock) => work(target, lock))
}
