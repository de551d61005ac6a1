import type { Digest, Engine } from '../../digest/blake3.js'
import { BlockList } from '../../digest/blocks.js'

/** Blocks of a file that ended one after the other. */
export interface EndedBlocks {
  /** The number of the first. */
  first: number
  digests: Buffer
}

/** Blocks of a file that have begun and not ended: of as many connections as there may be, one each. */
const MOST_RUNNING = 16

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
    const ended: [at: number, digest: Buffer][] = []
    let at = offset
    for (const bytes of buffers)
      for (let from = 0; from < bytes.length; ) {
        const some = bytes.subarray(from, from + this.#list.block - (at % this.#list.block))
        this.#add(at, some)
        from += some.length
        at += some.length
        if (at % this.#list.block === 0 || at === this.#size) this.#end(at, ended)
      }
    if (ends) this.#end(at, ended)
    const [first] = ended
    return first && { first: first[0], digests: Buffer.concat(ended.map(([, digest]) => digest)) }
  }

  /** The digest of the file, if all of its blocks passed; `size` is that of the whole. */
  digest(size: number): Buffer | undefined {
    return this.#list.digest(size, this.#engine)
  }

  #add(at: number, bytes: Buffer): void {
    const isFirst = at % this.#list.block === 0
    // a block that begins anew
    if (isFirst)
      for (const next of this.#running.keys())
        if (next > at && next <= at + this.#list.block) this.#running.delete(next)
    // what begins elsewhere follows a gap, or the beginning of its block did not pass
    const digest = isFirst ? this.#engine.create() : this.#running.get(at)
    if (digest === undefined) return
    this.#running.delete(at)
    digest.update(bytes)
    this.#running.set(at + bytes.length, digest)
    const [oldest] = this.#running.keys()
    if (this.#running.size > MOST_RUNNING) this.#running.delete(oldest!)
  }

  /** The block that has begun ends before byte `end` of the file. */
  #end(end: number, ended: [at: number, digest: Buffer][]): void {
    const running = this.#running.get(end)
    if (running === undefined) return
    this.#running.delete(end)
    const at = Math.ceil(end / this.#list.block) - 1
    const digest = running.digest()
    this.#list.set(at, digest)
    ended.push([at, digest])
  }
}
