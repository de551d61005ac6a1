import { diskError } from '../disk/disk-error.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { makeId } from '../intent/intent.js'
import type { StagingArea } from '../intent/staging.js'
import type { DirectoryLock } from '../lock/directory-lock.js'
import { processSystem, thisOwner } from '../own/owner.js'
import { Tree } from '../tree/tree.js'
import { lockFolder, type TransactionFolder, transactionFolder } from './folder.js'
import type { TransactionOptions } from './options.js'
import { PendingTransactions } from './pending.js'
import { isEnded, type RecoveredTransaction, recoverIntents } from './recover.js'

/** What a transaction works with, from its beginning to its end. */
export interface TransactionContext extends StagingArea, TransactionFolder {
  id: string
  lock: DirectoryLock
  pending: PendingTransactions
  /** The earlier transactions that were found, and what was done with them. */
  recovered: readonly RecoveredTransaction[]
}

/**
 * Opens the folder, locks it, and recovers transactions of dead processes, or refuses to begin. If that fails, what
 * was opened is closed.
 */
export async function openContext(
  directory: string,
  options: TransactionOptions,
): Promise<TransactionContext> {
  const { id = makeId(), durability = 'power', fs = nodeFileSystem, system = processSystem } = options
  const tree = await Tree.open(directory, { fs })
  let lock: DirectoryLock | undefined
  try {
    const folder = transactionFolder(tree)
    lock = await lockFolder(folder, { lock: { signal: options.signal, ...options.lock }, system })
    const dryRun = options.unfinished === 'refuse'
    const recovered = await recoverIntents(folder, { dryRun, system })
    const pending = new PendingTransactions(
      dryRun ? recovered : recovered.filter((one) => !isEnded(one)),
      tree.root,
    )
    pending.checkBegin(id, dryRun)
    const area = { owner: thisOwner(system), durability, taken: new Set<string>(), warnings: [] }
    return { ...folder, ...area, id, lock, pending, recovered }
  } catch (error) {
    await lock?.release().catch(() => {})
    await tree.close()
    throw diskError(error, 'begin a transaction in', directory)
  }
}

/** Releases the lock and closes the folder. Failures are added to the warnings. */
export async function closeContext({ lock, tree, warnings }: TransactionContext): Promise<void> {
  // a lock that cannot be released is free once this process has ended
  await lock.release().catch((error: unknown) => {
    warnings.push(diskError(error, 'release the lock on', tree.root))
  })
  await tree.close()
}
