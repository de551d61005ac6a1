import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { Identity } from '../../lib/peers/identity.js'
import {
  type DiallerOptions,
  type ListenerOptions,
  type SecureDuplex,
  secure,
} from '../../lib/peers/secure.js'
import { duplexPair, type Faults } from '../../lib/testing/index.js'

/** A key pair of somebody. */
export function someone(): Identity {
  const { d, x } = generateKeyPairSync('ed25519').privateKey.export({ format: 'jwk' })
  const publicKey = Buffer.from(x!, 'base64url')
  return { publicKey, secretKey: Buffer.concat([Buffer.from(d!, 'base64url'), publicKey]) }
}

export const ALICE = someone()
export const BOB = someone()

/** Bytes of what the dialler and the listener say before the answer: a preface and their messages. */
export const SAID = { dialler: 9 + 48 + 81, listener: 9 + 48 }

/** Alice calls Bob. */
export const dial = (duplex: Duplex, options: Partial<DiallerOptions> = {}): Promise<SecureDuplex> =>
  secure(duplex, { as: 'dialler', identity: ALICE, key: BOB.publicKey, ...options })

/** Bob lets everybody in. */
export const listen = (duplex: Duplex, options: Partial<ListenerOptions> = {}): Promise<SecureDuplex> =>
  secure(duplex, { as: 'listener', identity: BOB, admit: () => true, ...options })

/** Both ends of a secure channel over a raw duplex. */
export const both = (
  [near, far]: readonly [Duplex, Duplex] = duplexPair(),
  dialler: Partial<DiallerOptions> = {},
  listener: Partial<ListenerOptions> = {},
): Promise<[SecureDuplex, SecureDuplex]> => Promise.all([dial(near, dialler), listen(far, listener)])

/** A connection whose second end belongs to somebody else, who hears and ignores all. */
export function toStranger(): [near: Duplex, stranger: Duplex] {
  const [near, stranger] = duplexPair()
  return [near, stranger.resume().on('error', () => {})]
}

/** A connection on whose way all is written down: what the first end said, and what the second. */
export function recordedPair(faults: { forth?: Faults; back?: Faults } = {}) {
  const [near, nearWay] = duplexPair()
  const [farWay, far] = duplexPair(faults)
  const said: [Buffer[], Buffer[]] = [[], []]
  for (const [at, from, to] of [
    [0, nearWay, farWay],
    [1, farWay, nearWay],
  ] as const) {
    from.on('data', (bytes: Buffer) => {
      said[at].push(bytes)
      if (!to.write(bytes)) {
        from.pause()
        to.once('drain', () => from.resume())
      }
    })
    from.on('end', () => to.end()).on('error', () => to.destroy())
    from.on('close', () => to.destroy())
  }
  return { ends: [near, far] as const, said }
}

/** The lengths of the records of one side, and their texts' places: all that can be seen of them on the way. */
export function recordLengths(said: Buffer): number[] {
  const lengths: number[] = []
  for (let at = 0; at < said.length; ) {
    const length = said.readUIntBE(at + 1, 3)
    lengths.push(length)
    at += 4 + length + 16
  }
  return lengths
}

/** Resolves when a stream is closed, whatever it says before. */
export function whenClosed(stream: Duplex): Promise<void> {
  stream.on('error', () => {})
  return stream.closed ? Promise.resolve() : new Promise((resolve) => stream.once('close', () => resolve()))
}

/** Resolves when the other side of a connection has left, in whatever way. */
export function whenLeft(stream: Duplex): Promise<void> {
  stream.on('error', () => {})
  if (stream.closed || stream.readableEnded) return Promise.resolve()
  return new Promise((resolve) => {
    for (const event of ['end', 'close']) stream.once(event, () => resolve())
    stream.resume()
  })
}

/** All that comes out of a stream until its end; its other side may go on. */
export async function heardBy(stream: Duplex): Promise<Buffer> {
  const heard: Buffer[] = []
  stream.on('data', (bytes: Buffer) => heard.push(bytes))
  await once(stream, 'end')
  return Buffer.concat(heard)
}
