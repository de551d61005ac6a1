import {
  BLOCK_DIGEST_LENGTH,
  BLOCKS,
  blockCountOf,
  blockSizeOf,
  rangesOfRuns,
  runsOfBlocks,
} from '../../digest/blocks.js'
import { prepareDigest } from '../../digest/digests.js'
import { SluiceError } from '../../errors.js'
import { type Range, Ranges } from '../../ranges.js'
import type { Part } from '../../stores/parts.js'
import type { OpenSource } from '../../stores/sources.js'
import type { Plan } from '../../transfer/plan.js'
import { SAID_BLOCK_RUNS } from '../../wire/block-runs.js'
import type { Entry } from '../../wire/entry.js'
import { MOST_ROUNDS } from '../../wire/limits.js'
import type { WantMessage } from '../../wire/messages.js'
import type { EndedBlocks } from '../hash-tap/block-hasher.js'
import type { BlocksItem } from '../river/items.js'
import { BlockProofs } from './block-proofs.js'
import { deleteRange } from './owed-records.js'

/** Where {@link Repairs} notes what it asks for, and says it. */
export interface RepairCalls {
  plan: Pick<Plan, 'ask' | 'claimed' | 'isClosed' | 'prove' | 'toProve'>
  want(message: WantMessage): void
  /** Bytes of a file were copied from what stands here, and need not travel. */
  copied?(entry: Entry, bytes: number): void
}

/** A file of which something was asked for again. */
interface Asked {
  /** Requests of ours, and records that came: one belongs to each of them, and one to the plan. */
  requests: number
  records: number
  proofs: number
  /** Whether all blocks were proved, and none found that differs, since the last one was asked for. */
  isProved: boolean
  /** A block was asked for as often as may be: nothing more is asked for of the file. */
  isGivenUp: boolean
  /** How often each block was asked for again. */
  rounds: Map<number, number>
  /** Blocks that differ and were not asked for yet. */
  differ: Set<number>
}

/**
 * Asks for blocks again that are not what the sender says, and notes that in the plan.
 *
 * Each block is asked for again at most three times, and each file proved at most three times; then it fails.
 */
export class Repairs {
  readonly #proofs = new BlockProofs()
  readonly #asked = new Map<number, Asked>()
  readonly #plan: RepairCalls['plan']
  readonly #want: RepairCalls['want']
  readonly #copied: RepairCalls['copied']

  constructor({ plan, want, copied }: RepairCalls) {
    this.#plan = plan
    this.#want = want
    this.#copied = copied
  }

  /** Whether a record of a file that was asked for again is still to come. */
  get areOwed(): boolean {
    return this.#asked.size > 0
  }

  /** @throws SluiceError `ERR_TRUNCATED` if the input ended before that */
  checkNothingOwed(): void {
    const message = 'the stream ended before what was asked for again came'
    if (this.areOwed) throw new SluiceError('ERR_TRUNCATED', message)
  }

  /** Whether another record of the file follows. To be called at each record, once. */
  isOwed(index: number): boolean {
    const asked = this.#asked.get(index)
    if (asked === undefined) return false
    asked.records++
    return asked.records <= asked.requests
  }

  /** Whether something of the file was asked for again. */
  has(index: number): boolean {
    return this.#asked.has(index)
  }

  /** Digests of blocks, by a tap of this side. */
  note(entry: Entry, item: BlocksItem): void {
    this.#proofs.note(entry, item)
  }

  /**
   * The sender says what blocks are: those that were claimed are proved, those that differ are noted for {@link mend}.
   */
  async compare(
    entry: Entry,
    item: BlocksItem,
    part?: Pick<Part, 'read'>,
    signal?: AbortSignal,
  ): Promise<void> {
    await prepareDigest(BLOCKS)
    const { index, size } = entry
    const differ = await this.#proofs.compare(entry, item, part, signal)
    if (this.#plan.isClosed(index)) return
    const equal = Ranges.of(item.first, item.first + item.digests.length / BLOCK_DIGEST_LENGTH)
    for (const at of differ) equal.remove(at, at + 1)
    const runs = equal.toArray().flatMap(({ start, end }) => [start, end - start])
    for (const range of rangesOfRuns(runs, size)) this.#prove(entry, range)
    if (differ.length > 0) for (const at of differ) this.#askedOf(entry, 0).differ.add(at)
  }

  /** What is claimed of these bytes of a file is there; some of them may have come. */
  #prove({ index }: Entry, { start, end }: Range): void {
    for (let at = start; ; ) {
      const next = this.#plan.toProve(index, at)
      if (next?.entry.index !== index || next.start >= end) return
      at = Math.min(next.end, end)
      this.#plan.prove(index, [{ start: next.start, end: at }])
    }
  }

