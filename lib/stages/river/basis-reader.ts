import { type Chunk, Chunker } from '../../digest/chunks.js'
import { blockEngine } from '../../digest/digests.js'
import { inPieces, PIECE } from '../../ranges.js'
import type { Basis, OpenBasis } from '../../stores/claim.js'
import type { Entry } from '../../wire/entry.js'

/** How many times the size of a file is read of its basis at most: what lies behind that is not worth it. */
const MOST_TIMES = 4

/** An older version of a file, of which it is known where each of its chunks stands. */
export class BasisReader {
  readonly #open: OpenBasis
  readonly #chunks = new Map<string, Chunk['offset']>()

  private constructor(open: OpenBasis) {
    this.#open = open
  }

  /** Reads a basis and cuts it as the file is cut; undefined if that is not possible. */
  static async open(entry: Entry, basis: Basis, signal?: AbortSignal): Promise<BasisReader | undefined> {
    const open = await Promise.resolve(basis.open()).catch(() => undefined)
    if (!open) return undefined
    const reader = new BasisReader(open)
    try {
      await reader.#cut(entry.size!, basis.size, signal)
      return reader
    } catch {
      // what stands cannot be read, or was made shorter: then all of the file comes
      await reader.close()
      signal?.throwIfAborted()
      return undefined
    }
  }

  /** Where a chunk stands, if it is there. */
  find({ length, digest }: Pick<Chunk, 'length' | 'digest'>): number | undefined {
    return this.#chunks.get(keyOf(length, digest))
  }

  async read(position: number, into: Buffer): Promise<void> {
    await this.#open.read(position, into)
  }

  /** What was read is not worth less when it cannot be closed. */
  async close(): Promise<void> {
    await Promise.resolve(this.#open.close?.()).catch(() => {})
  }

  async #cut(size: number, found: number, signal: AbortSignal | undefined): Promise<void> {
    const chunker = new Chunker(size, blockEngine())
    const end = Math.min(found, MOST_TIMES * size)
    const buffer = Buffer.allocUnsafe(Math.min(PIECE, end))
    for (const piece of inPieces({ start: 0, end })) {
      signal?.throwIfAborted()
      const bytes = buffer.subarray(0, piece.end - piece.start)
      await this.read(piece.start, bytes)
      this.#note(chunker.take(bytes))
    }
    this.#note(chunker.end())
  }

  #note(chunks: readonly Chunk[]): void {
    for (const { offset, length, digest } of chunks) this.#chunks.set(keyOf(length, digest), offset)
  }
}

function keyOf(length: number, digest: Buffer): string {
  return `${digest.toString('latin1')}${length}`
}
