import type { ReceiveOptions } from '../../receive.js'
import type { Transfer } from '../../transfer/transfer.js'
import type { Offer } from '../../wire/entry.js'
import { isLost } from '../network/serve.js'

/**
 * Options for connections of which only the first one that offers something is taken, and those over which that goes
 * on. Where that has lost its sender, another one that sends something of the same name may take its place, if it is
 * accepted: the same command was run again.
 * @param isNext whether an offer over such a connection goes on with what was accepted
 */
export function onlyFirst<Given extends readonly unknown[]>(
  optionsFor: (...given: Given) => ReceiveOptions,
  running: () => readonly Transfer[],
  isNext: (offer: Offer, ...given: Given) => boolean,
): (...given: Given) => ReceiveOptions {
  let first: Pick<Offer, 'id' | 'name'> | undefined
  const mayCome = ({ id, name }: Offer) => {
    if (first === undefined || id === first.id) return true
    const before = running().find((transfer) => transfer.id === first!.id)
    return before !== undefined && isLost(before) && name === first.name
  }
  const once =
    (accept: ReceiveOptions['accept'], given: Given): typeof accept =>
    async (offer, over) => {
      const goesOn = isNext(offer, ...given)
      if (!goesOn && !mayCome(offer)) return { accept: false, reason: ONE_ONLY }
      first ??= offer
      const answer = accept === 'all' || (await accept(offer, over))
      const isAccepted = typeof answer === 'boolean' ? answer : answer.accept
      if (!isAccepted) return answer
      // meanwhile the sender may have come back, or another one have taken its place
      if (!goesOn && !mayCome(offer)) return { accept: false, reason: ONE_ONLY }
      first = offer
      return answer
    }
  return (...given) => {
    const options = optionsFor(...given)
    return { ...options, accept: once(options.accept, given) }
  }
}

const ONE_ONLY = 'the receiver takes one transfer only'
