import { constants } from 'node:buffer'
import { printable, SluiceError } from '../../errors.js'
import { checkChoice, checkOption, checkText, isBytes } from '../../options.js'

/** How text is encoded in a file. */
export type TextEncoding = 'utf8' | 'utf16le' | 'latin1'

/** Each {@link TextEncoding}. */
export const TEXT_ENCODINGS: readonly TextEncoding[] = ['utf8', 'utf16le', 'latin1']

/**
 * Text as bytes, without a byte order mark. Fails with `ERR_USAGE` for what the encoding cannot hold, instead of
 * replacing it: half a surrogate pair, or in latin1 a character beyond U+00FF.
 */
export function encodeText(text: string, encoding: TextEncoding = 'utf8'): Buffer {
  checkText('text', text)
  checkChoice('encoding', encoding, TEXT_ENCODINGS)
  const at =
    encoding === 'latin1' ? text.search(/[^\0-\xff]/u) : text.isWellFormed() ? -1 : text.search(/\p{Cs}/u)
  if (at === -1) return Buffer.from(text, encoding)
  const character = `U+${text.codePointAt(at)!.toString(16).toUpperCase().padStart(4, '0')}`
  throw new SluiceError('ERR_USAGE', `${encoding} cannot hold ${character}, character ${at} of the text`, {
    found: character,
  })
}

/**
 * Bytes as text. `ERR_PARSE` if they are not text in this encoding, `ERR_LIMIT` if one text cannot hold them. A byte
 * order mark is kept.
 */
export function decodeText(bytes: Uint8Array, encoding: TextEncoding, path: string): string {
  checkOption('bytes', bytes, isBytes(bytes), 'bytes')
  checkChoice('encoding', encoding, TEXT_ENCODINGS)
  try {
    if (encoding === 'latin1')
      return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')
    return textDecoder(encoding).decode(bytes)
  } catch (cause) {
    // a decoder says the same of what is too long and of what is no text
    const least = encoding === 'utf16le' ? bytes.length / 2 : bytes.length
    if (least > constants.MAX_STRING_LENGTH) throw tooLongForText(`${printable(path)} has`, path, cause)
    throw new SluiceError('ERR_PARSE', `${printable(path)} is not text in ${encoding}`, { path, cause })
  }
}

/** The error for more than one text can hold: `ERR_LIMIT`. */
export function tooLongForText(what: string, path: string | undefined, cause: unknown): SluiceError {
  const most = constants.MAX_STRING_LENGTH
  const message = `${what} more than the ${most} characters that one text can hold; divide it, or work with bytes`
  return new SluiceError('ERR_LIMIT', message, { ...(path !== undefined && { path }), expected: most, cause })
}

/** A decoder that throws for bytes that are not text in this encoding. */
export function textDecoder(encoding: Exclude<TextEncoding, 'latin1'>): InstanceType<typeof TextDecoder> {
  return new TextDecoder(encoding === 'utf8' ? 'utf-8' : 'utf-16le', { fatal: true, ignoreBOM: true })
}

/** Encodes a text that comes in pieces; a piece may end within a character. */
export class TextEncoderInPieces {
  readonly #encoding: TextEncoding
  /** The first half of a surrogate pair whose second half is in the next piece. */
  #half = ''

  constructor(encoding: TextEncoding) {
    this.#encoding = encoding
  }

  encode(piece: string): Buffer {
    let text = this.#half + piece
    this.#half = ''
    const last = text.charCodeAt(text.length - 1)
    if (last >= 0xd800 && last < 0xdc00) {
      this.#half = text.slice(-1)
      text = text.slice(0, -1)
    }
    return encodeText(text, this.#encoding)
  }

  /** Fails if the text ended within a character. */
  end(): void {
    encodeText(this.#half, this.#encoding)
  }
}
