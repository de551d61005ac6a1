import { pipeline } from 'node:stream/promises'
import { deferred } from '../async.js'
import { printable, SluiceError } from '../errors.js'
import type { Offer } from '../wire/entry.js'
import { LANES, type PeerLimits } from '../wire/limits.js'
import type { Message, Messages, Resume } from '../wire/messages.js'
import { Attachments, type Made } from './attachments.js'
import type { SessionOptions } from './channel.js'
import { OutgoingLanes } from './lanes/outgoing-lanes.js'
import type { Continuing } from './lifecycle.js'
import { asError } from './peer-error.js'
import { addOffer } from './plan/add-offer.js'
import { GrowingOffer } from './plan/growing-offer.js'
import { AskedFiles, checkLimits, HeardOutcomes, OwnFailures } from './receiver-replies.js'
import type { Sending } from './rivers.js'
import { Session } from './session.js'
import type { ByteDuplex } from './streams/byte-duplex.js'
import type { ChannelStages } from './streams/channel-stages.js'
import { closed } from './streams/ending.js'

/** What is said after a rejection. */
const REFUSED: Message = { type: 'result', status: 'failed', published: 0, skipped: 0, failed: 0, bytes: 0 }

const ONE_ONLY = 'the receiver takes one connection only; all goes over that'

/** The sender's part of the conversation: offer, plan, river, outcomes, result. */
export class Sender extends Session {
  readonly #sending: Sending
  readonly #hello = deferred<PeerLimits>()
  protected override readonly attachments: Attachments
  /** Rejects when the transfer is over, or goes on without this connection. */
  readonly #ended = deferred<never>()
  readonly #forget: () => void
  readonly #first = new GrowingOffer()
  readonly #firstAccepted = deferred<Offer>()
  #limits: PeerLimits = {}
  #state: 'preparing' | 'offered' | 'sending' | 'sent' = 'preparing'
  readonly #asked: AskedFiles
  readonly #heard: HeardOutcomes
  readonly #failures = new OwnFailures()
  #river: ReturnType<Sending['river']> | undefined
  readonly #continuing: Continuing | undefined
  readonly #options: SessionOptions
  #takesLanes = false
  #lanes: OutgoingLanes | undefined
  #secret: Buffer | undefined

  constructor(socket: ByteDuplex, stages: ChannelStages, sending: Sending, options: SessionOptions) {
    super('send', socket, stages, options)
    this.#sending = sending
    this.#continuing = options.continuing
    this.#options = options
    this.#secret = options.continuing?.resume?.secret
    this.#asked = new AskedFiles(this.plan)
    this.#heard = new HeardOutcomes(this.plan, options.limits.names)
    this.#ended.promise.catch(() => {})
    const isOver = () => new SluiceError('ERR_STATE', 'the transfer is over')
    this.#forget = this.control.whenOver(() => {
      this.transfer.finished.then(isOver, (error) => error).then(this.#ended.reject)
    })
    this.attachments = new Attachments({
      plan: this.plan,
      isOpen: sending.isOpen !== false,
      maker: (paths) => {
        const make = sending.attach(paths)
        return (after) => make(after, this.stop.signal)
      },
      accepted: this.#firstAccepted.promise,
      ended: this.#ended.promise,
      isOver: () => this.over,
      checkLimits: (entries) => checkLimits(entries, this.#limits),
      offer: (made) => this.#offer(made),
      answered: (made) => sending.attached(made),
      changed: () => this.#mayFinish(),
    })
    if (this.control.isEnded) this.attachments.end()
    this.open()
    this.channel.deframer.on('data', () => {
      this.fail(new SluiceError('ERR_PROTOCOL', 'the peer sends files, but this side is the sender'))
    })
    this.#run().catch((error) => this.fail(asError(error)))
  }

