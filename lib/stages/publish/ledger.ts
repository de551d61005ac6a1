import type { Plan } from '../../transfer/plan.js'
import type { Entry } from '../../wire/manifest.js'
import type { StoredRun } from '../river/items.js'

/** Stored entries, with how many files among them still wait for their outcome. */
interface Waiting {
  stored: StoredRun
  files: number
}

/**
 * What is stored and waits for the word of the sender, and what ends last: pure. Which entries have their outcome is
 * in the plan.
 */
export class Ledger {
  /** Folders that stand, and links that are still to be made: they end last. */
  readonly folders: Entry[] = []
  readonly links: Entry[] = []
  readonly #plan: Plan
  /** Ascending by their first entry: runs of entries that do not overlap. */
  readonly #waiting: Waiting[] = []

  constructor(plan: Plan) {
    this.#plan = plan
  }

  /** Takes in what was stored. */
  add(stored: StoredRun): void {
    let files = 0
    for (let index = stored.first; index <= stored.last; index++) {
      if (stored.failures?.has(index) || this.#plan.isClosed(index)) continue
      const entry = stored.entry ?? stored.entries[index]!
      if (entry.type === 'file') files++
      else if (entry.type === 'symlink') this.links.push(entry)
      else this.folders.push(entry)
    }
    if (files > 0) this.#waiting.splice(this.#place(stored.first), 0, { stored, files })
  }

  /** What is stored of the entry, if it is and has no outcome yet. */
  at(index: number): StoredRun | undefined {
    const waiting = this.#waiting[this.#place(index + 1) - 1]
    return waiting && index <= waiting.stored.last && !this.#plan.isClosed(index) ? waiting.stored : undefined
  }

  entry(index: number): Entry {
    return this.#plan.entries[index]!
  }

  /** Whether the file is wanted and has no outcome yet. */
  isWaited(index: number): boolean {
    return this.entry(index).type === 'file' && !this.#plan.isClosed(index)
  }

  /** A file has its outcome. */
  close(index: number): void {
    this.#plan.close(index)
    const place = this.#place(index + 1) - 1
    const waiting = this.#waiting[place]
    if (!waiting || index > waiting.stored.last) return
    if (--waiting.files === 0) this.#waiting.splice(place, 1)
  }

  /** Files that are stored, but of which the sender never said what they should be. */
  unsaid(): number[] {
    return this.#waiting.flatMap(({ stored: { first, last } }) =>
      Array.from({ length: last - first + 1 }, (_, i) => first + i).filter(
        (index) => this.#plan.entries[index]!.type === 'file' && !this.#plan.isClosed(index),
      ),
    )
  }

  /** Entries of which nothing is stored, and that did not fail. */
  missing(): Entry[] {
    const { entries, closedEntries } = this.#plan
    if (closedEntries + this.folders.length + this.links.length === entries.length) return []
    const last = new Set([...this.folders, ...this.links].map(({ index }) => index))
    return entries.filter(({ index }) => !this.#plan.isClosed(index) && !last.has(index))
  }

  /** How many of the waiting begin before entry `index`. */
  #place(index: number): number {
    let low = 0
    let high = this.#waiting.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#waiting[middle]!.stored.first < index) low = middle + 1
      else high = middle
    }
    return low
  }
}
