import { type Range, Ranges } from '../../ranges.js'
import type { Part } from '../../stores/parts.js'
import type { Entry } from '../../wire/entry.js'
import type { AnsweredPlan } from '../river/items.js'

/** A file on its way into a store. */
export interface OpenFile {
  part: Part
  entry: Entry
  written: Ranges
  /** Where the last write ended. */
  end: number
  /** Whether it has ended before: what comes of it was asked for again. */
  isAgain: boolean
  /** What was left of it, although all of it comes: that is compared with what comes. */
  left?: Ranges
}

/** What is asked of the plan: whether an entry has its outcome, and what is to come. */
type FollowedPlan = Pick<AnsweredPlan, 'isClosed' | 'coming'>

/** Files that ended before it is looked which of them have their outcome. */
const MANY = 64

/** Files that began, by the index of their entry; and those that ended, of which blocks may come again. Pure. */
export class OpenFiles {
  /** No map: very many pass, and old tables hold on to them. */
  readonly #open: (OpenFile | undefined)[] = []
  /** Until they have their outcome. */
  readonly #ended = new Map<number, OpenFile>()
  #many = MANY
  #plan: FollowedPlan = { isClosed: () => false }

  /** An offer came, of which this is the plan. */
  follow(plan: FollowedPlan): void {
    this.#plan = plan
  }

  /** The first file that began and did not end. */
  get first(): OpenFile | undefined {
    return this.#open.find((file) => file)
  }

  get(index: number): OpenFile | undefined {
    return this.#open[index]
  }

  /** Begins a file, of which these bytes are there. */
  begin(entry: Entry, part: Part, ranges: readonly Range[] = []): OpenFile {
    const file: OpenFile = { part, entry, written: Ranges.from(ranges), end: 0, isAgain: false }
    this.#open[entry.index] = file
    return file
  }

  /** Whether a file ended, and has a part that may be gone on with. */
  hasEnded(index: number): boolean {
    return this.#ended.has(index)
  }

  /** Begins a file again that ended: gives it, if its part is to be gone on with. */
  beginAgain(index: number, isDiscarded: (part: Part) => boolean): OpenFile | undefined {
    const file = this.#ended.get(index)
    if (file === undefined) return undefined
    this.#ended.delete(index)
    if (isDiscarded(file.part)) return undefined
    file.isAgain = true
    this.#open[index] = file
    return file
  }

  /** Whether a file ends with these bytes: all others are there, and none is to come again. */
  endsWith({ written, entry, isAgain }: OpenFile, start: number, end: number): boolean {
    const size = entry.size!
    const isLast = written.covers(0, Math.min(start, size)) && written.covers(end, size)
    return isLast && !(isAgain && this.#plan.coming?.(entry.index)?.entry === entry)
  }

  /** A file has ended. */
  end(file: OpenFile): void {
    const { index } = file.entry
    this.#open[index] = undefined
    this.#ended.set(index, file)
    if (this.#ended.size < this.#many) return
    for (const one of this.#ended.keys()) if (this.#plan.isClosed(one)) this.#ended.delete(one)
    this.#many = Math.max(MANY, 2 * this.#ended.size)
  }

  /** A file failed, or will not go on. */
  delete(index: number): void {
    this.#open[index] = undefined
  }
}

/** Whether every byte of the entry was written, as far as its size is known. */
export function isWhole({ written, entry: { size } }: OpenFile): boolean {
  return size === null || written.covers(0, size)
}
