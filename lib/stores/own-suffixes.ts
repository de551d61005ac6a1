import { below, nameOf, parentOf, suffixed } from '../files/disk/names.js'
import { fromOne } from '../files/publish/first-free.js'
import type { PublishPolicy } from './policy.js'

/**
 * The suffixes that a path may get: not those that make of it what another entry of the transfer is called. That one
 * finds its own name free then, whichever of them comes first, and in the next run each finds its own file again.
 * @param suffixes those to choose from; default: all
 */
export function* ownSuffixes(
  path: string,
  { isAsked }: Pick<PublishPolicy, 'isAsked'> = {},
  suffixes: Iterable<number> = fromOne(),
): Generator<number, void> {
  for (const n of suffixes) if (!isAsked?.(below(parentOf(path), suffixed(nameOf(path), n)))) yield n
}
