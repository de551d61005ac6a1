import { TimeSlice } from '../../async.js'
import { systemClock } from '../../clock.js'
import { SluiceError } from '../../errors.js'

/**
 * A search, or a removal, of very many files, that may be stopped between two of them. The event loop turns in between,
 * over a file system that blocks as well: else nobody would hear a Ctrl-C.
 */
export class Stoppable {
  readonly #what: string
  readonly #signal: AbortSignal | undefined
  readonly #slice = new TimeSlice(systemClock)

  /** @param what as the subject of the message that it was cancelled */
  constructor(what: string, signal: AbortSignal | undefined) {
    this.#what = what
    this.#signal = signal
  }

  get isStopped(): boolean {
    return this.#signal?.aborted === true
  }

  /** To be awaited before each step. @throws SluiceError `ERR_CANCELLED` once it was stopped */
  async step(): Promise<void> {
    await this.turn()
    this.check()
  }

  /** Lets the event loop turn, and throws nothing: for who has something to end first. */
  turn(): Promise<void> {
    return this.#slice.yield()
  }

  /** To be called, too, where errors are collected: that it was stopped is none of these. */
  check(): void {
    if (!this.isStopped) return
    throw new SluiceError('ERR_CANCELLED', `${this.#what} was cancelled`, { cause: this.#signal?.reason })
  }
}
