import { isUtf8 } from 'node:buffer'
import { SluiceError } from '../errors.js'
import { isBytes } from '../options.js'
import type { Limits } from './limits.js'

/** The msgpack values that a message may hold: integers are safe ones, and there are no floats and no extensions. */
export type Packed =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | Packed[]
  | { [key: string]: Packed | undefined }

/** Packs a map, each value in its shortest form; integers beyond 31 bits take 64. What is undefined is left out. */
export function pack(map: { [key: string]: Packed | undefined }): Buffer {
  const writer = new Writer()
  writer.value(map)
  return writer.taken()
}

/**
 * Unpacks exactly one map. What checks the bytes makes the values, too: there is no second reader that could see in them
 * something else.
 * @throws SluiceError `ERR_PROTOCOL`, or `ERR_LIMIT` for its depth and the number of its lists
 */
export function unpack(payload: Buffer, limits: Limits): Record<string, Packed> {
  const head = payload[0] ?? 0
  if (head >> 4 !== 0x8 && head !== 0xde && head !== 0xdf) throw refuse('is not a map')
  const reader = new Reader(payload, limits)
  const map = reader.value(0) as Record<string, Packed>
  if (reader.at !== payload.length) throw refuse(`has ${payload.length - reader.at} bytes after its end`)
  return map
}

/** Writes values one behind the other, into memory that grows. */
class Writer {
  #bytes = Buffer.allocUnsafe(1024)
  #at = 0

  /** What was written. */
  taken(): Buffer {
    return this.#bytes.subarray(0, this.#at)
  }

  value(value: Packed): void {
    if (typeof value === 'string') this.#text(value)
    else if (typeof value === 'number') this.#integer(value)
    else if (value === null) this.#byte(0xc0)
    else if (typeof value === 'boolean') this.#byte(value ? 0xc3 : 0xc2)
    else if (isBytes(value)) this.#binary(value)
    else if (Array.isArray(value)) {
      this.#head(value.length, [15, 0x90], 0, 0xdc, 0xdd)
      for (const item of value) this.value(item)
    } else this.#map(value)
  }

  #map(map: { [key: string]: Packed | undefined }): void {
    const pairs = Object.entries(map).filter(([, value]) => value !== undefined)
    this.#head(pairs.length, [15, 0x80], 0, 0xde, 0xdf)
    for (const [key, value] of pairs) {
      this.#text(key)
      this.value(value!)
    }
  }

  #text(text: string): void {
    this.#room(5 + 3 * text.length)
    // behind a head as long as it is for ASCII; where there is more of it, it is written again
    const guess = this.#at + headOf(text.length)
    const length = this.#bytes.write(text, guess)
    this.#head(length, [31, 0xa0], 0xd9, 0xda, 0xdb)
    if (this.#at !== guess) this.#bytes.write(text, this.#at)
    this.#at += length
  }

  #binary(bytes: Uint8Array): void {
    this.#head(bytes.length, undefined, 0xc4, 0xc5, 0xc6)
    this.#room(bytes.length)
    this.#bytes.set(bytes, this.#at)
    this.#at += bytes.length
  }

  #integer(value: number): void {
    if (Math.abs(value) > 0x7fff_ffff) {
      this.#room(9)
      this.#byte(0xd3)
      const high = Math.floor(value / 2 ** 32)
      this.#bytes.writeInt32BE(high, this.#at)
      this.#at = this.#bytes.writeUInt32BE(value - high * 2 ** 32, this.#at + 4)
    } else if (value >= 0) this.#head(value, [0x7f, 0], 0xcc, 0xcd, 0xce)
    else if (value >= -0x20) this.#byte(value & 0xff)
    else this.#negative(value)
  }

  #negative(value: number): void {
    this.#room(5)
    const [head, width] = value >= -0x80 ? [0xd0, 1] : value >= -0x8000 ? [0xd1, 2] : [0xd2, 4]
    this.#byte(head)
    this.#at = this.#bytes.writeIntBE(value, this.#at, width)
  }

  /**
   * A length, or an integer that is not negative, in the shortest of its forms: within the first byte up to a number, or
   * in 8, 16 or 32 bits behind one; 0 where there is no form of 8.
   */
  #head(
    number: number,
    within: [most: number, byte: number] | undefined,
    in8: number,
    in16: number,
    in32: number,
  ) {
    if (within && number <= within[0]) return this.#byte(within[1] | number)
    this.#room(5)
    const [head, width] = number <= 0xff && in8 > 0 ? [in8, 1] : number <= 0xffff ? [in16, 2] : [in32, 4]
    this.#byte(head)
    this.#at = this.#bytes.writeUIntBE(number, this.#at, width)
  }

  #byte(byte: number): void {
    this.#room(1)
    this.#bytes[this.#at++] = byte
  }

  #room(length: number): void {
    if (this.#at + length <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(2 * this.#bytes.length, this.#at + length))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }
}

const KEY = /^[a-zA-Z]{1,31}$/

/**
 * By the lower bits of a first byte from 0xc0 to 0xdf: how many bytes of a number follow it, which is the value itself
 * or a length. 255 for floats, extensions, and what no version of the format uses.
 */