  async #run(): Promise<void> {
    const { offer, skipped } = await this.#sending.prepare(this.stop.signal, async (offer) => {
      this.#first.grew(offer)
      await this.#greet(offer)
      await this.channel.framer.announce(offer)
    })
    if (this.over) return
    this.#first.complete(offer)
    this.#warn(offer, skipped)
    await this.#greet(offer)
    await addOffer(this.plan, offer)
    if (this.over) return
    this.#river = this.#sending.river({
      plan: this.plan,
      passed: (item) => {
        if (item.kind === 'run') this.control.passed(item)
        if (item.kind === 'end') this.#state = 'sent'
      },
      warn: this.control.warn,
      idle: () => {
        if (this.#sending.isOpen === 'while-busy') this.attachments.endIfIdle()
        this.#lanes?.lookForSlow()
      },
      held: () => this.#lanes?.lookForSlow(),
      failed: (error, entry) => {
        this.#failures.add(entry, error)
        this.control.warn(error)
      },
    })
    this.#state = 'offered'
    this.control.move('offered')
    await pipeline([...this.#river.stages, this.channel.framer], { end: false, signal: this.stop.signal })
  }

  /** Resolves when the receiver is there, and takes an offer of what is known of this one. Rejects if it never is. */
  async #greet({ id, entries }: Offer): Promise<void> {
    this.control.identify(id)
    this.control.move('connecting')
    this.#limits = await this.#hello.promise
    if (this.over) throw new SluiceError('ERR_STATE', 'the transfer is over')
    checkLimits(entries.length, this.#limits)
    this.channel.framer.limit(this.#limits)
  }

  protected override greeted({ limits = {}, resume, features }: Messages['hello']): void {
    if (resume)
      throw new SluiceError('ERR_PROTOCOL', 'the peer says that it goes on, but this side is the sender')
    this.#takesLanes = features.includes(LANES)
    this.#hello.resolve(limits)
  }

  protected override rest(isPaused: boolean): void {
    this.#river?.source.hold(isPaused)
  }

  /** What is to be said over another connection to go on; undefined if that is not possible. */
  get resume(): Resume | undefined {
    const secret = this.#secret
    const { id } = this.transfer
    const { allOutcomes } = this.control
    const offered = this.plan.entries.slice(0, this.attachments.answeredEnd)
    const canRead = offered.every(
      (entry) => allOutcomes.has(entry.index) || this.#sending.isRereadable(entry),
    )
    return secret && canRead ? { id, secret } : undefined
  }

  protected override async settled(): Promise<void> {
    this.#hello.resolve({}) // whoever waits for it finds that this is over
    await this.#lanes?.close()
    if (this.#river) return closed(this.#river.stages)
    await this.#sending.abandon().catch((error) => this.control.warn(asError(error)))
  }

  protected override heard(message: Message): boolean {
    switch (message.type) {
      case 'answer':
        this.#expect(message, 'offered', 'sending')
        return this.#answered(message)
      case 'plan':
        this.#expect(message, 'sending')
        this.#planned(message)
        return true
      case 'want':
        this.#expect(message, 'sending', 'sent')
        this.#asked.wanted(message)
        this.#river?.source.wake()
        return true
      case 'lane':
        // what is said of one that is not ours, or is no more, concerns nobody
        this.#lanes?.heard(message)
        return true
      case 'outcomes':
        this.#expect(message, 'sending', 'sent')
        this.#settle(message)
        return true
      case 'result':
        this.#expect(message, 'sent')
        this.#result(message)
        return false
      default:
        throw new SluiceError('ERR_PROTOCOL', `a receiver does not say ${message.type}`)
    }
  }

  /** The answer to the first offer, or to an attached one; `false` if it is the receiver's last word. */
  #answered(message: Messages['answer']): boolean {
    if (this.#state === 'sending') {
      this.attachments.answered(message)
      this.#river?.source.wake()
      return true
    }
    const { offer, accept, reason = 'no reason given' } = message
    if (offer !== 0) throw new SluiceError('ERR_PROTOCOL', 'the peer answered an offer that was not made')
    if (accept) this.#accepted(message.secret)
    else this.#rejected(reason)
    return accept
  }

  #accepted(secret: Buffer | undefined): void {
    if (secret && !this.#continuing)
      throw new SluiceError('ERR_PROTOCOL', 'the peer sent a secret that nobody asked for')
    this.#secret = secret
    this.#state = 'sending'
    this.#firstAccepted.resolve(this.#first.whole)
    this.begin('sending')
    this.#mayFinish()
    if (secret) this.#widen(secret)
  }

  /** Data may go over further connections, where both sides want that. */
  #widen(secret: Buffer): void {
    const { spread, source } = this.#river!
    if (!spread) return
    if (!this.#takesLanes) return this.control.warn(new SluiceError('ERR_UNSUPPORTED', ONE_ONLY))
    const lost = () => source.wake()
    const lanes = new OutgoingLanes({ plan: this.plan, spread, lost, clock: this.clock })
    this.#lanes = lanes
    const stages = () => this.#sending.laneStages()
    const resume = { id: this.transfer.id, secret }
    this.#continuing!.widen?.({ lanes, resume, stages, options: this.#options, ends: this.ends.signal })
  }

  /** Attaches an offer, which is in the plan. */
  #offer(made: Made): void {
    this.#warn(made.offer, made.skipped)
    this.#river?.source.attach(made)
  }

  /** Tells what of an offer is not sent. */
  #warn(offer: Offer, skipped: readonly SluiceError[]): void {
    this.#failures.addUnreadable(offer, skipped)
    for (const warning of skipped) this.control.warn(warning)
  }

  /** The transfer goes on over another connection, where what has no answer yet would have to be attached again. */
  lost(cause: SluiceError): void {
    const message = 'the connection was lost before there was an answer; attach it again'
    this.#forget()
    this.#ended.reject(new SluiceError('ERR_INTERRUPTED', message, { cause }))
  }

  /** Nothing more will be asked for, but again, when all pages of the plan came and nothing more is offered. */
  #mayFinish(): void {
    const { undecided, entries } = this.plan
    const isOver = undecided === entries.length && !this.attachments.mayFollow
    if (this.#state === 'sending' && isOver) this.#river?.source.finish()
  }

  /** A page of the plan: what it wants is sent as it comes. */
  #planned(message: Messages['plan']): void {
    this.#asked.planned(message, this.attachments.answeredEnd)
    if (this.plan.undecided === this.plan.entries.length) this.control.decided()
    this.#river?.source.wake()
    this.#mayFinish()
  }

  #rejected(reason: string): void {
    const message = `the receiver rejected the offer: ${printable(reason, 1024)}`
    this.fail(new SluiceError('ERR_REJECTED', message), REFUSED)
  }

  #settle(message: Messages['outcomes']): void {
    const { plan } = this
    const range = this.#failures.tell(this.#heard.take(message), plan.entries)
    this.#asked.drop(range.first, range.last)
    this.control.settled(range, plan.entries)
    this.control.advance()
    this.#river?.source.wake()
  }

  #result(message: Message & { type: 'result' }): void {
    const { published, skipped, failed, bytes } = message
    // what it discarded, it did not count
    const result = this.result(bytes)
    if (
      published + skipped + failed !== this.plan.entries.length ||
      result.published !== published ||
      result.skipped !== skipped ||
      result.failed !== failed
    ) {
      const text = 'the result of the peer does not match the outcomes that it reported'
      throw new SluiceError('ERR_PROTOCOL', text, { expected: result, found: message })
    }
    this.say(message)
    this.conclude(result)
  }

  #expect(message: Message, ...states: string[]): void {
    if (states.includes(this.#state)) return
    throw new SluiceError('ERR_PROTOCOL', `the peer said ${message.type} while this side was ${this.#state}`)
  }
}
