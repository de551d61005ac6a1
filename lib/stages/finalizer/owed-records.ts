import { type DigestsItem, isLastWord } from '../river/items.js'

/** Files of which a record is still to come when END was heard, since they were asked for again. Pure. */
export class OwedRecords {
  #owed: Set<number> | undefined

  /** END was heard: these are owed. */
  end(open: readonly number[] = []): void {
    this.#owed = new Set(open)
  }

  /** Whether END was heard, and nothing is owed. */
  get areAllThere(): boolean {
    return this.#owed?.size === 0
  }

  /** Records came. */
  hear(item: DigestsItem): void {
    if (this.#owed === undefined) return
    for (let index = item.first; index < item.first + item.count; index++)
      if (isLastWord(item, index)) this.#owed.delete(index)
  }

  /** The entries from `first` to `last` have their outcome. */
  close(first: number, last: number): void {
    if (this.#owed) deleteRange(this.#owed, first, last)
  }
}

/** Deletes numbers from `first` to `last`, at the price of whichever are fewer: those, or what is there. */
export function deleteRange(book: Map<number, unknown> | Set<number>, first: number, last: number): void {
  if (last - first < book.size) for (let index = first; index <= last; index++) book.delete(index)
  else for (const index of book.keys()) if (index >= first && index <= last) book.delete(index)
}
