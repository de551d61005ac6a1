import { createRequire } from 'node:module'
import { SluiceError } from '../errors.js'

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
 * Writes the digest of a whole content, which is there in as many buffers as it happens to lie in, to `column` from
 * `at` on: makes no object for it, since there may be very many contents.
 */
export type DigestInto = (buffers: readonly Uint8Array[], column: Buffer, at: number) => void

/** BLAKE3, wherever it comes from. */
export interface Engine {
  create(): Digest
  /** The same keyed with {@link LIST_WORDS}' digest: for lists of digests. */
  createList(): Digest
  into: DigestInto
}

/** What keys the digest of a list of digests, so that no content of a file can pass for such a list: BLAKE3 of this. */
const LIST_WORDS = Buffer.from('sluice 1 block list')

/** Bytes of a BLAKE3 digest. */
export const BLAKE3_LENGTH = 32

/** What this machine has. */
export const LOADERS: Blake3Loaders = {
  // made when it is asked for: in a realm of somebody else's a module may not know where it stands
  native: () => createRequire(import.meta.url)('@napi-rs/blake-hash'),
  wasm: () => import('hash-wasm'),
}

/** By the native module, where there is one for the platform. */
export function nativeEngine({ Blake3Hasher }: Native): Engine {
  const shared = new Blake3Hasher()
  // used again: to make one, and to collect it, takes about as long as to hash 30 KiB
  const free: InstanceType<Native['Blake3Hasher']>[] = []
  const key = new Blake3Hasher().update(LIST_WORDS).digestBuffer()
  return {
    into(buffers, column, at) {
      shared.reset()
      for (const bytes of buffers) shared.update(bytes)
      // as a text: a buffer of the module is memory of its own, which takes longer to make and to collect
      column.write(shared.digest('hex'), at, 'hex')
    },
    create() {
      let hasher: InstanceType<Native['Blake3Hasher']> | undefined = free.pop() ?? new Blake3Hasher()
      // another digest may have it by then
      const own = () => {
        if (hasher) return hasher
        throw new SluiceError('ERR_STATE', 'the digest was asked for before, and is used up by that')
      }
      return digestBy(
        BLAKE3_LENGTH,
        (bytes) => own().update(bytes),
        () => {
          const used = own()
          const digest = Buffer.from(used.digest('hex'), 'hex')
          hasher = undefined
          used.reset()
          free.push(used)
          return digest
        },
      )
    },
    createList() {
      const hasher = Blake3Hasher.newKeyed(key)
      return digestBy(
        BLAKE3_LENGTH,
        (bytes) => hasher.update(bytes),
        () => hasher.digestBuffer(),
      )
    },
  }
}

/** Its hashers are made asynchronously: one serves all digests of contents, and one those of lists. */
export async function wasmEngine({ createBLAKE3 }: Wasm): Promise<Engine> {
  const create = digestsOf(await createBLAKE3())
  const key = create().update(LIST_WORDS).digest()
  return {
    create,
    createList: digestsOf(await createBLAKE3(8 * BLAKE3_LENGTH, key)),
    into(buffers, column, at) {
      const digest = create()
      for (const bytes of buffers) digest.update(bytes)
      column.set(digest.digest(), at)
    },
  }
}

/** Digests that have one hasher: what it holds of one is saved when another one goes on. */
function digestsOf(hasher: Awaited<ReturnType<Wasm['createBLAKE3']>>): () => Digest {
  let current: { state?: Uint8Array } | undefined
  return () => {
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
}
