import type { Duplex, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { deferred } from '../async.js'
import { isSluiceError, SluiceError } from '../errors.js'
import { DEFAULT_LIMITS, type PeerLimits } from '../wire/limits.js'
import type { Offer } from '../wire/manifest.js'
import type { Message, PlanRecord } from '../wire/messages.js'
import { type OutcomeRange, outcomesOf, type TransferResult } from '../wire/outcome.js'
import type { Run } from '../wire/run.js'
import type { Line } from './channel.js'
import { messagesOf, OutcomeTable } from './outcomes.js'
import type { Plan } from './plan.js'
import { asError, closed, closedSoon, Session } from './session.js'
import type { SessionOptions } from './session-options.js'

/** What a receiver answers to an offer. */
export interface Decision {
  accept: boolean
  /** Why not. */
  reason?: string
  /** Whether each entry of the offer is to come; all if left out. */
  wanted?: readonly boolean[]
}

/** What the stages of a receiver tell the session. */
export interface ReceiverHooks {
  plan: Plan
  /** An offer is complete: asks, answers, and decides in the plan. */
  offered(offer: Offer): Promise<void>
  /** An item has passed the demuxer. */
  passed(item: Run | { kind: 'offer' | 'digests' | 'stored' | 'end' }): void
  /** Entries have their outcome; resolves when more can be told. */
  settled(ranges: readonly OutcomeRange[]): Promise<void>
  warn(warning: SluiceError): void
}

/** What a receiver does with what comes, made by `receive`. */
export interface Receiving {
  /** Makes the stages behind the deframer. `guests` are those that are not ours, and may not close as ours do. */
  river(hooks: ReceiverHooks): { stages: [...Duplex[], Writable]; guests: readonly Duplex[] }
  /** `signal` aborts when the transfer is over, whatever the answer will be. */
  decide(offer: Offer, signal: AbortSignal): Promise<Decision>
}

/** Exceptions in a message of outcomes at most, and the bytes of the longest: all stay within the limit of a message. */
const OUTCOMES_PER_MESSAGE = 200
const OUTCOME_BYTES = 4200

/** Records in a page of the plan, and bytes of the longest. */
const PAGE_RECORDS = 1000
const RECORD_BYTES = 8

/** The receiver's part of the conversation: answer, plan, river, outcomes, result. */
export class Receiver extends Session {
  readonly #receiving: Receiving
  readonly #closeTimeout: number
  readonly #goodbye = deferred<void>()
  readonly #river: ReturnType<Receiving['river']>
  readonly #outcomes = new OutcomeTable()
  #result: TransferResult | null = null
  #mostOutcomes = OUTCOMES_PER_MESSAGE
  #mostRecords = PAGE_RECORDS

  constructor(socket: Duplex, line: Line, receiving: Receiving, options: SessionOptions) {
    super('receive', socket, line, options)
    this.#receiving = receiving
    this.#closeTimeout = options.limits.closeTimeout
    this.#river = receiving.river({
      plan: this.plan,
      offered: (offer) => this.#offered(offer),
      passed: (item) => {
        if (item.kind === 'run') this.passed(item)
        else this.#finishRiver()
      },
      settled: (ranges) => this.#settled(ranges),
      warn: this.warn,
    })
    this.open()
    this.control.move('connecting')
    this.#run().catch((error) => this.fail(asError(error)))
  }

  async #run(): Promise<void> {
    try {
      await pipeline([this.channel.deframer, ...this.#river.stages], { signal: this.stop.signal })
    } catch (error) {
      // Files that failed are part of the result, not a failure of the conversation.
      if (!isSluiceError(error, 'ERR_FILES_FAILED')) throw error
    }
    if (this.over) return
    const result = this.result(this.#outcomes.toArray(this.plan.entries))
    this.#result = result
    const { published, skipped, failed, bytes } = result
    const status = failed === 0 ? 'completed' : 'failed'
    this.channel.say({ type: 'result', status, published, skipped, failed, bytes })
    await this.#goodbye.promise
    this.conclude(result)
  }

  /** Asks whether the offer is taken, and answers it; says what is wanted, page by page. */
  async #offered(offer: Offer): Promise<void> {
    this.requireHello()
    if (offer.first > 0) {
      throw new SluiceError('ERR_PROTOCOL', 'the peer attached files, which this side did not say it knows')
    }
    this.control.identify(offer.id)
    this.control.move('offered')
    const {
      accept,
      reason = 'rejected by the receiver',
      wanted,
    } = await this.#receiving.decide(offer, this.stop.signal)
    if (this.over) throw new SluiceError('ERR_CANCELLED', 'the transfer ended before the offer was answered')
    if (!accept) {
      this.channel.say({ type: 'answer', offer: 0, accept: false, reason })
      const error = new SluiceError('ERR_REJECTED', `the offer was rejected: ${reason}`)
      this.fail(error, false)
      throw error
    }
    this.channel.say({ type: 'answer', offer: 0, accept: true })
    await this.#sayPlan(offer, wanted)
    this.control.move('receiving')
  }

  async #sayPlan({ entries, first }: Offer, wanted?: readonly boolean[]): Promise<void> {
    const { plan } = this
    let page: PlanRecord[] = []
    let from = first
    const say = () => {
      this.channel.say({ type: 'plan', first: from, plan: page })
      from = plan.undecided
      page = []
    }
    for (let index = 0; index < entries.length; ) {
      const isWanted = wanted?.[index] ?? true
      let count = wanted ? 1 : entries.length
      while (wanted?.[index + count] === isWanted) count++
      if (isWanted) plan.want(count)
      else plan.skip(count)
      page.push({ count, kind: isWanted ? 'all' : 'skip' })
      index += count
      if (page.length < this.#mostRecords) continue
      say()
      await this.channel.ready()
    }
    if (page.length > 0) say()
  }

  /** Takes the outcomes of entries, and tells the sender; resolves when more can be told. */
  async #settled(ranges: readonly OutcomeRange[]): Promise<void> {
    const { entries } = this.plan
    for (const range of ranges) {
      this.#outcomes.add(range, entries)
      if (this.control.hasFileListeners)
        for (const outcome of outcomesOf(range, entries)) this.control.file(outcome)
      for (const message of messagesOf(range, this.#mostOutcomes)) {
        this.channel.say({ type: 'outcomes', ...message })
        await this.channel.ready()
      }
    }
    this.control.advance()
    this.#finishRiver()
  }

  /** The river ends when END was heard and every entry has its outcome: until then more may be asked for. */
  #finishRiver(): void {
    if (this.plan.isFinished) this.channel.deframer.finish()
  }

  protected override greeted({ message = DEFAULT_LIMITS.message }: PeerLimits): void {
    this.#mostOutcomes = Math.max(1, Math.min(OUTCOMES_PER_MESSAGE, Math.floor(message / OUTCOME_BYTES)))
    this.#mostRecords = Math.max(1, Math.min(PAGE_RECORDS, Math.floor(message / RECORD_BYTES)))
  }

  protected override hungUp(): void {
    this.#goodbye.resolve()
  }

  protected override async settled(): Promise<void> {
    const { stages, guests } = this.#river
    const ours = stages.filter((stage) => !guests.includes(stage as Duplex))
    await Promise.all([closed(ours), closedSoon(guests, this.#closeTimeout)])
  }

  /** Once the result is there, nothing that happens to the connection can change it. */
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
