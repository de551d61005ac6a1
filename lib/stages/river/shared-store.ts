import { SluiceError } from '../../errors.js'
import type { PartStore } from '../../stores/parts.js'

/** A store that `partSink` and `finalizer` share: it travels with the offer, and whoever holds it last closes it. */
export class SharedStore {
  readonly parts: PartStore
  #holders = 0
  #closed = false

  constructor(parts: PartStore) {
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
