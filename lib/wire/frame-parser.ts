import { SluiceError } from '../errors.js'
import { FrameType, HEADER_BYTES as HEADER, POSITION_BYTES as POSITION } from './frames.js'
import type { Limits } from './limits.js'
import { checkFrameType, decodeMessage, type Message } from './messages.js'
import { PrefaceCheck } from './preface.js'

/** Bytes of the stream. One DATA frame may be given in several parts, and several frames as one. */
export interface Data {
  kind: 'data'
  position: number
  length: number
  chunks: Buffer[]
}

/** So many bytes of a memory. */
type UsedBytes = Pick<Buffer, 'buffer' | 'length'>

/** What the parser gives: data, and checked messages. */
export type Frame = Data | { kind: 'message'; type: number; message: Message; payload: Buffer }

/** Data that follows without a gap is given together, up to this many bytes: later stages have a cost per frame. */
const GATHER = 1024 * 1024

/**
 * Parses the frames of a stream at any split; no stream itself. Data is never copied. A message that is cut is put
 * together only after its length was found to be within the limits.
 */
export class FrameParser {
  /** Most bytes of a message from now on. */
  maxMessage: number
  /** Frames whose header came. */
  framesBegun = 0
  /** The bytes behind the message at which `stop()` was called; `null` before. */
  rest: Buffer | null = null
  readonly #limits: Limits
  readonly #memory: { used(bytes: UsedBytes): void } | undefined
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

  /** @param memory told of the bytes of each chunk that are in no data: nothing has a view of them */
  constructor(limits: Limits, maxMessage: number, memory?: { used(bytes: UsedBytes): void }) {
    this.#memory = memory
    this.#limits = limits
    this.maxMessage = maxMessage
  }

  /** Whether the bytes so far end between two frames. */
  get complete(): boolean {
    return this.#preface.complete && this.#headFilled === 0 && this.#left === 0
  }

  /**
   * The frames of these chunks, each parsed when it is asked for. Data that follows without a gap comes together, at
   * the latest at the end of the chunks.
   * @throws SluiceError `ERR_NOT_SLUICE`, `ERR_VERSION`, `ERR_FORMATS`, `ERR_PROTOCOL`, `ERR_LIMIT`
   */
  *parse(chunks: Iterable<Buffer>): Generator<Frame, void> {
    for (const chunk of chunks) {
      const bytes = this.#preface.strip(chunk)
      let at = 0
      let ofData = 0
      while (at < bytes.length && this.rest === null) {
        if (this.#left === 0) {
          at += this.#header(bytes, at)
          continue
        }
        const end = Math.min(bytes.length, at + this.#left)
        const part = end - at === bytes.length ? bytes : bytes.subarray(at, end)
        this.#left -= part.length
        at = end
        if (this.#type === FrameType.DATA) {
          ofData += part.length
          const before = this.#gather(part)
          if (before !== null) yield before
        } else {
          const payload = this.#collect(part)
          if (payload === null) continue
          if (this.#data !== null) yield this.#settle(this.#data)
          const message = decodeMessage(this.#type, payload, this.#limits)
          yield { kind: 'message', type: this.#type, message, payload }
        }
      }
      if (this.rest !== null && at < bytes.length) this.rest = Buffer.concat([this.rest, bytes.subarray(at)])
      this.#memory?.used({ buffer: chunk.buffer, length: chunk.length - ofData })
    }
    if (this.#data !== null) yield this.#settle(this.#data)
  }

  /** To be called at a message that was just given: what follows it is not parsed, but left in `rest`. */
  stop(): void {
    this.rest = Buffer.alloc(0)
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
    this.framesBegun++
    this.#type = head[at]!
    this.#left = head.readUInt32BE(at + 1)
    if (this.#type !== FrameType.DATA) return HEADER
    this.#left -= POSITION
    const position = Number(head.readBigUInt64BE(at + HEADER))
    // Compared like this, since a sum beyond 2^53 would be rounded.
    if (position > Number.MAX_SAFE_INTEGER - this.#left) {
      throw new SluiceError('ERR_PROTOCOL', 'the peer sent data at positions beyond 2^53')
    }
    this.#position = position
    return HEADER + POSITION
  }

  /** Adds data to what is held back; gives what was held back before, if that does not go on with it. */
  #gather(bytes: Buffer): Data | null {
    const { length } = bytes
    const data = this.#data
    const position = this.#position
    this.#position += length
    if (data !== null && data.position + data.length === position && data.length + length <= GATHER) {
      data.chunks.push(bytes)
      data.length += length
      return null
    }
    this.#data = { kind: 'data', position, length, chunks: [bytes] }
    return data
  }

  #settle(data: Data): Data {
    this.#data = null
    return data
  }

  /** Adds a part of a message; gives the payload, in memory of its own, once it is whole. */
  #collect(bytes: Buffer): Buffer | null {
    this.#payload ??= Buffer.allocUnsafe(bytes.length + this.#left)
    bytes.copy(this.#payload, this.#payload.length - this.#left - bytes.length)
    if (this.#left > 0) return null
    const payload = this.#payload
    this.#payload = null
    return payload
  }
}
