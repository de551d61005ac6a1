import { createHash, createPublicKey, verify } from 'node:crypto'
import { SluiceError } from '../errors.js'
import { checkOption, checkText, isBytes } from '../options.js'
import { base32, decodeWord, encodeWord, isWord, type WordKind } from './word.js'

// Public keys: as words, as fingerprints, and what they have signed.

/** Bytes of a public key. */
export const KEY_LENGTH = 32

const KEY: WordKind = { name: 'key', prefix: 'sluicekey', version: 1, most: KEY_LENGTH }

/** A public key of Ed25519; else `ERR_USAGE`. */
export function checkPublicKey(option: string, value: unknown): asserts value is Uint8Array {
  checkOption(option, value, isBytes(value) && value.length === KEY_LENGTH, 'a public key of 32 bytes')
}

/** Whether both are the same key. Keys are public: how long it takes tells nothing. */
export function sameKey(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0
}

/**
 * A public key as one word of small letters and digits, with a check sum: `sluicekey1…`. Throws `ERR_USAGE` unless it
 * has 32 bytes.
 */
export function showKey(publicKey: Uint8Array): string {
  checkPublicKey('publicKey', publicKey)
  return encodeWord(KEY, publicKey)
}

/**
 * The public key that {@link showKey} has made a word of, of small or large letters. Throws `ERR_USAGE`, which says
 * what is wrong: cut, mistyped, too new, or not a key.
 */
export function parseKey(text: string): Uint8Array {
  checkText('key', text)
  const key = decodeWord(KEY, text)
  if (key.length !== KEY_LENGTH)
    throw new SluiceError('ERR_USAGE', `the key has ${key.length} bytes instead of ${KEY_LENGTH}`)
  return Uint8Array.from(key)
}

/** Whether a text begins as the word of a key does; it may still be cut or mistyped. */
export function isKey(text: string): boolean {
  return isWord(KEY, text)
}

/** Characters of 5 bits each that a fingerprint shows. */
const SHOWN = 20
const GROUP = /.{4}(?=.)/g

/**
 * A public key for people who compare it by eye, or read it aloud: the first 100 bits of its SHA-256 as five groups of
 * four letters and digits, `abcd-efgh-…`. To find another key with the same one takes 2^100 attempts; with the same
 * first and last group 2^40, so compare all of it.
 */
export function fingerprint(publicKey: Uint8Array): string {
  checkPublicKey('publicKey', publicKey)
  const digest = createHash('sha256').update(publicKey).digest()
  return base32(digest).slice(0, SHOWN).replace(GROUP, '$&-')
}

/** Whether the owner of the key has signed these bytes, by Ed25519 (RFC 8032). False for a key that is none. */
export function isSignedBy(publicKey: Uint8Array, bytes: Uint8Array, signature: Uint8Array): boolean {
  checkPublicKey('publicKey', publicKey)
  try {
    const x = Buffer.from(publicKey).toString('base64url')
    const key = createPublicKey({ format: 'jwk', key: { kty: 'OKP', crv: 'Ed25519', x } })
    return verify(null, bytes, key, signature)
  } catch {
    return false
  }
}

/** What follows an alarm about a key: what may be behind it, and the way out. */
export function mayPretend(name: string): string {
  return `Somebody may pretend to be ${name}. Ask by another way; only if the new key is right, remove the peer and add it again`
}
