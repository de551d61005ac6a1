import type { Entry, Offer, WireEntry } from '../../lib/wire/entry.js'

/** Makes an offer: numbers the entries and lays them end to end. */
export function makeOffer(
  { id, name, algorithm, open }: Pick<Offer, 'id' | 'name' | 'algorithm' | 'open'>,
  entries: Iterable<WireEntry>,
  { first, position }: Pick<Offer, 'first' | 'position'> = { first: 0, position: 0 },
): Offer {
  const laid: Entry[] = []
  let end = position
  for (const { type, path, size, mtime, mode, target } of entries) {
    const entry: Entry = { index: first + laid.length, type, path, size, start: end, mtime, mode }
    if (target !== undefined) entry.target = target
    laid.push(entry)
    end += size ?? 0
  }
  return { id, name, algorithm, first, position, bytes: end - position, entries: laid, ...(open && { open }) }
}
