import { setImmediate } from 'node:timers/promises'
import type { Entry } from '../../wire/entry.js'
import { type Outcome, type OutcomeRange, outcomesOf } from '../../wire/outcome.js'
import type { FinalizerOptions } from './options.js'

/** Outcomes that are told at once. */
const MOST_TOLD = 500

/** Tells outcomes one by one to whoever wants to hear of them, and keeps those that are asked for at the end. */
export class OutcomeReport {
  /** All by the index of their entry, or with `outcomes: 'failed'` those in the order in which they ended. */
  readonly kept: Outcome[] = []
  readonly #options: FinalizerOptions
  readonly #isStopped: () => boolean

  constructor(options: FinalizerOptions, isStopped: () => boolean) {
    this.#options = options
    this.#isStopped = isStopped
  }

  /** Tells those of a range, in batches: of a million folders, others have their turn meanwhile. */
  async tell(range: OutcomeRange, entries: readonly Entry[]): Promise<void> {
    const { onOutcome, outcomes, warn } = this.#options
    for (const outcome of range.except?.values() ?? []) {
      if (outcome.error && outcome.status === 'published') warn?.(outcome.error)
      if (outcomes === 'failed' && outcome.status === 'failed') this.kept.push(outcome)
    }
    if (outcomes === 'failed' && !onOutcome) return
    let batch: Outcome[] = []
    for (const outcome of outcomesOf(range, entries)) {
      if (outcomes !== 'failed') this.kept[outcome.entry.index] = outcome
      batch.push(outcome)
      if (batch.length < MOST_TOLD && outcome.entry.index < range.last) continue
      if (this.#isStopped()) return
      await onOutcome?.(batch)
      if (outcome.entry.index < range.last) await setImmediate()
      batch = []
    }
  }
}
