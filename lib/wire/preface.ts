import { SluiceError } from '../errors.js'
import { checkOption } from '../options.js'

/**
 * The first bytes of every stream. As in PNG (RFC 2083, section 3.1) a byte with the high bit, both line ends and an
 * end-of-file mark are among them, so that a connection in text mode is noticed at once.
 */
export const MAGIC = Buffer.from('\x89SLUICE\r\n\x1a\n', 'latin1')
/** The version of the protocol. */
export const VERSION = 1

/** Formats in a preface, at most. */
export const MAX_FORMATS = 16
const FORMAT = /^[!-~]{1,64}$/

/** A name that a preface can list, or undefined for none; else `ERR_USAGE`. */
export function checkFormat(option: string, format: unknown): void {
  const isName = format === undefined || (typeof format === 'string' && FORMAT.test(format))
  checkOption(option, format, isName, 'a name of 1 to 64 printable ASCII characters, without a space')
}

/** Magic, version u8, number of formats u8, and each format as length u8 and ASCII text. */
export function encodePreface(formats: readonly string[]): Buffer {
  const names = formats.map((format) =>
    Buffer.from(`${String.fromCharCode(format.length)}${format}`, 'latin1'),
  )
  return Buffer.concat([MAGIC, Buffer.from([VERSION, formats.length]), ...names])
}

/**
 * The preface that a stream begins with, and what follows it; undefined as long as it is not complete.
 * @throws SluiceError `ERR_NOT_SLUICE` at the first byte that is none of ours, `ERR_VERSION`, `ERR_PROTOCOL`
 */
export function parsePreface(bytes: Buffer): { formats: string[]; rest: Buffer } | undefined {
  const common = Math.min(bytes.length, MAGIC.length)
  if (bytes.compare(MAGIC, 0, common, 0, common) !== 0) {
    const message = 'the peer is not a Sluice peer: its stream does not begin like one'
    const found = bytes.subarray(0, MAGIC.length)
    throw new SluiceError('ERR_NOT_SLUICE', message, { expected: MAGIC, found })
  }
  const version = bytes[MAGIC.length]
  if (version === undefined) return undefined
  if (version !== VERSION) {
    const message = `the peer speaks version ${version} of the protocol, this side ${VERSION}`
    throw new SluiceError('ERR_VERSION', message, { expected: VERSION, found: version })
  }
  let at = MAGIC.length + 2
  const count = bytes[at - 1]
  if (count === undefined) return undefined
  if (count > MAX_FORMATS) throw new SluiceError('ERR_PROTOCOL', `the peer lists ${count} wire formats`)
  const formats: string[] = []
  while (formats.length < count) {
    const length = bytes[at]
    if (length === undefined) return undefined
    const format = bytes.toString('latin1', at + 1, at + 1 + length)
    if (format.length < length) return undefined
    if (!FORMAT.test(format))
      throw new SluiceError('ERR_PROTOCOL', 'the peer lists a wire format that is no name')
    formats.push(format)
    at += 1 + length
  }
  return { formats, rest: bytes.subarray(at) }
}

/** Takes the preface off a stream, and checks that it lists the same formats as this side. */
export class PrefaceCheck {
  readonly #formats: readonly string[]
  /** What came of the preface until now. */
  #bytes = Buffer.alloc(0)
  /** Whether all of it was seen. */
  complete = false

  constructor(formats: readonly string[]) {
    this.#formats = formats
  }

  /**
   * What of a chunk follows the preface: nothing until that is complete, and then all of it.
   * @throws SluiceError as {@link parsePreface} does, and `ERR_FORMATS`, naming both lists
   */
  strip(chunk: Buffer): Buffer {
    if (this.complete) return chunk
    this.#bytes = Buffer.concat([this.#bytes, chunk])
    const preface = parsePreface(this.#bytes)
    if (preface === undefined) return Buffer.alloc(0)
    const expected = this.#formats
    const found = preface.formats
    if (expected.length !== found.length || expected.some((format, i) => format !== found[i])) {
      const lists = `this side has [${expected.join(', ')}], the peer has [${found.join(', ')}]`
      throw new SluiceError('ERR_FORMATS', `the wire stages do not match: ${lists}`, { expected, found })
    }
    this.complete = true
    return preface.rest
  }
}
