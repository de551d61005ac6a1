import { type Clock, pause } from '../../clock.js'
import { printable, SluiceError } from '../../errors.js'
import { LOOK_EVERY } from '../own/lease.js'
import type { LockClaim } from './claim.js'
import type { Claimant } from './lock-names.js'

/**
 * Takes the lock for a claim that was announced: enters the gate, and then waits for the readers to leave or becomes
 * one. Throws `ERR_LOCKED`, `ERR_CANCELLED` and system errors; entries of the claimant may remain then.
 * @param folder for the message
 */
export async function takeLock(claim: LockClaim, waiting: Backoff, folder: string): Promise<void> {
  for (;;) {
    await enter(claim, waiting, folder)
    const isReader = claim.claimant.mode === 'shared'
    if (await (isReader ? claim.pass() : outwait(claim, waiting, folder))) return
    // somebody removed our entry by hand: starts again
    waiting.ensureWanted()
    if (waiting.isOver) throw locked(folder, claim, [])
    await waiting.pause()
    await claim.announce()
  }
}

async function enter(claim: LockClaim, waiting: Backoff, folder: string): Promise<void> {
  for (let lastTry = false; ; ) {
    if (await claim.enter()) return
    const over = waiting.isOver
    if (over || waiting.isLookDue()) {
      const { ours, inside } = await claim.lookInside()
      if (ours) return
      // who was inside has left, or was removed
      if (inside.length === 0 && !lastTry) {
        lastTry = over
        continue
      }
      if (over && !waiting.mayWatch(claim)) throw locked(folder, claim, inside)
    }
    await waiting.pause()
    waiting.ensureWanted()
  }
}

/** Waits inside the gate until the last reader has left. Returns whether our entry is still inside. */
async function outwait(claim: LockClaim, waiting: Backoff, folder: string): Promise<boolean> {
  for (let waited = false; ; waited = true) {
    const readers = await claim.readers()
    if (!readers) return false
    if (readers.length === 0) return !waited || claim.isHeld()
    if (waiting.isOver && !waiting.mayWatch(claim)) throw locked(folder, claim, readers)
    await waiting.pause()
    waiting.ensureWanted()
  }
}

/** The error of one who has waited long enough. */
export function locked(folder: string, claim: LockClaim, holders: (Claimant | string)[]): SluiceError {
  const { owner: own } = claim.claimant
  const isThis = ({ owner: { host, pid } }: Claimant) => host === own.host && pid === own.pid
  const names = holders.map((holder) => {
    if (typeof holder === 'string') return `something that is not ours, "${printable(holder)}"`
    const { mode, owner } = holder
    if (isThis(holder)) return `this process (${mode})`
    const where = owner.host === own.host ? '' : ' on another machine or in another container'
    return `process ${owner.pid}${where} (${mode})`
  })
  const by = names.length === 0 ? 'others, in turns' : names.slice(0, 8).join(', ')
  // the holder is this process: it must not be told to end the holder or to remove the folder
  const wayOut = holders.some((holder) => typeof holder !== 'string' && isThis(holder))
    ? 'end what holds it here first (a lock, an update, a transaction, a recovery manager), or wait longer (option timeout)'
    : 'wait longer (option timeout), end that process, ' +
      `or, if nobody uses it for certain, remove the folder ${printable(claim.path)}`
  const message = `${printable(folder)} is locked by ${by}; ${wayOut}`
  return new SluiceError('ERR_LOCKED', message, { path: folder, found: holders })
}

const FIRST_PAUSE = 1
/** The more of them wait, the more often one of them checks, so that the time between two holders stays short. */
const LONGEST_PAUSE = 25

/**
 * The waiting of one claimant: ever longer pauses of random length, until the time is over or the signal is aborted.
 */
export class Backoff {
  readonly #clock: Clock
  readonly #signal: AbortSignal | undefined
  readonly #random: () => number
  readonly #timeout: number
  #end: number
  #pause = FIRST_PAUSE
  #look = Number.NEGATIVE_INFINITY

  /** @param timeout in milliseconds */
  constructor(clock: Clock, timeout: number, signal: AbortSignal | undefined, random: () => number) {
    this.#clock = clock
    this.#signal = signal
    this.#random = random
    this.#timeout = timeout
    this.#end = clock.now() + timeout
  }

  get now(): number {
    return this.#clock.now()
  }

  /** Milliseconds until the time is over. */
  get left(): number {
    return Math.max(0, this.#end - this.#clock.now())
  }

  /** The time counts from `since` on, if that is later than its beginning. */
  restart(since: number): void {
    this.#end = Math.max(this.#end, since + this.#timeout)
  }

  /** Calls back once, after `ms` milliseconds or when the signal is aborted; returns a function that cancels it. */
  after(ms: number, callback: () => void): () => void {
    const cancelTimer = this.#clock.after(ms, callback)
    this.#signal?.addEventListener('abort', callback)
    return () => {
      cancelTimer()
      this.#signal?.removeEventListener('abort', callback)
    }
  }

  get isOver(): boolean {
    return this.#clock.now() >= this.#end
  }

  /**
   * Whether it waits on, although the time may be over: whoever may be dead is watched until that is known, unless
   * nothing was to be waited for at all.
   */
  mayWatch({ isWatching }: LockClaim): boolean {
    return isWatching && this.#timeout > 0
  }

  /**
   * Whether it is time to check again who holds the lock, which costs more than to see that it is held. The first time
   * it is.
   */
  isLookDue(): boolean {
    const now = this.#clock.now()
    if (now - this.#look < LOOK_EVERY) return false
    this.#look = now
    return true
  }

  /** Throws `ERR_CANCELLED` if the signal is aborted. */
  ensureWanted(): void {
    if (!this.#signal?.aborted) return
    const message = 'the lock was not waited for any longer: cancelled'
    throw new SluiceError('ERR_CANCELLED', message, { cause: this.#signal.reason })
  }

  /** Waits for the next pause, or until the signal is aborted. */
  async pause(): Promise<void> {
    const ms = this.isOver ? LOOK_EVERY : Math.min(this.left, this.#pause * (0.5 + this.#random()))
    this.#pause = Math.min(LONGEST_PAUSE, this.#pause * 1.5)
    this.ensureWanted()
    await pause(this.#clock, ms, this.#signal)
  }
}
