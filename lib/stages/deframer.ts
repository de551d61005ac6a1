import { Duplex } from 'node:stream'
import { SluiceError } from '../errors.js'
import { type Frame, FrameParser } from '../wire/frame-parser.js'
import { isTalk } from '../wire/frames.js'
import { type Limits, limitsOf } from '../wire/limits.js'
import type { Message } from '../wire/messages.js'

/** Options of {@link deframer}. */
export interface DeframerOptions {
  limits?: Partial<Limits>
  /**
   * Takes the messages of the conversation, which leave the river here; `false` ends the parsing: what follows is
   * somebody else's (see `rest`). Without it the stream is one way, and such a message is an error.
   */
  onTalk?: (message: Message) => boolean
}

type Callback = (error?: Error | null) => void

/**
 * Takes bytes at any split and gives frames: data in pieces (nothing waits for a whole frame), and the checked
 * messages of the river. One way its readable side ends with the input, which END must end. In a conversation more may
 * be asked for after END, so that it ends when {@link Deframer.finish} is called.
 *
 * Errors: `ERR_NOT_SLUICE`, `ERR_VERSION`, `ERR_FORMATS`, `ERR_PROTOCOL`, `ERR_LIMIT`; `ERR_TRUNCATED` if the input
 * ends before END does.
 */
export class Deframer extends Duplex {
  readonly #parser: FrameParser
  readonly #limits: Limits
  readonly #onTalk: DeframerOptions['onTalk']
  /** What was written and is not parsed yet, and who wants to know that it is. */
  #chunks: Buffer[] = []
  #done: Callback | null = null
  #parsing = false
  #more = true
  /** END was heard; the river was ended. */
  #ended = false
  #finished = false

  constructor({ limits, onTalk }: DeframerOptions = {}) {
    super({ readableObjectMode: true, readableHighWaterMark: 2, writableHighWaterMark: BUFFERED })
    this.#limits = limitsOf(limits)
    this.#onTalk = onTalk
    const { handshakeMessage, message } = this.#limits
    this.#parser = new FrameParser(this.#limits, onTalk ? handshakeMessage : message, (frame) =>
      this.#take(frame),
    )
  }

  /** The bytes behind the message at which `onTalk` said `false`; `null` before. */
  get rest(): Buffer | null {
    return this.#parser.rest
  }

  /** Ends the river: every entry has its outcome, nothing will be asked for any more. Talk goes on. */
  finish(): void {
    if (this.#finished) return
    this.#finished = true
    this.#more = true // nothing more will be read, and what comes is parsed all the same
    this.push(null)
    this.#goOn()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Callback): void {
    this.#parse([chunk], done)
  }

  /** What piled up while the reader was busy gives few, large pieces. */
  override _writev(chunks: { chunk: Buffer }[], done: Callback): void {
    this.#parse(
      chunks.map(({ chunk }) => chunk),
      done,
    )
  }

  override _final(done: Callback): void {
    if (this.#ended && this.#onTalk === undefined) {
      // one way nobody has anything to say behind END; in a conversation a last word may be cut off
      if (!this.#parser.complete) return done(new SluiceError('ERR_PROTOCOL', AFTER_END))
      this.finish()
    }
    if (this.#ended || this.rest !== null) return done()
    const where = this.#parser.complete ? 'before the end of the transfer' : 'in the middle of a frame'
    const error = new SluiceError('ERR_TRUNCATED', `the stream ended ${where}`)
    // What came before is read first: it is whole, and an error in it is the one that matters.
    this.once('end', () => done(error)).push(null)
  }

  override _read(): void {
    this.#more = true
    this.#goOn()
  }

  #parse(chunks: Buffer[], done: Callback): void {
    this.#chunks = chunks
    this.#done = done
    this.#goOn()
  }

  /**
   * Parses as far as the reader wants to read: very many small files are few bytes, and much once they are parsed.
   * Back-pressure is the callback of the write, kept until all of it is parsed and read.
   */
  #goOn(): void {
    const done = this.#done
    // a reader that asks again from within push() is served when that returns
    if (done === null || this.#parsing) return
    this.#parsing = true
    try {
      while (this.#more && this.#chunks.length > 0) this.#next()
    } catch (error) {
      this.#done = null
      return done(error as Error)
    } finally {
      this.#parsing = false
    }
    if (!this.#more || this.#chunks.length > 0) return
    this.#done = null
    done()
  }

  /** The next chunk, or as much of it as the reader takes. */
  #next(): void {
    const rest = this.#parser.push(this.#chunks[0]!)
    if (rest.length > 0) {
      this.#chunks[0] = rest
      return
    }
    this.#chunks.shift()
    if (this.#chunks.length === 0) this.#parser.settle()
  }

  #take(frame: Frame): boolean {
    if (frame.kind === 'message' && isTalk(frame.type)) return this.#talk(frame.message)
    if (this.#finished || (this.#ended && this.#onTalk === undefined))
      throw new SluiceError('ERR_PROTOCOL', AFTER_END)
    this.#more = false
    // A reader that asks again from within push() does not repeat its question: `_read` has set it.
    if (this.push(frame)) this.#more = true
    if (!this.#more) this.#parser.pause()
    if (frame.kind === 'message' && frame.message.type === 'end') this.#ended = true
    return true
  }

  #talk(message: Message): boolean {
    if (this.#onTalk === undefined) {
      throw new SluiceError('ERR_PROTOCOL', `a stream that goes one way cannot hold ${message.type}`)
    }
    if (message.type === 'hello') this.#parser.maxMessage = this.#limits.message
    return this.#onTalk(message) !== false
  }
}

const AFTER_END = 'the peer went on after END'

/** Bytes that may pile up while the reader is busy: one large run. */
const BUFFERED = 1024 * 1024

/** @see Deframer */
export function deframer(options?: DeframerOptions): Deframer {
  return new Deframer(options)
}
