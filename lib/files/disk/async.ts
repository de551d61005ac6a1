/** Runs what it is given, at most `most` at once, in the order in which it came. */
export class Limiter {
  readonly #most: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(most: number) {
    this.#most = most
  }

  async run<T>(act: () => Promise<T>): Promise<T> {
    if (this.#running === this.#most) await new Promise<void>((resolve) => this.#waiting.push(resolve))
    else this.#running++
    try {
      return await act()
    } finally {
      // the place is handed on, so that nobody who comes now takes it
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running--
    }
  }

  /** Acts on each item; waits for all of them, and then throws the first error. */
  async each<T>(items: Iterable<T>, act: (item: T) => Promise<void>): Promise<void> {
    const results = await Promise.allSettled([...items].map((item) => this.run(() => act(item))))
    const failed = results.find((result) => result.status === 'rejected')
    if (failed) throw failed.reason
  }
}

/**
 * Makes one run serve many: calls that come while `act` runs share the next run, since the one that runs may have
 * begun before what they want covered. A run begins after the caller's turn, so that calls of one turn share it too.
 */
export function coalesce(act: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve()
  let waiting: Promise<void> | undefined
  return () => {
    waiting ??= running
      .catch(() => {})
      .then(() => {
        running = waiting!
        waiting = undefined
        return act()
      })
    return waiting
  }
}
