import type { Duplex, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { deferred } from '../async.js'
import { fileCodeOf, knownCode, printable, SluiceError } from '../errors.js'
import type { PeerLimits } from '../wire/limits.js'
import type { Entry, Offer } from '../wire/manifest.js'
import type { Message, OutcomeRecord } from '../wire/messages.js'
import { type Bitmap, checkBitmap } from '../wire/positions.js'
import type { Line } from './channel.js'
import { asError, closed, type Passed, Session } from './session.js'
import type { SessionOptions } from './session-options.js'
import type { FileOutcome } from './transfer.js'

/** What a sender has to say and to give, made by `send`. */
export interface Sending {
  /** Makes the offer; `skipped` becomes warnings. `signal` aborts when the transfer is over before. */
  prepare(signal: AbortSignal): Promise<{ offer: Offer; skipped: readonly SluiceError[] }>
  /**
   * The stages from the source to just before the framer. The offer is given out first; what follows waits for the
   * answer: which entries the receiver wants, all if `undefined`. `passed` is called for what flows.
   */
  river(
    wanted: Promise<Bitmap | undefined>,
    passed: Passed,
    warn: (warning: SluiceError) => void,
  ): [Readable, ...Duplex[]]
  /** Closes what was to be sent, where the transfer ended before there was a river. */
  abandon(): void
}

/** Bytes that a name may be longer than its path without being counted: some suffixes, of the file and its folders. */
const SUFFIXES = 16

/** Bytes that a receiver has to take at once: cut up smaller, a run would hold the event loop. */
const LEAST = 4096

/** The sender's part of the conversation: offer, answer, river, outcomes, result. */
export class Sender extends Session {
  readonly #line: Line
  readonly #sending: Sending
  readonly #hello = deferred<PeerLimits>()
  readonly #answer = deferred<Bitmap | undefined>()
  #state: 'preparing' | 'offered' | 'sending' | 'sent' = 'preparing'
  #entries: readonly Entry[] = []
  /** By the index of the entry. */
  #outcomes: (FileOutcome | undefined)[] = []
  readonly #mostNames: number
  /** Bytes by which the names so far are longer than what their entries explain. */
  #names = 0
  #stages: readonly (Readable | Duplex)[] = []

  constructor(socket: Duplex, line: Line, sending: Sending, options: SessionOptions) {
    super('send', socket, line, options)
    this.#line = line
    this.#sending = sending
    this.#mostNames = options.limits.names
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
    this.#line.framer.limit(limits)
    this.#entries = offer.entries
    this.#outcomes = new Array(offer.entries.length)
    const stages = this.#sending.river(this.#answer.promise, this.passed, this.warn)
    this.#stages = stages
    this.#state = 'offered'
    this.control.move('offered')
    await pipeline([...stages, this.#line.framer], { end: false, signal: this.stop.signal })
    this.channel.say({ type: 'end' })
    this.#state = 'sent'
  }

  protected override greeted(limits: PeerLimits): void {
    this.#hello.resolve(limits)
  }

  protected override settled(): Promise<void> {
    if (this.#stages.length === 0) this.#sending.abandon()
    return closed(this.#stages)
  }

  protected override heard(message: Message): boolean {
    switch (message.type) {
      case 'answer':
        this.#expect(message, 'offered')
        if (message.offer !== 0)
          throw new SluiceError('ERR_PROTOCOL', 'the peer answered an offer that was not made')
        if (message.accept) this.#accepted(message.want)
        else this.#rejected(message.reason ?? 'no reason given')
        return message.accept
      case 'outcomes':
        this.#expect(message, 'sending', 'sent')
        for (const outcome of message.outcomes) this.#outcome(outcome)
        return true
      case 'result':
        this.#expect(message, 'sent')
        this.#result(message)
        return false
      default:
        throw new SluiceError('ERR_PROTOCOL', `a receiver does not say ${message.type}`)
    }
  }

  #accepted(want: Bitmap | undefined): void {
    if (want !== undefined) checkBitmap(want, this.#entries.length)
    this.#state = 'sending'
    this.plan(this.#entries, want)
    this.control.move('sending')
    this.#answer.resolve(want)
  }

  #rejected(reason: string): void {
    this.channel.say({ type: 'result', status: 'failed', published: 0, skipped: 0, failed: 0, bytes: 0 })
    const message = `the receiver rejected the offer: ${printable(reason, 1024)}`
    this.fail(new SluiceError('ERR_REJECTED', message), false)
  }

  #outcome(record: OutcomeRecord): void {
    const entry = this.#entries[record.index]
    if (entry === undefined || this.#outcomes[record.index] !== undefined) {
      throw new SluiceError(
        'ERR_PROTOCOL',
        `the peer reported an outcome of entry ${record.index} that nobody waits for`,
      )
    }
    const { status, name } = record
    if (name !== undefined) this.#countName(name, entry)
    const code = status === 'failed' ? fileCodeOf(record.code ?? '') : record.code && knownCode(record.code)
    const outcome: FileOutcome = { path: entry.path, status, ...(name && { name }), ...(code && { code }) }
    this.#outcomes[record.index] = outcome
    this.ended(record.index, outcome)
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
    const result = this.result(this.#outcomes.filter((outcome) => outcome !== undefined))
    const { published, skipped, failed } = message
    if (
      result.files.length !== this.#entries.length ||
      result.published !== published ||
      result.skipped !== skipped ||
      result.failed !== failed
    ) {
      throw new SluiceError(
        'ERR_PROTOCOL',
        'the result of the peer does not match the outcomes that it reported',
        {
          expected: result,
          found: message,
        },
      )
    }
    this.channel.say(message)
    this.conclude(result)
  }

  #expect(message: Message, ...states: string[]): void {
    if (states.includes(this.#state)) return
    throw new SluiceError('ERR_PROTOCOL', `the peer said ${message.type} while this side was ${this.#state}`)
  }
}

/** Spares both sides an offer that the receiver says it will refuse, and this one a flood of small frames. */
function checkLimits(count: number, { entries = count, frame = LEAST, message = LEAST }: PeerLimits): void {
  if (count > entries) {
    const text = `the receiver takes at most ${entries} entries, and these are ${count}: send in parts`
    throw new SluiceError('ERR_LIMIT', text, { expected: entries, found: count })
  }
  const least = Math.min(frame, message)
  if (least >= LEAST) return
  const text = `the receiver takes only ${least} bytes in a frame or a message; it should take at least ${LEAST}`
  throw new SluiceError('ERR_LIMIT', text, { expected: LEAST, found: least })
}
