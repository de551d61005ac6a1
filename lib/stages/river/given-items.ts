import { SluiceError } from '../../errors.js'
import { shownValue } from '../../options.js'
import type { AnsweredItem, Item, StoredItem } from './items.js'

/** What flows through file stages: answers are a sender's, and what is stored comes behind them. */
type GivenItem = Exclude<Item, AnsweredItem | StoredItem>
type Kind = GivenItem['kind']

/** What an item of each kind cannot do without. */
const MEMBERS: { [K in Kind]: readonly (keyof Extract<GivenItem, { kind: K }>)[] } = {
  offer: ['offer', 'plan'],
  run: ['position', 'length', 'buffers', 'entries', 'first', 'last', 'offset', 'ends'],
  digests: ['first', 'count', 'bytes'],
  blocks: ['index', 'first', 'digests'],
  chunks: ['index', 'offset', 'chunks'],
  end: [],
}

/**
 * Looks at each item that a file stage of a user's gives, whatever its types say.
 * @param stage what it is called in messages
 * @returns a function that throws `ERR_DESTROYED` for what is no item, and for one that comes before the first offer
 */
export function itemCheck(stage: string): (given: unknown) => void {
  let hasOffer = false
  return (given) => {
    const fault =
      faultOf(given) ?? (hasOffer || isOffer(given) ? undefined : `${kindOf(given)} before an offer`)
    hasOffer = true
    if (fault === undefined) return
    const message = `${stage} gives ${fault}: a file stage gives the items that it was given, as they are or changed, the offer first; mapCuts() makes one that does`
    throw new SluiceError('ERR_DESTROYED', message)
  }
}

const isOffer = (given: unknown) => (given as Item).kind === 'offer'
const kindOf = (given: unknown) => `an item of the kind ${shownValue((given as Item).kind)}`

function faultOf(given: unknown): string | undefined {
  const { kind } = (given ?? {}) as { kind?: unknown }
  if (typeof kind !== 'string') return `${shownValue(given)}, which is no item`
  if (!Object.hasOwn(MEMBERS, kind)) return `${kindOf(given)}, which does not belong there`
  const lacking = MEMBERS[kind as Kind].filter(
    (name) => (given as Partial<Record<string, unknown>>)[name] === undefined,
  )
  return lacking.length > 0 ? `${kindOf(given)} without ${lacking.join(', ')}` : undefined
}
