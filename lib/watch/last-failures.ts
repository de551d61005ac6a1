import type { Entry } from '../wire/entry.js'
import { type Outcome, type OutcomeRange, outcomesOf, unusualIn } from '../wire/outcome.js'

/** Of transfers that follow each other, the paths whose last outcome is a failure. */
export class LastFailures {
  readonly #paths = new Set<string>()

  get paths(): readonly string[] {
    return [...this.#paths]
  }

  /** Takes in what became of consecutive entries; gives those that failed. */
  add(range: OutcomeRange, entries: readonly Entry[]): Outcome[] {
    const told = this.#paths.size === 0 ? unusualIn(range, entries) : outcomesOf(range, entries)
    const failed: Outcome[] = []
    for (const outcome of told) {
      const { path } = outcome.entry
      if (outcome.status !== 'failed') this.#paths.delete(path)
      else {
        this.#paths.add(path)
        failed.push(outcome)
      }
    }
    return failed
  }
}
