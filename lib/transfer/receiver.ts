import type { Duplex, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { isSluiceError, SluiceError } from '../errors.js'
import type { Offer } from '../wire/manifest.js'
import type { Message, OutcomeRecord } from '../wire/messages.js'
import { type Bitmap, isWanted } from '../wire/positions.js'
import type { Line } from './channel.js'
import { deferred } from './deferred.js'
import { asError, closed, type Passed, Session, type SessionOptions } from './session.js'
import type { FileOutcome, TransferResult } from './transfer.js'

/** What a receiver answers to an offer. */
export interface Decision {
  accept: boolean
  /** Why not. */
  reason?: string
  /** The entries that are to come, one bit each; all if left out. */
  want?: Bitmap
}

/** What the entries of an offer came to, as the last stage reports it. */
export interface Reported {
  record: OutcomeRecord
  outcome: FileOutcome
}

/** What a receiver does with what comes, made by `receive`. */
export interface Receiving {
  decide(offer: Offer): Promise<Decision>
  /** The stages behind the deframer; `onOffer` is to be asked for each offer, `report` told of what ended. */
  river(
    onOffer: (offer: Offer) => Promise<Bitmap | undefined>,
    passed: Passed,
    report: (ended: readonly Reported[]) => Promise<void>,
  ): [...Duplex[], Writable]
}

/** Outcomes in one message: with the longest names they stay within its limit. */
const OUTCOMES_PER_MESSAGE = 200

/** The receiver's part of the conversation: answer, river, outcomes, result. */
export class Receiver extends Session {
  readonly #receiving: Receiving
  readonly #goodbye = deferred<void>()
  #stages: readonly (Duplex | Writable)[] = []
  #offer: Offer | null = null
  #outcomes: (FileOutcome | undefined)[] = []
  #result: TransferResult | null = null

  constructor(socket: Duplex, line: Line, receiving: Receiving, options: SessionOptions) {
    super('receive', socket, line, options)
    this.#receiving = receiving
    this.control.move('connecting')
    this.#run().catch((error) => this.fail(asError(error)))
  }

  async #run(): Promise<void> {
    const stages = this.#receiving.river(
      (offer) => this.#ask(offer),
      this.passed,
      (ended) => this.#report(ended),
    )
    this.#stages = stages
    try {
      await pipeline([this.channel.deframer, ...stages], { signal: this.stop.signal })
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

  async #ask(offer: Offer): Promise<Bitmap | undefined> {
    if (this.#offer !== null) {
      throw new SluiceError('ERR_PROTOCOL', 'the peer attached files, which this side did not say it knows')
    }
    this.#offer = offer
    this.#outcomes = new Array(offer.entries.length)
    this.control.identify(offer.id)
    this.control.move('offered')
    const { accept, reason = 'rejected by the receiver', want } = await this.#receiving.decide(offer)
    if (this.over) throw new SluiceError('ERR_CANCELLED', 'the transfer ended before the offer was answered')
    if (!accept) {
      this.channel.say({ type: 'answer', offer: 0, accept: false, reason })
      const error = new SluiceError('ERR_REJECTED', `the offer was rejected: ${reason}`)
      this.fail(error, false)
      throw error
    }
    this.plan(
      want === undefined ? offer.entries : offer.entries.filter((entry) => isWanted(want, entry.index)),
    )
    this.channel.say({ type: 'answer', offer: 0, accept: true, ...(want && { want }) })
    this.control.move('receiving')
    return want
  }

  async #report(ended: readonly Reported[]): Promise<void> {
    for (const { record, outcome } of ended) {
      this.#outcomes[record.index] = outcome
      this.ended(outcome)
    }
    for (let from = 0; from < ended.length; from += OUTCOMES_PER_MESSAGE) {
      const page = ended.slice(from, from + OUTCOMES_PER_MESSAGE).map(({ record }) => record)
      this.channel.say({ type: 'outcomes', outcomes: page })
      await this.channel.ready()
    }
  }

  protected override greeted(): void {}

  protected override settled(): Promise<void> {
    return closed(this.#stages)
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
