import type { Owed } from '../../async.js'
import type { Clock } from '../../clock.js'

/** Milliseconds without an answer before it is told. */
const LONG = 10_000
/** It is told again after twice the time each time; and no more than this of a whole transfer. */
const MOST_WARNINGS = 8

/** Notices what others owe for long: they may never answer, and nobody would know what is waited for. */
export class Stalls {
  readonly #clock: Clock
  readonly #warn: (text: string) => void
  #owed = new Map<unknown, { since: number; patience: number }>()
  #warnings = 0

  constructor(clock: Clock, warn: (text: string) => void) {
    this.#clock = clock
    this.#warn = warn
  }

  /** Takes what is owed at the moment; to be called again and again. */
  look(owed: Iterable<Owed>): void {
    const now = this.#clock.now()
    const before = this.#owed
    this.#owed = new Map()
    for (const { text, what } of owed) {
      const known = before.get(what) ?? { since: now, patience: LONG }
      this.#owed.set(what, known)
      const waited = now - known.since
      if (waited < known.patience || this.#warnings >= MOST_WARNINGS) continue
      this.#warnings += 1
      known.patience = 2 * waited
      this.#warn(`${text} for ${Math.round(waited / 1000)} s`)
    }
  }
}