  /** Blocks of a file have these digests that were filled with chunks of what the sender has: they are proved. */
  filled(entry: Entry, blocks: EndedBlocks): void {
    const { index, size } = entry
    this.note(entry, { kind: 'blocks', index, ...blocks })
    const ranges = rangesOfRuns([blocks.first, blocks.digests.length / BLOCK_DIGEST_LENGTH], size)
    this.#copied?.(entry, sizeOf(ranges))
    this.#plan.prove(index, ranges)
  }

  /** A file is what the sender has: so is what was claimed of it. */
  proved({ index }: Entry): void {
    this.#plan.prove(index, this.#plan.claimed(index))
  }

  /** Whether blocks of the file are known to be what the sender says. */
  knowsBlocks(entry: Entry): boolean {
    return this.#proofs.knows(entry)
  }

  /**
   * Copies what is known of a file that stands into a part, and notes the rest for {@link mend}; gives the blocks that
   * it copied.
   */
  async copy(entry: Entry, source: OpenSource, part: Part, signal: AbortSignal): Promise<number[]> {
    const copied = await this.#proofs.copy(entry, source, part, signal)
    this.#copied?.(entry, sizeOf(copied.flatMap((at) => rangesOfRuns([at, 1], entry.size))))
    const isCopied = new Set(copied)
    const { differ } = this.#askedOf(entry, 1)
    for (let at = 0; at < blockCountOf(entry.size!); at++) if (!isCopied.has(at)) differ.add(at)
    return copied
  }

  /** Whether blocks of the file are known to differ, or not to be there: then its digest need not be looked at. */
  differs({ index, size }: Entry): boolean {
    if ((this.#asked.get(index)?.differ.size ?? 0) > 0) return true
    // a single block is proved by the digest of its file
    return size !== null && size > blockSizeOf(size) && this.#plan.claimed(index).length > 0
  }

  /** The digest of a file by its blocks, if all of them are known. */
  digest(entry: Entry): Buffer | undefined {
    return this.#proofs.digest(entry)
  }

  /**
   * A file as a whole is not what the sender says.
   * @param isFresh whether all of it has to come again
   * @returns asks for it again; undefined if it has failed
   */
  mend(entry: Entry, isFresh: boolean): (() => void) | undefined {
    const { index, size } = entry
    if (size === null || size === 0) return undefined
    const all = Array.from({ length: blockCountOf(size) }, (_, at) => at)
    const asked = this.#askedOf(entry, 1)
    // what is still claimed at the record of a file was not there
    const block = blockSizeOf(size)
    for (const { start, end } of this.#plan.claimed(index))
      for (let at = start / block; at * block < end; at++) asked.differ.add(at)
    const differ = [...asked.differ].sort((a, b) => a - b)
    asked.differ.clear()
    if (differ.length > 0 && !isFresh) return this.#sending(asked, entry, differ)
    if (isFresh || all.length === 1) return this.#sending(asked, entry, all)
    // all of its blocks are what the sender says, and yet the file is not
    if (asked.isProved || asked.isGivenUp || asked.proofs === MOST_ROUNDS) return undefined
    asked.proofs++
    asked.isProved = true
    return () => this.#ask(asked, entry, 'prove', all)
  }

  /** Forgets the entries from `first` to `last`, which have their outcome. */
  drop(first: number, last: number): void {
    deleteRange(this.#asked, first, last)
    this.#proofs.drop(first, last)
  }

  #sending(asked: Asked, entry: Entry, send: readonly number[]): (() => void) | undefined {
    asked.isProved = false
    for (const at of send) {
      const rounds = (asked.rounds.get(at) ?? 0) + 1
      asked.rounds.set(at, rounds)
      if (rounds <= MOST_ROUNDS) continue
      asked.isGivenUp = true
      return undefined
    }
    return () => this.#ask(asked, entry, 'send', send)
  }

  /** By as many requests as it takes: a message holds only so many runs. */
  #ask(asked: Asked, { index, size }: Entry, what: 'send' | 'prove', blocks: readonly number[]): void {
    const runs = runsOfBlocks(blocks)
    for (let from = 0; from < runs.length; from += 2 * SAID_BLOCK_RUNS) {
      const some = runs.slice(from, from + 2 * SAID_BLOCK_RUNS)
      asked.requests++
      this.#plan.ask(index, what === 'send' ? rangesOfRuns(some, size) : [])
      this.#want({ index, [what]: some })
    }
  }

  /** @param records of the file that came before something was asked for again */
  #askedOf({ index }: Entry, records: number): Asked {
    let asked = this.#asked.get(index)
    if (asked === undefined) {
      asked = {
        requests: 0,
        records,
        proofs: 0,
        isProved: false,
        isGivenUp: false,
        rounds: new Map(),
        differ: new Set(),
      }
      this.#asked.set(index, asked)
    }
    return asked
  }
}

function sizeOf(ranges: readonly Range[]): number {
  return ranges.reduce((sum, { start, end }) => sum + end - start, 0)
}
