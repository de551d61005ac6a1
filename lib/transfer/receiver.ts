import type { Duplex } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
import { deferred } from '../async.js'
import { isSluiceError, SluiceError } from '../errors.js'
import type { Entry, Offer } from '../wire/entry.js'
import { DEFAULT_LIMITS, RECONNECT } from '../wire/limits.js'
import type { Message, Messages, Resume } from '../wire/messages.js'
import type { OutcomeRange, TransferResult } from '../wire/outcome.js'
import type { SessionOptions } from './channel.js'
import { IncomingLanes, type Inlet } from './lanes/incoming-lanes.js'
import { MOST_TEXT, messagesOf } from './outcome-table.js'
import { asError } from './peer-error.js'
import { planPages, type Wanted } from './plan/pages.js'
import type { Decision, Receiving, SaidHello } from './rivers.js'
import { Session } from './session.js'
import type { ByteDuplex } from './streams/byte-duplex.js'
import type { ChannelStages } from './streams/channel-stages.js'
import { closed, closedSoon } from './streams/ending.js'

/** Items in a list of one message at most. */
const MOST_ITEMS = 1000

/** Why, where nobody says it. */
const REJECTED = 'rejected by the receiver'

const ONE_ONLY = 'the transfer takes one connection only'

/** Outcomes that are said anew, at once. */
const SAID_ANEW = 4096

/** The receiver's part of the conversation: answer, plan, river, outcomes, result. */
export class Receiver extends Session {
  readonly #receiving: Receiving
  readonly #closeTimeout: number
  readonly #goodbye = deferred<void>()
  #offerCame = () => {}
  readonly #river: ReturnType<Receiving['river']>
  #result: TransferResult | null = null
  #isUnwanted = false
  /** Offers that were answered. */
  #offers = 0
  readonly #texts = { bytes: MOST_TEXT }
  /** Bytes of a message that the sender takes. */
  #mostBytes = DEFAULT_LIMITS.message
  #hello: SaidHello = { reconnects: false }
  /** The further connections of this transfer, where it takes any. */
  readonly lanes: IncomingLanes | undefined
  /** Where this one belongs to, if it is one. */
  #lane: { owner: IncomingLanes; number: number } | undefined
  #isConfirmed = false

