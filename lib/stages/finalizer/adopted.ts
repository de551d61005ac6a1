import type { PublishPolicy } from '../../stores/parts.js'
import type { AnsweredPlan, OfferItem } from '../river/items.js'
import type { StoreCalls } from '../river/store-calls.js'
import { Held } from './held.js'
import { Ledger } from './ledger.js'
import type { checkedOptions } from './options.js'
import { Publisher } from './publisher.js'
import { Repairs } from './repairs.js'

/** What a transfer has until its end. */
export interface Adopted {
  plan: AnsweredPlan
  ledger: Ledger
  store: StoreCalls
  policy: PublishPolicy
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
  { plan, offer: { algorithm } }: OfferItem,
  store: StoreCalls,
  options: ReturnType<typeof checkedOptions>,
  signal: AbortSignal,
): Adopted {
  const { unless, durability, concurrency, missing } = options
  const conflict = store.conflict(options.conflict)
  const isTogether = store.publishing(options.publish) === 'together'
  store.hold()
  if (durability === 'power') store.raiseDurability()
  const asked: PublishPolicy = { conflict, unless, durability: store.durability, algorithm, signal }
  if (conflict === 'overwrite' || conflict === 'replace') asked.brought = new Set()
  const held = isTogether ? new Held(asked) : undefined
  const policy = held?.policyMeanwhile ?? asked
  store.obey(policy)
  const ledger = new Ledger(plan)
  const repairs = options.repair && new Repairs(options.repair)
  const rules = { concurrency, missing, repairs, isStopped: () => signal.aborted }
  const publisher = new Publisher(ledger, store, policy, rules)
  return { plan, ledger, store, policy, held, publisher, repairs }
}
