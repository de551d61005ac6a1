import { SluiceError } from '../../errors.js'
import { type Clock, pause } from '../disk/clock.js'

const FIRST_PAUSE = 1
/** The more of them wait, the more often one of them asks: the time between two holders stays short. */
const LONGEST_PAUSE = 25
/** Whether the holder lives costs more to find out than whether there is one. */
const LOOK_EVERY = 100

export interface BackoffOptions {
  clock: Clock
  /** Milliseconds. */
  timeout: number
  signal: AbortSignal | undefined
  /** From 0 to 1. */
  random: () => number
}

/** The time that one claimant spends waiting: ever longer pauses, each of a random length, until one of its ends. */
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

  /** Whether it is time again to look who holds the lock; the first time it is. */
  isLookDue(): boolean {
    const now = this.#options.clock.now()
    if (now - this.#look < LOOK_EVERY) return false
    this.#look = now
    return true
  }

  /** Throws `ERR_CANCELLED` if the signal says so. */
  ensureWanted(): void {
    const { signal } = this.#options
    if (signal?.aborted)
      throw new SluiceError('ERR_CANCELLED', 'the lock was not waited for any longer: cancelled', {
        cause: signal.reason,
      })
  }

  /** Lets some time pass; ends early when the signal says so. */
  async pause(): Promise<void> {
    const { clock, signal, random } = this.#options
    const most = Math.max(0, this.#end - clock.now())
    const ms = Math.min(most, this.#pause * (0.5 + random()))
    this.#pause = Math.min(LONGEST_PAUSE, this.#pause * 1.5)
    this.ensureWanted()
    await pause(clock, ms, signal)
  }
}
