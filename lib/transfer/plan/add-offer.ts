import { overSlices } from '../../async.js'
import type { Offer } from '../../wire/entry.js'

/** Entries of an offer that follow each other. */
type Page = Pick<Offer, 'first' | 'entries'>

/** Adds an offer to a plan in slices, between which the event loop turns: it may have a million entries. */
export function addOffer(plan: { add(offer: Page): void }, { first, entries }: Page): Promise<void> {
  return overSlices(0, entries.length, (from, end) =>
    plan.add({ first: first + from, entries: entries.slice(from, end) }),
  )
}
