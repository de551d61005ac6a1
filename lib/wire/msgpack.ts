import { isUtf8 } from 'node:buffer'
import { Packr } from 'msgpackr/pack'
import { Unpackr } from 'msgpackr/unpack'
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

const utf8 = new TextEncoder()

/** As many whole characters as `bytes` of UTF-8 hold; lone surrogates are replaced. */
export function shortened(text: string, bytes: number): string {
  const room = Buffer.allocUnsafe(bytes)
  return room.toString('utf8', 0, utf8.encodeInto(text, room).written)
}

function widened(value: Packed | undefined): unknown {
  if (typeof value === 'number') return Math.abs(value) > 0x7fff_ffff ? BigInt(value) : value
  if (Array.isArray(value)) return value.map(widened)
  if (value === null || typeof value !== 'object' || isBytes(value)) return value
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
  const head = payload[0] ?? 0
  if (head >> 4 !== 0x8 && head !== 0xde && head !== 0xdf) throw refuse('is not a map')
  const end = new Scan(payload, limits).values(0, 1, 0)
  if (end !== payload.length) throw refuse(`has ${payload.length - end} bytes after its end`)
  return unpackr.unpack(payload)
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

/** Walks over a payload without building anything. One loop, since a manifest has millions of values. */
class Scan {
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

  /** Checks `count` values from `at` on; gives the offset behind the last of them. */
  values(at: number, count: number, depth: number): number {
    const bytes = this.#bytes
    for (let left = count; left > 0; left--) {
      if (at >= bytes.length) throw refuse(CUT)
      const head = bytes[at++]!
      if (head < 0x80 || head >= 0xe0) continue // an integer in itself
      let number = head < 0xa0 ? head & 0x0f : head & 0x1f
      if (head >= 0xc0) {
        const width = WIDTHS[head & 0x1f]!
        if (width === 255) throw refuse(`has a value of type 0x${head.toString(16)}`)
        if (width > bytes.length - at) throw refuse(CUT)
        if (width === 8) checkSafe(head === 0xcf ? bytes.readUInt32BE(at) : bytes.readInt32BE(at), bytes, at)
        else if (width > 0) number = bytes.readUIntBE(at, width)
        at += width
      }
      if (head < 0x90 || head >= 0xde) at = this.#pairs(at, number, depth + 1)
      else if (head < 0xa0 || head >= 0xdc) at = this.#items(at, number, depth + 1)
      else if (head < 0xc0 || head >= 0xd9) at = this.#text(at, number)
      else if (head >= 0xc4 && head <= 0xc6) at = this.#binary(at, number)
    }
    return at
  }

  #items(at: number, count: number, depth: number): number {
    this.#enter(count, count, at, depth)
    return this.values(at, count, depth)
  }

  #pairs(from: number, count: number, depth: number): number {
    this.#enter(count, 2 * count, from, depth)
    const keys = new Set<string>()
    let at = from
    for (let left = count; left > 0; left--) {
      const head = this.#bytes[at] ?? 0
      const length = head >> 5 === 0x5 ? head & 0x1f : 0
      const key = this.#bytes.toString('latin1', at + 1, at + 1 + length)
      if (!KEY.test(key)) throw refuse('has a key that is no name')
      if (keys.has(key)) throw refuse(`has the key ${key} twice`)
      keys.add(key)
      at = this.values(at + 1 + length, 1, depth)
    }
    return at
  }

  /** Refuses a count that cannot be true, before anything depends on it: each value takes one byte at least. */
  #enter(count: number, values: number, at: number, depth: number): void {
    if (depth > this.#depth)
      throw new SluiceError('ERR_LIMIT', `a message of the peer is nested deeper than ${this.#depth}`)
    if (values > this.#bytes.length - at) throw refuse(CUT)
    this.#nested += 1
    // the longest list, with a list in each place, the map around it, and a few more
    if (count > this.#list || this.#nested > this.#list + 16)
      throw new SluiceError('ERR_LIMIT', `a message of the peer has more than ${this.#list} items`)
  }

  #text(at: number, length: number): number {
    const end = this.#binary(at, length)
    let ascii = at
    while (ascii < end && this.#bytes[ascii]! < 0x80) ascii++
    if (ascii < end && !isUtf8(this.#bytes.subarray(ascii, end))) throw refuse('has a text that is not UTF-8')
    return end
  }

  #binary(at: number, length: number): number {
    if (length > this.#bytes.length - at) throw refuse(CUT)
    return at + length
  }
}

const CUT = 'ends in the middle'

/** Checks that the 64-bit integer at an offset, whose upper half is `high`, is a safe integer. */
function checkSafe(high: number, bytes: Buffer, at: number): void {
  if (high > 0x1fffff || high < -0x200000 || (high === -0x200000 && bytes.readUInt32BE(at + 4) === 0))
    throw refuse('has a number beyond 2^53')
}

function refuse(what: string): SluiceError {
  return new SluiceError('ERR_PROTOCOL', `a message of the peer ${what}`)
}
