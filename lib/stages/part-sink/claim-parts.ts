import { inSlices } from '../../async.js'
import { wholeBlocks } from '../../digest/blocks.js'
import type { Range } from '../../ranges.js'
import type { Claimed } from '../../transfer/plan/pages.js'
import { MOST_BLOCK_RUNS } from '../../wire/block-runs.js'
import type { Entry, Offer } from '../../wire/entry.js'
import type { StoreCalls } from '../river/store-calls.js'

/** What {@link claimParts} goes by. */
export interface ClaimRules {
  isWanted(entry: Entry): boolean
  checkPath(path: string): void
  /** Aborted when nobody waits for it any more. */
  signal: AbortSignal
}

/**
 * Takes over what earlier transfers left of the wanted files of an offer; gives the whole blocks that are there, by the
 * index of the entry. Where there is none, nothing is claimed of a file, but its part is gone on with all the same.
 */
export async function claimParts(
  store: StoreCalls,
  offer: Offer,
  { isWanted, checkPath, signal }: ClaimRules,
): Promise<Map<number, Range[]>> {
  // what takes all bytes in their order cannot be gone on with
  if (store.order === 'ascending') return new Map()
  const files: Entry[] = []
  await inSlices(offer.entries, (entry) => {
    if (entry.type !== 'file' || entry.size === null || !isWanted(entry)) return
    checkPath(entry.path)
    files.push(entry)
  })
  const claims = new Map<number, Range[]>()
  for (const [index, { ranges }] of await store.claim(offer, files, signal)) {
    const blocks = wholeBlocks(ranges, offer.entries[index - offer.first]!.size!)
    // what is too scattered to be said is asked for instead
    claims.set(index, blocks.slice(0, MOST_BLOCK_RUNS))
  }
  return claims
}

/** The same, and looks for older versions of the other files: only where the sender can be asked for their chunks. */
export async function claimAll(
  store: StoreCalls,
  offer: Offer,
  rules: ClaimRules,
): Promise<Map<number, Range[]>> {
  const claims = await claimParts(store, offer, rules)
  const others: Entry[] = []
  await inSlices(offer.entries, (entry) => {
    if (entry.type === 'file' && rules.isWanted(entry) && !claims.has(entry.index)) others.push(entry)
  })
  await store.bases.find(others, rules.signal)
  return claims
}

/** What is to be said of what is there of an offer. */
export function claimedOf(
  offer: Offer,
  claims: ReadonlyMap<number, readonly Range[]>,
  { bases }: StoreCalls,
): Map<number, Claimed> {
  const claimed = new Map<number, Claimed>([...claims].filter(([, blocks]) => blocks.length > 0))
  for (const { index } of bases.of(offer)) claimed.set(index, 'chunks')
  return claimed
}
