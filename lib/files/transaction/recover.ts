import { type Clock, systemClock } from '../../clock.js'
import type { SluiceError } from '../../errors.js'
import { checkFlag, checkKeys } from '../../options.js'
import { AUDITED, type Audited, audited, UNRECORDED } from '../audit/recorder.js'
import { diskError } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import { localPath, type PathLike } from '../disk/names.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { IntentFile } from '../intent/intent-file.js'
import { removeOrphans } from '../intent/remove-orphans.js'
import type { FolderLock } from '../lock/folder-lock.js'
import { checkWaiting, type LockWaiting } from '../lock/lock-options.js'
import { admissionOf, HANDLES } from '../own/admission.js'
import { LOOK_EVERY, OwnerWatch, untilNextLook } from '../own/lease.js'
import { removeEmptyFolders } from '../own/own-folder.js'
import { fateOf, type Owner, type ProcessSystem, processSystem } from '../own/owner.js'
import { Stoppable } from '../tree/stoppable.js'
import { Tree } from '../tree/tree.js'
import { lockFolder } from './folder.js'
import { Steps } from './steps.js'

/** An unfinished transaction, and what was done with it. */
export interface RecoveredTransaction {
  /** Its id; '' where its intent cannot be read. */
  id: string
  /**
   * 'discarded': it was not committed; everything is as before. 'completed': it was committed; everything is new.
   * 'undone': it had failed; everything is as before. With `dryRun` this is what would be done. Other transactions
   * are left as they are: 'running': its process is alive. 'conflict': the files in `conflicts` are neither what it
   * found nor what it wrote. 'damaged': its intent cannot be read. 'failed': the disk failed, see `error`. 'foreign':
   * it belongs to another user, and is passed over, see `error`.
   */
  state: 'discarded' | 'completed' | 'undone' | 'running' | 'conflict' | 'damaged' | 'failed' | 'foreign'
  /** The paths that it changes, below the folder. */
  paths: string[]
  /** The path of its intent below the folder; of another user that of the folder with all that is theirs. */
  intent: string
  /**
   * All that goes with it, or with `dryRun` would go: its intent, temporary files and backups, and of the paths those
   * that it deletes, or that are undone and were not there before. Missing where it is left as it is.
   */
  removed?: string[]
  conflicts?: string[]
  error?: SluiceError
  /** What the disk refused while it was completed: the owner or the mode of a folder that was moved, for instance. */
  warnings?: SluiceError[]
}

/** What {@link recoverTransactions} found in a folder, and what became of it. */
export interface TransactionRecovery {
  /**
   * 'nothing': no transaction of ours was left there. 'recovered': each of them is ended. 'unfinished': at least one is
   * left as it is; its own state says why. With `dryRun` this is what would be.
   */
  state: 'nothing' | 'recovered' | 'unfinished'
  /** Each of them. */
  transactions: RecoveredTransaction[]
  /**
   * What other users have below the folder that could not be looked into for temporary files, which are ours alone: it
   * is passed over.
   */
  warnings?: SluiceError[]
}

/** Options of {@link recoverTransactions}. */
export interface RecoverOptions extends Audited {
  /** Change nothing, only report what would be done. */
  dryRun?: boolean
  /** Whether temporary files of dead processes in all folders below are removed, too. Default true. */
  orphans?: boolean
  fs?: FileSystem
  /**
   * How long to wait for a running transaction. Milliseconds, default 10,000. Its `signal` ends all of the recovery,
   * between two steps; the next one goes on there.
   */
  lock?: LockWaiting
  /**
   * Take what belongs to processes that cannot be looked at, on another machine or in another container, without
   * watching whether they live: for people who have made sure that they do not.
   */
  force?: boolean
  /** Which processes are alive; for tests. */
  system?: ProcessSystem
  /** For tests. */
  clock?: Clock
}

