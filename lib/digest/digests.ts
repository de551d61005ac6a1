import { SluiceError } from '../errors.js'
import {
  BLAKE3_LENGTH,
  type Blake3Loaders,
  type Digest,
  type DigestInto,
  type Engine,
  LOADERS,
  nativeEngine,
  wasmEngine,
} from './blake3.js'
import { BLOCKS, blocksDigest, blocksInto } from './blocks.js'
import { cryptoDigest, cryptoInto, cryptoLength } from './crypto-digest.js'

export type { Blake3Loaders, Digest, DigestInto }

const BLAKE3 = 'blake3'

/** The algorithms that a digest may have: `blake3`, `blocks`, and all of `crypto.getHashes()` of a fixed length. */
export function makeDigests(loaders: Blake3Loaders = LOADERS) {
  const lengths = new Map<string, number>([
    [BLAKE3, BLAKE3_LENGTH],
    [BLOCKS, BLAKE3_LENGTH],
  ])
  let engine: Engine | undefined

  const digestLength = (algorithm: string): number => {
    let length = lengths.get(algorithm)
    if (length === undefined) {
      length = cryptoLength(algorithm, [BLOCKS, BLAKE3])
      lengths.set(algorithm, length)
    }
    return length
  }
  // loaded when first asked for: most transfers do without
  const blake3 = (): Engine => {
    try {
      engine ??= nativeEngine(loaders.native())
    } catch (cause) {
      const message = `${BLAKE3}: no native module for this platform; await prepareDigest('${BLAKE3}') first`
      throw new SluiceError('ERR_UNSUPPORTED', message, { cause })
    }
    return engine
  }
  const digestInto = (algorithm: string): DigestInto => {
    digestLength(algorithm)
    if (algorithm === BLOCKS) return blocksInto(blake3())
    return algorithm === BLAKE3 ? blake3().into : cryptoInto(algorithm)
  }
  return {
    digestLength,
    digestInto,
    async prepareDigest(algorithm: string): Promise<void> {
      digestLength(algorithm)
      if (![BLAKE3, BLOCKS].includes(algorithm) || engine) return
      try {
        blake3()
      } catch {
        const wasm = await wasmEngine(await loaders.wasm())
        engine ??= wasm
      }
    },
    createDigest(algorithm: string, size: number | null = null): Digest {
      const length = digestLength(algorithm)
      if (algorithm === BLOCKS) return blocksDigest(blake3(), size)
      return algorithm === BLAKE3 ? blake3().create() : cryptoDigest(algorithm, length)
    },
    digestOf(algorithm: string, bytes: Uint8Array): Buffer {
      // many are kept for a while: in Node's pool, and not with a store of memory for each
      const digest = Buffer.allocUnsafe(digestLength(algorithm))
      digestInto(algorithm)([bytes], digest, 0)
      return digest
    },
    /** The engine of {@link BLOCKS}. */
    blake3,
  }
}

const here = makeDigests()
/**
 * Makes an algorithm ready on this machine. Only `blake3` and `blocks` without their native module need the wait;
 * everywhere else the other functions work without it. Throws as {@link digestLength} does.
 */
export const prepareDigest = here.prepareDigest
/**
 * Bytes of a digest. Throws `ERR_UNSUPPORTED` if this machine does not have the algorithm, or if its results are of no
 * fixed length (SHAKE) and so cannot be compared.
 */
export const digestLength = here.digestLength
/**
 * A digest to feed bit by bit. `blocks` needs the size of the file, as its entry says it: `null`, the default, where
 * that is not known. Throws as {@link digestLength} does.
 */
export const createDigest = here.createDigest
/** For many small files, one after the other: by far the cheapest. Throws as {@link digestLength} does. */
export const digestInto = here.digestInto
/** Where the digests of blocks come from. Throws as {@link digestLength} does. */
export const blockEngine = here.blake3
/** The digest of what is there already. Throws as {@link digestLength} does. */
export const digestOf = here.digestOf
