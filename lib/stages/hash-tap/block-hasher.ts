import type { Digest, Engine } from '../../digest/blake3.js'
import { BlockList } from '../../digest/blocks.js'

/** Blocks of a file that ended one after the other. */
export interface EndedBlocks {
  /** The number of the first. */
  first: number
  digests: Buffer
}

/**
 * Takes the digests of the blocks of one file, whose bytes may come in any order as long as each block comes from its
 * beginning to its end. Pure.
 */
export class BlockHasher {
  readonly #list: BlockList
  readonly #size: number | null
  readonly #engine: Engine
  /** The block that has begun, and where its next bytes must begin. */
  #running: { digest: Digest; next: number } | undefined

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
    if (at % this.#list.block === 0) this.#running = { digest: this.#engine.create(), next: at }
    // a gap, or a block of which the beginning did not pass
    else if (this.#running?.next !== at) this.#running = undefined
    if (this.#running === undefined) return
    this.#running.digest.update(bytes)
    this.#running.next = at + bytes.length
  }

  /** The block that has begun ends before byte `end` of the file. */
  #end(end: number, ended: [at: number, digest: Buffer][]): void {
    if (this.#running?.next !== end) return
    const at = Math.ceil(end / this.#list.block) - 1
    const digest = this.#running.digest.digest()
    this.#running = undefined
    this.#list.set(at, digest)
    ended.push([at, digest])
  }
}
