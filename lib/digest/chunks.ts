import { createHash } from 'node:crypto'
import type { Digest, Engine } from './blake3.js'
import { blockSizeOf } from './blocks.js'

/**
 * Chunks: pieces of a file that are cut by its content, so that bytes which moved are found again. Pure.
 *
 * FastCDC with normalized chunking: Xia et al., FastCDC: a Fast and Efficient Content-Defined Chunking Approach for
 * Data Deduplication, USENIX ATC 2016. The table and all sizes are part of the protocol.
 */

/**
 * Bytes of a chunk: more than the least, unless the file ends; most of them near the normal length; at most the most.
 */
const LEAST = 16 * 1024
const NORMAL = 64 * 1024
const MOST = 256 * 1024

/** Ones in the masks for a normal length of 64 KiB: up to there a cut is rare, behind it frequent. */
const RARE = 18
const FREQUENT = 14

/** Chunks of a file at most. */
export const MOST_CHUNKS = 131_072

/** Bytes of the largest file that is cut into chunks, 1 TiB. */
export const MOST_CHUNKED = 2 ** 40

/** Bytes of the longest chunk that there can be. */
export const LONGEST_CHUNK = (MOST * MOST_CHUNKED) / (LEAST * MOST_CHUNKS)

/** Whether a file of `size` bytes is asked for by its chunks: one of a single block is not worth it. */
export function isChunked(size: number | null): boolean {
  return size !== null && size > blockSizeOf(size) && size <= MOST_CHUNKED
}

/** What is hashed for the table, each time with the number of the place behind it. */
const GEAR_WORDS = 'sluice 1 gear'

/** How a file is cut. */
export interface ChunkRules {
  least: number
  normal: number
  most: number
  /**
   * A chunk ends behind the byte at which no bit of the mask is set in the hash: one up to the normal length, one
   * behind.
   */
  rare: number
  frequent: number
}

/**
 * The rules for a file of `size` bytes: all lengths are doubled until it has at most 131,072 chunks. Whoever compares
 * two files cuts both by the size of one of them.
 */
export function chunkRulesOf(size: number): ChunkRules {
  let doublings = 0
  while (size > LEAST * 2 ** doublings * MOST_CHUNKS) doublings++
  const factor = 2 ** doublings
  return {
    least: LEAST * factor,
    normal: NORMAL * factor,
    most: MOST * factor,
    rare: highest(RARE + doublings),
    frequent: highest(FREQUENT + doublings),
  }
}

/** So many of the highest bits, which depend on the most bytes. */
function highest(bits: number): number {
  return -1 << (32 - bits)
}

/** A chunk of a file: where it begins, its bytes, and their BLAKE3. */
export interface Chunk {
  offset: number
  length: number
  digest: Buffer
}

/** Cuts a file, whose bytes come in order in any pieces, into chunks. */
export class Chunker {
  readonly #rules: ChunkRules
  readonly #engine: Pick<Engine, 'create'>
  readonly #gear = gearTable()
  /** Where the chunk began that is running, its bytes so far, and the hash of the last 32 of them. */
  #offset = 0
  #length = 0
  #hash = 0
  #digest: Digest | undefined

  /** @param size the bytes of the file, or of that with which it will be compared */
  constructor(size: number, engine: Pick<Engine, 'create'>) {
    this.#rules = chunkRulesOf(size)
    this.#engine = engine
  }

  /** Takes the next bytes; gives the chunks that end in them. */
  take(bytes: Uint8Array): Chunk[] {
    const chunks: Chunk[] = []
    for (let from = 0; from < bytes.length; ) {
      const cut = this.#find(bytes, from)
      const end = cut ?? bytes.length
      this.#digest ??= this.#engine.create()
      this.#digest.update(bytes.subarray(from, end))
      if (cut !== undefined) chunks.push(...this.end())
      from = end
    }
    return chunks
  }

  /** The file ends: gives its last chunk, unless that has ended. */
  end(): Chunk[] {
    if (this.#digest === undefined) return []
    const chunk = { offset: this.#offset, length: this.#length, digest: this.#digest.digest() }
    this.#offset += this.#length
    this.#length = 0
    this.#hash = 0
    this.#digest = undefined
    return [chunk]
  }

  /** Where in `bytes` the running chunk ends, if it does, whose next byte is at `from`. */
  #find(bytes: Uint8Array, from: number): number | undefined {
    const { least, normal, most, rare, frequent } = this.#rules
    const began = from - this.#length
    const skipped = Math.min(bytes.length, Math.max(from, began + least))
    const to =
      this.#search(bytes, skipped, Math.min(bytes.length, began + normal), rare) ??
      this.#search(bytes, Math.max(skipped, began + normal), Math.min(bytes.length, began + most), frequent)
    const end = to ?? Math.min(bytes.length, began + most)
    this.#length = end - began
    return this.#length === most ? end : to
  }

  /** The place behind the first byte from `from` on, below `end`, at which the hash has no bit of the mask. */
  #search(bytes: Uint8Array, from: number, end: number, mask: number): number | undefined {
    const gear = this.#gear
    let hash = this.#hash
    for (let at = from; at < end; at++) {
      hash = ((hash << 1) + gear[bytes[at]!]!) | 0
      if ((hash & mask) === 0) return at + 1
    }
    this.#hash = hash
    return undefined
  }
}

let table: Int32Array | undefined

/** A random number of 32 bits for each byte: the beginning of SHA-256 of the words with the byte behind them. */
function gearTable(): Int32Array {
  table ??= Int32Array.from({ length: 256 }, (_, byte) =>
    createHash('sha256').update(GEAR_WORDS).update(Uint8Array.of(byte)).digest().readInt32BE(),
  )
  return table
}
