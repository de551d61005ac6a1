import { checkOption } from '../../options.js'

/**
 * A limit in bytes per second that can be changed while stages heed it: one for a transfer, or for several, of which
 * each has as much.
 *
 * ```ts
 * const rate = new Rate(500_000)
 * send(socket, ['photos'], { stages: { wire: [throttle({ rate })] } })
 * rate.limit = 100_000 // from now on
 * rate.limit = null // as fast as it goes
 * ```
 */
export class Rate {
  #limit: number | null = null
  readonly #listeners = new Set<() => void>()

  /** @throws SluiceError `ERR_USAGE` for what is no limit, as does setting it */
  constructor(limit: number | null = null) {
    this.limit = limit
  }

  /** Bytes per second, at least 1; null for no limit. */
  get limit(): number | null {
    return this.#limit
  }

  set limit(limit: number | null) {
    const isLimit = limit === null || (Number.isFinite(limit) && limit >= 1)
    checkOption('rate', limit, isLimit, 'a finite number of bytes per second from 1, or null for no limit')
    this.#limit = limit
    for (const changed of this.#listeners) changed()
  }

  /**
   * For a stage of yours: what is to be called after each change.
   * @returns what ends that
   */
  onChange(changed: () => void): () => void {
    this.#listeners.add(changed)
    return () => void this.#listeners.delete(changed)
  }
}
