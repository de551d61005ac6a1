import { deferred } from '../../async.js'
import type { Clock } from '../../clock.js'

/** Waits for what others do: as long as it takes, until patience begins to run out. */
export class Patience {
  readonly #clock: Clock
  readonly #milliseconds: number
  readonly #late = deferred<boolean>()
  #cancel: (() => void) | undefined
  #isOver = false

  /** @param milliseconds for which it is waited from {@link runOut} on */
  constructor(clock: Clock, milliseconds: number) {
    this.#clock = clock
    this.#milliseconds = milliseconds
  }

  /** From now on it is waited for so long, and no longer. */
  runOut(): void {
    if (this.#isOver) return
    this.#cancel ??= this.#clock.after(this.#milliseconds, () => this.#late.resolve(false))
  }

  /** Resolves with true when the work has ended, or with false when it was waited for long enough. Called once. */
  async for(work: Promise<unknown>): Promise<boolean> {
    try {
      return await Promise.race([work.then(() => true), this.#late.promise])
    } finally {
      this.#isOver = true
      this.#cancel?.()
    }
  }
}
