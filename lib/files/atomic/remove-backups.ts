import { basename } from 'node:path'
import { A_DAY } from '../../clock.js'
import { checkDuration, checkFlag, checkKeys, checkOption, checkWhole } from '../../options.js'
import { AUDITED, type Audited, audited } from '../audit/recorder.js'
import { diskError } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import { localPath, type PathLike } from '../disk/names.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { unlinkIfThere } from '../disk/stats.js'
import { handlesOf } from '../tree/handle-budget.js'
import { Folder, type OpenFolder } from '../tree/open-folder.js'
import { Stoppable } from '../tree/stoppable.js'
import { type Backup, trueBackups } from './backups.js'

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
  /** Ends it between two backups: `ERR_CANCELLED`. */
  signal?: AbortSignal | undefined
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
 * of backups of this library; what somebody else planted among them does not count, and stays. Fails with `ERR_USAGE`,
 * `ERR_PERMISSION`, `ERR_READ_ONLY`, `ERR_WRITE`, `ERR_CANCELLED`; what was removed before stays removed.
 */
export function removeBackups(dir: PathLike, options: RemoveBackupsOptions = {}): Promise<RemovedBackups> {
  return audited('removeBackups', dir, options, async () => {
    checkKeys('options', options, {
      ...AUDITED,
      olderThan: true,
      keep: true,
      name: true,
      dryRun: true,
      signal: true,
      fs: true,
      now: true,
    })
    const { olderThan = A_DAY, keep = 0, name, dryRun = false, fs = nodeFileSystem, now = Date.now } = options
    const path = localPath('folder', dir)
    checkDuration('olderThan', olderThan)
    checkWhole('keep', keep, 0)
    checkFlag('dryRun', dryRun)
    const isName = name === undefined || (typeof name === 'string' && name === basename(name))
    checkOption('name', name, isName, 'that of a file in the folder')
    const removed: RemovedBackups = { count: 0, bytes: 0, paths: [] }
    const before = now() - olderThan
    const stop = new Stoppable('the search for backups', options.signal)
    const remove = async (folder: OpenFolder) => {
      for (const { path, time, stats } of withoutNewest(
        await trueBackups(fs, folder, name, undefined, stop),
        keep,
      )) {
        await stop.step()
        if (time >= before) continue
        if (!dryRun && !(await unlinkIfThere(fs, folder.at(basename(path))))) continue
        removed.count++
        removed.bytes += stats.size
        removed.paths.push(path)
      }
    }
    const handles = handlesOf(fs)
    try {
      await handles.brief(async () => {
        const folder = await handles.retry(() => Folder.open(fs, path))
        await remove(folder).finally(() => folder.close())
      })
      return removed
    } catch (error) {
      throw diskError(error, 'remove backups in', path)
    }
  })
}

/** All but the newest `keep` of each file. */
function withoutNewest<B extends Backup>(backups: B[], keep: number): B[] {
  const left = new Map<string, number>()
  const older = backups.toReversed().filter(({ of }) => {
    const seen = left.get(of) ?? 0
    left.set(of, seen + 1)
    return seen >= keep
  })
  return older.reverse()
}
