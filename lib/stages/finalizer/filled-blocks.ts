import type { Digest, Engine } from '../../digest/blake3.js'
import { BlockHasher, type EndedBlocks } from '../hash-tap/block-hasher.js'

/** Which blocks of a file are filled from end to end by chunks that are what they should be. Pure. */
export class FilledBlocks {
  readonly #size: number
  readonly #engine: Engine
  #hasher: BlockHasher
  /** The chunk that is being copied, and the blocks that ended in it. */
  #chunk: Digest | undefined
  #ended: EndedBlocks[] = []

  constructor(size: number, engine: Engine) {
    this.#size = size
    this.#engine = engine
    this.#hasher = new BlockHasher(size, engine)
  }

  /** Bytes of a chunk, at an offset of the file. */
  take(offset: number, bytes: Buffer): void {
    this.#chunk ??= this.#engine.create()
    this.#chunk.update(bytes)
    const ended = this.#hasher.take(offset, [bytes], false)
    if (ended) this.#ended.push(ended)
  }

  /** The chunk ends, and should have this digest; gives the blocks that are filled by now. */
  endChunk(digest: Buffer): EndedBlocks[] {
    const isRight = this.#chunk?.digest().equals(digest)
    const ended = this.#ended
    this.#chunk = undefined
    this.#ended = []
    if (isRight) return ended
    // of the block that is running some is wrong
    this.#hasher = new BlockHasher(this.#size, this.#engine)
    return []
  }
}
