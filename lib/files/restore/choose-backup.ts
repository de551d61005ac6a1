import { basename, dirname } from 'node:path'
import { printable, SluiceError } from '../../errors.js'
import { checkOption } from '../../options.js'
import { type Backup, backupJudge, backupsIn, trueBackups } from '../atomic/backups.js'
import type { FileStats, FileSystem } from '../disk/fs.js'
import { isPathLike, localPath, type PathLike, textOfPath } from '../disk/names.js'
import { ifThere, lstatIfThere, sameInode } from '../disk/stats.js'
import type { OpenFolder } from '../tree/open-folder.js'

/** Which backup: the newest is 1, the one before it 2; or its name, or its path as `Written.backup` says it. */
export type WhichBackup = number | PathLike

/** A backup that was chosen. */
export interface ChosenBackup {
  /** Its name in the folder of the file. */
  name: string
  /** A file, or a symbolic link that was kept as one. */
  stats: FileStats
}

/** What says which backup, as {@link chooseBackup} takes it: a number, a name, or a whole path. */
export type BackupMeant = number | string

/** What says which backup, resolved: a relative path means what it means now. `ERR_USAGE` for what says none. */
export function backupMeant(option: string, which: WhichBackup | undefined): BackupMeant | undefined {
  if (which === undefined) return undefined
  if (isPathLike(which) && which !== '') {
    const text = textOfPath(option, which)
    return text === basename(text) ? text : localPath(option, text)
  }
  const isNumber = Number.isSafeInteger(which) && (which as number) >= 1
  checkOption(option, which, isNumber, 'a whole number from 1, or the name or path of a backup')
  return which as number
}

/**
 * The backup of the file `name` in this folder that is meant ({@link backupMeant}); `ERR_NO_SUCH_FILE` if there is
 * none, `ERR_PERMISSION` if somebody put it there who could not have replaced the file either. A number does not count
 * such ones, nor a second name of the file itself, as a crash leaves one: that is no earlier content.
 * @param shown the path of the file, for the message
 */
export async function chooseBackup(
  fs: FileSystem,
  folder: OpenFolder,
  name: string,
  which: BackupMeant,
  shown: string,
): Promise<ChosenBackup> {
  const backups = (await backupsIn(fs, folder, name)).reverse()
  if (typeof which === 'string') {
    const at = basename(which)
    const backup = backups.find(({ path }) => basename(path) === at)
    if (!backup || !(await leadsInto(fs, folder, which)))
      throw noBackup(shown, `has no backup ${printable(which)}`, backups)
    const stats = await fs.lstat(folder.at(at))
    const isTrue = await backupJudge(fs, folder, name)
    if (!isTrue(stats)) throw planted(shown, at, stats)
    return { name: at, stats }
  }
  const there = await lstatIfThere(fs, folder.at(name))
  const counted = (await trueBackups(fs, folder, name))
    .reverse()
    .filter(({ stats }) => !there || !sameInode(there, stats))
  const chosen = counted[which - 1]
  if (chosen) return { name: basename(chosen.path), stats: chosen.stats }
  const many = counted.length === 1 ? 'only one backup' : `only ${counted.length} backups`
  throw noBackup(shown, counted.length === 0 ? 'has no backup' : `has ${many}`, backups)
}

function planted(path: string, backup: string, { uid }: FileStats): SluiceError {
  const wayOut = 'look at what is in it, then copy it by hand, or give it to the owner of the file (chown)'
  const message = `${printable(backup)} was not made as a backup of ${printable(path)}: it belongs to another user (${uid}), who owns neither that file nor its folder; ${wayOut}`
  return new SluiceError('ERR_PERMISSION', message, { path, found: uid })
}

/** Whether a name or path of a backup leads into the folder. */
async function leadsInto(fs: FileSystem, folder: OpenFolder, which: string): Promise<boolean> {
  if (which === basename(which)) return true
  const above = await ifThere(fs.stat(dirname(which)))
  return above !== undefined && sameInode(above, await fs.fstat(folder.fd))
}

function noBackup(path: string, why: string, backups: readonly Backup[]): SluiceError {
  const names = backups.map((backup) => backup.path)
  const wayOut =
    names.length === 0
      ? 'only a write with the option backup makes one'
      : `there are: ${printable(names.map((one) => basename(one)).join(', '), 500)}`
  return new SluiceError('ERR_NO_SUCH_FILE', `${printable(path)} ${why}; ${wayOut}`, { path, found: names })
}
