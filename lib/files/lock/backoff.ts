import { SluiceError } from '../../errors.js'
import { type Clock, pause } from '../disk/clock.js'

const FIRST_PAUSE = 1
/** The more of them wait, the more often one of them checks, so that the time between two holders stays short. */
const LONGEST_PAUSE = 25
/**
 * To find out whether the holder is alive costs more than to see that there is one: it is done once in so many
 * milliseconds.
 */
const LOOK_EVERY = 100

export interface BackoffOptions {
  clock: Clock
  /** Milliseconds. */
  timeout: number
  signal: AbortSignal | undefined
  /** From 0 to 1. */
  random: () => number
}

/**
 * The waiting of one claimant: ever longer pauses of random length, until the time is over or the signal is aborted.
 */
export class Backoff {
  readonly #options: BackoffOptions
  readonly #end: number
  #pause = FIRST_PAUSE
  #look = Number.NEGATIVE_INFINITY

  constructor(options: BackoffOptions) {
    this.#options = options
    this.#end = options.clock.now() + options.timeout
  }

  get isOver(): boolean {
    return this.#options.clock.now() >= this.#end
  }

  /** Whether it is time to check again who holds the lock. The first time it is. */
  isLookDue(): boolean {
    const now = this.#options.clock.now()
    if (now - this.#look < LOOK_EVERY) return false
    this.#look = now
    return true
  }

  /** Throws `ERR_CANCELLED` if the signal is aborted. */
  ensureWanted(): void {
    const { signal } = this.#options
    if (signal?.aborted)
      throw new SluiceError('ERR_CANCELLED', 'the lock was not waited for any longer: cancelled', {
        cause: signal.reason,
      })
  }

  /** Waits for the next pause, or until the signal is aborted. */
  async pause(): Promise<void> {
    const { clock, signal, random } = this.#options
    const most = Math.max(0, this.#end - clock.now())
    const ms = Math.min(most, this.#pause * (0.5 + random()))
    this.#pause = Math.min(LONGEST_PAUSE, this.#pause * 1.5)
    this.ensureWanted()
    await pause(clock, ms, signal)
  }
}
