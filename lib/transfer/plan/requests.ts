import { grown } from './byte-states.js'
import { IndexSet } from './index-set.js'

/** Most requests for one file that are unanswered at the same time: what its byte here can hold. */
const MOST = 255

/** How often each file was asked for without an answer. Pure; one byte for each entry. */
export class Requests {
  #counts = new Uint8Array(0)
  /** Files whose first request has no answer yet, and that are not closed. */
  readonly #unanswered = new IndexSet()
  /** Files that were asked for again, until the last request for them is answered, and that are not closed. */
  readonly #again = new IndexSet()
  /** Files of which a request failed while a later one was open: what the failed one asked for need not come. */
  readonly #failed = new Set<number>()

  grow(length: number): void {
    this.#counts = grown(this.#counts, length)
    this.#unanswered.grow(length)
    this.#again.grow(length)
  }

  /** Requests for a file that are not answered yet, whether it is closed or not. */
  of(index: number): number {
    return this.#counts[index] ?? 0
  }

  /** The first of the files whose first request has no answer yet. */
  get firstUnanswered(): number | undefined {
    return this.#unanswered.next(0)
  }

  /** The files that were asked for again, and of which a request is not answered yet. */
  *askedAgain(): Generator<number, void> {
    for (let next = this.#again.next(0); next !== undefined; next = this.#again.next(next + 1)) yield next
  }

  /** Whether a file was asked for again, and a request for it is not answered yet. */
  isAgain(index: number): boolean {
    return this.#again.has(index)
  }

  /** The first request for a file. */
  add(index: number): void {
    this.#counts[index] = 1
    this.#unanswered.add(index)
  }

  /**
   * A later request for a file.
   * @returns whether there was room for it
   */
  addAgain(index: number): boolean {
    if (this.of(index) === MOST) return false
    this.#counts[index]!++
    this.#again.add(index)
    return true
  }

  /**
   * Takes in the answer to the earliest request for a file.
   * @returns whether it is a failure, or comes after one that was heard while this request was open
   */
  answer(index: number, failed: boolean): boolean {
    this.#counts[index]!--
    this.#unanswered.delete(index)
    if (failed) this.#failed.add(index)
    const hasFailed = this.#failed.has(index)
    if (this.#counts[index] === 0) {
      this.#failed.delete(index)
      this.#again.delete(index)
    }
    return hasFailed
  }

  /** Files are closed, from `first` up to `end`: no answer is owed, though some may still come. */
  close(first: number, end: number): void {
    this.#unanswered.delete(first, end)
    this.#again.delete(first, end)
  }
}
