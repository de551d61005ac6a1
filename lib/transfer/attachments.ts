import { deferred } from '../async.js'
import { isSluiceError, printable, SluiceError } from '../errors.js'
import type { Offer } from '../wire/entry.js'
import type { Messages } from '../wire/messages.js'
import { OfferedNames } from '../wire/paths.js'
import { addOffer } from './plan/add-offer.js'
import type { Plan } from './plan.js'

/** An offer, what was left out of it, and where its bytes are read. */
export interface Made {
  offer: Offer
  skipped: readonly SluiceError[]
  store: { close?(): Promise<void> | void }
}

type Maker = (after: Offer) => Promise<Made>

/** What {@link Attachments} asks of its sender. */
export interface AttachmentCalls {
  plan: Plan
  /** Whether anything may be attached. */
  isOpen: boolean
  /** Settles where the paths lead, and gives what makes an offer of them that goes on where `after` ends. */
  maker(paths: readonly string[]): Maker
  /** Resolves with the first offer when it was accepted. */
  accepted: Promise<Offer>
  /** Rejects when the transfer is over, or its connection is lost, with what that ended with. */
  ended: Promise<never>
  isOver(): boolean
  /** @throws SluiceError `ERR_LIMIT` for more entries in all than the receiver takes */
  checkLimits(entries: number): void
  /** Gives it out, for the river and for the plan; warns of what was left out. */
  offer(made: Made): void
  /** It was answered: over another connection it is offered together with those before. */
  answered(made: Made): void
  /** Something was attached, or refused, or nothing more will be. */
  changed(): void
}

/** What is attached to a transfer at its sender: one offer at a time, each until its answer. */
export class Attachments {
  readonly #calls: AttachmentCalls
  #isEnded = false
  /** Those that are not settled yet. */
  #unsettled = 0
  #before: Promise<void> = Promise.resolve()
  #last: Offer | undefined
  /** The offer that waits for its answer. */
  #asked: { number: number; made: Made; answer: ReturnType<typeof deferred<void>> } | undefined
  #number = 0
  #names: OfferedNames | undefined

  constructor(calls: AttachmentCalls) {
    this.#calls = calls
  }

  /** Whether something may be attached. */
  get isOpen(): boolean {
    return this.#calls.isOpen && !this.#isEnded
  }

  /** Whether something may still be offered. */
  get mayFollow(): boolean {
    return this.#calls.isOpen && !(this.#isEnded && this.#unsettled === 0)
  }

  /** The first entry of which nothing may be said yet, since its offer was not answered. */
  get answeredEnd(): number {
    return this.#asked?.made.offer.first ?? this.#calls.plan.entries.length
  }

  /** Nothing more follows than what was attached until now. */
  end(): void {
    this.#isEnded = true
    this.#calls.changed()
  }

  /** All was given out that was asked for: nothing more follows, unless something is being attached. */
  endIfIdle(): void {
    if (this.#unsettled === 0 && !this.#isEnded) this.end()
  }

  /** Settles with the answer, or with why there is none. */
  async attach(paths: readonly string[]): Promise<void> {
    if (!this.#calls.isOpen)
      throw refused('it was not begun with open: true, so that its receiver does not expect more')
    if (this.#isEnded) throw refused('end() was called')
    // now: the process may work in another folder when those before have their answers
    const make = this.#calls.maker(paths)
    this.#unsettled++
    const attaching = this.#before.then(() => this.#attach(make))
    this.#before = attaching.catch(() => {})
    try {
      await Promise.race([attaching, this.#calls.ended])
    } finally {
      this.#unsettled--
      this.#calls.changed()
    }
  }

  /** The receiver has answered an attached offer. @throws SluiceError `ERR_PROTOCOL` if there is none */
  answered({ offer: number, accept, reason = 'no reason given' }: Messages['answer']): void {
    if (this.#asked?.number !== number)
      throw new SluiceError('ERR_PROTOCOL', 'the peer answered an offer that was not made')
    const { answer, made } = this.#asked
    this.#asked = undefined
    this.#calls.answered(made)
    if (accept) return answer.resolve()
    this.#calls.plan.skip(made.offer.entries.length)
    answer.reject(
      new SluiceError('ERR_REJECTED', `the receiver rejected what was attached: ${printable(reason, 1024)}`),
    )
  }

  async #attach(make: Maker): Promise<void> {
    const { accepted, ended, isOver, checkLimits, offer, plan } = this.#calls
    this.#last ??= await accepted
    const made = await make(this.#last)
    try {
      checkLimits(plan.entries.length + made.offer.entries.length)
      await this.#checkNames(made.offer)
      if (isOver()) await ended
    } catch (error) {
      await made.store.close?.()
      throw error
    }
    const answer = deferred<void>()
    this.#asked = { number: ++this.#number, made, answer }
    this.#last = made.offer
    await addOffer(plan, made.offer)
    offer(made)
    await answer.promise
  }

  /** A receiver ends a transfer that has a name twice: it must not come to that. */
  async #checkNames({ entries }: Offer): Promise<void> {
    const { plan } = this.#calls
    try {
      if (!this.#names) {
        this.#names = new OfferedNames(Number.POSITIVE_INFINITY)
        for (const entry of plan.entries) this.#names.add(entry)
      }
      for (const entry of entries) this.#names.add(entry)
    } catch (error) {
      // some of them were taken in
      this.#names = undefined
      if (!isSluiceError(error, 'ERR_PROTOCOL')) throw error
      const path = error.path!
      const message = `${printable(path)} was offered in this transfer before, or cannot be beside what was: send it by another one`
      throw new SluiceError('ERR_DUPLICATE_NAME', message, { path, cause: error })
    }
  }
}

/** Attaches to what a sender has; a receiver has nothing. */
export async function attachTo(
  attachments: Attachments | undefined,
  paths: readonly string[],
): Promise<void> {
  if (attachments) return attachments.attach(paths)
  throw new SluiceError('ERR_STATE', 'only a sender can attach files to a transfer')
}

function refused(why: string): SluiceError {
  return new SluiceError('ERR_STATE', `nothing can be attached to this transfer: ${why}`)
}
