import type { SluiceError } from '../../errors.js'
import type { Audit } from '../audit/audit-record.js'
import type { Clock } from '../disk/clock.js'
import type { FileSystem } from '../disk/fs.js'
import type { ProcessSystem } from '../own/owner.js'
import type { Durability } from '../publish/publish.js'
import type { RecoveryKind } from './record.js'
import type { Undone } from './undo-point.js'

/** Options of `RecoveryManager.open`. */
export interface RecoveryManagerOptions {
  /** 'power' (default): points survive a power loss; 'crash': the death of the process. */
  durability?: Durability
  /** How often the undoing of one point is attempted when the disk fails, from 1. Default 3. */
  attempts?: number
  /** Gets one record for each point that is undone, or is not. Default: the trail set by `setDefaultAudit`, if any. */
  audit?: Audit
  /** One manager works in a folder at a time: how long the others are waited for. Milliseconds, default 10,000. */
  lock?: { timeout?: number; signal?: AbortSignal }
  fs?: FileSystem
  clock?: Clock
  /** Milliseconds since 1970. */
  now?: () => number
  /** Which processes are alive; for tests. */
  system?: ProcessSystem
}

/** What became of one point. */
export interface RecoveryOutcome {
  kind: RecoveryKind
  path: string
  /**
   * See {@link Undone}; and 'blocked': a later point of the same path was not undone; 'failed': the disk failed each
   * time, see `error`. All but 'undone' and 'unchanged' stay, for another attempt or for a commit.
   */
  state: Undone['state'] | 'blocked' | 'failed'
  attempts: number
  /** Where what was there was kept, below the folder: nobody had said that this is what was done. */
  backup?: string
  /** What failed, although the content is back: its owner could not be set. */
  warning?: SluiceError
  error?: SluiceError
}
