import { basename } from 'node:path'
import { checkDuration, checkFlag, checkLocalPath, checkOption, checkWhole } from '../../options.js'
import { type Audited, audited } from '../audit/audited.js'
import { A_DAY } from '../disk/clock.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { lstatIfThere } from '../disk/stats.js'
import { type Backup, listBackups } from './backups.js'

/** Options of {@link removeBackups}. */
export interface RemoveBackupsOptions extends Audited {
  /** Only backups that were made longer ago, in milliseconds. Default 24 hours. */
  olderThan?: number
  /** How many of the newest backups of each file stay in any case. Default 0. */
  keep?: number
  /** Only the backups of the file with this name. Default: of all files in the folder. */
  name?: string
  /** Remove nothing, only report what would be removed. Default false. */
  dryRun?: boolean
  fs?: FileSystem
  /** Milliseconds since 1970. */
  now?: () => number
}

/** What {@link removeBackups} removed, or would. */
export interface RemovedBackups {
  count: number
  /** The size of their content. A backup by a hard link may share its content with the file. */
  bytes: number
  /** The oldest first. */
  paths: string[]
}

/**
 * Removes old backups from a folder, not from those below it. The age of a backup is that in its name: the times of
 * the file are those of its content, which may be years older. A backup with a time in the future (the clock was
 * wrong) counts as just made; a later write with `backup` removes it in its turn. Touches only files with the names
 * of backups of this library. Fails with `ERR_USAGE`, `ERR_PERMISSION`, `ERR_READ_ONLY`, `ERR_WRITE`; what was
 * removed before stays removed.
 */
export function removeBackups(folder: string, options: RemoveBackupsOptions = {}): Promise<RemovedBackups> {
  return audited('removeBackups', folder, options, () => removeOld(folder, options))
}

async function removeOld(folder: string, options: RemoveBackupsOptions): Promise<RemovedBackups> {
  const { olderThan = A_DAY, keep = 0, name, dryRun = false, fs = nodeFileSystem, now = Date.now } = options
  checkLocalPath('folder', folder)
  checkDuration('olderThan', olderThan)
  checkWhole('keep', keep, 0)
  checkFlag('dryRun', dryRun)
  const isName = name === undefined || (typeof name === 'string' && name === basename(name))
  checkOption('name', name, isName, 'that of a file in the folder')
  const removed: RemovedBackups = { count: 0, bytes: 0, paths: [] }
  try {
    const before = now() - olderThan
    const backups = await listBackups(fs, folder, name)
    for (const { path, time } of withoutNewest(backups, keep)) {
      if (time >= before) continue
      const there = await lstatIfThere(fs, path)
      // a folder with such a name is no backup
      if (!there || there.isDirectory()) continue
      if (!dryRun && !(await remove(fs, path))) continue
      removed.count++
      removed.bytes += there.size
      removed.paths.push(path)
    }
    return removed
  } catch (error) {
    throw diskError(error, 'remove backups in', folder)
  }
}

/** All but the newest `keep` of each file. */
function withoutNewest(backups: Backup[], keep: number): Backup[] {
  const left = new Map<string, number>()
  const older = backups.toReversed().filter(({ of }) => {
    const seen = left.get(of) ?? 0
    left.set(of, seen + 1)
    return seen >= keep
  })
  return older.reverse()
}

/** Returns false if another process has removed it. */
async function remove(fs: FileSystem, path: string): Promise<boolean> {
  try {
    await fs.unlink(path)
    return true
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return false
    throw error
  }
}
