import type { SluiceError } from '../../errors.js'
import type { Entry } from '../../wire/entry.js'
import { failuresIn, type OutcomeRange, outcomesOf, reasonOf, told, unusualIn } from '../../wire/outcome.js'
import type { CliEvent } from './events.js'
import { FirstLines } from './words/first-lines.js'
import type { Tally } from './words/tally.js'

/** Takes what became of consecutive entries of a transfer. */
export type Settled = (range: OutcomeRange, entries: readonly Entry[]) => void

/** Where it is reported. */
interface Told {
  event(event: CliEvent): void
  /** Which outcomes are events that somebody keeps. */
  events: 'all' | 'unusual' | 'none'
  /** Something failed, as people read it. */
  failed(line: string): void
  /** Whether people have read of an error before. */
  isTold(error: SluiceError): boolean
}

/** What counts, and reports, what becomes of the entries of a transfer: of any number of failures the first ones. */
export function settling(tally: Tally, id: () => string, { event, events, failed, isTold }: Told): Settled {
  const failures = new FirstLines('failed', failed)
  const kept = { all: outcomesOf, unusual: unusualIn, none: () => [] }[events]
  return (range, entries) => {
    tally.add(range, entries)
    for (const outcome of kept(range, entries))
      event({ event: 'file', id: id() || undefined, ...told(outcome) })
    for (const one of failuresIn(range, entries)) if (!isTold(one.error!)) failures.add(reasonOf(one))
  }
}
