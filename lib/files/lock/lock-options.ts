import type { Clock } from '../../clock.js'
import { checkKeys, type Keys } from '../../options.js'
import { AUDITED, type Audited } from '../audit/recorder.js'
import type { FileSystem } from '../disk/fs.js'
import type { ProcessSystem } from '../own/owner.js'
import type { LockMode } from './lock-names.js'

/** Options of `FolderLock.acquire`. */
export interface LockOptions extends Audited {
  /** Default 'exclusive'. */
  mode?: LockMode
  /** Which lock of the folder: locks with different names are independent. Default 'lock'. */
  name?: string
  /**
   * Milliseconds to wait at most; 0 tries once, Infinity waits for ever. Default 10,000. Of several that wait in one
   * process the time counts anew whenever one before them is done.
   */
  timeout?: number
  /**
   * Make the folder, and those above it, if it is missing; their names are synced, so that what is written under the
   * lock lasts with them. Default false: a misspelt path would be a lock that keeps nobody out.
   */
  create?: boolean
  /** Cancels the waiting. */
  signal?: AbortSignal | undefined
  /**
   * Take the lock from holders that cannot be looked at, on another machine or in another container, without watching
   * whether they live: for people who have made sure that they do not.
   */
  force?: boolean
  fs?: FileSystem
  /** Who we are and which processes are alive; for tests. */
  system?: ProcessSystem
  /** For tests. */
  clock?: Clock
  /** For tests: when the holder shows that it lives. */
  renewals?: Clock
  /** A number from 0 to 1, for pauses and samples; for tests. */
  random?: () => number
}

/** Their names. */
export const LOCK_OPTIONS: Keys<LockOptions> = {
  ...AUDITED,
  mode: true,
  name: true,
  timeout: true,
  create: true,
  signal: true,
  force: true,
  fs: true,
  system: true,
  clock: true,
  renewals: true,
  random: true,
}

/** How long an operation waits for the lock that it takes itself. */
export type LockWaiting = Pick<LockOptions, 'timeout' | 'signal'>

/** `ERR_USAGE` unless it is that, or undefined for the defaults. */
export function checkWaiting(option: string, lock: LockWaiting | undefined): void {
  checkKeys(option, lock, { timeout: true, signal: true })
}
