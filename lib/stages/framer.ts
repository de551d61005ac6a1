import { Duplex } from 'node:stream'
import { SluiceError } from '../errors.js'
import { checkKeys, wholeNow } from '../options.js'
import type { Offer } from '../wire/entry.js'
import { DEFAULT_LIMITS, type PeerLimits } from '../wire/limits.js'
import { OfferFrames } from '../wire/manifest.js'
import { encodeMessage, type Message } from '../wire/messages.js'
import { encodePreface } from '../wire/preface.js'
import { type Callback, Pump } from './bytes/pump.js'
import { type FrameBuffers, type FrameLimits, framesOf } from './river/frames-of.js'
import type { Item } from './river/items.js'
import { watchNext } from './river/place.js'

/** Options of {@link framer}. */
export interface FramerOptions {
  /**
   * Most data bytes in a frame, 1 to 1 MiB. Small frames let talk pass sooner on a slow connection. Default 1 MiB. A
   * function is asked for each item.
   */
  maxFrame?: number | (() => number)
}

/** Where frames can become smaller one at a time waits for the reader: those that wait were made before. */
const ONE_WAITING = 1

/**
 * Takes items and gives the bytes of the protocol: a preface, the offer, the data of each run with the digests of the
 * files that end in it, digests of blocks, and END, behind which more may follow. Data is passed on as it is, never
 * copied; what was only read for proof does not travel.
 *
 * Errors: `ERR_USAGE` for an option; `ERR_STATE` if a file ends without a digest (no `hashTap()` stands before it), or
 * the items without an end item: the receiver could not tell that from a river that was cut off.
 */
export class Framer extends Duplex {
  readonly #maxFrame: () => number
  /** What the peer takes. */
  readonly #limits: FrameLimits
  readonly #pump = new Pump<FrameBuffers>(this, (frame) => this.#pushFrame(frame))
  #waiting: (() => void)[] = []
  /** Messages that came while a frame was being pushed: a reader may answer from within. */
  #talk: Message[] = []
  #pushing = false
  /** Says the offer that is given out next, if it has begun to. */
  #begun: OfferFrames | undefined
  #isEnded = false
  #isClosed = false

  constructor(options: FramerOptions = {}) {
    checkKeys('options', options, { maxFrame: true })
    const { maxFrame = DEFAULT_LIMITS.frame } = options
    const now = wholeNow('maxFrame', maxFrame, 1, DEFAULT_LIMITS.frame)
    const readableHighWaterMark = typeof maxFrame === 'function' ? ONE_WAITING : maxFrame
    super({ writableObjectMode: true, writableHighWaterMark: 1, readableHighWaterMark })
    this.#maxFrame = now
    this.#limits = { frame: DEFAULT_LIMITS.frame, message: DEFAULT_LIMITS.message }
    this.push(encodePreface([]))
    watchNext('framer', this)
  }

  /** Heeds what the peer says that it takes, from the next item on. */
  limit({ frame, message }: PeerLimits): void {
    if (frame !== undefined) this.#limits.frame = Math.min(frame, this.#limits.frame)
    if (message !== undefined) this.#limits.message = Math.min(message, this.#limits.message)
  }

  /** Puts a message between two frames, ahead of what was not framed yet. */
  talk(message: Message): void {
    if (this.#pushing) this.#talk.push(message)
    else this.push(encodeMessage(message))
  }

  /**
   * Says what is known of an offer that is still being made; the item that gives it out says the rest. Resolves when
   * the reader is no longer behind, or is gone.
   */
  async announce(offer: Offer): Promise<void> {
    this.#begun ??= new OfferFrames(offer)
    for (const page of this.#begun.known(this.#limits.message)) if (!this.#isClosed) this.#pushFrame([page])
    await this.ready()
  }

  /** Resolves when the reader is no longer behind, or is gone. */
  async ready(): Promise<void> {
    if (this.readableLength < this.readableHighWaterMark || this.destroyed) return
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** Ends without END, when there is nothing more to say. */
  close(): void {
    this.#isClosed = true
    this.push(null)
  }

  override _write(item: Item, _encoding: BufferEncoding, done: Callback): void {
    if (item.kind === 'end') this.#isEnded = true
    const { frame, message } = this.#limits
    const limits = { frame: Math.min(frame, this.#maxFrame()), message }
    const frames = framesOf(item, limits, this.#begun)
    if (item.kind === 'offer') this.#begun = undefined
    this.#pump.take(item.kind === 'offer' ? this.#inTurns(frames) : frames, done)
  }

  override _final(done: Callback): void {
    const message = 'the items ended without an end; fileSource() gives it as the last one'
    if (!this.#isEnded) return done(new SluiceError('ERR_STATE', message))
    this.push(null)
    done()
  }

  override _read(): void {
    this.#wake()
    this.#pump.resume()
  }

  override _destroy(error: Error | null, done: Callback): void {
    this.#wake()
    done(error)
  }

  /** One in each turn of the event loop: the pages of a long offer, all at once, would hold it for a second. */
  *#inTurns(pages: Iterable<FrameBuffers>): Generator<FrameBuffers | undefined, void> {
    yield* this.#nextTurn()
    for (const page of pages) {
      yield page
      yield* this.#nextTurn()
    }
  }

  /** Once it is closed there is none. */
  *#nextTurn(): Generator<undefined, void> {
    yield* this.#pump.turn()
    while (this.#isClosed) yield undefined
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #pushFrame(frame: FrameBuffers): boolean {
    this.#pushing = true
    let more = true
    for (const piece of frame) more = this.push(piece)
    this.#pushing = false
    for (const message of this.#talk.splice(0)) more = this.push(encodeMessage(message))
    return more
  }
}

/** @see Framer */
export function framer(options?: FramerOptions): Framer {
  return new Framer(options)
}
