import { isSluiceError, type SluiceError } from '../../errors.js'
import type { Placement, PublishPolicy } from '../../stores/policy.js'
import type { Entry } from '../../wire/entry.js'
import { failed, type Outcome, type OutcomeRange, outcomesOf } from '../../wire/outcome.js'
import { outcomeOf } from '../river/placements.js'
import type { StoreCalls } from '../river/store-calls.js'

/** Why what is right has no name. */
const HELD_BACK = { status: 'failed', code: 'ERR_TOGETHER' } as const

/** Reasons for which something is not there, and never was to be. */
const LEFT_OUT: ReadonlySet<unknown> = new Set(['conflict', 'unwanted', 'symlink', 'filtered'])

/** Where all is published together: the outcomes, which are told only when all are known. */
export class WithheldOutcomes {
  readonly #policy: PublishPolicy
  readonly #ranges: OutcomeRange[] = []
  #hasFailed = false

  /** @param policy by which all of it gets its names at the end */
  constructor(policy: PublishPolicy) {
    this.#policy = policy
  }

  /** The policy until then: what arrives meets nothing but itself, and never overwrites that. */
  get policyMeanwhile(): PublishPolicy {
    const { brought: _, ...policy } = this.#policy
    const conflict = policy.conflict === 'skip' || policy.conflict === 'fail' ? policy.conflict : 'rename'
    // what is there by its time need not have its content: two that are one meanwhile could not both be there by that
    const byTime = policy.unless === 'unchanged' || policy.unless === 'newer'
    return { ...policy, conflict, unless: byTime ? 'nothing' : 'identical', atEnd: this.#policy }
  }

  /** Takes in outcomes: 'published' means that it is right. */
  add(ranges: readonly OutcomeRange[]): void {
    for (const range of ranges) {
      this.#ranges.push(range)
      if (range.status === 'failed') this.#hasFailed = true
      for (const { status } of range.except?.values() ?? []) if (status === 'failed') this.#hasFailed = true
    }
  }

  /** Publishes all of it, or, if something failed or its name is taken, nothing. Gives what is to be told. */
  async publish(store: StoreCalls, entries: readonly Entry[]): Promise<OutcomeRange[]> {
    if (this.#hasFailed) return this.#ranges.map((range) => heldBack(range, entries))
    try {
      const placed = await store.publishAll(this.#policy, namesOf(this.#ranges, entries))
      return this.#ranges.map((range) => published(range, entries, placed))
    } catch (error) {
      if (!isSluiceError(error, 'ERR_CONFLICT')) throw error
      return this.#ranges.map((range) => heldBack(range, entries, error))
    }
  }
}

function* namesOf(ranges: readonly OutcomeRange[], entries: readonly Entry[]): Generator<string> {
  for (const range of ranges)
    for (const outcome of outcomesOf(range, entries)) if (isRight(outcome)) yield outcome.name ?? outcome.path
}

/** @param placed says what became of what was published under a name */
function published(
  range: OutcomeRange,
  entries: readonly Entry[],
  placed: (name: string) => Placement | undefined,
): OutcomeRange {
  // a new one, since they are told in the order of the entries
  const except = new Map<number, Outcome>()
  for (const outcome of outcomesOf(range, entries)) {
    const { path, name = path, status, entry } = outcome
    const placement = isRight(outcome) ? placed(name) : undefined
    // what an earlier run had staged is published only now
    const isOther = placement || (isRight(outcome) && status === 'skipped')
    const now = isOther ? placedOutcome(outcome, placement ?? {}) : range.except?.get(entry.index)
    if (now) except.set(entry.index, now)
  }
  return { ...range, except }
}

/** @param why what is to blame, if no entry failed by itself: it says which */
function heldBack(range: OutcomeRange, entries: readonly Entry[], why?: SluiceError): OutcomeRange {
  const except = new Map<number, Outcome>()
  for (const outcome of outcomesOf(range, entries)) {
    const { entry, path, name } = outcome
    if (!isRight(outcome)) except.set(entry.index, outcome)
    else if (why && (why.path === name || why.path === path)) except.set(entry.index, failed(entry, why))
  }
  const { first, last } = range
  return { first, last, ...HELD_BACK, except }
}

function isRight({ status, reason }: Outcome): boolean {
  return status === 'published' || (status === 'skipped' && !LEFT_OUT.has(reason))
}

/** Where it has its name now; what could not be done while it arrived is still true. */
function placedOutcome({ entry, path, digest, error, name }: Outcome, placement: Placement): Outcome {
  const { skipped: reason, warning = reason ? undefined : error } = placement
  const placed = outcomeOf(entry, { ...placement, name: placement.name ?? name ?? path, warning })
  return digest ? { ...placed, digest } : placed
}
