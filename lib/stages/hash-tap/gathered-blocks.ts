import { BLOCK_DIGEST_LENGTH, blockSizeOf } from '../../digest/blocks.js'
import type { Entry } from '../../wire/entry.js'
import type { Run } from '../../wire/run.js'
import type { BlocksItem } from '../river/items.js'

/**
 * Bytes of a file whose blocks are said together: what is done for a message costs far more than a digest that it
 * holds. By bytes, so that those of a very large file, whose blocks are large, do not wait for gigabytes.
 */
const MOST_BYTES = 16 * 1024 * 1024

/** Whether a run has nothing but bytes of one file, and that goes on. */
export function isInFile({ first, last, ends, cuts }: Run): boolean {
  return first === last && !ends && !cuts
}

/** Digests of blocks of one file that follow each other, gathered until there are many. Pure. */
export class GatheredBlocks {
  #index = 0
  #first = 0
  #digests: Buffer[] = []
  #count = 0

  /** Takes blocks over; gives what is to be said now: those before, if these do not follow them, and what is many. */
  add({ index, first, digests }: BlocksItem, { size }: Pick<Entry, 'size'>): BlocksItem[] {
    const follow = index === this.#index && first === this.#first + this.#count
    const before = follow ? [] : this.end()
    if (this.#count === 0) [this.#index, this.#first] = [index, first]
    this.#digests.push(digests)
    this.#count += digests.length / BLOCK_DIGEST_LENGTH
    return this.#count * blockSizeOf(size) < MOST_BYTES ? before : [...before, ...this.end()]
  }

  /** Nothing else is waited for: gives what was gathered. */
  end(): BlocksItem[] {
    if (this.#count === 0) return []
    const gathered = { index: this.#index, first: this.#first, digests: Buffer.concat(this.#digests) }
    this.#digests = []
    this.#count = 0
    return [{ kind: 'blocks', ...gathered }]
  }
}
