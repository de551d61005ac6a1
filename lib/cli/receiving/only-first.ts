import type { ReceiveOptions } from '../../receive.js'
import type { Transfer } from '../../transfer/transfer.js'
import type { Offer } from '../../wire/entry.js'
import { isLost } from '../network/serve.js'

/**
 * Options for connections of which only the first one that offers something is taken, and those over which that goes
 * on. Where that has lost its sender, another one that sends something of the same name may take its place, if it is
 * accepted: the same command was run again.
 */
export function onlyFirst(
  optionsFor: (peer?: string) => ReceiveOptions,
  running: () => readonly Transfer[],
): (peer?: string) => ReceiveOptions {
  let first: Pick<Offer, 'id' | 'name'> | undefined
  const mayCome = ({ id, name }: Offer) => {
    if (first === undefined || id === first.id) return true
    const before = running().find((transfer) => transfer.id === first!.id)
    return before !== undefined && isLost(before) && name === first.name
  }
  const once =
    (accept: ReceiveOptions['accept']): typeof accept =>
    async (offer, over) => {
      if (!mayCome(offer)) return { accept: false, reason: ONE_ONLY }
      first ??= offer
      const answer = accept === 'all' || (await accept(offer, over))
      const isAccepted = typeof answer === 'boolean' ? answer : answer.accept
      if (!isAccepted) return answer
      // meanwhile the sender may have come back, or another one have taken its place
      if (!mayCome(offer)) return { accept: false, reason: ONE_ONLY }
      first = offer
      return answer
    }
  return (peer) => {
    const options = optionsFor(peer)
    return { ...options, accept: once(options.accept) }
  }
}

const ONE_ONLY = 'the receiver takes one transfer only'
