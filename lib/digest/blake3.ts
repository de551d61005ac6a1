import { createRequire } from 'node:module'

/** A digest that is being computed. */
export interface Digest {
  /** Bytes of the result. */
  readonly length: number
  /** Takes the next bytes; gives itself. */
  update(bytes: Uint8Array): Digest
  /** The result; the object is used up by it. */
  digest(): Buffer
}

/** A digest of `length` bytes, by what takes bytes in and what gives the result. */
export function digestBy(length: number, take: (bytes: Uint8Array) => unknown, end: () => Buffer): Digest {
  const digest: Digest = {
    length,
    update(bytes) {
      take(bytes)
      return digest
    },
    digest: end,
  }
  return digest
}

type Native = typeof import('@napi-rs/blake-hash')
type Wasm = typeof import('hash-wasm')

/** Where BLAKE3 comes from; a parameter, so that a machine without the native module can be tested. */
export interface Blake3Loaders {
  /** Throws where there is no native module for this platform. */
  native(): Native
  wasm(): Promise<Wasm>
}

/**
 * Writes the digest of a whole content, which is there in as many buffers as it happens to lie in, to `column` from `at`
 * on: makes no object for it, since there may be very many contents.
 */
export type DigestInto = (buffers: readonly Uint8Array[], column: Buffer, at: number) => void

/** BLAKE3, wherever it comes from. */
export interface Engine {
  create(): Digest
  into: DigestInto
}

/** Bytes of a BLAKE3 digest. */
export const BLAKE3_LENGTH = 32

const require = createRequire(import.meta.url)
/** What this machine has. */
export const LOADERS: Blake3Loaders = {
  native: () => require('@napi-rs/blake-hash'),
  wasm: () => import('hash-wasm'),
}

/** By the native module, where there is one for the platform. */
export function nativeEngine({ Blake3Hasher }: Native): Engine {
  const shared = new Blake3Hasher()
  return {
    into(buffers, column, at) {
      shared.reset()
      for (const bytes of buffers) shared.update(bytes)
      // as a text: a buffer of the module is memory of its own, which takes longer to make and to collect
      column.write(shared.digest('hex'), at, 'hex')
    },
    create() {
      const hasher = new Blake3Hasher()
      const take = (bytes: Uint8Array) => hasher.update(bytes)
      return digestBy(BLAKE3_LENGTH, take, () => hasher.digestBuffer())
    },
  }
}

/**
 * The one hasher of hash-wasm is made asynchronously and serves all digests: what it holds of one is saved when
 * another one goes on.
 */
export async function wasmEngine({ createBLAKE3 }: Wasm): Promise<Engine> {
  const hasher = await createBLAKE3()
  let current: { state?: Uint8Array } | undefined
  const create = (): Digest => {
    const own: { state?: Uint8Array } = {}
    const turnTo = () => {
      if (current === own) return
      if (current) current.state = hasher.save()
      if (own.state) hasher.load(own.state)
      else hasher.init()
      current = own
    }
    const take = (bytes: Uint8Array) => {
      turnTo()
      hasher.update(bytes)
    }
    return digestBy(BLAKE3_LENGTH, take, () => {
      turnTo()
      current = undefined
      return Buffer.from(hasher.digest('binary'))
    })
  }
  return {
    create,
    into(buffers, column, at) {
      const digest = create()
      for (const bytes of buffers) digest.update(bytes)
      column.set(digest.digest(), at)
    },
  }
}
