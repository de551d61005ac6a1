import { foldName } from '../disk/names.js'
import { IntentFile } from '../intent/intent-file.js'
import { OwnerWatch } from '../own/lease.js'
import { PendingTransactions } from '../transaction/context.js'
import { lockFolder } from '../transaction/folder.js'
import { areInLine } from '../transaction/plan.js'
import { isInTheWay, recoverIntents, watchIntents } from '../transaction/recover.js'
import type { RecoveryContext } from './context.js'

/**
 * Ends the transactions that dead processes left in the folder if one of them needs `path`, as the next transaction in
 * the folder would: a committed one will still change its files when somebody recovers it. Waits for a living one that
 * needs the path and is committing. One that does not need the path is neither changed nor waited for. Fails with
 * `ERR_TRANSACTION` if one that needs the path, or may need any, cannot be finished, and with `ERR_LOCKED`.
 * @returns whether that may have changed a file
 */
export async function endUnfinished(
  { tree, waiting, system, clock }: RecoveryContext,
  path: string,
): Promise<boolean> {
  const found = await IntentFile.find(tree)
  if (!(await mayNeed(found, path))) return false
  const watch = new OwnerWatch(clock)
  await watchIntents(tree, watch)
  const lock = await lockFolder(tree, waiting, system)
  try {
    const left = (await recoverIntents(tree, { dryRun: false, system, watch, lock })).filter(isInTheWay)
    const pending = new PendingTransactions(left, tree.root)
    pending.checkReadable()
    pending.check(path)
    return left.length < found.length
  } finally {
    await lock.release().catch(() => {})
  }
}

/**
 * Needs no lock: the paths of an intent never change. One that cannot be read, perhaps because it is being renamed,
 * may need any path.
 */
async function mayNeed(found: IntentFile[], path: string): Promise<boolean> {
  // folded: they may be one path on some disk, and a wrong yes only costs time
  const isNeeded = (one: string) => areInLine(foldName(one), foldName(path))
  for (const file of found) {
    const intent = await file.read().catch(() => undefined)
    if (!intent || intent.actions.some((action) => isNeeded(action.path))) return true
  }
  return false
}
