import { grown } from './byte-states.js'

/** Which entries are wanted, and which have their outcome. Pure; two bytes for each entry. */
export class Decisions {
  /** Wanted entries, whether they came or not. */
  wantedEntries = 0
  /** Entries that have an outcome, of all and of the wanted ones. */
  closedEntries = 0
  closedWanted = 0
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
    return this.#isWanted[index] === 1
  }

  isClosed(index: number): boolean {
    return this.#isClosed[index] === 1
  }

  want(index: number): void {
    this.#isWanted[index] = 1
    this.wantedEntries++
    if (this.#isClosed[index]) this.closedWanted++
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
      if (this.isWanted(index)) this.closedWanted++
    }
  }
}
