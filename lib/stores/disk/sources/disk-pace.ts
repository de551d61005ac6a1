import type { Clock } from '../../../clock.js'

/** Files that are looked at in one step, by calls in a row. */
export const LOOKS_AT_ONCE = 16
/** Milliseconds for one step that takes a few at most on a fast disk. */
const SLOW = 50
/** Milliseconds for which a disk that was slow is not waited for. */
const SLOW_FOR = 1000

/**
 * Whether a disk is too slow for synchronous calls: the event loop would stand still. It is so when two steps in a row
 * took long; a single one may be chance, since other processes have their turn, too.
 */
export class DiskPace {
  readonly clock: Clock
  #wasSlow = false
  #slowUntil: number | undefined

  constructor(clock: Clock) {
    this.clock = clock
  }

  get isSlow(): boolean {
    return this.#slowUntil !== undefined && this.clock.now() < this.#slowUntil
  }

  /** To be told how long each step took: calls that the event loop waited for, on one file or a few. */
  took(ms: number): void {
    const isSlow = ms > SLOW
    if (isSlow && this.#wasSlow) this.#slowUntil = this.clock.now() + SLOW_FOR
    this.#wasSlow = isSlow
  }
}
