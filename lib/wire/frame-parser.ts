import { SluiceError } from '../errors.js'
import { FrameType, HEADER_BYTES as HEADER, POSITION_BYTES as POSITION } from './frames.js'
import type { Limits } from './limits.js'
import { checkFrameType, decodeMessage, type Message } from './messages.js'
import { PrefaceCheck } from './preface.js'

/** A piece of the stream. The data of one frame may come in several pieces, each at its own position. */
export interface Data {
  kind: 'data'
  position: number
  length: number
  chunks: Buffer[]
}

/** What a stream is made of. */
export type Frame = Data | { kind: 'message'; type: number; message: Message; size: number }

/** Data that follows without a gap is gathered up to this many bytes: what comes after is paid per piece. */
const GATHER = 1024 * 1024

/**
 * Parses the frames of a stream at any split; no stream itself. Data is never copied. A message that is cut is put
 * together only after its length was found to be within the limits.
 */
export class FrameParser {
  /** Most bytes of a message from now on. */
  maxMessage: number
  /** The bytes behind the message at which `stop()` was called; `null` before. */
  rest: Buffer | null = null
  readonly #limits: Limits
  readonly #preface = new PrefaceCheck([])
  /** The header and, of data, the position: gathered here when a chunk ends in it. */
  readonly #head = Buffer.alloc(HEADER + POSITION)
  #headFilled = 0
  #type = 0
  /** Bytes of the payload that are still to come; 0 while a header is. */
  #left = 0
  #payload: Buffer | null = null
  #position = 0
  #data: Data | null = null

  constructor(limits: Limits, maxMessage: number) {
    this.#limits = limits
    this.maxMessage = maxMessage
  }

  /** Whether the bytes so far end between two frames. */
  get complete(): boolean {
    return this.#preface.complete && this.#headFilled === 0
  }

  /**
   * The frames of these chunks, each parsed when it is asked for. Data that follows without a gap comes together, at
   * the latest at the end of the chunks.
   * @throws SluiceError `ERR_NOT_SLUICE`, `ERR_VERSION`, `ERR_FORMATS`, `ERR_PROTOCOL`, `ERR_LIMIT`
   */
  *parse(chunks: Iterable<Buffer>): Generator<Frame, void> {
    for (const chunk of chunks) {
      let bytes = this.#preface.strip(chunk)
      while (bytes.length > 0 && this.rest === null) {
        if (this.#left === 0) bytes = this.#header(bytes)
        else {
          const piece = bytes.subarray(0, this.#left)
          bytes = bytes.subarray(piece.length)
          if (this.#type === FrameType.DATA) yield* this.#gather(piece)
          else yield* this.#message(piece)
        }
      }
      if (this.rest !== null && bytes.length > 0) this.rest = Buffer.concat([this.rest, bytes])
    }
    yield* this.#settle()
  }

  /** To be called at a message that was just given: what follows it is not parsed, but left in `rest`. */
  stop(): void {
    this.rest = Buffer.alloc(0)
  }

  #header(bytes: Buffer): Buffer {
    const wanted = this.#headFilled > 0 && this.#head[0] === FrameType.DATA ? HEADER + POSITION : HEADER
    const taken = bytes.copy(this.#head, this.#headFilled, 0, wanted - this.#headFilled)
    this.#headFilled += taken
    if (this.#headFilled === HEADER) this.#check(this.#head[0]!, this.#head.readUInt32BE(1))
    if (this.#headFilled === HEADER && this.#head[0] !== FrameType.DATA) this.#begin(0)
    if (this.#headFilled === HEADER + POSITION) this.#begin(POSITION)
    return bytes.subarray(taken)
  }

  #check(type: number, length: number): void {
    checkFrameType(type)
    const data = type === FrameType.DATA
    const [least, most] = data ? [POSITION + 1, POSITION + this.#limits.frame] : [1, this.maxMessage]
    if (length > most) {
      throw new SluiceError(
        'ERR_LIMIT',
        `the peer announced a frame of ${length} bytes; at most ${most} are taken`,
        {
          expected: most,
          found: length,
        },
      )
    }
    if (length < least) {
      throw new SluiceError('ERR_PROTOCOL', `the peer sent an empty frame of type ${type}`)
    }
  }

  #begin(used: number): void {
    this.#type = this.#head[0]!
    this.#left = this.#head.readUInt32BE(1) - used
    if (this.#type !== FrameType.DATA) return
    const high = this.#head.readUInt32BE(HEADER)
    const position = high * 0x1_0000_0000 + this.#head.readUInt32BE(HEADER + 4)
    // Compared like this, since a sum beyond 2^53 would be rounded.
    if (position > Number.MAX_SAFE_INTEGER - this.#left) {
      throw new SluiceError('ERR_PROTOCOL', 'the peer sent data at positions beyond 2^53')
    }
    this.#position = position
  }

  *#gather(piece: Buffer): Generator<Frame, void> {
    const data = this.#data
    if (
      data !== null &&
      (data.position + data.length !== this.#position || data.length + piece.length > GATHER)
    ) {
      yield* this.#settle()
    }
    if (this.#data === null) this.#data = { kind: 'data', position: this.#position, length: 0, chunks: [] }
    this.#data.chunks.push(piece)
    this.#data.length += piece.length
    this.#position += piece.length
    this.#consume(piece.length)
  }

  /** Gives out the data that was held back. */
  *#settle(): Generator<Frame, void> {
    const data = this.#data
    this.#data = null
    if (data !== null) yield data
  }

  *#message(piece: Buffer): Generator<Frame, void> {
    if (this.#payload === null && piece.length < this.#left) this.#payload = Buffer.allocUnsafe(this.#left)
    if (this.#payload !== null) piece.copy(this.#payload, this.#payload.length - this.#left)
    const whole = this.#payload ?? piece
    if (!this.#consume(piece.length)) return
    this.#payload = null
    yield* this.#settle()
    const message = decodeMessage(this.#type, whole, this.#limits)
    yield { kind: 'message', type: this.#type, message, size: whole.length }
  }

  /** Whether the frame ends with these bytes of its payload. */
  #consume(length: number): boolean {
    this.#left -= length
    if (this.#left === 0) this.#headFilled = 0
    return this.#left === 0
  }
}
