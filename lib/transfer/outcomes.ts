import type { Code } from '../errors.js'
import type { Entry } from '../wire/manifest.js'
import type { Messages, OutcomeRecord } from '../wire/messages.js'
import { type Outcome, type OutcomeRange, type OutcomeStatus, outcomesOf } from '../wire/outcome.js'

const STATUSES: readonly OutcomeStatus[] = ['published', 'skipped', 'failed']

/**
 * What became of every entry of a transfer, a byte for each that has no more to say than that it was published: there may
 * be a million of them.
 */
export class OutcomeTable {
  #status = new Uint8Array(0)
  readonly #unusual = new Map<number, Outcome>()

  /** Takes in what became of consecutive entries. */
  add(range: OutcomeRange, entries: readonly Entry[]): void {
    const { first, last, status, code, reason, except } = range
    if (this.#status.length < entries.length) {
      const longer = new Uint8Array(entries.length)
      longer.set(this.#status)
      this.#status = longer
    }
    this.#status.fill(STATUSES.indexOf(status), first, last + 1)
    if (code === undefined && reason === undefined) {
      for (const [index, outcome] of except ?? []) this.#unusual.set(index, outcome)
    } else {
      for (const outcome of outcomesOf(range, entries)) this.#unusual.set(outcome.entry.index, outcome)
    }
  }

  /** One record per entry, in the order of the offer. */
  toArray(entries: readonly Entry[]): Outcome[] {
    return entries.map(
      (entry, index) =>
        this.#unusual.get(index) ?? { entry, path: entry.path, status: STATUSES[this.#status[index]!]! },
    )
  }
}

/** The messages that tell the sender of a range, with at most `most` exceptions in each. */
export function* messagesOf(range: OutcomeRange, most: number): Generator<Messages['outcomes']> {
  const { status, code, except } = range
  let first = range.first
  let records: OutcomeRecord[] = []
  for (const [index, outcome] of except ?? []) {
    records.push(recordOf(index, outcome))
    if (records.length < most) continue
    yield { first, count: index - first + 1, status, ...(code && { code }), except: records }
    first = index + 1
    records = []
  }
  if (first <= range.last)
    yield { first, count: range.last - first + 1, status, ...(code && { code }), except: records }
}

function recordOf(index: number, { status, name, code }: Outcome): OutcomeRecord {
  return { index, status, ...(name !== undefined && { name }), ...(code && { code }) }
}

/** A record of the receiver, as an outcome. */
export function outcomeOf(
  entry: Entry,
  { status, name, code }: Omit<OutcomeRecord, 'index' | 'code'> & { code?: Code },
): Outcome {
  return {
    entry,
    path: entry.path,
    status,
    ...(name !== undefined && { name }),
    ...(code !== undefined && { code }),
  }
}
