import type { Entry } from '../wire/entry.js'
import { type Outcome, type OutcomeRange, outcomesOf, unusualIn } from '../wire/outcome.js'

/** Of transfers that follow each other, the paths whose last outcome is a failure. */
export class LastFailures {
  readonly #paths = new Set<string>()
  readonly #most: number
  #isMore = false

  /** @param most paths that are remembered: where a peer brings them about, there may be any number */
  constructor(most = Infinity) {
    this.#most = most
  }

  get paths(): readonly string[] {
    return [...this.#paths]
  }

  /** Whether others failed when as many were remembered as may be. What became of them later is not known. */
  get isMore(): boolean {
    return this.#isMore
  }

  /** Takes in what became of consecutive entries; gives those that failed. */
  add(range: OutcomeRange, entries: readonly Entry[]): Outcome[] {
    const told = this.#paths.size === 0 ? unusualIn(range, entries) : outcomesOf(range, entries)
    const failed: Outcome[] = []
    for (const outcome of told) {
      if (outcome.status === 'failed') failed.push(outcome)
      this.#note(outcome)
    }
    return failed
  }

  #note({ status, entry: { path } }: Outcome): void {
    if (status !== 'failed') this.#paths.delete(path)
    else if (this.#paths.size < this.#most) this.#paths.add(path)
    else this.#isMore ||= !this.#paths.has(path)
  }
}
