import { type Range, Ranges } from '../../ranges.js'

/**
 * Which bytes did not travel, since they were claimed and proved: of each file until it has its outcome, and how many
 * in all. Pure.
 */
export class ProvedBytes {
  total = 0
  readonly #of = new Map<number, Ranges>()

  add(index: number, { start, end }: Range): void {
    const ranges = this.#of.get(index) ?? new Ranges()
    this.#of.set(index, ranges)
    this.total -= ranges.size
    ranges.add(start, end)
    this.total += ranges.size
  }

  /** Bytes of a file are to travel after all: the receiver found that it has others. */
  remove(index: number, some: readonly Range[]): void {
    const ranges = this.#of.get(index)
    if (ranges === undefined) return
    this.total -= ranges.size
    for (const { start, end } of some) ranges.remove(start, end)
    this.total += ranges.size
  }

  /** Nothing of the files from `first` up to `end` will be asked for again. */
  close(first: number, end: number): void {
    if (this.#of.size > 0) for (let index = first; index < end; index++) this.#of.delete(index)
  }
}
