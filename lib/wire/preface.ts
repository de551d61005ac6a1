import { SluiceError } from '../errors.js'
import { checkOption } from '../options.js'

/**
 * The first bytes of every stream. As in PNG (RFC 2083, section 3.1) a byte with the high bit, both line ends and an
 * end-of-file mark are among them, so that a connection in text mode is noticed at once.
 */
export const MAGIC = Buffer.from('\x89SLUICE\r\n\x1a\n', 'latin1')
/** The version of the protocol. */
export const VERSION = 1

const MAX_FORMATS = 16
const FORMAT = /^[!-~]{1,64}$/

/** Magic, version u8, number of formats u8, and each format as length u8 and ASCII text. */
export function encodePreface(formats: readonly string[]): Buffer {
  const areFormats = formats.length <= MAX_FORMATS && formats.every((format) => FORMAT.test(format))
  const expected = `at most ${MAX_FORMATS} names of 1 to 64 printable ASCII characters`
  checkOption('formats', formats, areFormats, expected)
  const names = formats.map((format) =>
    Buffer.from(`${String.fromCharCode(format.length)}${format}`, 'latin1'),
  )
  return Buffer.concat([MAGIC, Buffer.from([VERSION, formats.length]), ...names])
}

/** Parses a preface from chunks of any size. */
export class PrefaceParser {
  #bytes: Buffer = Buffer.alloc(0)

  /**
   * Takes a chunk; once the preface is complete, gives its formats and what follows it.
   * @throws SluiceError `ERR_NOT_SLUICE` at the first byte that is none of ours, `ERR_VERSION`, `ERR_PROTOCOL`
   */
  push(chunk: Buffer): { formats: string[]; rest: Buffer } | undefined {
    const bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    this.#bytes = bytes
    const common = Math.min(bytes.length, MAGIC.length)
    if (bytes.compare(MAGIC, 0, common, 0, common) !== 0) {
      throw new SluiceError(
        'ERR_NOT_SLUICE',
        'the peer is not a Sluice peer: its stream does not begin like one',
        {
          expected: MAGIC,
          found: bytes.subarray(0, MAGIC.length),
        },
      )
    }
    const version = bytes[MAGIC.length]
    if (version === undefined) return undefined
    if (version !== VERSION) {
      throw new SluiceError(
        'ERR_VERSION',
        `the peer speaks version ${version} of the protocol, this side ${VERSION}`,
        {
          expected: VERSION,
          found: version,
        },
      )
    }
    return this.#formats(bytes)
  }

  #formats(bytes: Buffer): { formats: string[]; rest: Buffer } | undefined {
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
}

/**
 * Checks that both sides have the same wire stages.
 * @throws SluiceError `ERR_FORMATS`, naming both lists
 */
export function checkFormats(expected: readonly string[], found: readonly string[]): void {
  if (expected.length === found.length && expected.every((format, i) => format === found[i])) return
  const list = (formats: readonly string[]) => `[${formats.join(', ')}]`
  throw new SluiceError(
    'ERR_FORMATS',
    `the wire stages do not match: this side has ${list(expected)}, the peer has ${list(found)}`,
    { expected, found },
  )
}

/** Takes the preface off a stream, and checks that it lists the same formats as this side. */
export class PrefaceCheck {
  readonly #parser = new PrefaceParser()
  readonly #formats: readonly string[]
  #complete = false

  constructor(formats: readonly string[]) {
    this.#formats = formats
  }

  /** Whether all of the preface was seen. */
  get complete(): boolean {
    return this.#complete
  }

  /**
   * What of a chunk follows the preface: nothing until that is complete, and then all of it.
   * @throws SluiceError as {@link PrefaceParser.push} and {@link checkFormats} do
   */
  strip(chunk: Buffer): Buffer {
    if (this.#complete) return chunk
    const preface = this.#parser.push(chunk)
    if (preface === undefined) return Buffer.alloc(0)
    checkFormats(this.#formats, preface.formats)
    this.#complete = true
    return preface.rest
  }
}
