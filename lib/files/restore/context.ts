import { UNRECORDED } from '../audit/audited.js'
import { Recorder } from '../audit/recorder.js'
import { systemClock } from '../disk/clock.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import type { StagingArea } from '../intent/staging.js'
import { FolderLock } from '../lock/folder-lock.js'
import { processSystem, thisOwner } from '../own/owner.js'
import { Tree } from '../tree/tree.js'
import type { RecoveryManagerOptions } from './options.js'
import { RecoveryStore, type Stored } from './store.js'
import { UnfinishedTransactions } from './unfinished-transactions.js'

/** What a recovery manager works with, from its opening to its close. */
export interface RecoveryContext
  extends StagingArea,
    Required<Pick<RecoveryManagerOptions, 'attempts' | 'clock' | 'now'>> {
  lock: FolderLock
  store: RecoveryStore
  unfinished: UnfinishedTransactions
  recorder: Recorder
  /** The points that an earlier manager left, the oldest first. */
  found: readonly Stored[]
}

/** Opens the folder, locks it, and finds the points there. What was opened is closed if that fails. */
export async function openRecovery(
  folder: string,
  options: RecoveryManagerOptions,
): Promise<RecoveryContext> {
  const { fs = nodeFileSystem, durability = 'power', system = processSystem } = options
  const { attempts = 3, clock = systemClock, now = Date.now, audit } = options
  const tree = await Tree.open(folder, { fs })
  let lock: FolderLock | undefined
  try {
    const whose = { name: 'recovery', fs, system, audit: UNRECORDED }
    lock = await FolderLock.acquire(tree.root, { ...options.lock, ...whose })
    const area = { tree, durability, owner: thisOwner(system), taken: new Set<string>(), warnings: [] }
    const store = new RecoveryStore(area)
    const unfinished = new UnfinishedTransactions(tree, options.lock, system)
    const recorder = new Recorder({ audit, clock })
    const found = await withoutCommitted(store, await store.find(system))
    return { ...area, lock, store, unfinished, recorder, found, attempts, clock, now }
  } catch (error) {
    await lock?.release().catch(() => {})
    await tree.close()
    throw error
  }
}

/** Finishes a commit that a crash interrupted: points before it do not count any more. */
async function withoutCommitted(store: RecoveryStore, found: Stored[]): Promise<Stored[]> {
  const commit = found.findLast(({ record }) => record?.kind === 'commit')
  if (!commit) return found
  const older = found.filter(({ number }) => number < commit.number)
  for (const stored of [...older, commit]) await store.remove(stored)
  return found.filter(({ number }) => number > commit.number)
}
