import { BLOCK_DIGEST_LENGTH, BlockList, blockSizeOf } from '../../digest/blocks.js'
import { blockEngine } from '../../digest/digests.js'
import type { Part } from '../../stores/parts.js'
import type { Entry } from '../../wire/entry.js'
import type { BlocksMessage } from '../../wire/messages.js'
import { deleteRange } from './owed.js'

/** Bytes that are read back at once. */
const PIECE = 1024 * 1024

/**
 * What stands here of the blocks of each file, by their digests: those that a tap took as they came, and those that were
 * read back. It is what the sender's word is compared with.
 */
export class BlockProofs {
  readonly #lists = new Map<number, BlockList>()

  /** Blocks came, and have these digests. */
  note(entry: Entry, { first, digests }: BlocksMessage): void {
    const list = this.#listOf(entry)
    for (const [at, digest] of slotsOf(first, digests)) list.set(at, digest)
  }

  /**
   * The blocks that are not what the sender says; those that did not come are read back. What cannot be read is not what
   * it should be.
   */
  async compare(
    entry: Entry,
    { first, digests }: BlocksMessage,
    part: Part | undefined,
    signal?: AbortSignal,
  ): Promise<number[]> {
    const list = this.#listOf(entry)
    const differ: number[] = []
    for (const [at, said] of slotsOf(first, digests)) {
      signal?.throwIfAborted()
      const ours = list.get(at) ?? (await readBlock(entry, at, part))
      if (ours?.equals(said)) list.set(at, ours)
      else differ.push(at)
    }
    return differ
  }

  /** The digest `blocks` of a file, if all of its blocks are known. */
  digest({ index, size }: Entry): Buffer | undefined {
    return size === null ? undefined : this.#lists.get(index)?.digest(size, blockEngine())
  }

  /** Forgets the entries from `first` to `last`, which have their outcome. */
  drop(first: number, last: number): void {
    deleteRange(this.#lists, first, last)
  }

  #listOf({ index, size }: Entry): BlockList {
    let list = this.#lists.get(index)
    if (list === undefined) {
      list = new BlockList(size)
      this.#lists.set(index, list)
    }
    return list
  }
}

function* slotsOf(first: number, digests: Buffer): Generator<[at: number, digest: Buffer]> {
  for (let from = 0; from < digests.length; from += BLOCK_DIGEST_LENGTH)
    yield [first + from / BLOCK_DIGEST_LENGTH, digests.subarray(from, from + BLOCK_DIGEST_LENGTH)]
}

/** The digest of a block as it stands in the store; undefined if that cannot say. */
async function readBlock({ size }: Entry, at: number, part: Part | undefined): Promise<Buffer | undefined> {
  if (!part?.read || size === null) return undefined
  const block = blockSizeOf(size)
  const end = Math.min(size, (at + 1) * block)
  const digest = blockEngine().create()
  try {
    for (let from = at * block; from < end; from += PIECE) {
      const bytes = Buffer.allocUnsafe(Math.min(PIECE, end - from))
      await part.read(from, bytes)
      digest.update(bytes)
    }
  } catch {
    // whatever stands there is asked for again, and written anew
    return undefined
  }
  return digest.digest()
}
