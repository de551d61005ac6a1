import { checkChoice, checkDuration, checkFlag, checkKeys, checkWhole } from '../../options.js'
import { AUDITED, type Audited } from '../audit/recorder.js'
import type { FileSystem } from '../disk/fs.js'
import type { LockOptions } from '../lock/folder-lock.js'
import type { Durability } from '../publish/publish.js'

/** Options of `rotateFile`. */
export interface RotateOptions extends Pick<LockOptions, 'timeout' | 'signal' | 'system' | 'clock'>, Audited {
  /** How many rotated files are kept, from 1. Default 5. */
  keep?: number
  /**
   * Only a file that has so many bytes, or more. With `minAge` too, either is enough. Default: any file.
   */
  minSize?: number
  /**
   * Only a file that was made so long ago, in milliseconds, or whose content is older. Where the disk does not say when
   * a file was made, the time of its last change counts: then a log that is written to all the time never is so old.
   */
  minAge?: number
  /** Compress the rotated files, with gzip. Default false. */
  compress?: boolean
  /** Default 'power'. */
  durability?: Durability
  fs?: FileSystem
  /** Milliseconds since 1970, for `minAge`. Default `Date.now`. */
  now?: () => number
}

/** `ERR_USAGE` for a wrong option. */
export function checkRotate(options: RotateOptions): void {
  checkKeys('options', options, {
    ...AUDITED,
    timeout: true,
    signal: true,
    system: true,
    clock: true,
    keep: true,
    minSize: true,
    minAge: true,
    compress: true,
    durability: true,
    fs: true,
    now: true,
  })
  checkWhole('keep', options.keep, 1, 99_999)
  checkWhole('minSize', options.minSize, 0)
  checkDuration('minAge', options.minAge)
  checkFlag('compress', options.compress)
  checkChoice('durability', options.durability, ['crash', 'power'])
}
