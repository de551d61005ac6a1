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
    return this.#preface === null && this.#headFilled === 0 && this.#left === 0
  }

  /**
   * Parses a chunk; data may be held back until `settle()`. After a `pause()` it gives what it left, which is to be
   * pushed again.
   * @throws SluiceError `ERR_NOT_SLUICE`, `ERR_VERSION`, `ERR_FORMATS`, `ERR_PROTOCOL`, `ERR_LIMIT`
   */
  push(chunk: Buffer): Buffer {
    let bytes = chunk
    this.#paused = false
    if (this.#preface !== null) {
      const preface = this.#preface.push(bytes)
      if (preface === undefined) return NOTHING
      checkFormats([], preface.formats)
      this.#preface = null
      bytes = preface.rest
    }
    let at = 0
    while (at < bytes.length && this.rest === null && !this.#paused)
      at += this.#left === 0 ? this.#header(bytes, at) : this.#body(bytes, at)
    const rest = at === bytes.length ? NOTHING : at === 0 ? bytes : bytes.subarray(at)
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

  /** Reads a header that begins at `at`, or more of one that began before; gives how many bytes that took. */
  #header(bytes: Buffer, at: number): number {
    if (this.#headFilled === 0 && bytes.length - at >= HEADER + POSITION) {
      this.#check(bytes, at)
      return this.#begin(bytes, at)
    }
    const wanted = this.#headFilled > 0 && this.#head[0] === FrameType.DATA ? HEADER + POSITION : HEADER
    const taken = bytes.copy(this.#head, this.#headFilled, at, at + wanted - this.#headFilled)
    this.#headFilled += taken
    if (this.#headFilled < HEADER) return taken
    if (this.#headFilled === HEADER) this.#check(this.#head, 0)
    if (this.#head[0] !== FrameType.DATA || this.#headFilled === HEADER + POSITION) {
      this.#begin(this.#head, 0)
      this.#headFilled = 0
    }
    return taken
  }

  /** Judges type and length, before anything of the payload is waited for. */
  #check(head: Buffer, at: number): void {
    const type = head[at]!
    const length = head.readUInt32BE(at + 1)
    const isData = type === FrameType.DATA
    if (!isData) checkFrameType(type)
    const least = isData ? POSITION + 1 : 1
    const most = isData ? POSITION + this.#limits.frame : this.maxMessage
    if (length > most) {
      const text = `the peer announced a frame of ${length} bytes; at most ${most} are taken`
      throw new SluiceError('ERR_LIMIT', text, { expected: most, found: length })
    }
    if (length < least) {
      throw new SluiceError('ERR_PROTOCOL', `the peer sent an empty frame of type ${type}`)
    }
  }

  /** The header is whole: the payload follows. Gives how long the header is. */
  #begin(head: Buffer, at: number): number {
    this.#type = head[at]!
    this.#left = head.readUInt32BE(at + 1)
    if (this.#type !== FrameType.DATA) return HEADER
    this.#left -= POSITION
    const high = head.readUInt32BE(at + HEADER)
    const position = high * 0x1_0000_0000 + head.readUInt32BE(at + HEADER + 4)
    // Compared like this, since a sum beyond 2^53 would be rounded.
    if (position > Number.MAX_SAFE_INTEGER - this.#left) {
      throw new SluiceError('ERR_PROTOCOL', 'the peer sent data at positions beyond 2^53')
    }
    this.#position = position
    return HEADER + POSITION
  }

  /** Takes what is there of the payload; gives how many bytes that is. */
  #body(bytes: Buffer, at: number): number {
    const length = Math.min(bytes.length - at, this.#left)
    const part = length === bytes.length ? bytes : bytes.subarray(at, at + length)
    this.#left -= length
    if (this.#type === FrameType.DATA) this.#gather(part)
    else this.#message(part)
    return length
  }

  #gather(bytes: Buffer): void {
    const { length } = bytes
    let data = this.#data
    if (data !== null && (data.position + data.length !== this.#position || data.length + length > GATHER)) {
      this.settle()
      data = null
    }
    if (data === null) {
      this.#data = { kind: 'data', position: this.#position, length, chunks: [bytes] }
    } else {
      data.chunks.push(bytes)
      data.length += length
    }
    this.#position += length
  }

  #message(bytes: Buffer): void {
    const { length } = bytes
    if (this.#payload === null && this.#left > 0) this.#payload = Buffer.allocUnsafe(length + this.#left)
    if (this.#payload !== null) bytes.copy(this.#payload, this.#payload.length - this.#left - length)
    if (this.#left > 0) return
    const whole = this.#payload ?? bytes
    this.#payload = null
    this.settle()
    if (this.rest === null) {
      const message = decodeMessage(this.#type, whole, this.#limits)
      this.#give({ kind: 'message', type: this.#type, message, size: whole.length })
    }
  }

  #give(frame: Frame): void {
    if (!this.#emit(frame)) this.rest = Buffer.alloc(0)
  }
}
