import { inSlices } from '../../async.js'
import type { PublishPolicy } from '../../stores/parts.js'
import { bring } from '../../stores/publish-by-policy.js'
import type { Offer } from '../../wire/entry.js'
import type { AnsweredPlan, OfferItem } from '../river/items.js'
import type { StoreCalls } from '../river/store-calls.js'
import { Held } from './held.js'
import { Ledger } from './ledger.js'
import type { checkedOptions } from './options.js'
import { Publisher } from './publisher.js'
import { Repairs } from './repairs.js'

type Options = ReturnType<typeof checkedOptions>

/** What a transfer has until its end. */
export interface Adopted {
  plan: AnsweredPlan
  ledger: Ledger
  store: StoreCalls
  policy: PublishPolicy
  /** Resolves when it is known what came over connections before. To be awaited before anything gets a name. */
  recall(): Promise<void>
  /** Where all is published together. */
  held: Held | undefined
  publisher: Publisher
  repairs: Repairs | undefined
}

/**
 * Takes the store of the first offer, and holds it, if it can do what the options ask for.
 * @param signal aborted when the finalizer stops
 */
export function adopt(
  { plan, offer }: OfferItem,
  store: StoreCalls,
  options: Options,
  signal: AbortSignal,
): Adopted {
  const { concurrency, missing } = options
  const isTogether = store.publishing(options.publish) === 'together'
  store.hold()
  const { policy: asked, recall } = askedOf(offer, store, options, signal)
  const held = isTogether ? new Held(asked) : undefined
  const policy = store.obey(held?.policyMeanwhile ?? asked)
  // what the store was told before, by `tell`, is complete already
  const isTold = !held && policy !== asked
  const repairs = options.repair && new Repairs(options.repair)
  const ledger = new Ledger(plan, store.standing, repairs === undefined)
  const rules = { concurrency, missing, repairs, isStopped: () => signal.aborted }
  const publisher = new Publisher(ledger, store, policy, rules)
  return { plan, ledger, store, policy, recall: isTold ? async () => {} : recall, held, publisher, repairs }
}

/** How names are to be given in a store, as the options ask for it. `recall` fills in what came over connections before. */
export function askedOf(
  { algorithm }: Pick<Offer, 'algorithm'>,
  store: StoreCalls,
  options: Options,
  signal: AbortSignal,
): Pick<Adopted, 'policy' | 'recall'> {
  const { unless, durability } = options
  const conflict = store.conflict(options.conflict)
  if (durability === 'power') store.raiseDurability()
  const policy: PublishPolicy = { conflict, unless, durability: store.durability, algorithm, signal }
  if (conflict === 'overwrite' || conflict === 'replace') policy.brought = new Set()
  const { brought } = policy
  const earlier = () => (brought && options.acknowledged?.()) ?? []
  let recalling: Promise<void> | undefined
  const recall = () => {
    // of a million, others have their turn meanwhile
    recalling ??= inSlices(earlier(), (path) => bring(path, brought))
    return recalling
  }
  return { policy, recall }
}
