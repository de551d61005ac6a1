import { type Clock, systemClock } from './clock.js'
import { errorCode } from './disk-error.js'

/** Milliseconds between two tries, and how many there are: 10 s in all. */
const PAUSE = 20
const TRIES = 500

/**
 * Does `act` again while too many files are open, here or on the whole system: others will close theirs. Everything
 * else that goes wrong is passed on at once, and so is this after 10 s or once `signal` is aborted.
 */
export async function retryOpen<T>(
  act: () => Promise<T>,
  { clock = systemClock, signal }: { clock?: Clock; signal?: AbortSignal } = {},
): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await act()
    } catch (error) {
      const code = errorCode(error)
      if (tries === TRIES || signal?.aborted || (code !== 'EMFILE' && code !== 'ENFILE')) throw error
    }
    await new Promise<void>((resolve) => clock.after(PAUSE, resolve))
  }
}
