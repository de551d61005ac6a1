import type { Keys } from '../../options.js'
import type { Plan } from '../../transfer/plan.js'
import type { Offer } from '../../wire/entry.js'
import type { Limits } from '../../wire/limits.js'
import type { PathRules } from '../../wire/paths.js'
import type { Item } from '../river/items.js'

// biome-ignore lint/suspicious/noConfusingVoidType: a function without a `return` is the ordinary case
type Decided = 'rejected' | void

/** Options of `demuxer`. */
export interface DemuxerOptions extends Pick<PathRules, 'names' | 'platform'> {
  limits?: Partial<Limits>
  /** What is wanted of the offers. Default: a plan of its own. */
  plan?: Plan
  /**
   * Called once an offer is complete and checked, before anything of it is passed on: decides about its entries by
   * `plan.want` and `plan.skip`. Those that it leaves undecided are wanted. What it throws ends the stream. Of an offer
   * that was attached it may say that it is 'rejected'; meanwhile what was offered before goes on.
   */
  onOffer?: (offer: Offer, plan: Plan) => Decided | Promise<Decided>
  /** Told of each item but offers, just before it is given out. What it throws ends the stream. */
  onItem?: (item: Item) => void
  /** Called when the input ended too early, before the stream fails of it: what was given out may be stored first. */
  onCut?: () => Promise<void> | void
}

export const DEMUXER_OPTIONS: Keys<DemuxerOptions> = {
  names: true,
  platform: true,
  limits: true,
  plan: true,
  onOffer: true,
  onItem: true,
  onCut: true,
}
