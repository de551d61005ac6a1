import { printable, SluiceError } from '../../errors.js'
import { foldersAbove } from './plan.js'
import type { RecoveredTransaction } from './recover.js'

/** The paths that unfinished transactions need. */
export class PendingTransactions {
  readonly #left: readonly RecoveredTransaction[]
  readonly #root: string
  /** The transaction that needs a path, by path and by the folders above it. */
  readonly #paths = new Map<string, RecoveredTransaction>()
  readonly #above = new Map<string, RecoveredTransaction>()

  constructor(left: readonly RecoveredTransaction[], root: string) {
    this.#left = left
    this.#root = root
    for (const one of left) {
      for (const path of one.paths) {
        this.#paths.set(path, one)
        for (const above of foldersAbove(path)) this.#above.set(above, one)
      }
    }
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
    const by = [path, ...foldersAbove(path)].map((one) => this.#paths.get(one)).find((one) => one)
    const one = by ?? this.#above.get(path)
    if (one) throw this.#refused(one, `is not at its end, and needs ${printable(path)}`)
  }

  #refused({ id, state, error }: RecoveredTransaction, why: string): SluiceError {
    const message = `transaction ${printable(id)} (${state}) ${why}; run: sluice recover ${printable(this.#root)}`
    return new SluiceError('ERR_TRANSACTION', message, { path: this.#root, found: id, cause: error })
  }
}
