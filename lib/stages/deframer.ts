import { Duplex } from 'node:stream'
import { SluiceError } from '../errors.js'
import { type Frame, FrameParser } from '../wire/frame-parser.js'
import { isTalk } from '../wire/frames.js'
import { type Limits, limitsOf } from '../wire/limits.js'
import type { Message } from '../wire/messages.js'
import { type Callback, Pump } from './bytes/pump.js'

/** Options of {@link deframer}. */
export interface DeframerOptions {
  limits?: Partial<Limits>
  /**
   * Takes the messages of the conversation, which leave the river here; `false` ends the parsing: what follows is
   * somebody else's (see `rest`). Without it the stream is one way, and such a message is an error.
   */
  onTalk?: (message: Message) => boolean
}

/**
 * Takes bytes at any split and gives frames: data in pieces (nothing waits for a whole frame), and the checked
 * messages of the river. Its readable side ends with END.
 *
 * Errors: `ERR_NOT_SLUICE`, `ERR_VERSION`, `ERR_FORMATS`, `ERR_PROTOCOL`, `ERR_LIMIT`; `ERR_TRUNCATED` if the input
 * ends before END does.
 */
export class Deframer extends Duplex {
  readonly #parser: FrameParser
  readonly #limits: Limits
  readonly #onTalk: DeframerOptions['onTalk']
  readonly #pump = new Pump<Frame>(this, (frame) => this.#give(frame))
  #ended = false

  constructor({ limits, onTalk }: DeframerOptions = {}) {
    super({ readableObjectMode: true, readableHighWaterMark: 2, writableHighWaterMark: BUFFERED })
    this.#limits = limitsOf(limits)
    this.#onTalk = onTalk
    const { handshakeMessage, message } = this.#limits
    this.#parser = new FrameParser(this.#limits, onTalk ? handshakeMessage : message)
  }

  /** The bytes behind the message at which `onTalk` said `false`; `null` before. */
  get rest(): Buffer | null {
    return this.#parser.rest
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Callback): void {
    this.#pump.take(this.#frames([chunk]), done)
  }

  /** What piled up while the reader was busy gives few, large pieces. */
  override _writev(chunks: { chunk: Buffer }[], done: Callback): void {
    this.#pump.take(this.#frames(chunks.map(({ chunk }) => chunk)), done)
  }

  override _final(done: Callback): void {
    // one way nobody has anything to say behind END; in a conversation a last word may be cut off
    if (this.#ended && this.#onTalk === undefined && !this.#parser.complete)
      return done(new SluiceError('ERR_PROTOCOL', AFTER_END))
    if (this.#ended || this.rest !== null) return done()
    const where = this.#parser.complete ? 'before the end of the transfer' : 'in the middle of a frame'
    const error = new SluiceError('ERR_TRUNCATED', `the stream ended ${where}`)
    // What came before is read first: it is whole, and an error in it is the one that matters.
    this.once('end', () => done(error)).push(null)
  }

  override _read(): void {
    this.#pump.resume()
  }

  /** The frames of the river; the conversation is handed out as it is met. */
  *#frames(chunks: Buffer[]): Generator<Frame, void> {
    for (const frame of this.#parser.parse(chunks)) {
      if (frame.kind === 'message' && isTalk(frame.type)) this.#talk(frame.message)
      else if (this.#ended) throw new SluiceError('ERR_PROTOCOL', AFTER_END)
      else yield frame
    }
  }

  #give(frame: Frame): boolean {
    const more = this.push(frame)
    if (frame.kind === 'data' || frame.message.type !== 'end') return more
    this.#ended = true
    this.push(null)
    return true // nothing more will be read, but the conversation goes on
  }

  #talk(message: Message): void {
    if (this.#onTalk === undefined) {
      throw new SluiceError('ERR_PROTOCOL', `a stream that goes one way cannot hold ${message.type}`)
    }
    if (message.type === 'hello') this.#parser.maxMessage = this.#limits.message
    if (this.#onTalk(message) === false) this.#parser.stop()
  }
}

const AFTER_END = 'the peer went on after END'

/** Bytes that may pile up while the reader is busy: one large run. */
const BUFFERED = 1024 * 1024

/** @see Deframer */
export function deframer(options?: DeframerOptions): Deframer {
  return new Deframer(options)
}
