import type { Code } from '../../errors.js'
import type { StoredRun } from '../../stores/parts.js'
import type { Plan } from '../../transfer/plan.js'
import type { Offer } from '../../wire/manifest.js'
import type { DigestColumn, Run } from '../../wire/run.js'
import type { SharedStore } from './shared-store.js'

/** An offer that is complete and was answered; the plan says which of its entries will come. */
export interface OfferItem {
  kind: 'offer'
  offer: Offer
  plan: Plan
  /** Where the files go; put there by `partSink` for `finalizer`. */
  store?: Pick<SharedStore, 'parts' | 'hold' | 'release'>
}

/** What the sender says of consecutive entries, behind their data: one record for each file among them. */
export interface DigestsItem extends DigestColumn {
  kind: 'digests'
  /** Files that cannot be sent to their end, and why, by the index of their entry. Their slots are zero. */
  failures?: ReadonlyMap<number, Code>
  /** Sizes that were not known before, by the index of the entry. */
  sizes?: ReadonlyMap<number, number>
}

/** What `partSink` stored of a run: what is to be published, or to fail. */
export interface StoredItem {
  kind: 'stored'
  stored: StoredRun
}

/** Nothing more will be offered. */
export interface EndItem {
  kind: 'end'
}

/** What flows between the object stages, the same in both rivers. */
export type Item = OfferItem | Run | DigestsItem | StoredItem | EndItem
