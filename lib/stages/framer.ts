import { Duplex } from 'node:stream'
import { SluiceError } from '../errors.js'
import { dataHeader } from '../wire/frames.js'
import { DEFAULT_LIMITS } from '../wire/limits.js'
import { offerMessages } from '../wire/manifest.js'
import { encodeMessage, type Message } from '../wire/messages.js'
import { encodePreface } from '../wire/preface.js'
import type { Cut, Item, Run, SentDigest } from './items.js'

export interface FramerOptions {
  /** Most data bytes in a frame, 1 to 1 MiB. Small frames let talk pass sooner on a slow line. Default 1 MiB. */
  maxFrame?: number
}

/** One frame in the pieces that it is pushed in: nothing may come between them. */
type Frame = readonly Buffer[]

type Callback = (error?: Error | null) => void

/**
 * Takes items and gives the bytes of the protocol: a preface, the offer, a DATA frame per run with the digests of the
 * files that ended in it, and END. Data is passed on as it is, never copied.
 *
 * Errors: `ERR_USAGE` for an option; `ERR_STATE` if a file ends without a digest (no `hashTap()` stands before it).
 */
export class Framer extends Duplex {
  readonly #maxFrame: number
  #frames: Iterator<Frame> | null = null
  #done: Callback = () => {}
  #waiting: (() => void)[] = []
  /** Messages that came while a frame was being pushed: a reader may answer from within. */
  #talk: Message[] = []
  #pushing = false
  #wanted = false

  constructor({ maxFrame = DEFAULT_LIMITS.frame }: FramerOptions = {}) {
    if (!Number.isInteger(maxFrame) || maxFrame < 1 || maxFrame > DEFAULT_LIMITS.frame) {
      throw new SluiceError(
        'ERR_USAGE',
        `maxFrame must be a whole number from 1 to ${DEFAULT_LIMITS.frame} bytes`,
        {
          found: maxFrame,
        },
      )
    }
    super({ writableObjectMode: true, writableHighWaterMark: 1, readableHighWaterMark: maxFrame })
    this.#maxFrame = maxFrame
    this.push(encodePreface([]))
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
    this.#take(framesOf(item, this.#maxFrame), done)
  }

  override _final(done: Callback): void {
    this.#take([[encodeMessage({ type: 'end' })]].values(), (error) => {
      if (!error) this.push(null)
      done(error)
    })
  }

  override _read(): void {
    this.#wanted = true
    this.#wake()
    this.#pump()
  }

  override _destroy(error: Error | null, done: Callback): void {
    this.#wake()
    done(error)
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #take(frames: Iterator<Frame>, done: Callback): void {
    this.#frames = frames
    this.#done = done
    this.#pump()
  }

  /** Back-pressure is the callback of the write, kept until the last frame of the item is out. */
  #pump(): void {
    while (this.#frames !== null && !this.#pushing) {
      try {
        const { value, done } = this.#frames.next()
        if (done) return this.#finish()
        if (!this.#pushFrame(value)) return
      } catch (error) {
        return this.#finish(error as Error)
      }
    }
  }

  #finish(error?: Error): void {
    this.#frames = null
    this.#done(error)
  }

  /** Whether to go on: a reader that asks again from within `push` does not repeat its question. */
  #pushFrame(frame: Frame): boolean {
    this.#wanted = false
    this.#pushing = true
    let more = true
    for (const piece of frame) more = this.push(piece)
    this.#pushing = false
    for (const message of this.#talk.splice(0)) more = this.push(encodeMessage(message))
    return more || this.#wanted
  }
}

/** @see Framer */
export function framer(options?: FramerOptions): Framer {
  return new Framer(options)
}

function* framesOf(item: Item, maxFrame: number): Generator<Frame> {
  switch (item.kind) {
    case 'offer':
      for (const message of offerMessages(item.offer)) yield [encodeMessage(message)]
      break
    case 'run':
      yield* dataFrames(item, maxFrame)
      yield* digestFrames(item.cuts.filter((cut) => cut.last && cut.entry.type === 'file').map(digestOf))
      break
    case 'digests':
      yield* digestFrames(item.digests)
      break
    default:
      throw new SluiceError('ERR_STATE', `framer() cannot send an item of kind ${item.kind}`)
  }
}

function* dataFrames(run: Run, maxFrame: number): Generator<Frame> {
  let position = run.position
  let frame: Buffer[] = []
  let length = 0
  for (const whole of joined(run.cuts)) {
    for (let bytes = whole; bytes.length > 0; ) {
      const piece = bytes.subarray(0, maxFrame - length)
      frame.push(piece)
      length += piece.length
      bytes = bytes.subarray(piece.length)
      if (length === maxFrame) {
        yield [dataHeader(position, length), ...frame]
        position += length
        frame = []
        length = 0
      }
    }
  }
  if (length > 0) yield [dataHeader(position, length), ...frame]
}

/** Views that stand next to each other in one memory become one again: a write for a hundred small files. */
function joined(cuts: readonly Cut[]): Buffer[] {
  const buffers: Buffer[] = []
  for (const { bytes } of cuts) {
    const last = buffers.at(-1)
    if (bytes.length === 0) continue
    if (
      last !== undefined &&
      last.buffer === bytes.buffer &&
      last.byteOffset + last.length === bytes.byteOffset
    ) {
      buffers[buffers.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + bytes.length)
    } else {
      buffers.push(bytes)
    }
  }
  return buffers
}

/** As many digests in a message as fit easily, whatever the limits of the other side. */
const DIGESTS_PER_MESSAGE = 500

function* digestFrames(digests: readonly SentDigest[]): Generator<Frame> {
  for (let from = 0; from < digests.length; from += DIGESTS_PER_MESSAGE) {
    const records = digests
      .slice(from, from + DIGESTS_PER_MESSAGE)
      .map(({ entry, digest, failure, size }) => ({
        index: entry.index,
        ...(digest === undefined ? { failure: failure! } : { digest }),
        ...(size === undefined ? {} : { size }),
      }))
    yield [encodeMessage({ type: 'digests', digests: records })]
  }
}

function digestOf({ entry, offset, bytes, digest }: Cut): SentDigest {
  if (digest === undefined) {
    throw new SluiceError('ERR_STATE', 'a file ended without a digest; put hashTap() before framer()', {
      path: entry.path,
    })
  }
  return { entry, digest, ...(entry.size === null ? { size: offset + bytes.length } : {}) }
}
