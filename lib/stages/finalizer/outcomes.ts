import type { Plan } from '../../transfer/plan.js'
import type { Entry, Offer } from '../../wire/manifest.js'
import { failureOf, type Outcome, type OutcomeRange, skipped } from '../../wire/outcome.js'

/** An entry of which a stage between demuxer and partSink let nothing pass. */
export function filtered(entry: Entry): Outcome {
  return skipped(entry, 'filtered', failureOf(entry, 'ERR_SKIPPED', 'a file stage took it away'))
}

/** The entries of an offer that will not come. */
export function skippedRanges(plan: Plan, { first, entries }: Offer): OutcomeRange[] {
  const ranges: OutcomeRange[] = []
  for (let index = first; index < first + entries.length; index++) {
    if (!plan.isSkipped(index)) continue
    const range = ranges.at(-1)
    if (range?.last === index - 1) range.last = index
    else ranges.push({ first: index, last: index, status: 'skipped', reason: 'unwanted' })
  }
  return ranges
}

/** The outcome under the path of the offer: a stage in between may have given the entry another one. */
export function asOffered(outcome: Outcome, entry: Entry): Outcome {
  const { path, status, name = path } = outcome
  if (path === entry.path) return outcome
  return { ...outcome, entry, path: entry.path, ...(status !== 'failed' && { name }) }
}
