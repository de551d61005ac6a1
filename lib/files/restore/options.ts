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
  /** How often the undo of one point is attempted if the disk fails, from 1. Default 3. */
  attempts?: number
  /**
   * Gets one record for each undo of a point, also a failed one. Default: the trail set by `setDefaultAudit`, if any.
   */
  audit?: Audit
  /** Only one manager works in a folder at a time: how long to wait for others. Milliseconds, default 10,000. */
  lock?: { timeout?: number; signal?: AbortSignal }
  fs?: FileSystem
  clock?: Clock
  /** Milliseconds since 1970. */
  now?: () => number
  /** Which processes are alive; for tests. */
  system?: ProcessSystem
}

/** What was done with one point. */
export interface RecoveryOutcome {
  kind: RecoveryKind
  path: string
  /**
   * See {@link Undone}; also 'blocked': a later point of the same path was not undone; 'failed': the disk failed each
   * time, see `error`. Points other than 'undone' and 'unchanged' stay, for another attempt or for a commit.
   */
  state: Undone['state'] | 'blocked' | 'failed'
  attempts: number
  /**
   * The path of a backup below the folder: the file at the path was kept, because nobody had said that it is the
   * result of the change.
   */
  backup?: string
  /** The content is back, but its owner could not be set. */
  warning?: SluiceError
  error?: SluiceError
}
