import { rangesOfRuns, runsOfRanges } from '../../digest/blocks.js'
import type { Range } from '../../ranges.js'
import type { Entry, Offer } from '../../wire/entry.js'
import type { Messages, PlanRecord } from '../../wire/messages.js'

/** Bytes of a page of the plan without its records at most, and of one record. */
const PLAN_PAGE_BYTES = 32
const PLAN_RECORD_BYTES = 8

/** Bytes of a number in a run of blocks at most. */
const BLOCK_RUN_BYTES = 5

/** Entries of a page of the plan at most, so that whoever hears it takes them in within a few milliseconds. */
const PLAN_PAGE_ENTRIES = 2048

/** What is there of a file, in whole blocks; or an older version, in which its chunks are to be looked for. */
export type Claimed = readonly Range[] | 'chunks'

/** What is wanted of an offer: whether each entry is, all if left out; and what is there of some already. */
export interface Wanted {
  wanted: readonly boolean[] | undefined
  claims: ReadonlyMap<number, Claimed>
}

/** Where it is noted. */
interface Decided {
  readonly undecided: number
  want(count: number): void
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
      bytes += PLAN_RECORD_BYTES + (record.kind === 'prove' ? record.blocks.length * BLOCK_RUN_BYTES : 0)
      if (page.length > 0 && (bytes > limits.message || page.length === limits.list)) break
      if (record.kind === 'all') plan.want(record.count)
      else if (record.kind === 'skip') plan.skip(record.count)
      else {
        const { size } = entries[plan.undecided - first]!
        if (record.kind === 'prove') plan.claim(rangesOfRuns(record.blocks, size))
        else plan.claim([{ start: 0, end: size! }], true)
      }
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
  { wanted, claims }: Wanted,
): Generator<PlanRecord, void> {
  const claimOf = (at: number) => (claims.size === 0 ? undefined : claims.get(entries[at]!.index))
  for (let at = first; at < entries.length; ) {
    const from = at
    const claim = claimOf(at)
    if (claim) {
      if (claim === 'chunks') yield { count: 1, kind: 'chunks' }
      else yield { count: 1, kind: 'prove', blocks: runsOfRanges(claim, entries[at]!.size!) }
      at++
      continue
    }
    const isWanted = wanted?.[from] ?? true
    const most = Math.min(entries.length, from + PLAN_PAGE_ENTRIES)
    if (wanted || claims.size > 0)
      while (at < most && (wanted?.[at] ?? true) === isWanted && !claimOf(at)) at++
    else at = most
    yield { count: at - from, kind: isWanted ? 'all' : 'skip' }
  }
}
