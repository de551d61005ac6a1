import { type Clock, systemClock } from '../../clock.js'
import { systemCode } from './disk-error.js'

/** Whether the process, or the whole system, has no handle left (EMFILE, ENFILE, also as the cause). */
export function isOutOfHandles(error: unknown): boolean {
  const code = systemCode(error)
  return code === 'EMFILE' || code === 'ENFILE'
}

/**
 * Calls `work` again as long as it fails because there is no handle left, and `wait` says that it is worth another try.
 * Every other error is passed on at once. What has failed must hold no handle.
 */
export async function retryWhileOut<T>(work: () => Promise<T>, wait: () => Promise<boolean>): Promise<T> {
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isOutOfHandles(error) || !(await wait())) throw error
    }
  }
}

/** Milliseconds between two tries of {@link retryOpen}, and how many there are: 10 s in all. */
const RETRY_PAUSE = 20
const MOST_OPEN_TRIES = 500

/** {@link retryWhileOut} for 10 s, or until `signal` is aborted: where it is others who will close their files. */
export function retryOpen<T>(
  work: () => Promise<T>,
  { clock = systemClock, signal }: { clock?: Clock; signal?: AbortSignal } = {},
): Promise<T> {
  let tries = 1
  return retryWhileOut(work, async () => {
    if (tries++ === MOST_OPEN_TRIES || signal?.aborted) return false
    await new Promise<void>((resolve) => clock.after(RETRY_PAUSE, resolve))
    return true
  })
}
