import { Duplex } from 'node:stream'
import { checkWhole } from '../files/disk/check-options.js'
import { DEFAULT_LIMITS, type PeerLimits } from '../wire/limits.js'
import { encodeMessage, type Message } from '../wire/messages.js'
import { encodePreface } from '../wire/preface.js'
import { type FrameLimits, type FramePieces, framesOf } from './frames-of.js'
import type { Item } from './items.js'
import { Outlet } from './outlet.js'

/** Options of {@link framer}. */
export interface FramerOptions {
  /** Most data bytes in a frame, 1 to 1 MiB. Small frames let talk pass sooner on a slow line. Default 1 MiB. */
  maxFrame?: number
}

type Callback = (error?: Error | null) => void

/**
 * Takes items and gives the bytes of the protocol: a preface, the offer, a DATA frame per run with the digests of the
 * files that ended in it, and END. Data is passed on as it is, never copied.
 *
 * Errors: `ERR_USAGE` for an option; `ERR_STATE` if a file ends without a digest (no `hashTap()` stands before it).
 */
export class Framer extends Duplex {
  readonly #limits: FrameLimits
  readonly #outlet = new Outlet<FramePieces>((frame) => this.#pushFrame(frame))
  #waiting: (() => void)[] = []
  /** Messages that came while a frame was being pushed: a reader may answer from within. */
  #talk: Message[] = []
  #pushing = false

  constructor({ maxFrame = DEFAULT_LIMITS.frame }: FramerOptions = {}) {
    checkWhole('maxFrame', maxFrame, 1, DEFAULT_LIMITS.frame)
    super({ writableObjectMode: true, writableHighWaterMark: 1, readableHighWaterMark: maxFrame })
    this.#limits = { frame: maxFrame, message: DEFAULT_LIMITS.message }
    this.push(encodePreface([]))
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

  /** Resolves when the reader is no longer behind, or is gone. */
  async ready(): Promise<void> {
    if (this.readableLength < this.readableHighWaterMark || this.destroyed) return
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  /** Ends without END, when there is nothing more to say. */
  close(): void {
    this.push(null)
  }

  override _write(item: Item, _encoding: BufferEncoding, done: Callback): void {
    this.#outlet.take(framesOf(item, this.#limits), done)
  }

  override _final(done: Callback): void {
    this.#outlet.take([[encodeMessage({ type: 'end' })]].values(), (error) => {
      if (!error) this.push(null)
      done(error)
    })
  }

  override _read(): void {
    this.#wake()
    this.#outlet.resume()
  }

  override _destroy(error: Error | null, done: Callback): void {
    this.#wake()
    done(error)
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #pushFrame(frame: FramePieces): boolean {
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
