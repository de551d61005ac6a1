import { SluiceError } from '../../errors.js'
import type { Plan } from '../../transfer/plan.js'
import type { Data, Frame } from '../../wire/frame-parser.js'
import { RunReader } from '../../wire/run.js'
import type { Callback } from '../bytes/pump.js'
import { type Item, runOfPiece } from '../river/items.js'

/** Where the data of one of several connections joins what comes over the first. */
export class LaneInlet {
  /** Bytes that were taken. */
  #bytes = 0
  #isOpen = true
  readonly #plan: Plan
  readonly #give: (items: Iterator<Item>, done: Callback) => void
  readonly #took: (bytes: number) => void

  /**
   * @param give gives items to the river, when it is their turn
   * @param took is told how many bytes were taken until now
   */
  constructor(
    plan: Plan,
    give: (items: Iterator<Item>, done: Callback) => void,
    took: (bytes: number) => void,
  ) {
    this.#plan = plan
    this.#give = give
    this.#took = took
  }

  /** Takes a frame; what is no data, or not wanted, is the error of this connection alone: `ERR_PROTOCOL`. */
  write(frame: Frame, done: Callback): void {
    if (frame.kind === 'data') return this.#give(this.#items(frame), done)
    done(new SluiceError('ERR_PROTOCOL', `the peer sent ${frame.message.type} where only data belongs`))
  }

  /** Takes nothing more; gives how many bytes were taken. What waits for its turn was not. */
  close(): number {
    this.#isOpen = false
    return this.#bytes
  }

  *#items({ position, length, chunks }: Data): Generator<Item, void> {
    if (!this.#isOpen) return
    const reader = new RunReader(chunks)
    for (const piece of this.#plan.take(position, length)) {
      this.#bytes += piece.length
      const buffers = reader.take(piece.length)
      if (!piece.isLate) yield runOfPiece(this.#plan, piece, buffers)
      if (!this.#isOpen) return
    }
    this.#took(this.#bytes)
  }
}
