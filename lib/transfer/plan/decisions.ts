import { grown } from './byte-states.js'

/** How many entries are wanted, whether they came or not, and how many of these have their outcome. */
export interface WantedCounts {
  entries: number
  closed: number
  /** Those among both that are no files: folders and links. */
  others: number
  closedOthers: number
}

/** What {@link Decisions} keeps of an entry that is wanted. */
const FILE = 1
const OTHER = 2

/** Which entries are wanted, and which have their outcome. Pure; two bytes for each entry. */
export class Decisions {
  readonly wanted: WantedCounts = { entries: 0, closed: 0, others: 0, closedOthers: 0 }
  /** Entries that have an outcome, wanted or not. */
  closedEntries = 0
  #isWanted = new Uint8Array(0)
  #isClosed = new Uint8Array(0)
  /** The known sizes of wanted entries, and whether one of unknown size is wanted. */
  #sizes = 0
  #isUnknown = false

  grow(length: number): void {
    this.#isWanted = grown(this.#isWanted, length)
    this.#isClosed = grown(this.#isClosed, length)
  }

  /** Bytes of the wanted entries; `null` while a size is not known. */
  get wantedBytes(): number | null {
    return this.#isUnknown ? null : this.#sizes
  }

  isWanted(index: number): boolean {
    return this.#isWanted[index]! > 0
  }

  isClosed(index: number): boolean {
    return this.#isClosed[index] === 1
  }

  want(index: number, isFile: boolean): void {
    this.#isWanted[index] = isFile ? FILE : OTHER
    this.wanted.entries++
    if (!isFile) this.wanted.others++
    if (this.#isClosed[index]) this.#closeWanted(index)
  }

  /** Counts the bytes of an entry, or those of the one whose size was not known before. */
  count(size: number | null): void {
    this.#isUnknown = size === null
    this.#sizes += size ?? 0
  }

  close(first: number, end: number): void {
    for (let index = first; index < end; index++) {
      if (this.#isClosed[index]) continue
      this.#isClosed[index] = 1
      this.closedEntries++
      if (this.isWanted(index)) this.#closeWanted(index)
    }
  }

  #closeWanted(index: number): void {
    this.wanted.closed++
    if (this.#isWanted[index] === OTHER) this.wanted.closedOthers++
  }
}
