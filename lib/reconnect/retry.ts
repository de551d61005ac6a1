import { checkDuration, checkKeys, checkWhole } from '../options.js'

/** How a connection that was lost is tried again. */
export interface ReconnectOptions {
  /**
   * How often, before it is given up. A connection that held for longer than `longest` begins the count anew. Default
   * 10; with 0 it is not tried.
   */
  attempts?: number
  /**
   * Milliseconds until the first attempt; doubled for each further one, and shortened at random by up to a half.
   * Default 1,000.
   */
  pause?: number
  /** Milliseconds until an attempt at most. Default 30,000. */
  longest?: number
  /** Milliseconds in which an attempt must give a connection. Default 30,000. */
  timeout?: number
}

/** How a lost connection is tried again where nothing else is said. */
export const DEFAULT_RETRY: Required<ReconnectOptions> = Object.freeze({
  attempts: 10,
  pause: 1_000,
  longest: 30_000,
  timeout: 30_000,
})

/**
 * The defaults, with what `given` changes.
 * @throws SluiceError `ERR_USAGE`
 */
export function retryOf(given: ReconnectOptions = {}): Required<ReconnectOptions> {
  checkKeys('retry', given, DEFAULT_RETRY)
  checkWhole('retry.attempts', given.attempts, 0)
  for (const name of ['pause', 'longest', 'timeout'] as const) checkDuration(`retry.${name}`, given[name])
  return { ...DEFAULT_RETRY, ...given }
}

/**
 * Milliseconds until an attempt, the first of which is 1. At random, so that many that were cut off do not come at
 * once.
 */
export function pauseBefore(
  attempt: number,
  { pause, longest }: Required<ReconnectOptions>,
  random: () => number = Math.random,
): number {
  return Math.min(longest, pause * 2 ** (attempt - 1)) * (1 - random() / 2)
}
