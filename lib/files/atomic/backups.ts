import { createHash, randomBytes } from 'node:crypto'
import { basename, join } from 'node:path'
import { errorCode, SystemError } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import { copyFile, moveOver } from '../disk/move-file.js'
import { fitted } from '../disk/names.js'
import { lstatIfThere } from '../disk/stats.js'
import { temporaryName } from '../own/temporary-name.js'
import type { Directory } from '../tree/directory.js'

/** A kept earlier content of a file. */
export interface Backup {
  path: string
  /** The name of the file that it is a backup of; where it is long, shortened and with a part of its digest. */
  of: string
  /** When it was made, in milliseconds since 1970, as its name says: the times of the file are those of its content. */
  time: number
}

const NAME = /^(.+)(\.(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)(\d{3})Z\.[0-9a-f]{4}\.bak)$/s

/** Names that are tried; more are taken only if something is wrong. */
const MOST_TRIES = 100

/**
 * Keeps what has the name `name` in this folder under a name of its own, `name.20261121T093015123Z.4f0a.bak`: by a
 * second link, or where there are none by a copy; of a symbolic link the link. The file itself keeps its name all the
 * time. Gives the new name, undefined where nothing has `name`. Throws system errors.
 */
export async function makeBackup(
  fs: FileSystem,
  folder: Directory,
  name: string,
  { time, power }: { time: number; power: boolean },
): Promise<string | undefined> {
  const path = folder.at(name)
  const there = await lstatIfThere(fs, path)
  if (!there) return undefined
  const target = there.isSymbolicLink() ? await fs.readlink(path) : undefined
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const backup = backupName(name, time)
    try {
      if (target !== undefined) await fs.symlink(target, folder.at(backup))
      else if (!(await linkOrCopy(fs, folder, name, backup, power))) continue
    } catch (error) {
      if (errorCode(error) === 'EEXIST') continue
      throw error
    }
    // before the file is replaced: else a power cut could leave the new content and no backup
    if (power) await folder.sync()
    return backup
  }
  throw new SystemError('EEXIST', 'link', 'every name for a backup is taken')
}

/** Whether the backup has its name now; false: something else has. */
async function linkOrCopy(
  fs: FileSystem,
  directory: Directory,
  name: string,
  backup: string,
  power: boolean,
): Promise<boolean> {
  try {
    await fs.link(directory.at(name), directory.at(backup))
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST' || errorCode(error) === 'ENOENT') throw error
  }
  if (await lstatIfThere(fs, directory.at(backup))) return false
  const temporary = directory.at(temporaryName())
  await copyFile(fs, directory.at(name), temporary, { power })
  try {
    // its name has the time and a random part: nobody has taken it since the look
    await moveOver(fs, temporary, directory.at(backup))
    return true
  } catch (error) {
    await fs.unlink(temporary).catch(() => {})
    throw error
  }
}

/**
 * The backups in a folder, the oldest first. Throws system errors.
 * @param name only those of this file
 */
export async function listBackups(
  fs: FileSystem,
  folder: string | Directory,
  name?: string,
): Promise<Backup[]> {
  const above = typeof folder === 'string' ? folder : folder.path
  const names = typeof folder === 'string' ? await fs.readdir(folder) : await folder.list()
  const found: Backup[] = []
  for (const entry of names) {
    const parsed = parseBackupName(entry.toString())
    if (parsed === undefined) continue
    const { of, time } = parsed
    if (name === undefined || of === headOf(name))
      found.push({ path: join(above, entry.toString()), of, time })
  }
  return found.sort((a, b) => a.time - b.time || (a.path < b.path ? -1 : 1))
}

/** What a name of a backup says; undefined for any other name. */
export function parseBackupName(name: string): Pick<Backup, 'of' | 'time'> | undefined {
  const [, of, , year, month, day, hour, minute, second, ms] = NAME.exec(name) ?? []
  if (of === undefined) return undefined
  const text = `${year}-${month}-${day}T${hour}:${minute}:${second}.${ms}Z`
  const time = Date.parse(text)
  // no such day
  if (Number.isNaN(time) || new Date(time).toISOString() !== text) return undefined
  return { of, time }
}

/**
 * The time for a new backup: later than that of all others, also where the clock was set back. After a clock that was
 * ahead the times go on from there: were they to go back, the newest backups would be taken for the oldest.
 */
export function nextTime(backups: readonly Backup[], now: number): number {
  return Math.max(now, (backups.at(-1)?.time ?? Number.NEGATIVE_INFINITY) + 1)
}

/**
 * Removes all but the last `keep` backups of a file. Throws system errors.
 * @param made the name of the one that was just made, which stays: at the end of all times that a name can hold it need
 *   not be the last one
 */
export async function pruneBackups(
  fs: FileSystem,
  folder: Directory,
  name: string,
  keep: number,
  made?: string,
): Promise<void> {
  const backups = await listBackups(fs, folder, name)
  const others = backups.filter(({ path }) => basename(path) !== made)
  for (const { path } of others.slice(0, Math.max(0, backups.length - keep))) {
    await fs.unlink(folder.at(basename(path))).catch((error: unknown) => {
      // another writer of the file was faster
      if (errorCode(error) !== 'ENOENT') throw error
    })
  }
}

function backupName(name: string, time: number): string {
  return headOf(name) + endingAt(time, randomBytes(2).toString('hex'))
}

/** The last time that four digits of a year can say. */
const LAST = Date.parse('9999-12-31T23:59:59.999Z')

function endingAt(time: number, random: string): string {
  // of a clock that is out of its mind the nearest time that a name can hold; NaN is none at all
  const held = Math.min(Math.max(time || 0, 0), LAST)
  return `.${new Date(held).toISOString().replace(/[-:.]/g, '')}.${random}.bak`
}

/**
 * What the names of all backups of a file begin with: its name, or where that is too long as much of it as there is
 * room for, and a part of its digest, since the backups of another one that begins alike are not its own.
 */
function headOf(name: string): string {
  const ending = endingAt(0, '0000')
  if (fitted(name, ending) === name + ending) return name
  const mark = `~${createHash('sha256').update(name).digest('hex').slice(0, 8)}`
  return fitted(name, mark + ending).slice(0, -ending.length)
}
