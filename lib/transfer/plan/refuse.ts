import { SluiceError } from '../../errors.js'
import type { Range } from '../../ranges.js'
import type { Entry } from '../../wire/entry.js'
import { type ByteStates, Is } from './byte-states.js'

/** The error for what a plan does not allow. If it is about an entry, the text ends with its number. */
export type Refuse = (what: string, entry?: Entry) => SluiceError

/** For what the peer did. */
export const refuse: Refuse = (what, entry) =>
  new SluiceError('ERR_PROTOCOL', `the peer sent ${what}${numberOf(entry)}`, pathOf(entry))

/** For what the caller did: nobody has sent that. */
export const misuse: Refuse = (what, entry) =>
  new SluiceError('ERR_STATE', `the plan was given ${what}${numberOf(entry)}`, pathOf(entry))

const numberOf = (entry?: Entry) => (entry === undefined ? '' : ` entry ${entry.index}`)
const pathOf = (entry?: Entry) => (entry === undefined ? {} : { path: entry.path })

/** The entry at `index`, which must be a file, and have the bytes of these ranges. */
export function fileAt(
  { entries }: { entries: readonly Entry[] },
  index: number,
  error: Refuse,
  states?: ByteStates,
  ranges: readonly Range[] = [],
): Entry {
  const entry = entries[index]
  if (entry === undefined)
    throw error(`something about entry ${index}, of ${entries.length} that were offered`)
  if (entry.type !== 'file') throw error('something that can be said only of files, about', entry)
  for (const range of ranges)
    if (!states?.has(index, range))
      throw error(`a range from ${range.start} to ${range.end}, which are not bytes of`, entry)
  return entry
}

/** Why bytes of an entry are not coming: words that go on with the entry. */
export function whyNotComing(
  plan: Record<'isSkipped' | 'isWanted' | 'isClosed', (index: number) => boolean>,
  states: ByteStates,
  index: number,
  start: number,
  end: number,
): string {
  if (plan.isSkipped(index)) return 'that are to be skipped, of'
  if (!plan.isWanted(index)) return 'before the answer to the offer of'
  if (plan.isClosed(index)) return 'after the outcome of'
  if (states.any(Is.There, index, start, end)) return 'that came already, of'
  if (states.any(Is.Claimed, index, start, end)) return 'that are only to be proved, of'
  return 'that were given up, of'
}
