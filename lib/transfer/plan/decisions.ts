import { grown } from './byte-states.js'
import { refuse } from './refuse.js'

/** What was decided about an entry. */
export const Decision = { None: 0, Skipped: 1, Wanted: 2 } as const
export type Decision = (typeof Decision)[keyof typeof Decision]

/** Whether each entry is wanted: decided once, in the order of the entries. Pure; one byte for each entry. */
export class Decisions {
  #decisions = new Uint8Array(0)
  #length = 0
  #decided = 0

  /** Entries below have been decided about. */
  get decided(): number {
    return this.#decided
  }

  grow(length: number): void {
    this.#decisions = grown(this.#decisions, length)
    this.#length = length
  }

  /**
   * Decides about the next `count` entries.
   * @returns the first and the one behind the last of them
   */
  decide(count: number, decision: Decision): { start: number; end: number } {
    const start = this.#decided
    const end = start + count
    if (end > this.#length)
      throw refuse(`an answer about entry ${end - 1}, of ${this.#length} that were offered`)
    this.#decisions.fill(decision, start, end)
    this.#decided = end
    return { start, end }
  }

  is(index: number, decision: Decision): boolean {
    return this.#decisions[index] === decision
  }
}