/**
 * Finishes the transactions that dead processes left in `folder`: a committed one is completed, any other is
 * undone, so that afterwards each is done wholly or not at all. Then removes their temporary files. A file that is
 * neither what the transaction found nor what it wrote is never touched: then the transaction stays, and is reported
 * as 'conflict'. It may itself be interrupted at any moment and run again. Transactions of living processes are left
 * alone. Those of processes on another machine or in another container are watched for 10 seconds first, and count as
 * left by dead ones if nothing of them changes meanwhile.
 *
 * Fails with `ERR_USAGE`, `ERR_LOCKED` (a transaction runs there), `ERR_CANCELLED`, and for failures of the disk during
 * the search with `ERR_WRITE`, `ERR_PERMISSION`, `ERR_READ_ONLY`; also if a temporary file cannot be removed, or a
 * folder of this user not be looked into, after all else was done. The failure of a single transaction is in its
 * result.
 */
export function recoverTransactions(
  dir: PathLike,
  options: RecoverOptions = {},
): Promise<TransactionRecovery> {
  return audited('recoverTransactions', dir, options, async () => {
    checkKeys('options', options, {
      ...AUDITED,
      dryRun: true,
      orphans: true,
      fs: true,
      lock: true,
      force: true,
      system: true,
      clock: true,
    })
    checkWaiting('lock', options.lock)
    const { dryRun = false, orphans = true, fs = nodeFileSystem, system = processSystem } = options
    const { force = false, clock, lock: { signal } = {} } = options
    const folder = localPath('folder', dir)
    checkFlag('dryRun', dryRun)
    checkFlag('orphans', orphans)
    checkFlag('force', force)
    const recover = async () => {
      const tree = await Tree.open(folder, { fs })
      let lock: FolderLock | undefined
      try {
        const watch = new OwnerWatch(clock, force)
        // while the lock is waited for, too
        await watchIntents(tree, watch)
        if (!dryRun) lock = await lockFolder(tree, { ...options.lock, force, clock }, system)
        const transactions = await recoverIntents(tree, {
          dryRun,
          system,
          watch,
          lock,
          signal,
        })
        const recovery: TransactionRecovery = { state: overall(transactions), transactions }
        if (!dryRun) {
          const warnings = orphans ? await collectOrphans(tree, { system, force, clock, signal }) : []
          if (warnings.length > 0) recovery.warnings = warnings
          await removeEmptyFolders(tree)
        }
        return recovery
      } catch (error) {
        throw diskError(error, 'recover', folder)
      } finally {
        await lock?.release().catch(() => {})
        await tree.close()
      }
    }
    return admissionOf(fs).within(HANDLES.transaction, clock ?? systemClock, signal, recover)
  })
}

/** How {@link recoverIntents} works. */
interface Recovery {
  dryRun: boolean
  system: ProcessSystem
  watch: OwnerWatch
  /** That of the folder; none with `dryRun`. */
  lock: FolderLock | undefined
  signal?: AbortSignal | undefined
}

/** Begins to watch the intents in the folder: some may be of processes that cannot be looked at. */
export async function watchIntents(tree: Tree, watch: OwnerWatch): Promise<void> {
  for (const file of await IntentFile.find(tree)) {
    // what fails here fails again when the intent is read, and is told of then
    const state = await file.seen().catch(() => undefined)
    if (state !== undefined) watch.look(file.path, state)
  }
}

/** Whether the process of an intent goes on with it; undefined: it has to be watched longer. */
async function isRunning(
  file: IntentFile,
  owner: Owner,
  system: ProcessSystem,
  watch: OwnerWatch,
): Promise<boolean | undefined> {
  if (file.name.left) return false
  const fate = fateOf(owner, system)
  if (fate !== 'unseen') return fate === 'alive'
  const state = await file.seen()
  if (state === undefined) return true
  const known = watch.look(file.path, state)
  return known === 'unknown' ? undefined : known === 'alive'
}

