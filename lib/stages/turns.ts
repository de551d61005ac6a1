import { setImmediate } from 'node:timers/promises'
import type { Clock } from '../files/clock.js'

/** Milliseconds for which a loop may hold the others up. */
const SLICE = 8

/**
 * Lets others have their turn in a long loop of short steps, also where a blocking file system or a memory never lets
 * go of the event loop by itself.
 */
export class Turns {
  readonly #clock: Clock
  #since: number

  constructor(clock: Clock) {
    this.#clock = clock
    this.#since = clock.now()
  }

  /** Waits for a turn of the event loop, if it is time for one. */
  async give(): Promise<void> {
    if (this.#clock.now() - this.#since <= SLICE) return
    await setImmediate()
    this.#since = this.#clock.now()
  }
}
