import { SluiceError } from '../../errors.js'
import type { Range } from '../../ranges.js'
import type { Entry } from '../../wire/entry.js'
import { type ByteStates, Is } from './byte-states.js'

/** The error for what a plan does not allow. If it is about an entry, the text ends with its number. */
export function refuse(what: string, entry?: Entry): SluiceError {
  const of = entry === undefined ? '' : ` entry ${entry.index}`
  const details = entry === undefined ? {} : { path: entry.path }
  return new SluiceError('ERR_PROTOCOL', `the peer sent ${what}${of}`, details)
}

/** The entry at `index`, which must be a file, and have the bytes of these ranges. */
export function fileAt(
  entries: readonly Entry[],
  index: number,
  states?: ByteStates,
  ranges: readonly Range[] = [],
): Entry {
  const entry = entries[index]
  if (entry === undefined)
    throw refuse(`something about entry ${index}, of ${entries.length} that were offered`)
  if (entry.type !== 'file') throw refuse('something that can be said only of files, about', entry)
  for (const range of ranges)
    if (!states?.has(index, range))
      throw refuse(`a range from ${range.start} to ${range.end}, which are not bytes of`, entry)
  return entry
}

/** Why bytes of a wanted entry are not coming: words that go on with the entry. */
export function whyNotComing(states: ByteStates, index: number, start: number, end: number): string {
  if (states.any(Is.There, index, start, end)) return 'that came already, of'
  if (states.any(Is.Claimed, index, start, end)) return 'that are only to be proved, of'
  return 'that were given up, of'
}
