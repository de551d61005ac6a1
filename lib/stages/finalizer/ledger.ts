import { printable, SluiceError } from '../../errors.js'
import type { Entry } from '../../wire/entry.js'
import { type Outcome, type OutcomeRange, unreadable } from '../../wire/outcome.js'
import type { AnsweredPlan, StoredRun } from '../river/items.js'
import type { StandingEntries } from '../river/standing.js'

const UNWANTED = { status: 'skipped', reason: 'unwanted', code: 'ERR_SKIPPED' } as const
const REJECTED = { status: 'skipped', reason: 'rejected', code: 'ERR_REJECTED' } as const

type Skipped = OutcomeRange & { except: Map<number, Outcome> }

/**
 * What is stored and waits for the word of the sender, and what ends last: pure. Which entries have their outcome is
 * in the plan.
 */
export class Ledger {
  /** Folders that stand, and links that are still to be made: they end last. */
  readonly folders: Entry[] = []
  readonly links: Entry[] = []
  readonly #plan: AnsweredPlan
  readonly #standing: StandingEntries | undefined
  /**
   * Where each file is that waits, by the index of its entry. In whichever order they come and go, each costs the same.
   */
  readonly #waiting: (StoredRun | undefined)[]

  /** Those of the folders and links. */
  readonly #endLast = new Set<number>()
  readonly #comesOnce: boolean

  /**
   * @param standing what stands already in the place of entries
   * @param comesOnce whether nothing is asked for again
   */
  constructor(plan: AnsweredPlan, standing?: StandingEntries, comesOnce = false) {
    this.#plan = plan
    this.#standing = standing
    this.#comesOnce = comesOnce
    // in its whole length at once: an array that grows leaves those that it outgrew
    this.#waiting = new Array(plan.entries.length)
  }

  /**
   * The entries from `first` up to `end` that will not come: not wanted, unreadable at the sender, or there by their
   * time.
   */
  skipped(first: number, end: number, isRejected = false): OutcomeRange[] {
    const standing = this.#standing
    const ranges: Skipped[] = []
    const left = isRejected ? REJECTED : UNWANTED
    for (let index = first; index < end; index++) {
      if (!this.#plan.isSkipped(index) || this.#plan.isClosed(index)) continue
      const entry = this.entry(index)
      const isThere = standing?.has(index) === true
      const why = isThere ? ({ status: 'skipped', reason: standing.reason } as const) : left
      let range = ranges.at(-1)
      if (range?.last !== index - 1 || range.reason !== why.reason) {
        range = { ...why, first: index, last: index, except: new Map() }
        ranges.push(range)
      }
      range.last = index
      if (entry.type === 'unreadable') range.except.set(index, unreadable(entry))
      else if (isThere && !standing.isPlain(index)) range.except.set(index, standing.outcome(entry))
    }
    return ranges
  }

  /** Takes in what was stored; gives the files that have their outcome already, and are of no use any more. */
  add(stored: StoredRun): number[] {
    const late: number[] = []
    for (let index = stored.first; index <= stored.last; index++) {
      if (stored.failures?.has(index)) continue
      const entry = stored.entry ?? stored.entries[index]!
      if (this.#plan.isClosed(index)) {
        if (entry.type === 'file') late.push(index)
        continue
      }
      const isThere =
        entry.type === 'file' ? this.#comesOnce && this.#waiting[index] : this.#endLast.has(index)
      if (isThere) throw twice(entry)
      if (entry.type !== 'file') this.#endLast.add(index)
      if (entry.type === 'file') this.#waiting[index] = stored
      else if (entry.type === 'symlink') this.links.push(entry)
      else this.folders.push(entry)
    }
    return late
  }

  /** What is stored of the file, if it is and has no outcome yet. */
  at(index: number): StoredRun | undefined {
    return this.#plan.isClosed(index) ? undefined : this.#waiting[index]
  }

  /** What is stored of the file is not kept: it comes again. */
  forget(index: number): void {
    this.#waiting[index] = undefined
  }

  entry(index: number): Entry {
    return this.#plan.entries[index]!
  }

  /** Whether the entry has its outcome. */
  isClosed(index: number): boolean {
    return this.#plan.isClosed(index)
  }

  /** Whether the file has no outcome yet. */
  isWaited(index: number): boolean {
    return this.entry(index).type === 'file' && !this.#plan.isClosed(index)
  }

  /** The entries from `first` to `last` have their outcome. */
  close(first: number, last = first): void {
    this.#plan.close(first, last + 1)
    for (let index = first; index <= last; index++) if (this.#waiting[index]) this.#waiting[index] = undefined
  }

  /** Files that are stored, but of which the sender never said what they should be. */
  unsaid(): number[] {
    const unsaid: number[] = []
    this.#waiting.forEach((stored, index) => {
      if (stored && !this.#plan.isClosed(index)) unsaid.push(index)
    })
    return unsaid
  }

  /** Entries of which nothing is stored, and that did not fail. */
  missing(): Entry[] {
    const { entries, closedEntries } = this.#plan
    if (closedEntries + this.folders.length + this.links.length === entries.length) return []
    const last = new Set([...this.folders, ...this.links].map(({ index }) => index))
    return entries.filter(({ index }) => !this.#plan.isClosed(index) && !last.has(index))
  }

  /** @throws SluiceError `ERR_TRUNCATED` if there are entries of which nothing came */
  checkAll(): void {
    const { length } = this.missing()
    if (length === 0) return
    const message = `the input ended before ${length} of ${this.#plan.entries.length} entries came`
    throw new SluiceError('ERR_TRUNCATED', message)
  }
}

/** The demuxer gives nothing twice: the outcome would be told twice, and the sender would take us for wrong. */
function twice({ path }: Entry): SluiceError {
  const message = `${printable(path)} came twice: a file stage has passed it on twice`
  return new SluiceError('ERR_DESTROYED', message, { path, saysPath: true })
}
