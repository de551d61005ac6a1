/** Time as the library sees it: monotonic, in milliseconds. A parameter, so that tests need not wait. */
export interface Clock {
  /** Milliseconds since some fixed moment; never goes back. */
  now(): number
  /** Calls back once after `ms` milliseconds; returns a function that cancels it. */
  after(ms: number, callback: () => void): () => void
}

/** In milliseconds. Temporary files older than this count as left behind, unless the caller gives another age. */
export const A_DAY = 24 * 60 * 60 * 1000

/** In milliseconds. A timer of Node for longer than this rings at once. */
export const MOST_TIMER = 2 ** 31 - 1

/** The clock of this process. */
export const systemClock: Clock = {
  now: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms)
    return () => clearTimeout(timer)
  },
}

/** Waits for `ms` milliseconds, or until the signal is aborted. */
export function pause(clock: Clock, ms: number, signal: AbortSignal | undefined): Promise<void> {
  if (signal?.aborted) return Promise.resolve()
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
