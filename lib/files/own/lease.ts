import { type Clock, pause, systemClock } from '../../clock.js'
import { SluiceError } from '../../errors.js'
import type { FileStats } from '../disk/fs.js'
import { idText } from '../disk/stats.js'

/*
 * The owner of a lock, a journal or an intent may be a process that cannot be looked at: on another machine, in another
 * container. Then its record is a lease. The owner changes the record from time to time as long as it lives; who finds
 * that the record does not change for a whole LEASE, by its own clock, which never goes back, takes the owner for dead.
 * Clocks of different machines are never compared: it only counts that the record changed, not what time it says.
 *
 * The owner may have been suspended only, and wake up. So it looks whether the record is still its own before each step
 * that others can see, and stops with ERR_LOCK_LOST if it is not.
 */

/** Milliseconds for which a record must not change, while it is watched, until its owner counts as dead. */
export const LEASE = 10_000

/** Milliseconds between two changes of a record by its owner: several may be late, or get lost. */
export const RENEW_EVERY = 2_000

/** Milliseconds between two looks at a record. */
export const LOOK_EVERY = 100

/** What a record is like: equal as long as nobody changed it. */
export function stateOf(stats: FileStats): string {
  return `${idText(stats)} ${stats.size} ${stats.mtimeMs} ${stats.ctimeMs}`
}

/** Watches records of owners that cannot be looked at. */
export class OwnerWatch {
  readonly clock: Clock
  readonly #lease: number
  readonly #seen = new Map<string, { state: string; since: number; changed: boolean }>()

  /** @param force a person has made sure that none of these owners lives: then nothing is waited for */
  constructor(clock: Clock = systemClock, force = false) {
    this.clock = clock
    this.#lease = force ? 0 : LEASE
  }

  /**
   * What is known of the owner of a record that is in this state now. 'unknown': it has not been watched long enough.
   * @param record its path
   */
  look(record: string, state: string): 'dead' | 'alive' | 'unknown' {
    const now = this.clock.now()
    const seen = this.#seen.get(record)
    if (seen?.state !== state) this.#seen.set(record, { state, since: now, changed: seen !== undefined })
    if (now - (seen?.state === state ? seen.since : now) >= this.#lease) return 'dead'
    return this.#seen.get(record)!.changed ? 'alive' : 'unknown'
  }
}

/** Waits for the next look at a record. `ERR_CANCELLED` if the signal is aborted. */
export async function untilNextLook(
  clock: Clock,
  ms: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  await pause(clock, ms, signal)
  if (!signal?.aborted) return
  const message = 'what belongs to processes elsewhere was not watched any longer: cancelled'
  throw new SluiceError('ERR_CANCELLED', message, { cause: signal.reason })
}

/** What waits does not keep the process alive. */
export const backgroundClock: Clock = {
  now: () => performance.now(),
  after(ms, callback) {
    const timer = setTimeout(callback, ms).unref()
    return () => clearTimeout(timer)
  },
}

/** Changes a record from time to time, until it is stopped. */
export class Renewal {
  readonly #renew: () => Promise<unknown>
  readonly #clock: Clock
  /** When the last renewal began that succeeded. */
  #since: number
  #wasLate = false
  #cancel: () => void = () => {}
  #running: Promise<unknown> = Promise.resolve()
  #stopped = false

  /**
   * @param renew changes it. If that fails, it is tried again: the owner finds out by itself whether the record is lost
   */
  constructor(renew: () => Promise<unknown>, clock: Clock = backgroundClock) {
    this.#renew = renew
    this.#clock = clock
    this.#since = clock.now()
    this.#next()
  }

  /**
   * Whether the record did not change for so long that somebody else may have taken it: this process was suspended, or
   * blocked, or the disk refuses. It stays so until {@link confirm}, and until a renewal succeeds.
   */
  get isDoubtful(): boolean {
    return this.#wasLate || this.#clock.now() - this.#since > LEASE / 2
  }

  /** Somebody has looked: the record is still this process's. */
  confirm(): void {
    this.#wasLate = false
  }

  /** Resolves once the record is not touched any more. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#cancel()
    await this.#running
  }

  #next(): void {
    this.#cancel = this.#clock.after(RENEW_EVERY, () => {
      // a record that was taken changes nothing for its new owner: that this succeeds does not end the doubt
      this.#wasLate = this.isDoubtful
      const began = this.#clock.now()
      const succeeded = () => {
        this.#since = began
      }
      this.#running = this.#renew()
        .then(succeeded, () => {})
        .finally(() => this.#stopped || this.#next())
    })
  }
}
