import { randomBytes, timingSafeEqual } from 'node:crypto'
import { overSlices } from '../async.js'
import type { Clock } from '../clock.js'
import { messageOf, SluiceError } from '../errors.js'
import { stateOfError, UNCONNECTED } from '../transfer/lifecycle.js'
import { cancelled } from '../transfer/peer-error.js'
import { Plan } from '../transfer/plan.js'
import type { Receiver } from '../transfer/receiver.js'
import type { Decision } from '../transfer/rivers.js'
import { Transfer, type TransferControl } from '../transfer/transfer.js'
import { Patience } from '../transfer/watch/patience.js'
import type { Entry, Offer } from '../wire/entry.js'
import type { Resume } from '../wire/messages.js'

const SECRET_BYTES = 16

const STILL_AT_WORK =
  'what came over the connection before is still being stored; the transfer goes on when that has ended'

/** Cancelled transfers that are remembered: a few bytes each. */
const MOST_CANCELLED = 1024

/**
 * Milliseconds in which the connection before has to come to rest; else the sender is told to try again. Less than what
 * a sender takes for a connection that held (`longest`), so that it gives up a store that never answers.
 */
const MOST_AT_WORK = 20_000

/** A transfer that was accepted, for as long as its sender may come back to it. */
export interface Kept {
  /** All that was offered, also what was attached and rejected: over another connection it comes as one. */
  readonly offer: Offer
  /**
   * The first entry of what was attached last, if anything was: the sender may not have heard the answer to that, and
   * not offer it again.
   */
  unheard?: number
  readonly secret: Buffer
  /** Whose it is, if that is known: nobody else goes on with it. */
  readonly peer: string | undefined
  readonly control: TransferControl
  /** Which entries are wanted; all if left out. */
  wanted: readonly boolean[] | undefined
  /** Cancels it while it waits for its sender, too. */
  readonly signal: AbortSignal | undefined
  /** That of the connection that counts. */
  session: Receiver
  /**
   * Resolves when nothing of the connections before that one is at work any more: never, where a store does not answer.
   */
  atRest: Promise<unknown>
}

/** The transfers to which their senders may come back over another connection. */
export class KeptTransfers {
  readonly #kept = new Set<Kept>()
  /** Those whose sender is waited for, since when in this order; and what ends that. */
  readonly #waiting = new Map<Kept, { until: number; end(): void; stop(): void }>()
  /** Those that were cancelled here, by their id: the sender may come back without having heard of it. */
  readonly #cancelled = new Map<string, { until: number; secret: Buffer }>()
  readonly #wait: number
  readonly #most: number
  readonly #clock: Clock

  /**
   * @param wait milliseconds for which a sender is waited for
   * @param most how many senders are waited for at once; with one more, the one is given up that was waited for longest
   */
  constructor(wait: number, most: number, clock: Clock) {
    this.#wait = wait
    this.#most = most
    this.#clock = clock
  }