const WIDTHS = Uint8Array.of(
  ...[0, 255, 0, 0, 1, 2, 4, 255, 255, 255, 255, 255, 1, 2, 4, 8], // nil, booleans, binary, unsigned integers
  ...[1, 2, 4, 8, 255, 255, 255, 255, 255, 1, 2, 4, 2, 4, 2, 4], // signed integers, texts, lists, maps
)

/** How many bytes stand before a text of so many. */
function headOf(length: number): number {
  return length <= 31 ? 1 : length <= 0xff ? 2 : length <= 0xffff ? 3 : 5
}

/** Reads values one behind the other. */
class Reader {
  /** Where the next value begins. */
  at = 0
  readonly #bytes: Buffer
  readonly #depth: number
  readonly #list: number
  /** Lists and maps so far: an empty one takes one byte here, and about fifty in memory. */
  #nested = 0

  constructor(bytes: Buffer, { msgpackDepth, list }: Limits) {
    this.#bytes = bytes
    this.#depth = msgpackDepth
    this.#list = list
  }

  value(depth: number): Packed {
    const head = this.#byte()
    if (head < 0x80) return head
    if (head >= 0xe0) return head - 0x100
    if (head < 0x90) return this.#map(head & 0x0f, depth + 1)
    if (head < 0xa0) return this.#items(head & 0x0f, depth + 1)
    if (head < 0xc0) return this.#text(head & 0x1f)
    const width = WIDTHS[head & 0x1f]!
    if (width === 255) throw refuse(`has a value of type 0x${head.toString(16)}`)
    if (width === 8) return this.#large(head === 0xd3)
    const at = this.#skip(width)
    if (head >= 0xd0 && head <= 0xd2) return this.#bytes.readIntBE(at, width)
    const number = width === 0 ? 0 : this.#bytes.readUIntBE(at, width)
    if (head >= 0xde) return this.#map(number, depth + 1)
    if (head >= 0xdc) return this.#items(number, depth + 1)
    if (head >= 0xd9) return this.#text(number)
    if (head >= 0xcc) return number
    if (head >= 0xc4) return this.#binary(number)
    return head === 0xc0 ? null : head === 0xc3
  }

  #byte(): number {
    return this.#bytes[this.#skip(1)]!
  }

  /** Gives where the next bytes begin, and goes on behind them. */
  #skip(length: number): number {
    const at = this.at
    if (length > this.#bytes.length - at) throw refuse(CUT)
    this.at = at + length
    return at
  }

  /** In memory of its own: it outlives the payload. */
  #binary(length: number): Buffer {
    const at = this.#skip(length)
    const own = Buffer.allocUnsafeSlow(length)
    this.#bytes.copy(own, 0, at, at + length)
    return own
  }

  #large(isSigned: boolean): number {
    const at = this.#skip(8)
    const high = isSigned ? this.#bytes.readInt32BE(at) : this.#bytes.readUInt32BE(at)
    const low = this.#bytes.readUInt32BE(at + 4)
    if (high > 0x1fffff || high < -0x200000 || (high === -0x200000 && low === 0))
      throw refuse('has a number beyond 2^53')
    return high * 2 ** 32 + low
  }

  #items(count: number, depth: number): Packed[] {
    this.#enter(count, count, depth)
    const items: Packed[] = []
    for (let left = count; left > 0; left--) items.push(this.value(depth))
    return items
  }

  #map(count: number, depth: number): Record<string, Packed> {
    this.#enter(count, 2 * count, depth)
    const map: Record<string, Packed> = {}
    for (let left = count; left > 0; left--) {
      const head = this.#byte()
      if (head >> 5 !== 0x5) throw refuse('has a key that is no name')
      const key = this.#text(head & 0x1f)
      if (!KEY.test(key)) throw refuse('has a key that is no name')
      if (Object.hasOwn(map, key)) throw refuse(`has the key ${key} twice`)
      map[key] = this.value(depth)
    }
    return map
  }

  /** Refuses a count that cannot be true, before anything depends on it: each value takes one byte at least. */
  #enter(count: number, values: number, depth: number): void {
    if (depth > this.#depth)
      throw new SluiceError('ERR_LIMIT', `a message of the peer is nested deeper than ${this.#depth}`)
    if (values > this.#bytes.length - this.at) throw refuse(CUT)
    this.#nested += 1
    // the longest list, with a list in each place, the map around it, and a few more
    if (count > this.#list || this.#nested > this.#list + 16)
      throw new SluiceError('ERR_LIMIT', `a message of the peer has more than ${this.#list} items`)
  }

  #text(length: number): string {
    const bytes = this.#bytes
    const at = this.#skip(length)
    const end = at + length
    let ascii = at
    while (ascii < end && bytes[ascii]! < 0x80) ascii++
    if (ascii === end) return bytes.toString('latin1', at, end)
    if (!isUtf8(bytes.subarray(ascii, end))) throw refuse('has a text that is not UTF-8')
    return bytes.toString('utf8', at, end)
  }
}

const CUT = 'ends in the middle'

function refuse(what: string): SluiceError {
  return new SluiceError('ERR_PROTOCOL', `a message of the peer ${what}`)
}
