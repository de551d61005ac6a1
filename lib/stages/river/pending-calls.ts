import type { Owed } from '../../async.js'
import { printable } from '../../errors.js'

/** Calls of a store that have not answered yet. */
export class PendingCalls {
  readonly #calls = new Set<{ text: string }>()

  /** Calls; `what` says what the store is to do with what has this path. */
  async of<T>(what: string, path: string, call: () => Promise<T> | T): Promise<T> {
    const pending = { text: `the store, which is to ${what} ${printable(path)}, has not answered` }
    this.#calls.add(pending)
    try {
      return await call()
    } finally {
      this.#calls.delete(pending)
    }
  }

  /** Those that are owed. */
  *owed(): Generator<Owed, void> {
    for (const pending of this.#calls) yield { text: pending.text, what: pending }
  }
}
