import { BLOCKS, blockSizeOf } from '../../digest/blocks.js'
import { Chunker } from '../../digest/chunks.js'
import { blockEngine, createDigest, type Digest } from '../../digest/digests.js'
import { packChunks } from '../../wire/chunk-records.js'
import type { Entry } from '../../wire/entry.js'
import type { BlocksItem, ChunksItem } from '../river/items.js'
import { BlockHasher } from './block-hasher.js'

/** Files that have begun and not ended; a river has one, a stage that weaves rivers together a few. */
const MOST_RUNNING = 16

/** Files of which something is remembered before it is looked which of them have their outcome. */
const MANY = 64

/** Bytes of one file. */
export interface FilePiece {
  /** Where they begin within the file. */
  offset: number
  buffers: readonly Buffer[]
  /** Whether the file ends with them, and nothing else of it is on its way. */
  ends: boolean
  /** Whether somebody asked for the digests of these blocks. */
  isProof: boolean
  /** Whether somebody asked for the chunks instead. */
  byChunks?: boolean | undefined
}

/** What is known by a piece: the digest of the file, and what is to be said of its blocks or its chunks. */
export interface TakenPiece {
  digest?: Buffer
  said?: BlocksItem | ChunksItem
}

interface Running {
  digest: Digest
  /** Where the next bytes must begin. */
  offset: number
}

/**
 * The digests of files that come in pieces. By `blocks` the pieces may come in any order; by the other algorithms only
 * from the first byte on, without a gap. Pure.
 */
export class FileDigests {
  readonly #algorithm: string
  readonly #isClosed: (index: number) => boolean
  /** Files that have begun, by an algorithm that needs all bytes in order. */
  readonly #running = new Map<number, Running>()
  /** Blocks of files, and digests of files, until those have their outcome: they may be asked for again. */
  readonly #blocks = new Map<number, BlockHasher>()
  readonly #digests = new Map<number, Buffer>()
  /** Files whose chunks are being said. */
  readonly #chunkers = new Map<number, Chunker>()
  #many = MANY

  constructor(algorithm: string, isClosed: (index: number) => boolean) {
    this.#algorithm = algorithm
    this.#isClosed = isClosed
  }

  /** Takes in a piece; gives the digest of the file if all of it has passed, and the blocks that ended. */
  take(entry: Entry, piece: FilePiece): TakenPiece {
    const { index, size } = entry
    const { offset, buffers, byChunks } = piece
    const isProof = piece.isProof && !byChunks
    if (this.#blocks.size + this.#digests.size >= this.#many) this.#dropClosed()
    const end = offset + buffers.reduce((sum, { length }) => sum + length, 0)
    const ends = piece.ends || end === size
    const isByBlocks = this.#algorithm === BLOCKS
    const hasher = isByBlocks || isProof ? this.#hasherOf(entry) : undefined
    const ended = hasher?.take(offset, buffers, ends)
    const whole = size ?? (ends ? end : undefined)
    const digest = isByBlocks
      ? whole !== undefined && hasher!.digest(whole)
      : this.#takeInOrder(index, offset, buffers, ends)
    if (digest) this.#digests.set(index, digest)
    // a file of one block is sent again as a whole, and one of unknown size cannot be
    const isTold = isProof || (size !== null && size > blockSizeOf(size))
    const blocks: BlocksItem | undefined = ended && isTold ? { kind: 'blocks', index, ...ended } : undefined
    const said = byChunks ? this.#cut(entry, piece, ends) : blocks
    return { ...(digest && { digest }), ...(said && { said }) }
  }

  /** The chunks of a file, which passes from its first byte to its last, that end with a piece. */
  #cut({ index, size }: Entry, { buffers }: FilePiece, ends: boolean): ChunksItem | undefined {
    const chunker = this.#chunkers.get(index) ?? new Chunker(size!, blockEngine())
    this.#chunkers.set(index, chunker)
    const chunks = buffers.flatMap((bytes) => chunker.take(bytes))
    if (ends) {
      chunks.push(...chunker.end())
      this.#chunkers.delete(index)
    }
    return chunks[0] && { kind: 'chunks', index, offset: chunks[0].offset, chunks: packChunks(chunks) }
  }

  /** The digest of a file, all of which has passed. */
  of(index: number): Buffer | undefined {
    return this.#digests.get(index)
  }

  /** A file begins anew, or will not go on. */
  forget(index: number): void {
    this.#running.delete(index)
  }

  /** The files that have begun, by an algorithm that needs all bytes in order. */
  running(): Iterable<number> {
    return this.#running.keys()
  }

  #hasherOf({ index, size }: Entry): BlockHasher {
    let hasher = this.#blocks.get(index)
    if (hasher === undefined) {
      hasher = new BlockHasher(size, blockEngine())
      this.#blocks.set(index, hasher)
    }
    return hasher
  }

  #dropClosed(): void {
    for (const book of [this.#blocks, this.#digests, this.#chunkers])
      for (const index of book.keys()) if (this.#isClosed(index)) book.delete(index)
    this.#many = Math.max(MANY, 2 * (this.#blocks.size + this.#digests.size))
  }

  #takeInOrder(index: number, offset: number, buffers: readonly Buffer[], ends: boolean): Buffer | undefined {
    if (offset === 0) {
      this.#running.delete(index)
      this.#begin(index)
    }
    const running = this.#running.get(index)
    if (running === undefined) return undefined
    // a gap or a repeat: what comes of this file can no longer be its digest
    if (running.offset !== offset) {
      this.#running.delete(index)
      return undefined
    }
    for (const bytes of buffers) {
      running.digest.update(bytes)
      running.offset += bytes.length
    }
    if (!ends) return undefined
    this.#running.delete(index)
    return running.digest.digest()
  }

  #begin(index: number): void {
    this.#running.set(index, { digest: createDigest(this.#algorithm), offset: 0 })
    const [oldest] = this.#running.keys()
    if (this.#running.size > MOST_RUNNING) this.#running.delete(oldest!)
  }
}
