import { crc32 } from 'node:zlib'
import { counted, SluiceError } from '../errors.js'

// Keys and tickets as words that people copy: letters and digits only, so that a double click selects all of it, and
// no difference between large and small ones, so that a QR code may have them large, which is its densest alphabet.
//
//   word     = prefix · version, one digit · base32(content)
//   content  = length of the body u16be · body · check u32be
//   check    = CRC-32 of: prefix and version as text, length, body
//
// base32 is that of RFC 4648 without padding, in small letters. This frame is the same in every version, so that a
// newer word is known as such; what stands in the body is the version's. The check sum is against mistakes, not against
// attackers: one or two changed characters that stand side by side never pass it, anything else once in 2^32.

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567'
/** Bytes around the body. */
const FRAME = 6

/** Bytes as letters and digits: base32 of RFC 4648, small and without padding. */
export function base32(bytes: Uint8Array): string {
  let text = ''
  let held = 0
  let bits = 0
  for (const byte of bytes) {
    held = ((held << 8) | byte) & 0xfff
    for (bits += 8; bits >= 5; bits -= 5) text += ALPHABET[(held >> (bits - 5)) & 31]
  }
  return bits > 0 ? text + ALPHABET[(held << (5 - bits)) & 31] : text
}

/** The whole bytes in a text of {@link base32}; what is left of the last character is not looked at. */
function fromBase32(text: string): Buffer {
  const bytes = Buffer.alloc(Math.floor((text.length * 5) / 8))
  let held = 0
  let bits = 0
  let at = 0
  for (const character of text) {
    held = ((held << 5) | ALPHABET.indexOf(character)) & 0xfff
    bits += 5
    if (bits < 8) continue
    bits -= 8
    bytes[at++] = held >> bits
  }
  return bytes
}

/** A kind of word. */
export interface WordKind {
  /** What it is called in messages. */
  name: string
  /** In small letters. */
  prefix: string
  /** From 1 to 9. */
  version: number
  /** Bytes of the body at most. */
  most: number
}

const head = ({ prefix, version }: WordKind) => `${prefix}${version}`
const charactersOf = (bytes: number) => Math.ceil((bytes * 8) / 5)

function checkOf(begin: string, content: Uint8Array): Buffer {
  const check = Buffer.alloc(4)
  check.writeUInt32BE(crc32(content, crc32(begin)))
  return check
}

/** The body as a word of this kind. */
export function encodeWord(kind: WordKind, body: Uint8Array): string {
  const length = Buffer.alloc(2)
  length.writeUInt16BE(body.length)
  const content = Buffer.concat([length, body])
  return head(kind) + base32(Buffer.concat([content, checkOf(head(kind), content)]))
}

/** Whether a text begins as a word of this kind does; what follows may be wrong. */
export function isWord({ prefix }: WordKind, text: string): boolean {
  return new RegExp(`^\\s*${prefix}[1-9][^:/\\\\\\s]*\\s*$`, 'i').test(text)
}

/**
 * The body of a word. Spaces around it do not count. Throws `ERR_USAGE`, which says what is wrong with it, and never
 * what stands in it.
 */
export function decodeWord(kind: WordKind, text: string): Buffer {
  const { name, prefix, version, most } = kind
  const wrong = (what: string) =>
    new SluiceError('ERR_USAGE', `the ${name} ${what}; copy all of it once more`)
  const word = text.trim()
  const [, digit, letters = ''] = new RegExp(`^${prefix}([1-9])(.*)$`, 'is').exec(word) ?? []
  if (digit === undefined) {
    const message = `what is given as a ${name} is none: a ${name} begins with ${head(kind)}`
    throw new SluiceError('ERR_USAGE', message)
  }
  const foreign = letters.search(/[^a-z2-7]/i)
  if (foreign >= 0) {
    const place = prefix.length + 2 + foreign
    throw wrong(`is mistyped: its character ${place} is none of a to z and 2 to 7`)
  }
  const there = word.length
  const whole = (length: number) => prefix.length + 1 + charactersOf(length + FRAME)
  if (there < whole(0)) throw wrong(`is cut: only its first ${there} characters are there`)
  const bytes = fromBase32(letters.toLowerCase())
  const length = bytes.readUInt16BE()
  if (there < whole(length)) throw wrong(`is cut: ${there} of its ${whole(length)} characters are there`)
  if (there > whole(length))
    throw wrong(`has ${counted(there - whole(length), 'character')} too many at its end`)
  const [content, check] = [bytes.subarray(0, -4), bytes.subarray(-4)]
  // a last character has more bits than are left for it
  const isWhole = base32(bytes) === letters.toLowerCase()
  if (!isWhole || !checkOf(`${prefix}${digit}`, content).equals(check))
    throw wrong('is mistyped: its check sum does not match')
  if (Number(digit) !== version) {
    const message = `the ${name} is of version ${digit}, and this Sluice knows version ${version}: install a newer one`
    throw new SluiceError('ERR_USAGE', message)
  }
  if (length > most) throw new SluiceError('ERR_USAGE', `the ${name} is too large: no Sluice has made it`)
  return content.subarray(2)
}
