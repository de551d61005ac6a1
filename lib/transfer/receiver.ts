import type { Duplex, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { deferred } from '../async.js'
import { isSluiceError, SluiceError } from '../errors.js'
import { DEFAULT_LIMITS, type PeerLimits } from '../wire/limits.js'
import type { Entry, Offer } from '../wire/manifest.js'
import type { Message } from '../wire/messages.js'
import type { Bitmap } from '../wire/positions.js'
import type { Line } from './channel.js'
import { fileOutcome, type Reported } from './result.js'
import { asError, closed, closedSoon, Session } from './session.js'
import type { SessionOptions } from './session-options.js'
import type { FileOutcome, TransferResult } from './transfer.js'

/** What a receiver answers to an offer. */
export interface Decision {
  accept: boolean
  /** Why not. */
  reason?: string
  /** The entries that are to come, one bit each; all if left out. */
  want?: Bitmap
}

/** The stages behind the deframer; they ask, count and report by the methods of the session. */
export type River = [...Duplex[], Writable]

/** What a receiver does with what comes, made by `receive`. */
export interface Receiving {
  river: River
  /** Those of the river that are not ours, and may not close as ours do. */
  guests: readonly Duplex[]
  /** `signal` aborts when the transfer is over, whatever the answer will be. */
  decide(offer: Offer, signal: AbortSignal): Promise<Decision>
}

/** Outcomes in one message at most, and the bytes of the longest: all of them stay within the limit of a message. */
const OUTCOMES_PER_MESSAGE = 200
const OUTCOME_BYTES = 4200

/** The receiver's part of the conversation: answer, river, outcomes, result. */
export class Receiver extends Session {
  readonly #receiving: Receiving
  readonly #patience: number
  readonly #goodbye = deferred<void>()
  #offer: Offer | null = null
  #outcomes: (FileOutcome | undefined)[] = []
  #result: TransferResult | null = null
  #perMessage = OUTCOMES_PER_MESSAGE

  constructor(socket: Duplex, line: Line, receiving: Receiving, options: SessionOptions) {
    super('receive', socket, line, options)
    this.#receiving = receiving
    this.#patience = options.limits.closeTimeout
    this.control.move('connecting')
    this.#run().catch((error) => this.fail(asError(error)))
  }

  async #run(): Promise<void> {
    try {
      await pipeline([this.channel.deframer, ...this.#receiving.river], { signal: this.stop.signal })
    } catch (error) {
      // Files that failed are part of the result, not a failure of the conversation.
      if (!isSluiceError(error, 'ERR_FILES_FAILED')) throw error
    }
    if (this.over) return
    const result = this.result(this.#outcomes.filter((outcome) => outcome !== undefined))
    this.#result = result
    const { published, skipped, failed, bytes } = result
    this.channel.say({
      type: 'result',
      status: failed === 0 ? 'completed' : 'failed',
      published,
      skipped,
      failed,
      bytes,
    })
    await this.#goodbye.promise
    this.conclude(result)
  }

  /** Asks whether the offer is taken, and answers it; gives the entries that will come. */
  async ask(offer: Offer): Promise<Bitmap | undefined> {
    this.requireHello()
    if (this.#offer !== null) {
      throw new SluiceError('ERR_PROTOCOL', 'the peer attached files, which this side did not say it knows')
    }
    this.#offer = offer
    this.#outcomes = new Array(offer.entries.length)
    this.control.identify(offer.id)
    this.control.move('offered')
    const {
      accept,
      reason = 'rejected by the receiver',
      want,
    } = await this.#receiving.decide(offer, this.stop.signal)
    if (this.over) throw new SluiceError('ERR_CANCELLED', 'the transfer ended before the offer was answered')
    if (!accept) {
      this.channel.say({ type: 'answer', offer: 0, accept: false, reason })
      const error = new SluiceError('ERR_REJECTED', `the offer was rejected: ${reason}`)
      this.fail(error, false)
      throw error
    }
    this.plan(offer.entries, want)
    this.channel.say({ type: 'answer', offer: 0, accept: true, ...(want && { want }) })
    this.control.move('receiving')
    return want
  }

  /** Takes the outcomes of entries, and tells the sender; resolves when more can be told. */
  async report(ended: readonly (Reported & { entry: Entry })[]): Promise<void> {
    for (const reported of ended) {
      const { entry } = reported
      const outcome = fileOutcome(reported)
      this.#outcomes[entry.index] = outcome
      this.ended(entry.index, outcome)
    }
    for (let from = 0; from < ended.length; from += this.#perMessage) {
      const outcomes = ended.slice(from, from + this.#perMessage).map(({ entry: { index } }) => {
        const { path: _, ...record } = this.#outcomes[index]!
        return { index, ...record }
      })
      this.channel.say({ type: 'outcomes', outcomes })
      await this.channel.ready()
    }
  }

  protected override greeted({ message = DEFAULT_LIMITS.message }: PeerLimits): void {
    this.#perMessage = Math.max(1, Math.min(OUTCOMES_PER_MESSAGE, Math.floor(message / OUTCOME_BYTES)))
  }

  protected override hungUp(): void {
    this.#goodbye.resolve()
  }

  protected override async settled(): Promise<void> {
    const { river, guests } = this.#receiving
    const ours = river.filter((stage) => !guests.includes(stage as Duplex))
    await Promise.all([closed(ours), closedSoon(guests, this.#patience)])
  }

  /** Once the result is there, nothing that happens to the line can change it. */
  protected override fail(error: SluiceError, tell?: boolean): void {
    if (this.#result === null) super.fail(error, tell)
    else this.#goodbye.resolve()
  }

  protected override heard(message: Message): boolean {
    if (message.type !== 'result' || this.#result === null) {
      throw new SluiceError('ERR_PROTOCOL', `a sender does not say ${message.type} at this point`)
    }
    this.#goodbye.resolve()
    return false
  }
}
