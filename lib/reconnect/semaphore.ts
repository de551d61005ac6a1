/** Lets so many at a time have their turn; the others wait in order, up to a number. Pure but for promises. */
export class Semaphore {
  readonly #most: number
  readonly #mostWaiting: number
  readonly #waiting: (() => void)[] = []
  #running = 0

  constructor(most: number, mostWaiting: number) {
    this.#most = most
    this.#mostWaiting = mostWaiting
  }

  /** How many would wait before one that came now. */
  get ahead(): number {
    return this.#running < this.#most ? 0 : this.#waiting.length + 1
  }

  get isFull(): boolean {
    return this.ahead > this.#mostWaiting
  }

  /**
   * Resolves when it is one's turn, with a function that ends it; rejects with the reason of the signal.
   * @param isFirst before all that wait already
   */
  async take(signal: AbortSignal, isFirst = false): Promise<() => void> {
    signal.throwIfAborted()
    if (this.#running < this.#most) this.#running++
    else await this.#queue(signal, isFirst)
    let isOver = false
    return () => {
      if (isOver) return
      isOver = true
      // the turn is handed on, so that nobody who comes now takes it
      const next = this.#waiting.shift()
      if (next) next()
      else this.#running--
    }
  }

  #queue(signal: AbortSignal, isFirst: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const begin = () => {
        signal.removeEventListener('abort', leave)
        resolve()
      }
      const leave = () => {
        this.#waiting.splice(this.#waiting.indexOf(begin), 1)
        reject(signal.reason)
      }
      signal.addEventListener('abort', leave, { once: true })
      if (isFirst) this.#waiting.unshift(begin)
      else this.#waiting.push(begin)
    })
  }
}
