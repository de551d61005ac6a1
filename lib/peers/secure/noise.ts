/**
 * The handshake of a secure channel: `Noise_XK_Ed25519_ChaChaPoly_BLAKE2b`, of the package `noise-handshake` with
 * the curve of `noise-curve-ed` (the Noise Protocol Framework, revision 34, with Diffie-Hellman on the points of
 * Ed25519, so that the key by which a user signs is the key by which a connection is made).
 *
 * ```
 * either side first says   "SLUICE-N" · version u8                             9 bytes, which are also the prologue
 * dialler → listener       e, es                                               48 bytes
 * listener → dialler       e, ee                                               48 bytes
 * dialler → listener       s, se · payload: has secret u8 · secret (16 bytes)  81 bytes
 * ```
 * All have one length, so that none is said beforehand, and nothing tells whether there is a secret. In XK the
 * dialler has to know the listener's key, and shows its own only to the holder of that: whoever listens on the way
 * learns neither. The third message is the first that is said to a listener which has proved its key (by the
 * second), and goes with keys of this one connection: its payload is as safe as anything that is said later (source
 * 2, destination 5 in section 7.7 of the framework). So the secret stands there, and costs no message of its own.
 */
import { SluiceError } from '../../errors.js'

/** What both sides say first, and what binds the handshake to this protocol and its version. */
export const PREFACE = Buffer.from('SLUICE-N\x01', 'latin1')
/** Bytes of each of the first two messages: a key and a tag. */
export const HELLO = 32 + 16
/** Bytes of the secret of a ticket. */
export const SECRET_LENGTH = 16
/** Bytes of the third message: a sealed key, and a sealed payload. */
export const PROOF = 32 + 16 + 1 + SECRET_LENGTH + 16

/** What both sides have of a handshake. */
export interface Agreed {
  /** The keys of the two streams, 32 bytes each. */
  sending: Buffer
  receiving: Buffer
  /** Of all that was said: the same on both sides, for this connection alone. 64 bytes; it is no secret. */
  hash: Uint8Array
  /** The public key that the other side has proved. */
  peerKey: Uint8Array
}

interface KeyPair {
  readonly publicKey: Uint8Array
  readonly secretKey: Uint8Array
}

/** One side of the handshake. What does not open is `ERR_IDENTITY`. */
export class Handshake {
  readonly #state: import('noise-handshake')

  /** @param key the listener's, for the dialler */
  static async begin(pair: KeyPair, key?: Uint8Array): Promise<Handshake> {
    // they bring native code with them, which only a secure channel needs
    const [{ default: NoiseState }, { default: curve }] = await Promise.all([
      import('noise-handshake'),
      import('noise-curve-ed'),
    ])
    const own = { publicKey: Buffer.from(pair.publicKey), secretKey: Buffer.from(pair.secretKey) }
    const state = new NoiseState('XK', key !== undefined, own, { curve })
    state.initialise(PREFACE, key && Buffer.from(key))
    return new Handshake(state)
  }

  private constructor(state: import('noise-handshake')) {
    this.#state = state
  }

  /** @param what the message if it cannot be made: whose key is wrong then */
  say(payload: Uint8Array, what: string): Buffer {
    return this.#try(what, () => Buffer.from(this.#state.send(payload)))
  }

  /**
   * The payload of what the other side said.
   * @param what the message if it does not open
   */
  hear(message: Buffer, what: string): Uint8Array {
    return this.#try(what, () => this.#state.recv(message))
  }

  /** After the last message. */
  get agreed(): Agreed {
    const { tx, rx, hash, rs } = this.#state
    return { sending: Buffer.from(tx), receiving: Buffer.from(rx), hash, peerKey: Uint8Array.from(rs) }
  }

  #try<T>(what: string, act: () => T): T {
    try {
      return act()
    } catch (cause) {
      // what the packages say of it means nothing to people
      throw new SluiceError('ERR_IDENTITY', what, { cause })
    }
  }
}

/** The payload of the third message. */
export function encodeSecret(secret: Uint8Array | undefined): Buffer {
  const payload = Buffer.alloc(1 + SECRET_LENGTH)
  if (!secret) return payload
  payload[0] = 1
  payload.set(secret, 1)
  return payload
}

/** Undoes {@link encodeSecret}. */
export function decodeSecret(payload: Uint8Array): Uint8Array | undefined {
  return payload[0] === 1 ? Uint8Array.from(payload.subarray(1)) : undefined
}
