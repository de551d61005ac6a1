type Callback = (error?: Error | null) => void

/**
 * Gives out what an iterator makes, one by one, as long as the reader wants more, and goes on when it asks again.
 * Back-pressure is the callback of the write, kept until the last of it is out.
 */
export class Outlet<T> {
  readonly #give: (item: T) => boolean
  #items: Iterator<T> | null = null
  #done: Callback = () => {}
  #giving = false
  #wanted = false

  /** `give` pushes an item, and says whether there may be more. */
  constructor(give: (item: T) => boolean) {
    this.#give = give
  }

  /** Takes the items of one write, and its callback; what the iterator throws goes to it. */
  take(items: Iterator<T>, done: Callback): void {
    this.#items = items
    this.#done = done
    this.#run()
  }

  /** The reader wants more. `false` if there was nothing left that it could be given. */
  resume(): boolean {
    this.#wanted = true
    return this.#run()
  }

  /** Whether it gave out anything, or does so now. */
  #run(): boolean {
    let given = this.#giving
    while (this.#items !== null && !this.#giving) {
      let failure: Error | undefined
      try {
        const { value, done } = this.#items.next()
        given ||= !done
        if (!done && this.#next(value)) continue
        if (!done) return given
      } catch (error) {
        failure = error as Error
      }
      this.#end(failure)
      return given
    }
    return given
  }

  /** Whether to go on: a reader that asks again from within `push` does not repeat its question. */
  #next(item: T): boolean {
    this.#wanted = false
    this.#giving = true
    try {
      return this.#give(item) || this.#wanted
    } finally {
      this.#giving = false
    }
  }

  #end(error?: Error): void {
    this.#items = null
    this.#done(error)
  }
}
