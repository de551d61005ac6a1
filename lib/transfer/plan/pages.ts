import { rangesOfRuns, runsOfRanges } from '../../digest/blocks.js'
import type { Range } from '../../ranges.js'
import type { Entry, Offer } from '../../wire/entry.js'
import type { Messages, PlanRecord } from '../../wire/messages.js'
import type { Known } from './known.js'

/** Bytes of a page of the plan without its records at most, and of one record. */
const PLAN_PAGE_BYTES = 32
const PLAN_RECORD_BYTES = 8

/** Bytes of a number in a run of blocks at most. */
const BLOCK_RUN_BYTES = 5

/** Entries of a page of the plan at most, so that whoever hears it takes them in within a few milliseconds. */
const PLAN_PAGE_ENTRIES = 2048

/** What is wanted of an offer: whether each entry is, all if left out; and what is there of some already. */
export interface Wanted extends Known {
  wanted: readonly boolean[] | undefined
}

/** Where it is noted. */
interface Decided {
  readonly undecided: number
  want(count: number, isClaimed?: boolean): void
  skip(count: number): void
  claim(claimed: readonly Range[], byChunks?: boolean): void
}

/**
 * Says what is wanted of an offer, page by page, and notes it in the plan.
 * @param limits bytes and items that a page has at most
 */
export function* planPages(
  plan: Decided,
  { entries, first }: Offer,
  wanted: Wanted,
  limits: { message: number; list: number },
): Generator<Messages['plan'], void> {
  while (plan.undecided < first + entries.length) {
    const from = plan.undecided
    const page: PlanRecord[] = []
    let bytes = PLAN_PAGE_BYTES
    for (const record of recordsOf(entries, from - first, wanted)) {
      const blocks = record.kind === 'prove' ? record.blocks : undefined
      bytes += PLAN_RECORD_BYTES + (blocks?.length ?? 0) * BLOCK_RUN_BYTES
      if (page.length > 0 && (bytes > limits.message || page.length === limits.list)) break
      const { size } = entries[plan.undecided - first]!
      if (record.kind === 'skip') plan.skip(record.count)
      else if (record.kind === 'chunks') plan.claim([{ start: 0, end: size! }], true)
      else if (blocks) plan.claim(rangesOfRuns(blocks, size))
      else plan.want(record.count, record.kind === 'prove')
      page.push(record)
      if (plan.undecided - from >= PLAN_PAGE_ENTRIES) break
    }
    yield { first: from, plan: page }
  }
}

/** What is wanted from entry `first` of an offer on, as few records as it takes. */
function* recordsOf(
  entries: readonly Entry[],
  first: number,
  { wanted, claims, standing }: Wanted,
): Generator<PlanRecord, void> {
  const isPlain = !wanted && claims.size === 0 && !standing
  for (let at = first; at < entries.length; ) {
    const from = at
    const claim = claims.get(entries[at]!.index)
    if (claim) {
      if (claim === 'chunks') yield { count: 1, kind: 'chunks' }
      else yield { count: 1, kind: 'prove', blocks: runsOfRanges(claim, entries[at]!.size!) }
      at++
      continue
    }
    const most = Math.min(entries.length, from + PLAN_PAGE_ENTRIES)
    // undefined while there are only folders and links: they cannot be proved, and go with the files beside them
    let kind: 'skip' | 'all' | 'prove' | undefined
    if (isPlain) at = most
    for (; at < most && !claims.has(entries[at]!.index); at++) {
      const { type, index } = entries[at]!
      const own = wanted?.[at] === false ? 'skip' : (standing?.(index) ?? 'all')
      const isNeutral = type !== 'file' && own === 'all'
      const fits = isNeutral ? kind !== 'skip' : own === kind || (kind === undefined && own !== 'skip')
      if (at > from && !fits) break
      if (!isNeutral) kind = own
    }
    yield { count: at - from, kind: kind ?? 'all' }
  }
}
