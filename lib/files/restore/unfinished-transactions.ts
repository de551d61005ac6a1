import { foldName } from '../disk/names.js'
import { type FoundIntent, findIntents, readIntent } from '../intent/find-intents.js'
import type { ProcessSystem } from '../own/owner.js'
import { lockFolder, transactionFolder } from '../transaction/folder.js'
import { PendingTransactions } from '../transaction/pending.js'
import { isEnded, recoverIntents } from '../transaction/recover.js'
import type { Tree } from '../tree/tree.js'
import type { RecoveryManagerOptions } from './options.js'

/**
 * Transactions in the folder that dead processes left. One that is committed changes its files yet, whenever somebody
 * recovers it: were a file looked at before that, what is there would be taken for what stays.
 */
export class UnfinishedTransactions {
  readonly #tree: Tree
  readonly #lock: RecoveryManagerOptions['lock']
  readonly #system: ProcessSystem

  constructor(tree: Tree, lock: RecoveryManagerOptions['lock'], system: ProcessSystem) {
    this.#tree = tree
    this.#lock = lock
    this.#system = system
  }

  /**
   * Where one of them needs `path`, ends them, as the next transaction in the folder would, before the path is looked
   * at; waits for one that needs it and is being committed. One that does not need it neither changes nor delays it.
   * Fails with `ERR_TRANSACTION` where one that needs the path, or may need any, cannot be ended, and `ERR_LOCKED`.
   * @returns whether a file may have changed by that
   */
  async end(path: string): Promise<boolean> {
    const found = await findIntents(this.#tree)
    if (!(await this.#mayNeed(found, path))) return false
    const folder = transactionFolder(this.#tree)
    const system = this.#system
    const lock = await lockFolder(folder, { lock: this.#lock, system })
    try {
      const recovered = await recoverIntents(folder, { dryRun: false, system })
      const left = recovered.filter((one) => !isEnded(one))
      const pending = new PendingTransactions(left, this.#tree.root)
      pending.checkReadable()
      pending.check(path)
      return left.length < found.length
    } finally {
      await lock.release().catch(() => {})
    }
  }
  /**
   * Asked without the lock: which paths an intent needs never changes as long as it stands. Where one cannot be read,
   * perhaps since it is renamed in this moment, it may need any.
   */
  async #mayNeed(found: FoundIntent[], path: string): Promise<boolean> {
    for (const one of found) {
      const intent = await readIntent(this.#tree, one).catch(() => undefined)
      if (!intent || intent.actions.some((action) => areInLine(action.path, path))) return true
    }
    return false
  }
}

/** Whether two paths are one, or one is in the other, on any file system: to ask for too much is only slower. */
function areInLine(one: string, other: string): boolean {
  const [a, b] = [`${foldName(one)}/`, `${foldName(other)}/`]
  return a.startsWith(b) || b.startsWith(a)
}
