import { type Range, Ranges } from '../ranges.js'
import { BLAKE3_LENGTH, type Digest, type DigestInto, type Engine } from './blake3.js'

/**
 * The algorithm `blocks`: BLAKE3 of each block of a file, and of the list of them. Of a file of one block it is the
 * digest of its content. Blocks are what a receiver asks for, what it proves, and what is sent again.
 */
export const BLOCKS = 'blocks'

/** Bytes of a digest of a block. */
export const BLOCK_DIGEST_LENGTH = BLAKE3_LENGTH

/** Blocks of a file at most. */
export const MOST_BLOCKS = 65_536

/** Bytes of a file that is one block at most, and of a block where the size of the file is not known. */
const ONE_BLOCK = 1024 * 1024

/** Bytes of a block of a larger file at least. */
const LEAST_BLOCK = 64 * 1024

/**
 * Bytes of a block of a file. One of up to 1 MiB is a single block; those of a larger one have 64 KiB, doubled until
 * there are at most 65,536 of them. Where its size is not known (`null`) they have 1 MiB.
 */
export function blockSizeOf(size: number | null): number {
  if (size === null || size <= ONE_BLOCK) return ONE_BLOCK
  let block = LEAST_BLOCK
  while (size > block * MOST_BLOCKS) block *= 2
  return block
}

/** Blocks of a file that has bytes. */
export function blockCountOf(size: number): number {
  return Math.ceil(size / blockSizeOf(size))
}

/** Blocks as a message says them, ascending by their numbers: the first of a run, and how many, run by run. */
export function runsOfBlocks(blocks: readonly number[]): number[] {
  const runs: number[] = []
  let next = -1
  for (const at of blocks) {
    if (at === next) runs[runs.length - 1]!++
    else runs.push(at, 1)
    next = at + 1
  }
  return runs
}

/** What of a file of `size` bytes is there in whole blocks. The last one may be shorter. */
export function wholeBlocks(ranges: readonly Range[], size: number): Range[] {
  const block = blockSizeOf(size)
  const whole: Range[] = []
  for (const range of Ranges.from(ranges).toArray()) {
    const start = Math.ceil(range.start / block) * block
    const end = range.end >= size ? size : Math.floor(range.end / block) * block
    if (start < end) whole.push({ start, end })
  }
  return whole
}

/** Ranges that are whole blocks of a file of `size` bytes, as runs of blocks. */
export function runsOfRanges(ranges: readonly Range[], size: number): number[] {
  const block = blockSizeOf(size)
  return ranges.flatMap(({ start, end }) => [start / block, Math.ceil((end - start) / block)])
}

/** The bytes of runs of blocks. They may lie beyond the end of the file: whoever says them is not believed. */
export function rangesOfRuns(runs: readonly number[], size: number | null): Range[] {
  const block = blockSizeOf(size)
  const ranges: Range[] = []
  for (let i = 0; i < runs.length; i += 2) {
    const [first, count] = [runs[i]!, runs[i + 1]!]
    const end = (first + count) * block
    // the last block is shorter, one behind it is none
    const isLast = size !== null && end > size && end - size < block
    ranges.push({ start: first * block, end: isLast ? size : end })
  }
  return ranges
}

/** The digests of blocks of `block` bytes that lie one behind the other. The last one may be shorter. */
export function digestsOfBlocks(bytes: Buffer, block: number, { into }: Pick<Engine, 'into'>): Buffer {
  const digests = Buffer.allocUnsafe(Math.ceil(bytes.length / block) * BLOCK_DIGEST_LENGTH)
  for (let from = 0, at = 0; from < bytes.length; from += block, at += BLOCK_DIGEST_LENGTH)
    into([bytes.subarray(from, from + block)], digests, at)
  return digests
}

/** Digests of a list that are kept together: nobody needs memory for all blocks of a file of which few came. */
const PAGE = 128

/** The digests of the blocks of a file, which may become known in any order. */
export class BlockList {
  /** Bytes of a block. */
  readonly block: number
  /** Digests of a page. */
  readonly #page: number
  readonly #pages = new Map<number, Buffer>()
  /** The numbers of the blocks whose digests are known. */
  readonly #known = new Ranges()

  /** @param size bytes of the file; `null` where that is not known */
  constructor(size: number | null) {
    this.block = blockSizeOf(size)
    this.#page = size === null ? PAGE : Math.min(PAGE, Math.ceil(size / this.block))
  }

