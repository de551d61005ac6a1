import type { Plan } from '../../transfer/plan.js'

/** How far files have been read from their first byte on, until they are answered. Pure. */
export class ReadInOrder {
  readonly #plan: Pick<Plan, 'isOpen'>
  readonly #ends = new Map<number, number>()

  constructor(plan: Pick<Plan, 'isOpen'>) {
    this.#plan = plan
  }

  /** Behind the last byte of a file that was read so. */
  end(index: number): number {
    return this.#ends.get(index) ?? 0
  }

  /** Bytes of a file were read: they count if they are the next ones. */
  note(index: number, start: number, end: number): void {
    if (this.end(index) === start) this.#ends.set(index, end)
    for (const read of this.#ends.keys()) if (!this.#plan.isOpen(read)) this.#ends.delete(read)
  }
}
