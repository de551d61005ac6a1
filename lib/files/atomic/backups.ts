import { createHash, randomBytes } from 'node:crypto'
import { basename } from 'node:path'
import { checkKeys, checkOption } from '../../options.js'
import { diskError, errorCode, SystemError } from '../disk/disk-error.js'
import type { FileStats, FileSystem } from '../disk/fs.js'
import { copyFile, moveWritten, orRemove } from '../disk/move-file.js'
import { fitted, inside } from '../disk/names.js'
import { lstatIfThere, unlinkIfThere } from '../disk/stats.js'
import { judgeOf } from '../own/foreign.js'
import { temporaryName } from '../own/temporary-name.js'
import { handlesOf } from '../tree/handle-budget.js'
import type { OpenFolder } from '../tree/open-folder.js'
import type { Stoppable } from '../tree/stoppable.js'

/** An earlier content of a file that was kept. */
export interface Backup {
  path: string
  /** The name of the file that it is a backup of; a long name is shortened and followed by a part of its digest. */
  of: string
  /**
   * When the backup was made, in milliseconds since 1970. Taken from its name: the times of the backup file are those
   * of its content.
   */
  time: number
}

const BACKUP_NAME = /^(.+)(\.(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z\.[0-9a-f]{4}\.bak)$/s

/** Random names that are tried before giving up. */
const MOST_NAMES_TRIED = 100

/**
 * Keeps what has the name `name` in this folder under another name, `name.20261121T093015123Z.4f0a.bak`: by a hard
 * link, or by a copy where there are none; a symbolic link is kept as a link. The file itself never loses its name.
 * Returns the new name, or undefined if nothing has the name `name`. Throws system errors.
 */
export async function makeBackup(
  fs: FileSystem,
  folder: OpenFolder,
  name: string,
  options: { time: number; power: boolean },
): Promise<string | undefined> {
  checkKeys('options', options, { time: true, power: true })
  const { time, power } = options
  const path = folder.at(name)
  const there = await lstatIfThere(fs, path)
  if (!there) return undefined
  const target = there.isSymbolicLink() ? await fs.readlink(path) : undefined
  for (let tries = 0; tries < MOST_NAMES_TRIED; tries++) {
    const backup = headOf(name) + endingAt(time, randomBytes(2).toString('hex'))
    try {
      if (target !== undefined) await fs.symlink(target, folder.at(backup))
      else await linkOrCopy(fs, folder, name, backup, power)
    } catch (error) {
      if (errorCode(error) === 'EEXIST') continue
      throw error
    }
    // before the file is replaced, else a power cut could leave the new content without a backup
    if (power) await folder.sync()
    return backup
  }
  throw new SystemError('EEXIST', 'link', 'every name for a backup is taken')
}

/** Gives the file the name of the backup too, or a copy of it; EEXIST if something else has that name. */
async function linkOrCopy(
  fs: FileSystem,
  folder: OpenFolder,
  name: string,
  backup: string,
  power: boolean,
): Promise<void> {
  const to = folder.at(backup)
  try {
    return await fs.link(folder.at(name), to)
  } catch (error) {
    if (errorCode(error) === 'EEXIST' || errorCode(error) === 'ENOENT') throw error
  }
  if (await lstatIfThere(fs, to)) throw new SystemError('EEXIST', 'link', 'the name of the backup is taken')
  const temporary = folder.at(temporaryName())
  const copy = () => copyFile(fs, folder.at(name), temporary, power)
  const { written } = await handlesOf(fs).retry(copy)
  // the name has the time and a random part: nobody has taken it since the check
  await orRemove(fs, temporary, () => moveWritten(fs, temporary, to, written), written)
}

/**
 * The backups in a folder by their names, the oldest first, also those that somebody else may have put there: nothing
 * here restores, counts or removes such. Fails with `ERR_USAGE`, and with the codes of disk failures.
 * @param name only those of this file
 */
export async function listBackups(
  fs: FileSystem,
  folder: string | OpenFolder,
  name?: string,
): Promise<Backup[]> {
  checkOption('fs', fs, typeof fs?.readdir === 'function', 'a file system, such as nodeFileSystem')
  try {
    return await backupsIn(fs, folder, name)
  } catch (error) {
    throw diskError(error, 'list the backups in', typeof folder === 'string' ? folder : folder.path)
  }
}

/** {@link listBackups} that throws system errors. */
export async function backupsIn(
  fs: FileSystem,
  folder: string | OpenFolder,
  name?: string,
): Promise<Backup[]> {
  const above = typeof folder === 'string' ? folder : folder.path
  const list = () => (typeof folder === 'string' ? fs.readdir(folder) : folder.list())
  const names = await handlesOf(fs).retry(list)
  const found: Backup[] = []
  for (const entry of names) {
    const parsed = parseBackupName(entry.toString())
    if (parsed === undefined) continue
    const { of, time } = parsed
    if (name === undefined || of === headOf(name))
      found.push({ path: inside(above, entry.toString()), of, time })
  }
  return found.sort((a, b) => a.time - b.time || (a.path < b.path ? -1 : 1))
}

/** Tells which backups of a file count: see {@link judgeOf}. `made` is a backup that was just made. */
export async function backupJudge(
  fs: FileSystem,
  folder: OpenFolder,
  name: string,
  made?: string,
): Promise<(stats: FileStats) => boolean> {
  const files = made === undefined ? [name] : [name, made]
  return judgeOf(
    fs,
    await fs.fstat(folder.fd),
    files.map((one) => folder.at(one)),
  )
}

/**
 * The backups of a file that nobody planted ({@link backupJudge}), the oldest first. Throws system errors.
 * @param name without it those of all files in the folder
 */
export async function trueBackups(
  fs: FileSystem,
  folder: OpenFolder,
  name?: string,
  made?: string,
  stop?: Stoppable,
): Promise<(Backup & { stats: FileStats })[]> {
  const judges = new Map<string, (stats: FileStats) => boolean>()
  const found: (Backup & { stats: FileStats })[] = []
  for (const backup of await backupsIn(fs, folder, name)) {
    await stop?.step()
    const isTrue = judges.get(backup.of) ?? (await backupJudge(fs, folder, name ?? backup.of, made))
    judges.set(backup.of, isTrue)
    const stats = await lstatIfThere(fs, folder.at(basename(backup.path)))
    // a folder with such a name is no backup
    if (stats && !stats.isDirectory() && isTrue(stats)) found.push({ ...backup, stats })
  }
  return found
}

/** The parts of the name of a backup; undefined for any other name. */
export function parseBackupName(name: string): Pick<Backup, 'of' | 'time'> | undefined {
  const [, of, , year, month, day, hour, minute, second, ms] = BACKUP_NAME.exec(name) ?? []
  if (of === undefined) return undefined
  const text = `${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`
  const time = Date.parse(text)
  // a date that does not exist
  if (Number.isNaN(time) || new Date(time).toISOString() !== text) return undefined
  return { of, time }
}

/**
 * The time for a new backup: always later than that of all others. If the clock was ahead once, the times continue
 * from there: otherwise the newest backups would count as the oldest.
 */
export function nextTime(backups: readonly Backup[], now: number): number {
  return Math.max(now, (backups.at(-1)?.time ?? Number.NEGATIVE_INFINITY) + 1)
}

/**
 * Removes all but the last `keep` backups of a file; what others planted does not count, and stays. Throws system
 * errors.
 * @param made the name of the backup that was just made, which stays: if a name has the last possible time, the new
 *   one need not sort last
 */
export async function pruneBackups(
  fs: FileSystem,
  folder: OpenFolder,
  name: string,
  keep: number,
  made?: string,
): Promise<void> {
  const backups = await trueBackups(fs, folder, name, made)
  const others = backups.filter(({ path }) => basename(path) !== made)
  for (const { path } of others.slice(0, Math.max(0, backups.length - keep))) {
    await unlinkIfThere(fs, folder.at(basename(path)))
  }
}

/** The last time that a year of four digits can express. */
const LAST_TIME = Date.parse('9999-12-31T23:59:59.999Z')

function endingAt(time: number, random: string): string {
  // an impossible time of the clock becomes the nearest one that a name can hold, NaN becomes 0
  const held = Math.min(Math.max(time || 0, 0), LAST_TIME)
  return `.${new Date(held).toISOString().replace(/[-:.]/g, '')}.${random}.bak`
}

/**
 * What the names of all backups of a file begin with: its name; or, if that is too long, its beginning and a part of
 * its digest, so that files whose names begin alike do not share their backups.
 */
function headOf(name: string): string {
  const ending = endingAt(0, '0000')
  if (fitted(name, ending) === name + ending) return name
  const mark = `~${createHash('sha256').update(name).digest('hex').slice(0, 8)}`
  return fitted(name, mark + ending).slice(0, -ending.length)
}
