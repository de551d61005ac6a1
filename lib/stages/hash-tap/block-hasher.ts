import type { Digest, Engine } from '../../digest/blake3.js'
import { BLOCK_DIGEST_LENGTH, BlockList } from '../../digest/blocks.js'
import { MOST_CONNECTIONS } from '../../wire/limits.js'
import { RunReader } from '../../wire/run.js'

/** Blocks of a file that ended one after the other. */
export interface EndedBlocks {
  /** The number of the first. */
  first: number
  digests: Buffer
}

/**
 * Takes the digests of the blocks of one file, whose bytes may come in any order as long as each block comes from its
 * beginning to its end; blocks that come over several connections are woven together. Pure.
 */
export class BlockHasher {
  readonly #list: BlockList
  readonly #size: number | null
  readonly #engine: Engine
  /** The blocks that have begun, by where the next bytes of each must begin. */
  readonly #running = new Map<number, Digest>()

  /** @param size of the file; `null` where it is not known */
  constructor(size: number | null, engine: Engine) {
    this.#size = size
    this.#engine = engine
    this.#list = new BlockList(size)
  }

  /**
   * Takes bytes that begin at `offset` of the file; gives the blocks that end with them, if there are any.
   * @param ends whether the file ends with them
   */
  take(offset: number, buffers: readonly Buffer[], ends: boolean): EndedBlocks | undefined {
    const { block } = this.#list
    const reader = new RunReader(buffers)
    const end = offset + buffers.reduce((sum, { length }) => sum + length, 0)
    const first = Math.floor(offset / block)
    const behind = ends || end === this.#size ? Math.ceil(end / block) : Math.floor(end / block)
    const digests = Buffer.allocUnsafe(Math.max(0, behind - first) * BLOCK_DIGEST_LENGTH)
    // the beginning of the first one may not have passed
    let known = first
    for (let at = first, from = offset; at < behind || from < end; at++) {
      const to = Math.min(end, (at + 1) * block)
      const bytes = reader.take(to - from)
      const into = at < behind ? digests.subarray((at - first) * BLOCK_DIGEST_LENGTH) : undefined
      if (from === at * block) this.#begin(from, to, bytes, into)
      else if (!this.#goOn(from, to, bytes, into)) known = at + 1
      from = to
    }
    if (known >= behind) return undefined
    const ended = { first: known, digests: digests.subarray((known - first) * BLOCK_DIGEST_LENGTH) }
    this.#list.set(ended.first, ended.digests)
    return ended
  }

  /** The digest of the file, if all of its blocks passed; `size` is that of the whole. */
  digest(size: number): Buffer | undefined {
    return this.#list.digest(size, this.#engine)
  }

  /** A block begins, and is forgotten as it was; its digest is written to `into` if it ends, too. */
  #begin(from: number, to: number, bytes: readonly Buffer[], into: Buffer | undefined): void {
    for (const next of this.#running.keys())
      if (next > from && next <= from + this.#list.block) this.#running.delete(next)
    if (into) return this.#engine.into(bytes, into, 0)
    this.#goOnWith(this.#engine.create(), to, bytes)
    const [oldest] = this.#running.keys()
    // of as many connections as there may be, one block each
    if (this.#running.size > MOST_CONNECTIONS) this.#running.delete(oldest!)
  }

  /** A block goes on, if its beginning passed, and no gap is between: gives whether it does. */
  #goOn(from: number, to: number, bytes: readonly Buffer[], into: Buffer | undefined): boolean {
    const digest = this.#running.get(from)
    if (!digest) return false
    this.#running.delete(from)
    this.#goOnWith(digest, to, bytes)
    if (!into) return true
    this.#running.delete(to)
    digest.digest().copy(into)
    return true
  }

  #goOnWith(digest: Digest, to: number, bytes: readonly Buffer[]): void {
    for (const some of bytes) digest.update(some)
    this.#running.set(to, digest)
  }
}
