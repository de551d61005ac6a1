import { inSlices } from '../../async.js'
import { wholeBlocks } from '../../digest/blocks.js'
import type { Range } from '../../ranges.js'
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
