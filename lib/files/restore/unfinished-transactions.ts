import { foldName } from '../disk/names.js'
import { type FoundIntent, findIntents, readIntent } from '../intent/find-intents.js'
import type { ProcessSystem } from '../own/owner.js'
import { lockFolder, transactionFolder } from '../transaction/folder.js'
import { PendingTransactions } from '../transaction/pending.js'
import { isEnded, recoverIntents } from '../transaction/recover.js'
import type { Tree } from '../tree/tree.js'
import type { RecoveryManagerOptions } from './options.js'

/**
 * Transactions that dead processes left in the folder. A committed one will still change its files when somebody
 * recovers it: what is there before that is not what will stay.
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
   * If one of them needs `path`, recovers them all, as the next transaction in the folder would; waits for a living
   * one that needs the path and is committing. One that does not need the path is neither changed nor waited for.
   * Fails with `ERR_TRANSACTION` if one that needs the path, or may need any, cannot be finished, and with
   * `ERR_LOCKED`.
   * @returns whether that may have changed a file
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
   * Needs no lock: the paths of an intent never change. One that cannot be read, perhaps because it is being renamed,
   * may need any path.
   */
  async #mayNeed(found: FoundIntent[], path: string): Promise<boolean> {
    for (const one of found) {
      const intent = await readIntent(this.#tree, one).catch(() => undefined)
      if (!intent || intent.actions.some((action) => areInLine(action.path, path))) return true
    }
    return false
  }
}

/** Whether the paths are equal, or one is inside the other, on any file system. A wrong yes only costs time. */
function areInLine(one: string, other: string): boolean {
  const [a, b] = [`${foldName(one)}/`, `${foldName(other)}/`]
  return a.startsWith(b) || b.startsWith(a)
}
