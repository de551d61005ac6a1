import { SluiceError } from '../../errors.js'
import type { StoreCalls } from './store-calls.js'

/** A store that `partSink` and `finalizer` share: it travels with the offer, and whoever holds it last closes it. */
export class SharedStore {
  readonly parts: StoreCalls
  #holders = 0
  #closed = false

  constructor(parts: StoreCalls) {
    this.parts = parts
  }

  /** Keeps it open until {@link release}. */
  hold(): void {
    if (this.#closed) {
      throw new SluiceError(
        'ERR_STATE',
        'the store was closed already; put finalizer() directly behind partSink()',
      )
    }
    this.#holders++
  }

  async release(): Promise<void> {
    if (--this.#holders > 0) return
    this.#closed = true
    await this.parts.close()
  }
}