  /** Sets the digests of blocks that follow each other, the first of which has the number `first`. */
  set(first: number, digests: Uint8Array): void {
    for (const { at, page, from, to } of this.#slots(first, digests.length / BLOCK_DIGEST_LENGTH)) {
      const own = page ?? Buffer.alloc(this.#page * BLOCK_DIGEST_LENGTH)
      if (!page) this.#pages.set(Math.floor(at / this.#page), own)
      const start = (at - first) * BLOCK_DIGEST_LENGTH
      own.set(digests.subarray(start, start + to - from), from)
    }
    this.#known.add(first, first + digests.length / BLOCK_DIGEST_LENGTH)
  }

  /** The numbers of the blocks whose digests are known, ascending. */
  get known(): number[] {
    return this.#known
      .toArray()
      .flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i))
  }

  /** The digest of block number `at`; undefined if it is not known. A view. */
  get(at: number): Buffer | undefined {
    if (!this.#known.covers(at, at + 1)) return undefined
    const from = (at % this.#page) * BLOCK_DIGEST_LENGTH
    return this.#pages.get(Math.floor(at / this.#page))!.subarray(from, from + BLOCK_DIGEST_LENGTH)
  }

  /** Whether the digests of all these blocks are known, and are those that are given, as in {@link set}. */
  has(first: number, digests: Buffer): boolean {
    const count = digests.length / BLOCK_DIGEST_LENGTH
    if (!this.#known.covers(first, first + count)) return false
    for (const { at, page, from, to } of this.#slots(first, count)) {
      const start = (at - first) * BLOCK_DIGEST_LENGTH
      if (page!.compare(digests, start, start + to - from, from, to) !== 0) return false
    }
    return true
  }

  /** The digest of a file of `size` bytes; undefined while one of its blocks is not known. */
  digest(size: number, engine: Pick<Engine, 'create' | 'createList'>): Buffer | undefined {
    const count = Math.ceil(size / this.block)
    if (count === 0) return engine.create().digest()
    if (!this.#known.covers(0, count)) return undefined
    if (count === 1) return Buffer.from(this.get(0)!)
    const list = engine.createList()
    const sizes = Buffer.alloc(16)
    sizes.writeBigUInt64BE(BigInt(size), 0)
    sizes.writeBigUInt64BE(BigInt(this.block), 8)
    list.update(sizes)
    for (const { page, from, to } of this.#slots(0, count)) list.update(page!.subarray(from, to))
    return list.digest()
  }

  /**
   * Where the digests of `count` blocks from number `first` on lie, page by page: bytes `from` up to `to` of the page,
   * the first of them those of block `at`.
   */
  *#slots(first: number, count: number) {
    const end = first + count
    for (let at = first; at < end; ) {
      const number = Math.floor(at / this.#page)
      const next = Math.min(end, (number + 1) * this.#page)
      const from = (at % this.#page) * BLOCK_DIGEST_LENGTH
      yield { at, page: this.#pages.get(number), from, to: from + (next - at) * BLOCK_DIGEST_LENGTH }
      at = next
    }
  }
}

/** The digest of a file whose bytes come in order. `size` as in {@link BlockList}. */
export function blocksDigest(engine: Engine, size: number | null): Digest {
  const list = new BlockList(size)
  let at = 0
  let running: { digest: Digest; bytes: number } | undefined
  const end = () => {
    if (running) list.set(at++, running.digest.digest())
    running = undefined
  }
  const digest: Digest = {
    length: BLOCK_DIGEST_LENGTH,
    update(bytes) {
      for (let from = 0; from < bytes.length; ) {
        running ??= { digest: engine.create(), bytes: 0 }
        const some = bytes.subarray(from, from + list.block - running.bytes)
        running.digest.update(some)
        running.bytes += some.length
        from += some.length
        if (running.bytes === list.block) end()
      }
      return digest
    },
    digest() {
      const size = at * list.block + (running?.bytes ?? 0)
      end()
      return list.digest(size, engine)!
    },
  }
  return digest
}

/** Whole contents. */
export function blocksInto(engine: Engine): DigestInto {
  return (buffers, column, at) => {
    const length = buffers.reduce((sum, bytes) => sum + bytes.length, 0)
    if (length <= ONE_BLOCK) return engine.into(buffers, column, at)
    const digest = blocksDigest(engine, length)
    for (const bytes of buffers) digest.update(bytes)
    column.set(digest.digest(), at)
  }
}
