import { randomBytes } from 'node:crypto'
import { type Clock, systemClock } from '../../clock.js'
import { printable, SluiceError } from '../../errors.js'
import { diskError } from '../disk/disk-error.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import type { StagingArea } from '../intent/staging.js'
import type { FolderLock } from '../lock/folder-lock.js'
import { admissionOf, HANDLES } from '../own/admission.js'
import { OwnerWatch } from '../own/lease.js'
import { processSystem, thisOwner } from '../own/owner.js'
import { handlesOf } from '../tree/handle-budget.js'
import { Tree } from '../tree/tree.js'
import { lockFolder } from './folder.js'
import type { TransactionOptions } from './options.js'
import { areInLine } from './plan.js'
import { isInTheWay, type RecoveredTransaction, recoverIntents, watchIntents } from './recover.js'

/** What a transaction works with, from its beginning to its end. */
export interface TransactionContext extends StagingArea {
  id: string
  lock: FolderLock
  pending: PendingTransactions
  replaceReadOnly: boolean
  /** When the holder shows that it lives; for tests. */
  renewals: Clock | undefined
  /** Gives back the room that it has. */
  leave: () => void
  /** The earlier transactions that were found, and what was done with them. */
  recovered: readonly RecoveredTransaction[]
}

/**
 * Opens the folder, locks it, and recovers transactions of dead processes, or refuses to begin. If that fails, what
 * was opened is closed.
 */
export async function openContext(path: string, options: TransactionOptions): Promise<TransactionContext> {
  const { id = randomBytes(16).toString('hex'), durability = 'power' } = options
  const { fs = nodeFileSystem, system = processSystem, clock } = options
  const leave = await admissionOf(fs).enter(HANDLES.transaction, clock ?? systemClock, options.signal)
  try {
    return { ...(await openIn(path, { ...options, id, durability, fs, system })), leave }
  } catch (error) {
    leave()
    throw diskError(error, 'begin a transaction in', path)
  }
}

async function openIn(
  path: string,
  options: TransactionOptions & Required<Pick<TransactionOptions, 'id' | 'durability' | 'fs' | 'system'>>,
): Promise<Omit<TransactionContext, 'leave'>> {
  const { id, durability, fs, system, clock, renewals, replaceReadOnly = false } = options
  const tree = await Tree.open(path, { fs, handles: handlesOf(fs) })
  let lock: FolderLock | undefined
  try {
    const watch = new OwnerWatch(clock)
    await watchIntents(tree, watch)
    lock = await lockFolder(tree, { signal: options.signal, ...options.lock, clock, renewals }, system)
    const dryRun = options.unfinished === 'refuse'
    const recovered = await recoverIntents(tree, { dryRun, system, watch, lock })
    const left = recovered.filter((one) => (dryRun ? one.state !== 'foreign' : isInTheWay(one)))
    const pending = new PendingTransactions(left, tree.root)
    pending.checkBegin(id, dryRun)
    const warnings = lock.warning ? [lock.warning] : []
    const area = { tree, owner: thisOwner(system), durability, taken: new Map(), warnings }
    return { ...area, id, lock, pending, recovered, renewals, replaceReadOnly }
  } catch (error) {
    await lock?.release().catch(() => {})
    await tree.close()
    throw error
  }
}

/** Releases the lock and closes the folder. Failures are added to the warnings. */
export async function closeContext({ lock, tree, warnings, leave }: TransactionContext): Promise<void> {
  // a lock that cannot be released is free once this process has ended
  await lock.release().catch((error: unknown) => {
    warnings.push(diskError(error, 'release the lock on', tree.root))
  })
  await tree.close()
  leave()
}

/** The paths that unfinished transactions need. */
export class PendingTransactions {
  readonly #left: readonly RecoveredTransaction[]
  readonly #root: string

  constructor(left: readonly RecoveredTransaction[], root: string) {
    this.#left = left
    this.#root = root
  }

  /** Whether a transaction may begin: `ERR_TRANSACTION`. */
  checkBegin(id: string, refuse: boolean): void {
    const same = this.#left.find((one) => one.id === id)
    if (same) throw this.#refused(same, 'is not at its end, and has the same id')
    this.checkReadable()
    if (refuse && this.#left[0]) throw this.#refused(this.#left[0], 'was left there')
  }

  /** Whether the paths of all of them are known: `ERR_TRANSACTION`. */
  checkReadable(): void {
    const unreadable = this.#left.find((one) => one.id === '')
    if (!unreadable) return
    if (unreadable.error) throw unreadable.error
    const { intent } = unreadable
    const message = `${printable(intent)} is the intent of a transaction and cannot be read; look at the files in ${printable(this.#root)}, then remove it`
    throw new SluiceError('ERR_TRANSACTION', message, { path: intent })
  }

  /** Whether an operation may name the path: `ERR_TRANSACTION`. */
  check(path: string): void {
    const one = this.#left.find(({ paths }) => paths.some((other) => areInLine(other, path)))
    if (one) throw this.#refused(one, `is not at its end, and needs ${printable(path)}`)
  }

  #refused({ id, state, error }: RecoveredTransaction, why: string): SluiceError {
    const message = `transaction ${printable(id)} (${state}) ${why}; run: sluice recover ${printable(this.#root)}`
    return new SluiceError('ERR_TRANSACTION', message, { path: this.#root, found: id, cause: error })
  }
}
