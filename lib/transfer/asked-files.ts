import { blockCountOf, blockSizeOf, rangesOfRuns } from '../digest/blocks.js'
import { SluiceError } from '../errors.js'
import type { BlockRuns } from '../wire/block-runs.js'
import type { Messages } from '../wire/messages.js'
import type { Plan } from './plan.js'

/** How often a file may be asked for again, as a whole or in blocks, and how often for proof. */
const MOST_ROUNDS = 3

/** Notes in the plan of a sender what its receiver asks for, by PLAN and by WANT. Pure; throws `ERR_PROTOCOL`. */
export class AskedFiles {
  readonly #plan: Plan
  /** Bytes of files that were asked for again or for proof, until those have their outcome. */
  readonly #askedAgain = new Map<number, number>()

  constructor(plan: Plan) {
    this.#plan = plan
  }

  /** A page of the plan. */
  planned({ first, plan: page }: Messages['plan']): void {
    const plan = this.#plan
    if (first !== plan.undecided) {
      const text = `the peer sent a page of the plan from entry ${first} on, where ${plan.undecided} is the next`
      throw new SluiceError('ERR_PROTOCOL', text, { expected: plan.undecided, found: first })
    }
    for (const record of page) {
      if (record.kind === 'skip') plan.skip(record.count)
      else if (record.kind === 'all') plan.want(record.count)
      else this.#claimed(record.blocks)
    }
  }

  #claimed(blocks: BlockRuns): void {
    const plan = this.#plan
    const size = plan.entries[plan.undecided]?.size
    if (!size) throw refuse('a claim of blocks of what has none: entry', plan.undecided)
    plan.claim(rangesOfRuns(blocks, size))
  }

  /** Blocks of a file are asked for again, or for proof; without any, its digest, for which all of it is read. */
  wanted({ index, send = [], prove }: Messages['want']): void {
    const plan = this.#plan
    const size = plan.entries[index]?.size ?? null
    if (!size || plan.isClosed(index)) throw refuse('a request for blocks of what has none: entry', index)
    // its bytes may be needed in order, and a file of one block is asked for as a whole
    if (plan.isOpen(index) && (!this.#askedAgain.has(index) || size <= blockSizeOf(size)))
      throw refuse('a request for blocks before the digest of entry', index)
    const ranges = rangesOfRuns(send, size)
    const claimed = rangesOfRuns(prove ?? (send.length === 0 ? [0, blockCountOf(size)] : []), size)
    let asked = this.#askedAgain.get(index) ?? 0
    for (const { start, end } of [...ranges, ...claimed]) {
      // what is on its way would be sent twice, or be read for two things at once
      if (!plan.isThere(index, start, end))
        throw refuse('a request for blocks that it was not sent yet, or does not have, of entry', index)
      asked += end - start
    }
    // each may come again so often, and be proved so often
    if (asked > 2 * MOST_ROUNDS * size) throw refuse('too many requests for blocks of entry', index)
    this.#askedAgain.set(index, asked)
    plan.ask(index, ranges, claimed)
  }

  /** The entries from `first` to `last` have their outcome. */
  drop(first: number, last: number): void {
    if (this.#askedAgain.size === 0) return
    for (let index = first; index <= last; index++) this.#askedAgain.delete(index)
  }
}

function refuse(what: string, index: number): SluiceError {
  return new SluiceError('ERR_PROTOCOL', `the peer sent ${what} ${index}`)
}
