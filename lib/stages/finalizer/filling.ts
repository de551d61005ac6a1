import { BLOCKS } from '../../digest/blocks.js'
import type { Chunk } from '../../digest/chunks.js'
import { blockEngine, prepareDigest } from '../../digest/digests.js'
import { diskError } from '../../files/disk/disk-error.js'
import { inPieces } from '../../ranges.js'
import type { Part } from '../../stores/parts.js'
import { chunkedBytes, chunksIn } from '../../wire/chunk-records.js'
import type { Entry } from '../../wire/entry.js'
import { failed, type Outcome } from '../../wire/outcome.js'
import type { BasisReader } from '../river/basis-reader.js'
import type { ChunksItem } from '../river/items.js'
import { endsTransfer } from '../river/placements.js'
import type { StoreCalls } from '../river/store-calls.js'
import { FilledBlocks } from './filled-blocks.js'
import type { Repairs } from './repairs.js'

/**
 * Fills files from older versions of them: looks there for the chunks that the sender says, copies what it finds, and
 * compares each chunk as it is copied, since what stands may change. Blocks that are filled from end to end are proved.
 */
export class Filling {
  readonly #store: StoreCalls
  readonly #repairs: Repairs
  readonly #signal: AbortSignal | undefined
  #filled: { index: number; blocks: FilledBlocks } | undefined

  constructor(store: StoreCalls, repairs: Repairs, signal: AbortSignal | undefined) {
    this.#store = store
    this.#repairs = repairs
    this.#signal = signal
  }

  /** Takes in the next chunks of a file; gives the outcome if it fails. */
  async fill(entry: Entry, item: ChunksItem, part: Part): Promise<Outcome | undefined> {
    try {
      await this.#take(entry, item, part)
      return undefined
    } catch (reason) {
      const error = diskError(reason, 'write', entry.path)
      if (this.#signal?.aborted || endsTransfer(error)) throw error
      await this.#store.keep(part, entry, error)
      return failed(entry, error)
    }
  }

  async #take(entry: Entry, { offset, chunks }: ChunksItem, part: Part): Promise<void> {
    await prepareDigest(BLOCKS)
    const basis = await this.#store.bases.open(entry, this.#signal)
    if (basis === undefined) return
    const { index, size } = entry
    if (this.#filled?.index !== index)
      this.#filled = { index, blocks: new FilledBlocks(size!, blockEngine()) }
    const { blocks } = this.#filled
    for (const chunk of chunksIn(chunks, offset)) {
      const from = basis.find(chunk)
      if (from === undefined) continue
      await this.#copy(chunk, from, { basis, part, blocks })
      for (const filled of blocks.endChunk(chunk.digest)) this.#repairs.filled(entry, filled)
    }
    if (offset + chunkedBytes(chunks) < size!) return
    this.#filled = undefined
    await this.#store.bases.close()
  }

  /** Copies a chunk, which stands at `from` in the older version. */
  async #copy(
    { offset, length }: Chunk,
    from: number,
    { basis, part, blocks }: { basis: BasisReader; part: Part; blocks: FilledBlocks },
  ): Promise<void> {
    for (const { start, end } of inPieces({ start: offset, end: offset + length })) {
      this.#signal?.throwIfAborted()
      const bytes = Buffer.allocUnsafe(end - start)
      // what cannot be read is compared like anything else, and is not right
      await basis.read(from + start - offset, bytes).catch(() => bytes.fill(0))
      await part.write(start, [bytes], false)
      blocks.take(start, bytes)
    }
  }
}
