import type { Clock } from '../../clock.js'
import type { SluiceError } from '../../errors.js'
import type { FileSystem } from '../../files/disk/fs.js'
import { nodeFileSystem } from '../../files/disk/node-fs.js'
import type { UnfinishedFile } from '../../files/journal/read-journal.js'
import { DURABILITIES } from '../../files/publish/policies.js'
import { checkChoice, checkKeys, checkObject, checkOption, checkWhole, type Keys } from '../../options.js'
import { checkPartStore, type PartStore } from '../../stores/parts.js'
import { type Durability, PUBLISHINGS, type Publishing } from '../../stores/policy.js'
import { PublishedVersions } from '../../stores/published-versions.js'
import type { Names } from '../../wire/paths.js'
import type { MemoryPool } from '../bytes/memory-pool.js'

/** Options of `partSink`. */
export interface PartSinkOptions {
  /** The folder that files arrive in. It is made when the first of them comes. Instead of `store`. */
  dir?: string
  /**
   * Where the files go, where that is not a folder of this disk; closed at the end. `fs`, `handles` and `keep` are for
   * a folder only.
   */
  store?: PartStore
  fs?: FileSystem
  /** What a published file survives. Default 'crash'. */
  durability?: Durability
  /**
   * 'together': nothing of a transfer is seen under its name before all of it is verified; then all of it, also after a
   * crash; nothing, if a file fails. It waits in a folder `.sluice`, and an interrupted one is gone on with there. A
   * folder makes no room for a file then, under 'replace' neither: the file gets a suffix. Default 'each': every file
   * gets its name as soon as it is right. A `store` says it by itself.
   */
  publish?: Publishing
  /** Which names are taken: what this platform can hold ('native', the default), or what every one can ('portable'). */
  names?: Names
  /** Default: the platform of `fs`. */
  platform?: NodeJS.Platform
  /** Files that are worked on at once. Default 32. */
  concurrency?: number
  /** Files that are open at once. Default 64. */
  handles?: number
  /**
   * Parts of interrupted transfers that are to stay, whatever their age. Default: what has no living owner, and is not
   * gone on with, is removed once it is a day old.
   */
  keep?: (file: UnfinishedFile) => boolean
  /**
   * Given to the transfers of one series: a newer version of a file takes the place of the one that an earlier transfer
   * of it has published, if nobody has changed that since, whatever `conflict` says. A file that stood there before is
   * no version, also if it is the same. Of no effect on a transfer that is not of a series. For a folder only.
   */
  versions?: PublishedVersions
  /** Whether the transfer is of a series, asked once something is offered. Given by `receive`; by default it is. */
  inSeries?: () => boolean
  /** Told what did not go as asked, and stops nothing. */
  warn?: (warning: SluiceError) => void
  /** Tells whether the disk is slow; the clock of the process by default. */
  clock?: Clock
  /** Gets back what was written; the collector does by default. */
  memory?: Pick<MemoryPool, 'used'> | undefined
}

/** Their names. */
export const PART_SINK_OPTIONS: Keys<PartSinkOptions> = {
  dir: true,
  store: true,
  fs: true,
  durability: true,
  publish: true,
  names: true,
  platform: true,
  concurrency: true,
  handles: true,
  keep: true,
  versions: true,
  inSeries: true,
  warn: true,
  clock: true,
  memory: true,
}

/** @throws SluiceError `ERR_USAGE` */
export function checkedPartSinkOptions(options: PartSinkOptions) {
  checkObject('options', options)
  checkKeys('options', options, PART_SINK_OPTIONS)
  const { fs = nodeFileSystem, concurrency = 32, handles = 64, dir = '', store } = options
  const { durability = 'crash', names = 'native', platform = fs.platform } = options
  if (store === undefined)
    checkOption(
      'dir',
      options.dir,
      typeof dir === 'string' && dir !== '',
      'the path of a folder, unless store is given',
    )
  else checkOption('dir', options.dir, options.dir === undefined, 'left out where store is given')
  const { versions } = options
  const areVersions = versions === undefined || versions instanceof PublishedVersions
  checkOption('versions', versions, areVersions, 'PublishedVersions')
  checkChoice('publish', options.publish, PUBLISHINGS)
  if (store !== undefined) checkPartStore(store, undefined, options.publish)
  checkChoice('durability', durability, DURABILITIES)
  checkChoice('names', names, ['native', 'portable'])
  checkWhole('concurrency', concurrency, 1)
  return { ...options, dir, fs, concurrency, handles, durability, names, platform }
}
