import { isUtf8 } from 'node:buffer'
import { Packr, Unpackr } from 'msgpackr'
import { SluiceError } from '../errors.js'
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

const packr = new Packr({ useRecords: false, variableMapSize: true, encodeUndefinedAsNil: false })
// Binary parts are copied: a message outlives the buffer that it was read into.
const unpackr = new Unpackr({
  useRecords: false,
  int64AsType: 'number',
  mapsAsObjects: true,
  copyBuffers: true,
})

/** Packs a map. Integers beyond 32 bits become 64-bit integers: left to itself, msgpackr makes floats of them. */
export function pack(map: { [key: string]: Packed | undefined }): Buffer {
  return packr.pack(widened(map))
}

function widened(value: Packed | undefined): unknown {
  if (typeof value === 'number') return Math.abs(value) > 0x7fff_ffff ? BigInt(value) : value
  if (Array.isArray(value)) return value.map(widened)
  if (value === null || typeof value !== 'object' || value instanceof Uint8Array) return value
  const map: Record<string, unknown> = {}
  for (const [key, part] of Object.entries(value)) if (part !== undefined) map[key] = widened(part)
  return map
}

/**
 * Unpacks exactly one map, after a look at every byte of it: msgpackr by itself takes duplicate keys, extensions,
 * invalid UTF-8 and trailing bytes.
 * @throws SluiceError `ERR_PROTOCOL`, or `ERR_LIMIT` for its depth and the number of its lists
 */
export function unpack(payload: Buffer, limits: Limits): Record<string, Packed> {
  const scan = new Scan(payload, limits)
  scan.map()
  return unpackr.unpack(payload)
}

const KEY = /^[a-zA-Z]{1,31}$/

/** Walks over a payload without building anything. */
class Scan {
  #at = 0
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

  /** The whole payload: one map, and nothing after it. */
  map(): void {
    const head = this.#byte()
    if (head >> 4 !== 0x8 && head !== 0xde && head !== 0xdf) throw refuse('is not a map')
    this.#value(head, 1)
    if (this.#at !== this.#bytes.length)
      throw refuse(`has ${this.#bytes.length - this.#at} bytes after its end`)
  }

  #value(head: number, depth: number): void {
    if (head < 0x80 || head >= 0xe0) return // an integer in itself
    if (head < 0x90) return this.#pairs(head & 0x0f, depth)
    if (head < 0xa0) return this.#items(head & 0x0f, depth)
    if (head < 0xc0) return this.#text(head & 0x1f)
    switch (head) {
      case 0xc0: // nil
      case 0xc2: // false
      case 0xc3: // true
        return
      case 0xc4: // binary, of 1, 2 or 4 bytes of length
      case 0xc5:
      case 0xc6:
        this.#take(this.#number(1 << (head - 0xc4)))
        return
      case 0xcc: // unsigned
      case 0xcd:
      case 0xce:
        this.#take(1 << (head - 0xcc))
        return
      case 0xd0: // signed
      case 0xd1:
      case 0xd2:
        this.#take(1 << (head - 0xd0))
        return
      case 0xcf:
        return this.#wide(this.#bytes.readUInt32BE(this.#take(8)))
      case 0xd3:
        return this.#wide(this.#bytes.readInt32BE(this.#take(8)))
      case 0xd9: // text
      case 0xda:
      case 0xdb:
        return this.#text(this.#number(1 << (head - 0xd9)))
      case 0xdc: // arrays
      case 0xdd:
        return this.#items(this.#number(2 << (head - 0xdc)), depth)
      case 0xde: // maps
      case 0xdf:
        return this.#pairs(this.#number(2 << (head - 0xde)), depth)
      default: // floats, extensions, and what no version of the format uses
        throw refuse(`has a value of type 0x${head.toString(16)}`)
    }
  }

  #items(count: number, depth: number): void {
    this.#enter(count, count, depth)
    for (let i = 0; i < count; i++) this.#value(this.#byte(), depth + 1)
  }

  #pairs(count: number, depth: number): void {
    this.#enter(count, 2 * count, depth)
    const keys = new Set<string>()
    for (let i = 0; i < count; i++) {
      const head = this.#byte()
      const length = head >> 5 === 0x5 ? head & 0x1f : -1
      const start = this.#at
      if (length >= 0) this.#take(length)
      const key = this.#bytes.toString('latin1', start, this.#at)
      if (!KEY.test(key)) throw refuse('has a key that is no name')
      if (keys.has(key)) throw refuse(`has the key ${key} twice`)
      keys.add(key)
      this.#value(this.#byte(), depth + 1)
    }
  }

  /** Refuses a count that cannot be true, before anything depends on it: each value takes one byte at least. */
  #enter(count: number, values: number, depth: number): void {
    if (depth > this.#depth)
      throw new SluiceError('ERR_LIMIT', `a message of the peer is nested deeper than ${this.#depth}`)
    if (values > this.#bytes.length - this.#at) throw refuse('ends in the middle')
    this.#nested += 1
    // the longest list, with a list in each place, the map around it, and a few more
    if (count > this.#list || this.#nested > this.#list + 16)
      throw new SluiceError('ERR_LIMIT', `a message of the peer has more than ${this.#list} items`)
  }

  #text(length: number): void {
    const start = this.#take(length)
    if (!isUtf8(this.#bytes.subarray(start, start + length))) throw refuse('has a text that is not UTF-8')
  }

  /** Checks that the 64-bit integer just passed, whose upper half is `high`, is a safe integer. */
  #wide(high: number): void {
    const low = this.#bytes.readUInt32BE(this.#at - 4)
    if (high > 0x1fffff || high < -0x200000 || (high === -0x200000 && low === 0)) {
      throw refuse('has a number beyond 2^53')
    }
  }

  #byte(): number {
    return this.#bytes[this.#take(1)]!
  }

  #number(width: number): number {
    const at = this.#take(width)
    return width === 1
      ? this.#bytes[at]!
      : width === 2
        ? this.#bytes.readUInt16BE(at)
        : this.#bytes.readUInt32BE(at)
  }

  /** Moves on by `length` bytes; gives the offset at which they begin. */
  #take(length: number): number {
    const at = this.#at
    if (length > this.#bytes.length - at) throw refuse('ends in the middle')
    this.#at = at + length
    return at
  }
}

function refuse(what: string): SluiceError {
  return new SluiceError('ERR_PROTOCOL', `a message of the peer ${what}`)
}