  constructor(socket: ByteDuplex, stages: ChannelStages, receiving: Receiving, options: SessionOptions) {
    super('receive', socket, stages, options)
    this.#receiving = receiving
    this.#closeTimeout = options.limits.closeTimeout
    this.#river = receiving.river({
      plan: this.plan,
      offered: (offer) => this.#offered(offer),
      passed: (item) => {
        if (item.kind === 'run') this.control.passed(item)
        else this.#moveOn()
      },
      settled: (ranges) => this.#settled(ranges),
      acknowledged: () => this.control.allOutcomes.acknowledged(this.plan.entries),
      wanted: (want) => this.say({ type: 'want', ...want }),
      warn: (warning) => this.control.warn(warning),
    })
    const { inlet } = this.#river
    if (options.continuing?.takesLanes) {
      const lanes = new IncomingLanes(inlet, (said) => this.say({ type: 'lane', ...said }), this.clock)
      this.lanes = lanes
      this.ends.signal.addEventListener('abort', () => lanes.leave())
    }
    this.open()
    this.control.move('connecting')
    this.#awaitOffer(options.limits.offerTimeout)
    this.#run().catch((error) => this.fail(asError(error)))
  }

  async #run(): Promise<void> {
    try {
      await pipeline([this.channel.deframer, ...this.#river.stages], { signal: this.stop.signal })
    } catch (error) {
      // Files that failed are part of the result, not a failure of the conversation.
      if (!isSluiceError(error, 'ERR_FILES_FAILED') || !this.plan.isFinished) throw error
    }
    if (this.over) return
    if (!this.plan.isFinished)
      throw new SluiceError('ERR_DESTROYED', 'the river ended before every entry had its outcome')
    const result = this.result()
    this.#result = result
    const { published, skipped, failed, bytes } = result
    const status = failed === 0 ? 'completed' : 'failed'
    this.say({ type: 'result', status, published, skipped, failed, bytes })
    await this.#goodbye.promise
    this.conclude(result)
  }

  /** A peer that gives signs of life and never an offer is no sender. */
  #awaitOffer(milliseconds: number): void {
    const message = `the peer has offered nothing for ${milliseconds} ms; is it a receiver, too?`
    this.#offerCame = this.clock.after(milliseconds, () => this.fail(new SluiceError('ERR_TIMEOUT', message)))
    this.stop.signal.addEventListener('abort', () => this.#offerCame())
  }

  /** Asks whether the offer is taken, and answers it; says what is wanted, page by page. */
  async #offered(offer: Offer): Promise<'rejected' | undefined> {
    this.requireHello()
    this.#offerCame()
    const isFirst = offer.first === 0
    if (isFirst) {
      this.control.identify(offer.id)
      this.control.move('offered')
    }
    this.#checkRunning()
    const { accept, reason, wanted, secret, goesOn } = await this.#decide(offer)
    this.#checkRunning()
    const number = this.#offers++
    if (!accept && isFirst) throw this.#reject(reason)
    if (!accept) {
      this.say({ type: 'answer', offer: number, accept, reason: reason ?? REJECTED })
      this.plan.skip(offer.entries.length)
      return 'rejected'
    }
    if (goesOn) this.goOn(goesOn)
    this.#checkRunning()
    this.say({ type: 'answer', offer: number, accept, secret })
    if (goesOn) await this.#sayAnew(offer)
    const { plan } = this
    const isWanted = ({ index }: Entry) => (wanted?.[index - offer.first] ?? true) && !plan.isClosed(index)
    await this.#sayPlan(offer, { wanted, ...(await this.#river.claim(offer, isWanted)) })
    this.#checkRunning()
    this.control.decided()
    if (isFirst) this.begin('receiving')
    return undefined
  }

  /** Nobody reads the river meanwhile, not even its end: that the connection was cut off is heard by an event. */
  async #decide(offer: Offer): Promise<Decision> {
    const { deframer } = this.channel
    const cutOff = (error: SluiceError) => this.fail(error)
    deframer.once('cutOff', cutOff)
    try {
      return await this.#receiving.decide(offer, this.ends.signal, this.#hello)
    } finally {
      deframer.off('cutOff', cutOff)
    }
  }

  /** A listener of an event, or the `accept` of the user, may have ended the transfer. */
  #checkRunning(): void {
    if (this.over) throw new SluiceError('ERR_CANCELLED', 'the transfer has ended')
  }

  #reject(reason = REJECTED): SluiceError {
    const error = new SluiceError('ERR_REJECTED', `the offer was rejected: ${reason}`)
    this.fail(error, { type: 'answer', offer: 0, accept: false, reason })
    return error
  }

  /** Says again what became of entries before; they are closed here, too, before anything is asked for. */
  async #sayAnew({ entries }: Offer): Promise<void> {
    const told = this.control.allOutcomes
    for (let first = 0; first < entries.length; first += SAID_ANEW) {
      const ranges = [...told.ranges(first, Math.min(first + SAID_ANEW, entries.length))]
      for (const range of ranges) this.plan.close(range.first, range.last + 1)
      await this.#settled(ranges)
      await setImmediate() // others have their turn meanwhile
      this.#checkRunning()
    }
  }

  /**
   * Says what is wanted of an offer, page by page, and notes it in the plan. Behind the last one it waits for nothing:
   * what that asks for may come at once, and the connection break.
   */
  async #sayPlan(offer: Offer, wanted: Wanted): Promise<void> {
    let pages = 0
    for (const page of planPages(this.plan, offer, wanted, { message: this.#mostBytes, list: MOST_ITEMS })) {
      if (pages++ > 0) {
        await this.channel.ready()
        await setImmediate() // others have their turn between the pages
        if (this.over) return
      }
      this.say({ type: 'plan', ...page })
    }
  }

  /** Takes the outcomes of entries, and tells the sender; resolves when more can be told. */
  async #settled(ranges: readonly OutcomeRange[]): Promise<void> {
    if (this.transfer.isOver) return // while it goes on, what was published late counts, too
    const limits = { message: this.#mostBytes, list: MOST_ITEMS }
    for (const range of ranges) {
      for (const { message, part } of messagesOf(range, limits, this.#texts)) {
        if (part.first > range.first) await setImmediate() // of a million, others have their turn meanwhile
        this.control.settled(part, this.plan.entries)
        this.say({ type: 'outcomes', ...message })
        await this.channel.ready()
      }
    }
    this.#moveOn()
  }

  /**
   * Tells how far it is. The river ends when END was heard and every entry has its outcome: until then more may be
   * asked for. Behind stages of users nothing is asked for again, and one of them may not have passed the end on.
   */
  #moveOn(): void {
    this.control.advance()
    const { isEnded, isFinished } = this.plan
    if (isFinished || (isEnded && this.#river.foreign.length > 0)) this.channel.deframer.finish()
  }

  protected override greeted({ limits, features, resume, lane }: Messages['hello']): void {
    this.#mostBytes = limits?.message ?? DEFAULT_LIMITS.message
    this.#hello = { reconnects: features.includes(RECONNECT), resume }
    if (resume && lane !== undefined) this.#join(resume, lane)
  }

  /** This connection is a further one of a transfer that is known: what comes joins what comes over the first. */
  #join(resume: Resume, number: number): void {
    this.#offerCame()
    const owner = this.#receiving.owner?.(resume)
    const { lanes } = owner ?? {}
    const lane = {
      divert: (inlet: Inlet) => this.#river.divert(inlet),
      leave: () => this.fail(new SluiceError('ERR_INTERRUPTED', 'the transfer needs it no more'), null),
    }
    const reason = lanes ? lanes.join(number, lane) : owner ? ONE_ONLY : 'there is no such transfer'
    if (reason !== undefined) return void this.#reject(reason)
    this.#lane = { owner: lanes!, number }
    this.say({ type: 'answer', offer: 0, accept: true })
  }

  protected override discard(): void {
    if (this.over || this.#result !== null) return
    this.#isUnwanted = true
    this.#river.discard()
  }

  protected override hungUp(): void {
    this.#goodbye.resolve()
  }

  /** What came is written, so that it need not come again; but nobody waits long for that. */
  protected override async drained(): Promise<void> {
    if (this.#isUnwanted || this.channel.isLate) return
    const late = deferred<void>()
    const stop = this.clock.after(this.#closeTimeout / 2, late.resolve)
    await Promise.race([this.#river.stored(this.channel.isInputEnded), late.promise])
    stop()
  }

  protected override async settled(): Promise<void> {
    const { stages, foreign } = this.#river
    const ours = stages.filter((stage) => !foreign.includes(stage as Duplex))
    await Promise.all([closed(ours), closedSoon(foreign, this.#closeTimeout)])
  }

  /** Once the result is there, nothing that happens to the connection can change it. */
  protected override fail(error: SluiceError, lastWord?: Message | null): void {
    this.#lane?.owner.left(this.#lane.number)
    // another one may have its number
    this.#lane = undefined
    if (this.#result === null) super.fail(error, lastWord)
    else this.#goodbye.resolve()
  }

  protected override heard(message: Message): boolean {
    if (message.type !== 'result' || this.#result === null) {
      throw new SluiceError('ERR_PROTOCOL', `a sender does not say ${message.type} at this point`)
    }
    this.#isConfirmed = true
    this.#goodbye.resolve()
    return false
  }

  /** Whether the sender has said that it knows the result. */
  get isConfirmed(): boolean {
    return this.#isConfirmed
  }
}