/** Recovers the transactions of all intents in the folder, one after the other. The caller holds the lock. */
export async function recoverIntents(tree: Tree, recovery: Recovery): Promise<RecoveredTransaction[]> {
  const { dryRun, system, watch, lock, signal } = recovery
  const stop = new Stoppable('the recovery', signal)
  const guard = async () => {
    await stop.step()
    await lock?.check()
  }
  const recovered: RecoveredTransaction[] = []
  const passOver = (error: SluiceError) =>
    recovered.push({ id: '', state: 'foreign', paths: [], intent: error.path!, error })
  for (const file of await IntentFile.find(tree, passOver)) {
    await stop.step()
    const found: RecoveredTransaction = { id: '', state: 'damaged', paths: [], intent: file.path }
    recovered.push(found)
    try {
      const intent = await file.read()
      if (intent) {
        found.id = intent.id
        const { actions, adopted = [], emptied = [] } = intent
        found.paths = [...[...actions, ...adopted].map(({ path }) => path), ...emptied]
        let running = await isRunning(file, intent.owner, system, watch)
        while (running === undefined) {
          await untilNextLook(watch.clock, LOOK_EVERY, signal)
          running = await isRunning(file, intent.owner, system, watch)
        }
        if (running) found.state = 'running'
        else {
          // one that was only suspended finds it under another name, and can neither commit nor undo it
          if (!dryRun && !file.name.left && fateOf(intent.owner, system) === 'unseen') await file.leave()
          await recoverTransaction(new Steps(tree, intent, guard, { signal }), file, found, dryRun)
        }
      }
    } catch (error) {
      stop.check()
      found.state = 'failed'
      found.error = diskError(error, 'recover', file.path)
    }
  }
  return recovered
}

/**
 * A process that died before it had an intent left only temporary files. Those that cannot be removed are reported at
 * the end; gives what belongs to other users and could not be looked into.
 */
async function collectOrphans(
  { root, fs }: Tree,
  how: Pick<RecoverOptions, 'system' | 'force' | 'clock'> & Pick<Recovery, 'signal'>,
): Promise<SluiceError[]> {
  const everything = { olderThan: 0, recursive: true, now: () => Number.MAX_VALUE }
  const { errors, foreign } = await removeOrphans(root, { ...everything, ...how, fs, audit: UNRECORDED })
  if (errors[0]) throw errors[0]
  return foreign
}

/** What became of all of them together; those of other users are not ours to end. */
function overall(transactions: readonly RecoveredTransaction[]): TransactionRecovery['state'] {
  if (transactions.some(isInTheWay)) return 'unfinished'
  return transactions.some(isEnded) ? 'recovered' : 'nothing'
}

/** Whether the transaction is finished. */
export function isEnded({ state }: RecoveredTransaction): boolean {
  return state === 'discarded' || state === 'completed' || state === 'undone'
}

/** Whether the transaction is in the way of others that name its paths. */
export function isInTheWay(one: RecoveredTransaction): boolean {
  return !isEnded(one) && one.state !== 'foreign'
}

const DONE = { prepared: 'discarded', committed: 'completed', aborting: 'undone' } as const

async function recoverTransaction(
  steps: Steps,
  file: IntentFile,
  found: RecoveredTransaction,
  dryRun: boolean,
): Promise<void> {
  const { state } = file.name
  const direction = ({ prepared: 'discard', committed: 'forward', aborting: 'undo' } as const)[state]
  if (direction !== 'discard') {
    // durable first: else a power cut could bring back the earlier state, with half of the files new
    if (!dryRun) await file.sync()
    const conflicts = await steps.conflicts(direction)
    if (conflicts.length > 0) {
      found.state = 'conflict'
      found.conflicts = conflicts
      return
    }
  }
  found.removed = [file.path, ...(await steps.goes(direction))]
  if (!dryRun) {
    if (direction !== 'discard') {
      await (direction === 'forward' ? steps.forward() : steps.undo())
      await steps.sync()
      const warnings = direction === 'forward' ? await steps.finish() : []
      if (warnings.length > 0) found.warnings = warnings
    }
    await file.remove()
    await steps.clean()
  }
  found.state = DONE[state]
}
