/** Time as the library sees it: monotonic, in milliseconds. A parameter, so that tests need not wait. */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number
  /** Calls back once after `ms` milliseconds; gives a function that cancels it. */
  after(ms: number, callback: () => void): () => void
}

/** In milliseconds: what is older counts as left behind, unless the caller says something else. */
export const A_DAY = 24 * 60 * 60 * 1000

/** The clock of this process. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
}

/** Lets `ms` milliseconds pass; ends early when the signal says so. */
export function pause(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      cancel()
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const cancel = clock.after(ms, end)
    signal?.addEventListener('abort', end)
  })
}
