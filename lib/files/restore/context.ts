import { type Clock, systemClock } from '../../clock.js'
import type { SluiceError } from '../../errors.js'
import type { Keys } from '../../options.js'
import type { Audit } from '../audit/audit-record.js'
import { Recorder, UNRECORDED } from '../audit/recorder.js'
import type { FileSystem } from '../disk/fs.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import type { StagingArea } from '../intent/staging.js'
import { FolderLock } from '../lock/folder-lock.js'
import type { LockWaiting } from '../lock/lock-options.js'
import { admissionOf, HANDLES } from '../own/admission.js'
import { type ProcessSystem, processSystem, thisOwner } from '../own/owner.js'
import type { Durability } from '../publish/publish.js'
import { handlesOf } from '../tree/handle-budget.js'
import { Tree } from '../tree/tree.js'
import { type Point, RecoveryStore } from './store.js'

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
  lock?: LockWaiting
  fs?: FileSystem
  clock?: Clock
  /** Milliseconds since 1970. */
  now?: () => number
  /** Which processes are alive; for tests. */
  system?: ProcessSystem
}

/** Their names. */
export const RECOVERY_OPTIONS: Keys<RecoveryManagerOptions> = {
  durability: true,
  attempts: true,
  audit: true,
  lock: true,
  fs: true,
  clock: true,
  now: true,
  system: true,
}

/** What a recovery manager works with, from its opening to its close. */
export interface RecoveryContext
  extends StagingArea,
    Required<Pick<RecoveryManagerOptions, 'attempts' | 'clock' | 'now' | 'system'>> {
  lock: FolderLock
  /** Fails with `ERR_LOCK_LOST` once others may work there. */
  guard: () => Promise<void>
  /** How long to wait for transactions. */
  waiting: RecoveryManagerOptions['lock']
  store: RecoveryStore
  recorder: Recorder
  /** The points that an earlier manager left, the oldest first. */
  found: readonly Point[]
  /** What has a name of ours, but belongs to another user. */
  passedOver: readonly SluiceError[]
  /** Releases the lock and closes the folder. */
  close: () => Promise<void>
}

/** Opens the folder, locks it, and finds the points there. What was opened is closed if that fails. */
export async function openRecovery(
  folder: string,
  options: RecoveryManagerOptions,
): Promise<RecoveryContext> {
  const { fs = nodeFileSystem, clock = systemClock } = options
  const leave = await admissionOf(fs).enter(HANDLES.restore, clock, options.lock?.signal)
  try {
    const opened = await openIn(folder, options)
    const close = () =>
      opened.lock
        .release()
        .finally(() => opened.tree.close())
        .finally(leave)
    return { ...opened, close }
  } catch (error) {
    leave()
    throw error
  }
}

async function openIn(
  folder: string,
  options: RecoveryManagerOptions,
): Promise<Omit<RecoveryContext, 'close'>> {
  const { fs = nodeFileSystem, durability = 'power', system = processSystem } = options
  const { attempts = 3, clock = systemClock, now = Date.now, audit } = options
  const tree = await Tree.open(folder, { fs, handles: handlesOf(fs) })
  let lock: FolderLock | undefined
  try {
    const whose = { name: 'recovery', fs, system, audit: UNRECORDED }
    const held = await FolderLock.acquire(tree.root, { ...options.lock, ...whose })
    lock = held
    const guard = () => held.check()
    const area = { tree, durability, owner: thisOwner(system), taken: new Map(), warnings: [] }
    const store = new RecoveryStore(area, guard)
    const recorder = new Recorder({ audit, clock })
    const passedOver: SluiceError[] = held.warning ? [held.warning] : []
    const found = await withoutCommitted(
      store,
      await store.find(system, (warning) => passedOver.push(warning)),
    )
    const given = { attempts, clock, now, system, waiting: options.lock }
    return { ...area, ...given, lock: held, guard, store, recorder, found, passedOver }
  } catch (error) {
    await lock?.release().catch(() => {})
    await tree.close()
    throw error
  }
}

/** Finishes a commit that a crash interrupted: points before it do not count any more. */
async function withoutCommitted(store: RecoveryStore, found: Point[]): Promise<Point[]> {
  const commit = found.findLast(({ stored }) => stored?.kind === 'commit')
  if (!commit) return found
  const older = found.filter(({ number }) => number < commit.number)
  for (const point of [...older, commit]) await store.remove(point)
  return found.filter(({ number }) => number > commit.number)
}
