import {
  BLOCK_DIGEST_LENGTH,
  BlockList,
  blockSizeOf,
  digestsOfBlocks,
  rangesOfRuns,
  runsOfBlocks,
} from '../../digest/blocks.js'
import { blockEngine } from '../../digest/digests.js'
import { inPieces, PIECE, type Range } from '../../ranges.js'
import type { Part } from '../../stores/parts.js'
import type { OpenSource } from '../../stores/sources.js'
import type { Entry } from '../../wire/entry.js'
import type { BlocksMessage } from '../../wire/messages.js'
import { deleteRange } from './owed-records.js'

/**
 * What stands here of the blocks of each file, by their digests: those that a tap took as they came, and those that
 * were read back. It is what the sender's word is compared with.
 */
export class BlockProofs {
  readonly #lists = new Map<number, BlockList>()
  readonly #memory = new Memory()

  /** Blocks came, and have these digests. */
  note(entry: Entry, { first, digests }: BlocksMessage): void {
    this.#listOf(entry).set(first, digests)
  }

  /**
   * The blocks that are not what the sender says, ascending; those that did not come are read back. What cannot be read
   * is not what it should be.
   */
  async compare(
    entry: Entry,
    { first, digests }: BlocksMessage,
    part: Pick<Part, 'read'> | undefined,
    signal?: AbortSignal,
  ): Promise<number[]> {
    const list = this.#listOf(entry)
    if (list.has(first, digests)) return []
    const differ: number[] = []
    const others: number[] = []
    const said = (at: number, length = BLOCK_DIGEST_LENGTH) => {
      const from = (at - first) * BLOCK_DIGEST_LENGTH
      return digests.subarray(from, from + length)
    }
    for (let at = first; said(at).length > 0; at++)
      if (!list.get(at)) others.push(at)
      else if (!list.has(at, said(at))) differ.push(at)
    const read: Read | undefined = part?.read && ((from, into) => part.read!(from, into))
    for await (const found of blocksOf(entry, others, { read, memory: this.#memory, signal })) {
      const areEqual = found.digests?.equals(said(found.first, found.digests.length))
      if (areEqual) list.set(found.first, found.digests!)
      for (const [at, ours] of areEqual ? [] : slotsOf(found))
        if (ours?.equals(said(at))) list.set(at, ours)
        else differ.push(at)
    }
    return differ.sort((a, b) => a - b)
  }

  /** Whether blocks of a file are known to be what the sender says, or came. */
  knows({ index }: Entry): boolean {
    return this.#lists.has(index)
  }

  /**
   * Copies the blocks that are known into a part, as far as they still are what they were; gives those, ascending.
   * Fails as the part does.
   */
  async copy(
    entry: Entry,
    source: Pick<OpenSource, 'read'>,
    part: Pick<Part, 'write'>,
    signal: AbortSignal,
  ): Promise<number[]> {
    const list = this.#listOf(entry)
    const copied: number[] = []
    const read: Read = (from, into) => source.read(from, into)
    const take: Take = (from, bytes) => part.write(from, [bytes], false)
    for await (const found of blocksOf(entry, list.known, { read, take, memory: this.#memory, signal }))
      for (const [at, digest] of slotsOf(found)) if (digest && list.has(at, digest)) copied.push(at)
    return copied
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

/** Blocks that follow each other, as they stand; without digests it is one that cannot be read. */
interface FoundBlocks {
  first: number
  digests: Buffer | undefined
}

function* slotsOf({ first, digests }: FoundBlocks): Generator<[at: number, digest: Buffer | undefined]> {
  if (!digests) yield [first, undefined]
  else
    for (let from = 0; from < digests.length; from += BLOCK_DIGEST_LENGTH)
      yield [first + from / BLOCK_DIGEST_LENGTH, digests.subarray(from, from + BLOCK_DIGEST_LENGTH)]
}

/** Reads bytes of a file at an offset, into all of a buffer. */
type Read = (from: number, into: Buffer) => Promise<void> | void

/** Takes bytes of a file at an offset. */
type Take = (from: number, bytes: Buffer) => Promise<void> | void

/** How blocks are read back. */
interface Reading {
  read: Read | undefined
  take?: Take
  memory: Memory
  signal?: AbortSignal | undefined
}

/** Memory for what is read back, used again: there may be very many blocks. */
class Memory {
  #free: Buffer | undefined

  /**
   * Calls `use` with `length` bytes that `fill` has filled; undefined if that failed. What failed may write to them
   * later: they are not used again then.
   */
  async filled<T>(
    length: number,
    fill: (bytes: Buffer) => Promise<void> | void,
    use: (bytes: Buffer) => Promise<T>,
  ): Promise<T | undefined> {
    const free = this.#free
    this.#free = undefined
    const memory = free && free.length >= length ? free : Buffer.allocUnsafeSlow(length)
    const bytes = memory.subarray(0, length)
    try {
      await fill(bytes)
    } catch {
      return undefined
    }
    const result = await use(bytes)
    this.#free = memory
    return result
  }
}

/**
 * The digests of blocks as they stand: those that follow each other are read together, as many as a piece holds, and
 * one by one where that fails.
 */
async function* blocksOf(
  entry: Entry,
  blocks: readonly number[],
  reading: Reading,
): AsyncGenerator<FoundBlocks> {
  const block = blockSizeOf(entry.size)
  for (const run of rangesOfRuns(runsOfBlocks(blocks), entry.size))
    for (const { start, end } of inPieces(run, Math.max(PIECE, block))) {
      reading.signal?.throwIfAborted()
      const first = start / block
      const digests = end - start > block ? await together({ start, end }, block, reading) : undefined
      if (digests) yield { first, digests }
      else
        for (let at = first; at * block < end; at++)
          yield { first: at, digests: await blockOf(entry, at, reading) }
    }
}

/** The digests of the blocks of a range; undefined if it cannot be read as one. */
async function together(
  { start, end }: Range,
  block: number,
  { read, take, memory }: Reading,
): Promise<Buffer | undefined> {
  if (!read) return undefined
  const fill = (bytes: Buffer) => read(start, bytes)
  return memory.filled(end - start, fill, async (bytes) => {
    await take?.(start, bytes)
    return digestsOfBlocks(bytes, block, blockEngine())
  })
}

/**
 * The digest of a block as it stands, whose pieces are given to `take`; undefined if it cannot be read: whatever stands
 * there is asked for again, and written anew.
 */
async function blockOf(
  { size }: Entry,
  at: number,
  { read, take, memory }: Reading,
): Promise<Buffer | undefined> {
  if (!read || size === null) return undefined
  const block = blockSizeOf(size)
  const digest = blockEngine().create()
  for (const { start, end } of inPieces({ start: at * block, end: Math.min(size, (at + 1) * block) })) {
    const fill = (bytes: Buffer) => read(start, bytes)
    const isRead = await memory.filled(end - start, fill, async (bytes) => {
      digest.update(bytes)
      await take?.(start, bytes)
      return true
    })
    if (!isRead) return undefined
  }
  return digest.digest()
}
