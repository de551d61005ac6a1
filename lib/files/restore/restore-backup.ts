import type { SluiceError } from '../../errors.js'
import { checkFlag, checkKeys, type Keys } from '../../options.js'
import { giveName } from '../atomic/give-name.js'
import { FILE_LOCK_OPTIONS, type FileLockOptions, underTargetLock } from '../atomic/locked-target.js'
import { type AtomicWriteOptions, type WriteSettings, writeSettings } from '../atomic/options.js'
import { checkSignal } from '../atomic/pieces.js'
import type { Target } from '../atomic/target.js'
import { AUDITED, type Audited, audited } from '../audit/recorder.js'
import { diskError } from '../disk/disk-error.js'
import { copyFile, copyLink, orRemove } from '../disk/move-file.js'
import { inside, type PathLike } from '../disk/names.js'
import type { FolderLock } from '../lock/folder-lock.js'
import { temporaryName } from '../own/temporary-name.js'
import { handlesOf } from '../tree/handle-budget.js'
import { Folder } from '../tree/open-folder.js'
import { type BackupMeant, backupMeant, chooseBackup, type WhichBackup } from './choose-backup.js'

/** Options of {@link restoreBackup}. */
export interface RestoreOptions
  extends Pick<
      AtomicWriteOptions,
      'durability' | 'symlink' | 'replaceReadOnly' | 'signal' | 'fs' | 'clock' | 'now'
    >,
    FileLockOptions,
    Audited {
  /** Default 1: the newest. */
  which?: WhichBackup
  /**
   * Whether the content that the file has now becomes a backup itself, so that the restore can be taken back. No other
   * backup is removed for it. Default true; false: it is gone.
   */
  backup?: boolean
}

const RESTORE_OPTIONS: Keys<RestoreOptions> = {
  ...FILE_LOCK_OPTIONS,
  ...AUDITED,
  durability: true,
  symlink: true,
  replaceReadOnly: true,
  signal: true,
  fs: true,
  clock: true,
  now: true,
  which: true,
  backup: true,
}

/** What {@link restoreBackup} did. */
export interface Restored {
  /** The path of the file: links are followed. */
  path: string
  /** The path of the backup whose content it has now. The backup stays. */
  from: string
  bytes: number
  /** The path of the backup of the content that it had; missing if there was no file, or none was asked for. */
  backup?: string
  /** What failed, although the content is back. */
  warning?: SluiceError
}

/** So many backups stay: all. */
const ALL = Number.MAX_SAFE_INTEGER

/**
 * Gives a file back the content of one of the backups that a write with the option `backup` made, with the mode, the
 * time and, as far as the system allows it, the owner that it had. The backup is copied and stays. The file has the old
 * content or that of the backup at every moment, as with `writeFileAtomic`; it may be missing, too. A symbolic link
 * that a write with `symlink: 'replace'` has replaced becomes a link again.
 *
 * It waits for its turn, as `updateJson` does: no update gets lost between the backup and the restore. The number of a
 * backup changes with each write and each restore; whoever may have to run it again gives the name.
 *
 * Fails with `ERR_NO_SUCH_FILE` (no such backup; `error.found` lists those there are), `ERR_PERMISSION` (it belongs to
 * somebody who could not have replaced the file either, or nobody may write to the file), `ERR_USAGE`, `ERR_LOCKED`,
 * `ERR_LOCK_LOST`, `ERR_CANCELLED`, `ERR_SOURCE_CHANGED` (somebody wrote to the backup meanwhile), and with the codes
 * of disk failures; the file is as it was then, unless only the last sync failed.
 */
export function restoreBackup(file: PathLike, options: RestoreOptions = {}): Promise<Restored> {
  return audited('restoreBackup', file, options, async () => {
    checkKeys('options', options, RESTORE_OPTIONS)
    const { backup = true } = options
    const settings = writeSettings(file, { ...options, conflict: 'overwrite', backup: false })
    const which = backupMeant('which', options.which) ?? 1
    checkFlag('backup', options.backup)
    return underTargetLock(settings, options, 'restore', async (target, lock) => {
      const all = { ...settings, backup: backup ? ALL : 0 }
      const handles = handlesOf(settings.fs)
      try {
        return await handles.brief(() => restore(target, lock, all, which))
      } catch (error) {
        throw diskError(error, 'restore', settings.path)
      }
    })
  })
}

async function restore(
  target: Target,
  lock: FolderLock,
  settings: WriteSettings,
  which: BackupMeant,
): Promise<Restored> {
  const { fs, path, durability, signal } = settings
  const check = () => checkSignal(signal, path)
  // only what changes nothing is tried again where the system has no handles: the newest backup may be another one then
  const handles = handlesOf(fs)
  const folder = await handles.retry(() => Folder.open(fs, target.folder))
  try {
    const { name, stats } = await chooseBackup(fs, folder, target.name, which, path)
    const [from, temporary] = [inside(target.folder, name), inside(target.folder, temporaryName())]
    const copy = () => copyFile(fs, from, temporary, durability === 'power', check)
    const made = stats.isSymbolicLink() ? await copyLink(fs, from, temporary) : await handles.retry(copy)
    const { written, warning } = made
    const draft = { target, settings, temporary, stats: written, check, guard: () => lock.check() }
    const named = await orRemove(fs, temporary, () => giveName(draft), written)
    return { ...(warning && { warning }), ...named, from, bytes: written.size }
  } finally {
    await folder.close()
  }
}
