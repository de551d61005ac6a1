import type { SluiceError } from '../../errors.js'
import { checkFlag, checkLocalPath } from '../../options.js'
import { type Audited, audited, UNRECORDED } from '../audit/recorder.js'
import { diskError } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { IntentFile } from '../intent/intent-file.js'
import { removeOrphans } from '../intent/remove-orphans.js'
import type { FolderLock } from '../lock/folder-lock.js'
import { removeEmptyFolders } from '../own/own-folder.js'
import { isGone, type ProcessSystem, processSystem } from '../own/owner.js'
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
}

/** Options of {@link recoverTransactions}. */
export interface RecoverOptions extends Audited {
  /** Change nothing, only report what would be done. */
  dryRun?: boolean
  /** Whether temporary files of dead processes in all folders below are removed, too. Default true. */
  orphans?: boolean
  fs?: FileSystem
  /** How long to wait for a running transaction. Milliseconds, default 10,000. */
  lock?: { timeout?: number; signal?: AbortSignal }
  /** Which processes are alive; for tests. */
  system?: ProcessSystem
}

/**
 * Finishes the transactions that dead processes left in `folder`: a committed one is completed, any other is
 * undone, so that afterwards each is done wholly or not at all. Then removes their temporary files. A file that is
 * neither what the transaction found nor what it wrote is never touched: then the transaction stays, and is reported
 * as 'conflict'. It may itself be interrupted at any moment and run again. Transactions of living processes are left
 * alone.
 *
 * Fails with `ERR_USAGE`, `ERR_LOCKED` (a transaction runs there), and for failures of the disk during the search
 * with `ERR_WRITE`, `ERR_PERMISSION`, `ERR_READ_ONLY`; also if a temporary file cannot be removed, after all else was
 * done. The failure of a single transaction is in its result.
 */
export function recoverTransactions(
  folder: string,
  options: RecoverOptions = {},
): Promise<RecoveredTransaction[]> {
  return audited('recoverTransactions', folder, options, async () => {
    const { dryRun = false, orphans = true, fs = nodeFileSystem, system = processSystem } = options
    checkLocalPath('folder', folder)
    checkFlag('dryRun', dryRun)
    checkFlag('orphans', orphans)
    const tree = await Tree.open(folder, { fs })
    let lock: FolderLock | undefined
    try {
      if (!dryRun) lock = await lockFolder(tree, options.lock, system)
      const recovered = await recoverIntents(tree, dryRun, system)
      if (!dryRun) {
        if (orphans) await collectOrphans(tree, system)
        await removeEmptyFolders(tree)
      }
      return recovered
    } catch (error) {
      throw diskError(error, 'recover', folder)
    } finally {
      await lock?.release().catch(() => {})
      await tree.close()
    }
  })
}

/** Recovers the transactions of all intents in the folder, one after the other. The caller holds the lock. */
export async function recoverIntents(
  tree: Tree,
  dryRun: boolean,
  system: ProcessSystem,
): Promise<RecoveredTransaction[]> {
  const recovered: RecoveredTransaction[] = []
  const passOver = (error: SluiceError) =>
    recovered.push({ id: '', state: 'foreign', paths: [], intent: error.path!, error })
  for (const file of await IntentFile.find(tree, passOver)) {
    const found: RecoveredTransaction = { id: '', state: 'damaged', paths: [], intent: file.path }
    recovered.push(found)
    try {
      const intent = await file.read()
      if (intent) {
        found.id = intent.id
        found.paths = intent.actions.map(({ path }) => path)
        if (!file.name.left && !isGone(intent.owner, system)) found.state = 'running'
        else await recoverTransaction(new Steps(tree, intent), file, found, dryRun)
      }
    } catch (error) {
      found.state = 'failed'
      found.error = diskError(error, 'recover', file.path)
    }
  }
  return recovered
}

/**
 * A process that died before it had an intent left only temporary files. Those that cannot be removed are reported at
 * the end.
 */
async function collectOrphans(tree: Tree, system: ProcessSystem): Promise<void> {
  const everything = { olderThan: 0, recursive: true, now: () => Number.MAX_VALUE }
  const { errors } = await removeOrphans(tree.root, { ...everything, fs: tree.fs, system, audit: UNRECORDED })
  if (errors[0]) throw errors[0]
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
    }
    await file.remove()
    await steps.clean()
  }
  found.state = DONE[state]
}
