import { SluiceError } from '../errors.js'
import { FrameType, HEADER_BYTES as HEADER, POSITION_BYTES as POSITION } from './frames.js'
import type { Limits } from './limits.js'
import { checkFrameType, decodeMessage, type Message } from './messages.js'
import { checkFormats, PrefaceParser } from './preface.js'

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

const NOTHING = Buffer.alloc(0)

/**
 * Parses the frames of a stream at any split; no stream itself. Data is never copied. A message that is cut is put
 * together only after its length was found to be within the limits.
 */
export class FrameParser {
  /** Most bytes of a message from now on. */
  maxMessage: number
  /** What was not parsed any more after `emit` said false. */
  rest: Buffer | null = null
  readonly #limits: Limits
  readonly #emit: (frame: Frame) => boolean
  #preface: PrefaceParser | null = new PrefaceParser()
  /** The header and, of data, the position: gathered here when a chunk ends in it. */
  readonly #head = Buffer.alloc(HEADER + POSITION)
  #headFilled = 0
  #type = 0
  /** Bytes of the payload that are still to come; 0 while a header is. */
  #left = 0
  #payload: Buffer | null = null
  #position = 0
  #data: Data | null = null
  #paused = false

  /** `emit` is given each frame in order, and says whether to go on. */
  constructor(limits: Limits, maxMessage: number, emit: (frame: Frame) => boolean) {
    this.#limits = limits
    this.maxMessage = maxMessage
    this.#emit = emit
  }

  /** Whether the bytes so far end between two frames. */
  get complete(): boolean {
    return this.#preface === null && this.#headFilled === 0
  }

  /**
   * Parses a chunk; data may be held back until `settle()`. After a `pause()` it gives what it left, which is to be
   * pushed again.
   * @throws SluiceError `ERR_NOT_SLUICE`, `ERR_VERSION`, `ERR_FORMATS`, `ERR_PROTOCOL`, `ERR_LIMIT`
   */
  push(chunk: Buffer): Buffer {
    let rest = chunk
    this.#paused = false
    if (this.#preface !== null) {
      const preface = this.#preface.push(rest)
      if (preface === undefined) return NOTHING
      checkFormats([], preface.formats)
      this.#preface = null
      rest = preface.rest
    }
    while (rest.length > 0 && this.rest === null && !this.#paused)
      rest = this.#left === 0 ? this.#header(rest) : this.#body(rest)
    if (this.rest === null) return rest
    if (rest.length > 0) this.rest = Buffer.concat([this.rest, rest])
    return NOTHING
  }

  /** To be called by `emit`: nothing more is parsed until the next `push()`. */
  pause(): void {
    this.#paused = true
  }

  /** Gives out what is held back: called when there is no more input for now. */
  settle(): void {
    const data = this.#data
    this.#data = null
    if (data !== null) this.#give(data)
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

  #body(bytes: Buffer): Buffer {
    const piece = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes
    if (this.#type === FrameType.DATA) this.#gather(piece)
    else this.#message(piece)
    return bytes.subarray(piece.length)
  }

  #gather(piece: Buffer): void {
    const data = this.#data
    if (
      data !== null &&
      (data.position + data.length !== this.#position || data.length + piece.length > GATHER)
    ) {
      this.settle()
    }
    if (this.#data === null) this.#data = { kind: 'data', position: this.#position, length: 0, chunks: [] }
    this.#data.chunks.push(piece)
    this.#data.length += piece.length
    this.#position += piece.length
    this.#consume(piece.length)
  }

  #message(piece: Buffer): void {
    if (this.#payload === null && piece.length < this.#left) this.#payload = Buffer.allocUnsafe(this.#left)
    if (this.#payload !== null) piece.copy(this.#payload, this.#payload.length - this.#left)
    const whole = this.#payload ?? piece
    if (!this.#consume(piece.length)) return
    this.#payload = null
    this.settle()
    if (this.rest === null) {
      const message = decodeMessage(this.#type, whole, this.#limits)
      this.#give({ kind: 'message', type: this.#type, message, size: whole.length })
    }
  }

  /** Whether the frame ends with these bytes of its payload. */
  #consume(length: number): boolean {
    this.#left -= length
    if (this.#left === 0) this.#headFilled = 0
    return this.#left === 0
  }

  #give(frame: Frame): void {
    if (!this.#emit(frame)) this.rest = Buffer.alloc(0)
  }
}
