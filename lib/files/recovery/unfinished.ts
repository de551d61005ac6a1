import { findIntents } from '../intent/find-intents.js'
import type { ProcessSystem } from '../owner.js'
import { Blocked } from '../transaction/blocked.js'
import { groundOf, lockGround } from '../transaction/ground.js'
import { isEnded, recoverIntents } from '../transaction/recover.js'
import type { Tree } from '../tree.js'
import type { RecoveryManagerOptions } from './options.js'

/**
 * Transactions in the folder that dead processes left. One that is committed changes its files yet, whenever somebody
 * recovers it: were a file looked at before that, what stands there would be taken for what stays.
 */
export class Unfinished {
  readonly #tree: Tree
  readonly #lock: RecoveryManagerOptions['lock']
  readonly #system: ProcessSystem

  constructor(tree: Tree, lock: RecoveryManagerOptions['lock'], system: ProcessSystem) {
    this.#tree = tree
    this.#lock = lock
    this.#system = system
  }

  /**
   * Ends them, as the next transaction in the folder would, before `path` is looked at; waits for one that is being
   * committed. Fails with `ERR_TRANSACTION` where one that needs the path cannot be ended, and `ERR_LOCKED`.
   * @returns whether a file may have changed by that
   */
  async end(path: string): Promise<boolean> {
    const found = await findIntents(this.#tree)
    if (found.length === 0) return false
    const ground = groundOf(this.#tree)
    const system = this.#system
    const lock = await lockGround(ground, { lock: this.#lock, system })
    try {
      const recovered = await recoverIntents(ground, { dryRun: false, system })
      const left = recovered.filter((one) => !isEnded(one))
      const blocked = new Blocked(left, this.#tree.root)
      blocked.checkReadable()
      blocked.check(path)
      return left.length < found.length
    } finally {
      await lock.release().catch(() => {})
    }
  }
}
