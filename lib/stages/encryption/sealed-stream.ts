/**
 * The format `encryption-1`: a stream sealed in chunks (the STREAM construction of Hoang, Reyhanitabar, Rogaway
 * and Vizár, 2015, as in the payload of age, but with chunks of any length, so that nothing waits to fill one).
 *
 * ```
 * stream    header · chunk … · last chunk
 * header    48 bytes: salt (32 random bytes) · mark (16 bytes that only the sealing side can tell from random)
 * chunk     kind u8 · length u24be · ciphertext (length bytes) · tag (16 bytes)
 *           kind 0: length 1 … 135168
 *           kind 1: length 0; the last chunk, nothing may follow it
 * stream key   HKDF-SHA-256(secret = key, salt = header, info = "sluice encryption-1", 32 bytes)
 * nonce        12 bytes: number of the chunk as u88be, from 0 · kind u8
 * sealed by    ChaCha20-Poly1305 (RFC 8439), the 4 bytes of kind and length as associated data
 * mark         HMAC-SHA-256(secret of the stage object, salt), the first 16 bytes
 * ```
 * In a conversation the format is `encryption-2`: each side sends its header at once, and its chunks when it has that
 * of the other side, for which they are then sealed: a recorded stream does not open the next time.
 *
 * ```
 * stream key   HKDF-SHA-256(secret = key, salt = header · header of the other, info = "sluice encryption-2", 32 bytes)
 * ```
 * Who has a key for one stream alone, as a secure channel has for each direction, sends no header: that is the
 * stream key. There each text is padded, so that its length does not tell what it is, and keys do not last for ever.
 *
 * ```
 * text         length of what follows as u24be · content · zeros, up to a multiple of so many bytes
 * next key     after so many chunks: HKDF-SHA-256(secret = stream key, no salt, info = "sluice rekey", 32 bytes)
 * ```
 * Each stream has a key of its own, so numbers may begin at 0 and no chunk fits into another stream. A chunk
 * that was changed, moved, repeated or left out does not open; a stream that is cut has no last chunk. No byte
 * is given out before its tag was checked.
 */
import { createHmac, hkdfSync, type KeyObject, randomBytes } from 'node:crypto'

/** How each chunk is encrypted and authenticated, by the name that Node has for it. */
export const ALGORITHM = 'chacha20-poly1305'
const INFO = 'sluice encryption-1'
const INFO_OF_TWO = 'sluice encryption-2'
const SALT = 32
const MARK = 16
/** Bytes of what a stream begins with: its salt, and the mark by which its maker knows it again. */
export const HEADER = SALT + MARK
/** Bytes of the kind and length before each chunk. */
export const PREFIX = 4
/** Bytes of the tag behind each chunk. */
export const TAG = 16
/** Bytes of text that one chunk has at most: eight of them hold the longest frame of data, padded or not. */
export const MAX_CHUNK = 132 * 1024
/** The kind of a chunk that others follow. */
export const DATA = 0
/** The kind of the chunk that ends a stream. */
export const LAST = 1

/** Bytes before the content of a padded text, which say how long that is. */
export const LENGTH = 3
const INFO_OF_NEXT = 'sluice rekey'

/** What the chunks of a stream have beyond the format `encryption-1`. */
export interface ChunkOptions {
  /** Texts are padded up to a multiple of so many bytes, of which {@link MAX_CHUNK} is one; as they are by default. */
  padding?: number
  /** Each key seals so many chunks; the one of the stream seals all by default. */
  rekey?: number
}

/** The keys and nonces of the chunks of one stream, in their order: each pair is given once. */
export class ChunkKeys {
  #key: Buffer
  readonly #rekey: number
  #number = 0

  constructor(streamKey: Buffer, { rekey = Number.POSITIVE_INFINITY }: ChunkOptions) {
    this.#key = streamKey
    this.#rekey = rekey
  }

  /** Chunks so far. */
  get number(): number {
    return this.#number
  }

  next(kind: number): { key: Buffer; nonce: Buffer } {
    const number = this.#number++
    if (number > 0 && number % this.#rekey === 0)
      this.#key = Buffer.from(hkdfSync('sha256', this.#key, '', INFO_OF_NEXT, 32))
    return { key: this.#key, nonce: nonceOf(number, kind) }
  }
}

/** Header for one stream; `secret` lets {@link isOwnHeader} know it again. */
export function makeHeader(secret: Buffer, salt: Buffer = randomBytes(SALT)): Buffer {
  return Buffer.concat([salt, markOf(secret, salt)])
}

/** Whether `header` was made with this `secret`: the stream behind it is then one of our own, sent back to us. */
export function isOwnHeader(secret: Buffer, header: Buffer): boolean {
  return markOf(secret, header.subarray(0, SALT)).equals(header.subarray(SALT))
}

function markOf(secret: Buffer, salt: Buffer): Buffer {
  return createHmac('sha256', secret).update(salt).digest().subarray(0, MARK)
}

/** The key of the one stream that begins with `header`. */
export function streamKey(key: KeyObject, header: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', key, header, INFO, 32))
}

/** The key of the stream that begins with `header` in a conversation, in which the other side began with `other`. */
export function keyOfTwo(key: KeyObject, header: Buffer, other: Buffer): Buffer {
  return Buffer.from(hkdfSync('sha256', key, Buffer.concat([header, other]), INFO_OF_TWO, 32))
}

/** What the two sides of a conversation know of each other, at one end of it. */
export class HeaderExchange {
  /** With what our stream begins. */
  readonly ours: Buffer
  /** With what theirs begins; null when it is known that it will not come. */
  theirs: Buffer | null | undefined
  /** Called when that is known. */
  known = () => {}

  constructor(ours: Buffer) {
    this.ours = ours
  }

  settle(theirs: Buffer | null): void {
    if (this.theirs !== undefined) return
    this.theirs = theirs
    this.known()
  }
}

/** The nonce of a chunk. */
function nonceOf(number: number, kind: number): Buffer {
  const nonce = Buffer.alloc(12)
  nonce.writeBigUInt64BE(BigInt(number), 3)
  nonce[11] = kind
  return nonce
}
