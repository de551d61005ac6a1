import { filterInSlices } from '../../async.js'
import { wholeBlocks } from '../../digest/blocks.js'
import type { Range } from '../../ranges.js'
import type { Claimed, Known } from '../../transfer/plan/known.js'
import { SAID_BLOCK_RUNS } from '../../wire/block-runs.js'
import type { Entry, Offer } from '../../wire/entry.js'
import type { StoreCalls } from '../river/store-calls.js'

/** What {@link claimParts} goes by. */
export interface ClaimRules {
  isWanted(entry: Entry): boolean
  /**
   * Has the store told how names will be given. Left out: it is not asked what stands there, as where nobody can be
   * asked for less.
   */
  obey?(store: StoreCalls): Promise<void>
  checkPath(path: string): void
  /** Aborted when nobody waits for it any more. */
  signal: AbortSignal
}

/**
 * Takes over what earlier transfers left of the wanted files of an offer; gives the whole blocks that are there, by the
 * index of the entry. Where there is none, nothing is claimed of a file, but its part is gone on with all the same. Has
 * the store look for what stands in the place of the others, or for older versions of them.
 */
export async function claimParts(
  store: StoreCalls,
  offer: Offer,
  { isWanted, obey, checkPath, signal }: ClaimRules,
): Promise<Map<number, Range[]>> {
  await obey?.(store)
  const wanted = await filterInSlices(offer.entries, (entry) => {
    if (!mayStand(entry) || !isWanted(entry)) return false
    checkPath(entry.path)
    return true
  })
  const files = await filterInSlices(wanted, ({ type }) => type === 'file')
  const claims = new Map<number, Range[]>()
  // what takes all bytes in their order cannot be gone on with
  const left = store.order === 'ascending' ? [] : await store.claim(offer, files, signal)
  for (const [index, { ranges }] of left) {
    const blocks = wholeBlocks(ranges, offer.entries[index - offer.first]!.size!)
    claims.set(index, inFewRuns(blocks))
  }
  const others = await filterInSlices(wanted, ({ index }) => !claims.has(index))
  if (obey) await store.lookup(offer, others, { isWanted, signal })
  // only where the sender can be asked for their chunks
  if (obey)
    await store.bases.find(await filterInSlices(others, ({ index }) => !store.standing?.has(index)), signal)
  return claims
}

/** What can be read only once cannot be proved. */
function mayStand({ type, size, once }: Entry): boolean {
  return type === 'directory' || (type === 'file' && size !== null && !once)
}

/**
 * As few runs as a message holds: the shortest gaps between them are claimed as well. What is not there is found to
 * differ when it is proved, and asked for then; what would not be claimed would come again, although it is there.
 */
function inFewRuns(runs: readonly Range[]): Range[] {
  const gapBefore = (i: number) => runs[i]!.start - runs[i - 1]!.end
  const gaps = Array.from({ length: Math.max(0, runs.length - 1) }, (_, i) => i + 1)
  const tooMany = Math.max(0, runs.length - SAID_BLOCK_RUNS)
  const closed = new Set(gaps.sort((a, b) => gapBefore(a) - gapBefore(b)).slice(0, tooMany))
  const fewer: Range[] = []
  for (const [i, { start, end }] of runs.entries())
    if (closed.has(i)) fewer.at(-1)!.end = end
    else fewer.push({ start, end })
  return fewer
}

/** What is to be said of it. */
export function knownOf(
  offer: Offer,
  claims: ReadonlyMap<number, readonly Range[]>,
  { standing, bases }: StoreCalls,
): Known {
  const claimed = new Map<number, Claimed>([...claims].filter(([, blocks]) => blocks.length > 0))
  for (const { index } of bases.of(offer)) claimed.set(index, 'chunks')
  const known: Known = { claims: claimed }
  if (standing) known.standing = (index) => standing.kindOf(index)
  return known
}
