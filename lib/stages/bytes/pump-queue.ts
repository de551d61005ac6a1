import type { Readable } from 'node:stream'
import { type Callback, Pump } from './pump.js'

/**
 * A {@link Pump} for several writers: what each gives becomes items when it is its turn, in the order in which they
 * came. A writer whose items cannot be made is told so by its own callback; the others go on.
 */
export class PumpQueue<T> {
  readonly #pump: Pump<T>
  readonly #waiting: { items: Iterator<T | undefined>; done: Callback }[] = []
  #isBusy = false

  /** `push` as in {@link Pump}. */
  constructor(stream: Readable, push?: (item: T) => boolean) {
    this.#pump = new Pump(stream, push)
  }

  /** As `Pump.take`, at any time. */
  take(items: Iterator<T | undefined>, done: Callback): void {
    this.#waiting.push({ items, done })
    this.#next()
  }

  /** As `Pump.resume`. */
  resume(): boolean {
    return this.#pump.resume()
  }

  #next(): void {
    const next = this.#isBusy ? undefined : this.#waiting.shift()
    if (next === undefined) return
    this.#isBusy = true
    this.#pump.take(next.items, (error) => {
      this.#isBusy = false
      next.done(error)
      this.#next()
    })
  }
}
