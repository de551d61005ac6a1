import { Duplex } from 'node:stream'
import { SluiceError } from '../errors.js'
import { checkKeys } from '../options.js'
import { type Frame, FrameParser } from '../wire/frame-parser.js'
import { isTalk } from '../wire/frames.js'
import { type Limits, limitsOf } from '../wire/limits.js'
import type { Message } from '../wire/messages.js'
import type { MemoryPool } from './bytes/memory-pool.js'
import { type Callback, Pump } from './bytes/pump.js'
import { watchNext } from './river/place.js'

/** Options of {@link deframer}. */
export interface DeframerOptions {
  limits?: Partial<Limits>
  /**
   * Takes the messages of the conversation, which leave the river here; `false` ends the parsing: what follows is
   * not Sluice's (see `rest`). Without it the stream is one way, and such a message is an error.
   */
  onTalk?: (message: Message) => boolean
  /** Told of bytes that are nobody's any more: those of messages, and what is between data. */
  memory?: Pick<MemoryPool, 'used'> | undefined
  /** Where the input was cut off, the stream ends, waits for this once that was read, and only then fails. */
  afterCut?: () => Promise<void>
}

/**
 * Takes bytes at any split and gives frames: data in pieces (nothing waits for a whole frame), and the checked
 * messages of the river. One way its readable side ends with END, behind which nothing may follow. In a conversation
 * more may be asked for after END, so that it ends when {@link Deframer.finish} is called.
 *
 * Errors: `ERR_NOT_SLUICE`, `ERR_VERSION`, `ERR_FORMATS`, `ERR_PROTOCOL`, `ERR_LIMIT`; `ERR_TRUNCATED` if the input
 * ends before END does: after what came before was read. The event `cutOff` has that error at once.
 */
export class Deframer extends Duplex {
  readonly #parser: FrameParser
  readonly #limits: Limits
  readonly #onTalk: DeframerOptions['onTalk']
  readonly #afterCut: () => Promise<void>
  readonly #memory: DeframerOptions['memory']
  readonly #pump = new Pump<Frame>(this, (frame) => this.#give(frame))
  /** END was heard; the river was ended. */
  #ended = false
  #finished = false
  /** Bytes that it was given. */
  bytesGiven = 0

  constructor(options: DeframerOptions = {}) {
    checkKeys('options', options, { limits: true, onTalk: true, afterCut: true, memory: true })
    const { limits, onTalk, afterCut = async () => {}, memory } = options
    super({ readableObjectMode: true, readableHighWaterMark: 2, writableHighWaterMark: BUFFERED })
    this.#limits = limitsOf(limits)
    this.#onTalk = onTalk
    this.#afterCut = afterCut
    this.#memory = memory
    const { handshakeMessage, message } = this.#limits
    this.#parser = new FrameParser(this.#limits, onTalk ? handshakeMessage : message, memory)
    watchNext('deframer', this)
  }

  /** The bytes behind the message at which `onTalk` said `false`; `null` before. */
  get rest(): Buffer | null {
    return this.#parser.rest
  }

  /** Frames whose header came. */
  get framesBegun(): number {
    return this.#parser.framesBegun
  }

  /**
   * Ends the river: every entry has its outcome, nothing will be asked for any more. Talk goes on, and what was on its
   * way of files is dropped.
   */
  finish(): void {
    if (this.#finished) return
    this.#finished = true
    this.push(null)
    this.#pump.resume() // nothing more will be read, and what comes is parsed all the same
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Callback): void {
    this.#pump.take(this.#frames([chunk]), done)
  }

  /** What piled up while the reader was busy gives few, large pieces. */
  override _writev(chunks: { chunk: Buffer }[], done: Callback): void {
    this.#pump.take(this.#frames(chunks.map(({ chunk }) => chunk)), done)
  }

  override _final(done: Callback): void {
    if (this.#ended || this.rest !== null) {
      // one way nobody has anything to say behind END; in a conversation a last word may be cut off
      if (this.#onTalk === undefined && !this.#parser.complete)
        return done(new SluiceError('ERR_PROTOCOL', AFTER_END))
      // what was asked for again and did not come, or came behind a last word, will not come any more
      this.finish()
      return done()
    }
    const inside = this.bytesGiven === 0 ? 'before its first byte' : 'in the middle of a frame'
    const where = this.#parser.complete ? 'before the end of the transfer' : inside
    const error = new SluiceError('ERR_TRUNCATED', `the stream ended ${where}`)
    this.emit('cutOff', error)
    // What came before is read first: it is whole, and an error in it is the one that matters.
    this.once('end', () => void this.#afterCut().then(() => done(error), done)).push(null)
  }

  override _read(): void {
    this.#pump.resume()
  }

  /** The frames of the river; the conversation is handed out as it is met. */
  *#frames(chunks: Buffer[]): Generator<Frame | undefined, void> {
    for (const { length } of chunks) this.bytesGiven += length
    for (const frame of this.#parser.parse(chunks)) {
      if (frame.kind === 'message' && isTalk(frame.type)) {
        this.#talk(frame.message)
        if (MUCH_IN_LITTLE.includes(frame.message.type)) yield* this.#pump.turn()
      } else if (this.#ended && (this.#onTalk === undefined || (this.#finished && !isOfFiles(frame))))
        throw new SluiceError('ERR_PROTOCOL', AFTER_END)
      else if (!this.#finished) yield frame
      else {
        if (frame.kind === 'data') for (const chunk of frame.chunks) this.#memory?.used(chunk)
        // very many may have come at once, and no reader holds them up
        yield* this.#pump.turn()
      }
    }
  }

  #give(frame: Frame): boolean {
    const hasEnded = frame.kind === 'message' && frame.message.type === 'end'
    const more = this.push(frame)
    if (hasEnded) this.#ended = true
    if (hasEnded && this.#onTalk === undefined) this.finish()
    return more
  }

  #talk(message: Message): void {
    if (this.#onTalk === undefined) {
      const text = `a stream that goes one way cannot hold ${message.type}`
      throw new SluiceError('ERR_PROTOCOL', message.type === 'hello' ? CONVERSATION : text)
    }
    if (message.type === 'hello') this.#parser.maxMessage = this.#limits.message
    if (this.#onTalk(message) === false) this.#parser.stop()
  }
}

const OF_FILES: readonly Message['type'][] = ['blocks', 'chunks', 'digests']

/** Whether it is about files that were offered: of those that have their outcome it may still come, and is dropped. */
function isOfFiles(frame: Frame): boolean {
  return frame.kind === 'data' || OF_FILES.includes(frame.message.type)
}

/** A few bytes of these are about thousands of entries, and a chunk may hold hundreds of them. */
const MUCH_IN_LITTLE: readonly Message['type'][] = ['plan', 'outcomes']

const CONVERSATION =
  'the peer holds a conversation, as send() does, and these stages go one way: use receive(), or send by hand (sluice pack)'

const AFTER_END = 'the peer went on after END'

/** Bytes that may pile up while the reader is busy: one large run. What piles up is lost when the process is killed. */
const BUFFERED = 1024 * 1024

/** @see Deframer */
export function deframer(options?: DeframerOptions): Deframer {
  return new Deframer(options)
}
