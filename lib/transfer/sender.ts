import type { Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { deferred } from '../async.js'
import { blockCountOf, blockSizeOf, rangesOfRuns } from '../digest/blocks.js'
import { type Code, fileCodeOf, knownCode, printable, SluiceError } from '../errors.js'
import type { BlockRuns } from '../wire/block-runs.js'
import type { Entry, Offer } from '../wire/entry.js'
import type { PeerLimits } from '../wire/limits.js'
import type { Message, Messages, OutcomeRecord } from '../wire/messages.js'
import type { Outcome, OutcomeRange, OutcomeStatus } from '../wire/outcome.js'
import type { ChannelStages, SessionOptions } from './channel.js'
import type { ByteDuplex } from './connection.js'
import { MOST_TEXT, outcomeOf, takeText } from './outcome-table.js'
import { addOffer } from './plan/add-offer.js'
import { asError, closed, type RiverHooks, Session } from './session.js'

/** What a sender has to say and to give, made by `send`. */
export interface Sending {
  /** Makes the offer; `skipped` becomes warnings. `signal` aborts when the transfer is over before. */
  prepare(signal: AbortSignal): Promise<{ offer: Offer; skipped: readonly SluiceError[] }>
  /**
   * Makes the stages from the source to just before the framer. The source gives the offer out first, then what the
   * plan wants; it is told when that has changed, and when nothing more will be asked for.
   */
  river(hooks: RiverHooks): {
    stages: [Readable, ...Duplex[]]
    source: { wake(): void; finish(): void }
  }
  /** Closes what was to be sent, where the transfer ended before there was a river. */
  abandon(): Promise<void>
}

/** Bytes that a name may be longer than its path without being counted: some suffixes, of the file and its folders. */
const SUFFIXES = 16

/** What is said after a rejection. */
const NOTHING_SENT: Message = {
  type: 'result',
  status: 'failed',
  published: 0,
  skipped: 0,
  failed: 0,
  bytes: 0,
}

/** How often a file may be asked for again, as a whole or in blocks, and how often for proof. */
const MOST_ROUNDS = 3

/** Bytes of a frame and of a message that a receiver has to take: smaller ones are so many that they hold the event loop. */
const LEAST_LIMIT = 4096

/** The sender's part of the conversation: offer, plan, river, outcomes, result. */
export class Sender extends Session {
  readonly #sending: Sending
  readonly #hello = deferred<PeerLimits>()
  #state: 'preparing' | 'offered' | 'sending' | 'sent' = 'preparing'
  readonly #mostNames: number
  /** Bytes by which the names so far are longer than what their entries explain. */
  #names = 0
  /** Texts are kept until the end, too. */
  readonly #texts: { bytes: number }
  #river: ReturnType<Sending['river']> | undefined
  /** Bytes of files that were asked for again or for proof, until those have their outcome. */
  readonly #askedAgain = new Map<number, number>()

  constructor(socket: ByteDuplex, stages: ChannelStages, sending: Sending, options: SessionOptions) {
    super('send', socket, stages, options)
    this.#sending = sending
    this.#mostNames = options.limits.names
    this.#texts = { bytes: Math.min(options.limits.names, MOST_TEXT) }
    this.open()
    this.channel.deframer.on('data', () => {
      this.fail(new SluiceError('ERR_PROTOCOL', 'the peer sends files, but this side is the sender'))
    })
    this.#run().catch((error) => this.fail(asError(error)))
  }

  async #run(): Promise<void> {
    const { offer, skipped } = await this.#sending.prepare(this.stop.signal)
    if (this.over) return
    this.control.identify(offer.id)
    for (const warning of skipped) this.control.warn(warning)
    this.control.move('connecting')
    const limits = await this.#hello.promise
    if (this.over) return
    checkLimits(offer.entries.length, limits)
    this.channel.framer.limit(limits)
    await addOffer(this.plan, offer)
    if (this.over) return
    this.#river = this.#sending.river({
      plan: this.plan,
      passed: (item) => {
        if (item.kind === 'run' && !item.isProof) this.control.passed(item)
        if (item.kind === 'end') this.#state = 'sent'
      },
      warn: this.control.warn,
    })
    this.#state = 'offered'
    this.control.move('offered')
    await pipeline([...this.#river.stages, this.channel.framer], { end: false, signal: this.stop.signal })
  }

  protected override greeted(limits: PeerLimits): void {
    this.#hello.resolve(limits)
  }

  protected override async settled(): Promise<void> {
    if (this.#river) return closed(this.#river.stages)
    await this.#sending.abandon().catch((error) => this.control.warn(asError(error)))
  }

  protected override heard(message: Message): boolean {
    switch (message.type) {
      case 'answer':
        this.#expect(message, 'offered')
        if (message.offer !== 0)
          throw new SluiceError('ERR_PROTOCOL', 'the peer answered an offer that was not made')
        if (message.accept) this.#accepted()
        else this.#rejected(message.reason ?? 'no reason given')
        return message.accept
      case 'plan':
        this.#expect(message, 'sending')
        this.#planned(message)
        return true
      case 'want':
        this.#expect(message, 'sending', 'sent')
        this.#wanted(message)
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

  #accepted(): void {
    this.#state = 'sending'
    this.control.move('sending')
    if (this.plan.entries.length === 0) this.#river?.source.finish()
  }

  #rejected(reason: string): void {
    const message = `the receiver rejected the offer: ${printable(reason, 1024)}`
    this.fail(new SluiceError('ERR_REJECTED', message), NOTHING_SENT)
  }

  /** A page of the plan: what it wants is sent as it comes. */
  #planned({ first, plan: page }: Messages['plan']): void {
    const { plan } = this
    if (first !== plan.undecided) {
      const text = `the peer sent a page of the plan from entry ${first} on, where ${plan.undecided} is the next`
      throw new SluiceError('ERR_PROTOCOL', text, { expected: plan.undecided, found: first })
    }
    for (const record of page) {
      if (record.kind === 'skip') plan.skip(record.count)
      else if (record.kind === 'all') plan.want(record.count)
      else this.#claimed(record.blocks)
    }
    if (plan.undecided === plan.entries.length) this.#river?.source.finish()
    else this.#river?.source.wake()
  }

  #claimed(blocks: BlockRuns): void {
    const { plan } = this
    const size = plan.entries[plan.undecided]?.size
    if (!size) throw refuse('a claim of blocks of what has none: entry', plan.undecided)
    plan.claim(rangesOfRuns(blocks, size))
  }

  /** Blocks of a file are asked for again, or for proof; without any, its digest, for which all of it is read. */
  #wanted({ index, send = [], prove }: Messages['want']): void {
    const { plan } = this
    const size = plan.entries[index]?.size ?? null
    if (!size || plan.isClosed(index)) throw refuse('a request for blocks of what has none: entry', index)
    // its bytes may be needed in order, and a file of one block is asked for as a whole
    if (plan.isOpen(index) && (!this.#askedAgain.has(index) || size <= blockSizeOf(size)))
      throw refuse('a request for blocks before the digest of entry', index)
    const ranges = rangesOfRuns(send, size)
    const claimed = rangesOfRuns(prove ?? (send.length === 0 ? [0, blockCountOf(size)] : []), size)
    let asked = this.#askedAgain.get(index) ?? 0
    for (const { start, end } of [...ranges, ...claimed]) {
      // what is on its way would be sent twice, or be read for two things at once
      if (!plan.isThere(index, start, end))
        throw refuse('a request for blocks that it was not sent yet, or does not have, of entry', index)
      asked += end - start
    }
    // each may come again so often, and be proved so often
    if (asked > 2 * MOST_ROUNDS * size) throw refuse('too many requests for blocks of entry', index)
    this.#askedAgain.set(index, asked)
    plan.ask(index, ranges, claimed)
    this.#river?.source.wake()
  }

  #settle({ first, count, status, code, except }: Messages['outcomes']): void {
    const { plan } = this
    const last = first + count - 1
    if (last >= plan.undecided) throw unexpected(last)
    const said = new Map(except.map((record) => [record.index, record.status]))
    for (let index = first; index <= last; index++) {
      if (plan.isClosed(index)) throw unexpected(index)
      if (plan.entries[index]!.type === 'unreadable' && (said.get(index) ?? status) !== 'failed')
        throw new SluiceError('ERR_PROTOCOL', `the peer has entry ${index}, which could not be sent`)
    }
    plan.close(first, last + 1)
    if (this.#askedAgain.size > 0)
      for (let index = first; index <= last; index++) this.#askedAgain.delete(index)
    const records = except.map((record) => [record.index, this.#outcome(record)] as const)
    const range: OutcomeRange = {
      first,
      last,
      status,
      code: codeSaid(status, code),
      except: new Map(records),
    }
    this.outcomes.add(range, plan.entries)
    this.control.settled(range, plan.entries)
    this.control.advance()
    this.#river?.source.wake()
  }

  #outcome({ index, status, name, code, text }: OutcomeRecord): Outcome {
    const entry = this.plan.entries[index]!
    if (name !== undefined) this.#countName(name, entry)
    const kept = text !== undefined && status === 'failed' && takeText(text, this.#texts) ? text : undefined
    return outcomeOf(entry, { status, name, code: codeSaid(status, code) }, kept)
  }

  /** Names are kept until the end, so that a peer must not choose how much they are. */
  #countName(name: string, { path }: Entry): void {
    this.#names += Math.max(0, Buffer.byteLength(name) - Buffer.byteLength(path) - SUFFIXES)
    if (this.#names <= this.#mostNames) return
    const most = this.#mostNames
    const message = `the names that the peer gave are more than ${most} bytes longer than those of the offer: raise limits.names`
    throw new SluiceError('ERR_LIMIT', message, { expected: most, found: this.#names })
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

/** The code that a peer said of an entry, as one of ours: every failure has one. */
function codeSaid(status: OutcomeStatus, code: string | undefined): Code | undefined {
  if (status === 'failed') return fileCodeOf(code ?? '')
  return code === undefined ? undefined : knownCode(code)
}

function refuse(what: string, index: number): SluiceError {
  return new SluiceError('ERR_PROTOCOL', `the peer sent ${what} ${index}`)
}

function unexpected(index: number): SluiceError {
  const message = `the peer reported an outcome of entry ${index} that nobody waits for`
  return new SluiceError('ERR_PROTOCOL', message)
}

/** Spares both sides an offer that the receiver says it will refuse, and this one a flood of small frames. */
function checkLimits(
  count: number,
  { entries = count, frame = LEAST_LIMIT, message = LEAST_LIMIT }: PeerLimits,
): void {
  if (count > entries) {
    const text = `the receiver takes at most ${entries} entries, and these are ${count}: send in parts`
    throw new SluiceError('ERR_LIMIT', text, { expected: entries, found: count })
  }
  const least = Math.min(frame, message)
  if (least >= LEAST_LIMIT) return
  const text = `the receiver takes only ${least} bytes in a frame or a message; it should take at least ${LEAST_LIMIT}`
  throw new SluiceError('ERR_LIMIT', text, { expected: LEAST_LIMIT, found: least })
}
