import type { Entry } from '../../wire/entry.js'
import { type ByteStates, Is } from './byte-states.js'

/** Bytes that stand at a position of the stream, and an entry in or behind which they begin. */
export interface Span {
  first: number
  position: number
  length: number
}

/** What is asked of a plan. */
interface Sent {
  readonly entries: readonly Entry[]
  isClosed(index: number): boolean
  isOpen(index: number): boolean
}

/**
 * Brings bytes that were sent, and stand at `position` of the stream, back to those that are to come; gives how many.
 * Not of what has its outcome, nor of what could not be sent to its end.
 * @param first an entry that begins at or before the first byte
 */
export function takeBack(plan: Sent, states: ByteStates, { first, position, length }: Span): number {
  const { entries } = plan
  const isFailed = (index: number) => !plan.isOpen(index) && states.missing(index).length > 0
  let bytes = 0
  for (let index = first; index < entries.length && entries[index]!.start < position + length; index++) {
    const { start, size } = entries[index]!
    const range = {
      start: Math.max(0, position - start),
      end: Math.min(size ?? 0, position + length - start),
    }
    if (range.start >= range.end || plan.isClosed(index) || isFailed(index)) continue
    states.change(index, range, Is.Coming)
    bytes += range.end - range.start
  }
  return bytes
}
