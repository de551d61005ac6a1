import { createSecretKey, KeyObject, randomBytes } from 'node:crypto'
import type { Transform } from 'node:stream'
import { SluiceError } from '../errors.js'
import { checkKeys, checkObject, isBytes, shownValue } from '../options.js'
import { incomingOf, outgoingOf } from './bytes/preface-transforms.js'
import { noStream, type WireStage } from './bytes/wire-stage.js'
import { Decryptor } from './encryption/decryptor.js'
import { Encryptor } from './encryption/encryptor.js'
import { HeaderExchange, makeHeader } from './encryption/sealed-stream.js'

/** What {@link encryption}, {@link encrypt} and {@link decrypt} take. */
export interface EncryptionOptions {
  /** 32 random bytes (not a password), or a secret KeyObject of that size. Both sides have the same. */
  key: Uint8Array | KeyObject
}

/**
 * A wire stage that encrypts and authenticates with a shared key (ChaCha20-Poly1305 in chunks of at most
 * 132 KiB; the format is described in `encryption/sealed-stream.ts`). It gives out what it is given at once. The
 * incoming side fails with `ERR_DECRYPT` (another key; changed, reordered or repeated bytes) or `ERR_TRUNCATED`. A bad
 * option throws `ERR_USAGE` at once.
 *
 * Make one for each side of a connection: the incoming side refuses every stream that the same object's
 * outgoing side made, so that nobody can send our own bytes back to us. In a conversation (`send`, `receive`) both
 * sides give random bytes to the keys, so that a *recorded* session does not open when it is played to us later.
 *
 * One way ({@link encrypt}, or the sides of the stage by hand) there is nobody to give any: whoever has recorded such a
 * stream can play it to us again, as often as they like, and it opens. Where that matters, use a key for each stream.
 */
export function encryption(options: EncryptionOptions): WireStage<Transform> {
  checkObject('options', options)
  checkKeys('options', options, { key: true })
  const key = checkedKey(options.key)
  const secret = randomBytes(32)
  return noStream('encryption', 'encrypt() and decrypt()', {
    format: 'encryption-1',
    outgoing: () => new Encryptor(key, makeHeader(secret)),
    incoming: () => new Decryptor(key, secret),
    paired: () => {
      const exchange = new HeaderExchange(makeHeader(secret))
      const outgoing = new Encryptor(key, exchange)
      return { format: 'encryption-2', outgoing, incoming: new Decryptor(key, secret, exchange) }
    },
  })
}

/**
 * {@link encryption} as a plain Transform for a hand-made pipeline: a preface with its format, then the sealed stream.
 * It goes one way, so that whoever records it can play it again: see there.
 */
export function encrypt(options: EncryptionOptions): Transform {
  return outgoingOf(encryption(options))
}

/** Undoes {@link encrypt}. Fails as {@link encryption} does, with `ERR_FORMATS` if the other end has another stage. */
export function decrypt(options: EncryptionOptions): Transform {
  return incomingOf(encryption(options))
}

// A copy: the caller may wipe its own. The message never shows the key: neither its bytes nor a text.
function checkedKey(key: Uint8Array | KeyObject): KeyObject {
  if (key instanceof KeyObject) {
    if (key.type === 'secret' && key.symmetricKeySize === 32) return key
  } else if (isBytes(key) && key.length === 32) {
    return createSecretKey(key)
  }
  const found = typeof key === 'object' || key === undefined ? shownValue(key) : `a ${typeof key}`
  const message = `key must be 32 bytes (a Buffer or Uint8Array), or a secret KeyObject of 32 bytes, not ${found}`
  throw new SluiceError('ERR_USAGE', message)
}
