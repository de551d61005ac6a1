import type { Entry } from '../../wire/entry.js'
import { type Outcome, type OutcomeRange, unusualIn } from '../../wire/outcome.js'
import { counted } from './progress.js'

/** What became of the entries of a transfer, in the numbers that people are told. */
export class Tally {
  /** Those that got another name. */
  readonly renamed: Outcome[] = []
  published = 0
  /** They stand there already. */
  there = 0
  /** Nobody asked for them: links, pipes, what a policy leaves out. */
  leftOut: number
  /** The sender could not read them. */
  unreadable = 0
  /** They failed for another reason. */
  failed = 0

  /** @param leftOut what the sender has left out already */
  constructor(leftOut = 0) {
    this.leftOut = leftOut
  }

  /** Takes in what became of consecutive entries. */
  add(range: OutcomeRange, entries: readonly Entry[]): void {
    this.published += range.last - range.first + 1
    for (const outcome of unusualIn(range, entries)) {
      if (outcome.name !== undefined) this.renamed.push(outcome)
      if (outcome.status === 'published') continue
      this.published--
      this.#count(outcome)
    }
  }

  /** As one text; of what there is none, nothing is said. */
  toString(): string {
    const { there, leftOut, unreadable, failed } = this
    const others: [number, string][] = [
      [there, 'there already'],
      [leftOut, 'left out'],
      [unreadable, 'could not be read'],
      [failed, 'failed'],
    ]
    const parts = others.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`)
    return [`${counted(this.published, 'entry', 'entries')} published`, ...parts].join(', ')
  }

  #count({ status, code }: Outcome): void {
    if (status === 'skipped' && code === 'ERR_SKIPPED') this.leftOut++
    else if (status === 'skipped') this.there++
    else if (UNREADABLE.has(code)) this.unreadable++
    else this.failed++
  }
}

const UNREADABLE = new Set<Outcome['code']>(['ERR_SOURCE_READ', 'ERR_SOURCE_CHANGED', 'ERR_UNSENDABLE'])
