import { inSlices } from '../../async.js'
import type { PublishPolicy } from '../../stores/policy.js'
import { bring } from '../../stores/publish-by-policy.js'
import type { Offer } from '../../wire/entry.js'
import type { AnsweredPlan, OfferItem } from '../river/items.js'
import type { StoreCalls } from '../river/store-calls.js'
import { Ledger } from './ledger.js'
import type { checkedFinalizerOptions } from './options.js'
import { Publisher } from './publisher.js'
import { Repairs } from './repairs.js'
import { WithheldOutcomes } from './withheld-outcomes.js'

type Options = ReturnType<typeof checkedFinalizerOptions>

/** The store of a transfer, and what settles its files there, until its end. */
export interface BoundStore {
  plan: AnsweredPlan
  ledger: Ledger
  store: StoreCalls
  policy: PublishPolicy
  /** Resolves when it is known what came over connections before. To be awaited before anything gets a name. */
  recall(): Promise<void>
  /** Where all is published together. */
  held: WithheldOutcomes | undefined
  publisher: Publisher
  repairs: Repairs | undefined
}

/**
 * Takes the store of the first offer, and holds it, if it can do what the options ask for.
 * @param signal aborted when the finalizer stops
 */
export function bindStore(
  { plan, offer }: OfferItem,
  store: StoreCalls,
  options: Options,
  signal: AbortSignal,
): BoundStore {
  const { concurrency, missing } = options
  const isTogether = store.publishing(options.publish) === 'together'
  store.hold()
  const { policy: asked, recall } = askedOf(offer, store, options, signal)
  const held = isTogether ? new WithheldOutcomes(asked) : undefined
  const policy = store.obey(held?.policyMeanwhile ?? asked)
  // what the store was told before, by `tell`, is complete already
  const isTold = !held && policy !== asked
  const repairs = options.repair && new Repairs(options.repair)
  const ledger = new Ledger(plan, store.standing, repairs === undefined)
  const rules = { concurrency, missing, repairs, isStopped: () => signal.aborted }
  const publisher = new Publisher(ledger, store, policy, rules)
  return { plan, ledger, store, policy, recall: isTold ? async () => {} : recall, held, publisher, repairs }
}

/**
 * How names are to be given in a store, as the options ask for it. `recall` fills in what came over connections before.
 */
export function askedOf(
  { algorithm }: Pick<Offer, 'algorithm'>,
  store: StoreCalls,
  options: Options,
  signal: AbortSignal,
): Pick<BoundStore, 'policy' | 'recall'> {
  const { unless, durability } = options
  const conflict = store.conflict(options.conflict)
  if (durability === 'power') store.raiseDurability()
  const { has: isAsked } = store.asked
  const policy: PublishPolicy = { conflict, unless, durability: store.durability, algorithm, isAsked, signal }
  const overwrites = conflict === 'overwrite' || conflict === 'replace'
  if (overwrites || unless === 'unchanged' || unless === 'newer') policy.brought = new Set()
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