  /**
   * The transfer that a sender goes on with, if it proves that it is its own, is the same peer where that is known, and
   * offers the same.
   * @throws SluiceError `ERR_CANCELLED` if it was cancelled meanwhile
   */
  async find({ id, secret }: Resume, offer: Offer, peer: string | undefined): Promise<Kept | undefined> {
    const now = this.#clock.now()
    for (const { until, end } of this.#waiting.values()) if (now > until) end()
    const ended = this.#cancelled.get(id)
    if (ended && now <= ended.until && timingSafeEqual(ended.secret, secret))
      throw new SluiceError('ERR_CANCELLED', 'the receiver has cancelled the transfer meanwhile')
    for (const kept of this.#kept)
      if (isProved(kept, { id, secret }, peer)) return (await isSame(kept, offer)) ? kept : undefined
    return undefined
  }

  /** The transfer to which a further connection belongs, if it proves that, and is of the same peer. */
  owner(resume: Resume, peer: string | undefined): Kept | undefined {
    return [...this.#kept].find((kept) => isProved(kept, resume, peer))
  }

  /** Keeps a transfer that was accepted. */
  keep(accepted: Pick<Kept, 'offer' | 'peer' | 'control' | 'wanted' | 'signal' | 'session'>): Kept {
    const { offer } = accepted
    // what is attached is added here, and not to what others hold
    const own = offer.open ? { ...offer, entries: [...offer.entries] } : offer
    const kept = { ...accepted, offer: own, secret: randomBytes(SECRET_BYTES), atRest: Promise.resolve() }
    this.#kept.add(kept)
    return kept
  }

  /** More was attached to a transfer, and this is the answer. */
  attached(kept: Kept, { entries }: Offer, { accept, wanted }: Decision): void {
    const before = kept.offer.entries.length
    kept.unheard = before
    if (!accept || wanted || kept.wanted) {
      const more = accept ? (wanted ?? entries.map(() => true)) : entries.map(() => false)
      kept.wanted = [...(kept.wanted ?? kept.offer.entries.map(() => true)), ...more]
    }
    for (const entry of entries) kept.offer.entries.push(entry)
  }

  /**
   * The sender is there again: this connection takes the place of the one before, when nothing of that is at work any
   * more. Two rivers of a transfer never run beside each other, and what was published late is known before anything is
   * asked for.
   * @param entries how many the sender offers again
   * @param begin waits for the turn of the transfer, if it is not over
   * @returns what goes on; of a transfer that is over, one that nobody sees, in which its outcomes are told once more
   * @throws SluiceError `ERR_CANCELLED` if the transfer ended otherwise meanwhile, `ERR_TIMEOUT` if a store works for
   *   too long: the sender may try again
   */
  async takeUp(
    kept: Kept,
    session: Receiver,
    entries: number,
    begin: () => Promise<void>,
  ): Promise<TransferControl> {
    const { control, offer } = kept
    this.#stopWaiting(kept)
    kept.session.replace()
    kept.atRest = Promise.all([kept.atRest, kept.session.atRest])
    kept.session = session
    const patience = new Patience(this.#clock, MOST_AT_WORK)
    patience.runOut()
    const isAtRest = await patience.for(kept.atRest)
    if (isAtRest && !control.transfer.isOver) await begin()
    if (!this.#kept.has(kept)) throw new SluiceError('ERR_CANCELLED', 'the transfer was ended meanwhile')
    if (!isAtRest) {
      const busy = new SluiceError('ERR_TIMEOUT', STILL_AT_WORK)
      control.warn(busy)
      throw busy
    }
    if (entries < offer.entries.length) forgetFrom(kept, entries)
    if (!control.transfer.isOver) {
      control.use?.forgetFrom(entries)
      return control
    }
    const echo = Transfer.create('receive', UNCONNECTED, new Plan(), this.#clock, control.allOutcomes)
    echo.identify(offer.id)
    return echo
  }

  /** A connection of a transfer failed: its sender is waited for, or it ends. */
  failed(kept: Kept, session: Receiver, error: SluiceError): void {
    const { control, signal } = kept
    const isInterrupted = stateOfError(error) === 'interrupted' && !signal?.aborted
    if (!isInterrupted) return this.#end(kept, signal?.aborted ? cancelled('here') : error)
    if (!control.transfer.isOver) control.move('interrupted')
    if (kept.session === session) this.#await(kept, error)
    // the connection that takes its place does not hear it before the transfer goes on
    else control.onCancel(this.#cancel(kept))
  }

  /** A connection came to its end. Where the sender may not have heard of the result, it may come back for that. */
  ended(kept: Kept, session: Receiver): void {
    if (kept.session !== session) return
    if (session.isConfirmed) this.#end(kept)
    else this.#await(kept)
  }

  /** @param error with which it ends if the sender does not come back; none if it is over */
  #await(kept: Kept, error?: SluiceError): void {
    const { control, signal } = kept
    const end = () => this.#end(kept, error)
    const cancel = this.#cancel(kept)
    // of what is over nobody waits for the end
    const disarm = error ? this.#clock.after(this.#wait, end) : () => {}
    const abort = () => cancel(messageOf(signal?.reason))
    signal?.addEventListener('abort', abort)
    control.onCancel(cancel)
    const stop = () => {
      disarm()
      signal?.removeEventListener('abort', abort)
    }
    this.#waiting.set(kept, { until: this.#clock.now() + this.#wait, end, stop })
    const [longest] = this.#waiting.values()
    if (this.#waiting.size > this.#most) longest!.end()
  }

  /** Cancels what has no connection at the moment. */
  readonly #cancel = (kept: Kept) => async (reason: string) => this.#end(kept, cancelled('here', reason))

  /** Waits for nobody any more. */
  forgetAll(): void {
    for (const { end } of this.#waiting.values()) end()
  }

  #end(kept: Kept, error?: SluiceError): void {
    this.#stopWaiting(kept)
    this.#kept.delete(kept)
    if (error?.code === 'ERR_CANCELLED' && error.found === 'here') this.#noteCancelled(kept)
    if (error && !kept.control.transfer.isOver) kept.control.fail(error)
  }

  #noteCancelled({ offer: { id }, secret }: Kept): void {
    this.#cancelled.delete(id)
    this.#cancelled.set(id, { until: this.#clock.now() + this.#wait, secret })
    const [oldest] = this.#cancelled.keys()
    if (this.#cancelled.size > MOST_CANCELLED) this.#cancelled.delete(oldest!)
  }

  #stopWaiting(kept: Kept): void {
    this.#waiting.get(kept)?.stop()
    this.#waiting.delete(kept)
  }
}

/** Whether a connection belongs to a transfer: it has its secret, and is of the same peer where that is known. */
function isProved(kept: Kept, { id, secret }: Resume, peer: string | undefined): boolean {
  return kept.offer.id === id && timingSafeEqual(kept.secret, secret) && (kept.peer ?? peer) === peer
}

/** What is compared of an entry: all that was said of it. */
const SAID = ['type', 'path', 'size', 'mtime', 'mode', 'target', 'code'] as const satisfies (keyof Entry)[]

/** Whether the same is offered again, entry by entry; of a million, others have their turn meanwhile. */
async function isSame({ offer, unheard }: Kept, said: Offer): Promise<boolean> {
  const { length } = said.entries
  const isAll = length === offer.entries.length || length === unheard
  let isEqual = offer.id === said.id && offer.algorithm === said.algorithm && isAll
  await overSlices(0, length, (first, end) => {
    for (let index = first; isEqual && index < end; index++)
      isEqual = SAID.every((key) => offer.entries[index]![key] === said.entries[index]![key])
  })
  return isEqual
}

/** The sender has not heard that more was taken, and offers something else in its place, or nothing. */
function forgetFrom(kept: Kept, entries: number): void {
  kept.offer.entries.length = entries
  kept.wanted = kept.wanted?.slice(0, entries)
  delete kept.unheard
  kept.control.allOutcomes.forgetFrom(entries)
}
