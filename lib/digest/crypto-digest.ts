import { createHash, getHashes, hash } from 'node:crypto'
import { printable, SluiceError } from '../errors.js'
import { type Digest, type DigestInto, digestBy } from './blake3.js'

/** Any other length than its own: only an algorithm of no fixed length (XOF) can give this one. */
const ODD_LENGTH = 5

/**
 * Bytes of a digest of an algorithm of `node:crypto`. Throws `ERR_UNSUPPORTED` if this machine does not have it, or if
 * its results are of no fixed length.
 * @param others names of algorithms that may be asked for besides, for the message
 */
export function cryptoLength(algorithm: string, others: readonly string[] = []): number {
  // the exact name: createHash also takes others, which the peer may not have
  if (!getHashes().includes(algorithm)) throw unsupported(algorithm, others, 'not known here')
  try {
    createHash(algorithm, { outputLength: ODD_LENGTH }).digest()
  } catch {
    return plainLength(algorithm, others)
  }
  throw unsupported(algorithm, others, 'of no fixed length, so that two digests cannot be compared')
}

function plainLength(algorithm: string, others: readonly string[]): number {
  try {
    return createHash(algorithm).digest().length
  } catch (cause) {
    throw unsupported(algorithm, others, 'switched off here', cause)
  }
}

/** Of very many, which also have several names each, those that people know. */
const USUAL =
  'blocks blake3 sha256 sha512 sha384 sha224 sha3-256 sha3-512 blake2b512 sha1 md5 blake2s256 sha3-384'.split(
    ' ',
  )

function unsupported(
  algorithm: string,
  others: readonly string[],
  why: string,
  cause?: unknown,
): SluiceError {
  const there = [...others, ...getHashes()]
  const some = USUAL.filter((name) => there.includes(name)).slice(0, 10)
  const list = `${some.join(', ')} and ${there.length - some.length} more: node -p "crypto.getHashes()" lists them`
  const message = `the hash algorithm ${printable(String(algorithm), 64)} is ${why}; there are ${list}`
  return new SluiceError('ERR_UNSUPPORTED', message, { found: algorithm, cause })
}

/** A digest by `node:crypto`. */
export function cryptoDigest(algorithm: string, length: number): Digest {
  const whole = createHash(algorithm)
  return digestBy(
    length,
    (bytes) => whole.update(bytes),
    () => whole.digest(),
  )
}

const NO_BYTES = Buffer.alloc(0)

/** Whole contents by `node:crypto`. */
export function cryptoInto(algorithm: string): DigestInto {
  return (buffers, column, at) => {
    if (buffers.length <= 1) {
      // a single call takes a third of the time of an object
      column.write(hash(algorithm, buffers[0] ?? NO_BYTES, 'hex'), at, 'hex')
      return
    }
    const whole = createHash(algorithm)
    for (const bytes of buffers) whole.update(bytes)
    column.write(whole.digest('hex'), at, 'hex')
  }
}
