/** The longest run. */
const RUN = 1024 * 1024

/** What is shorter than this part of the longest gets memory of its own: few bytes should not pay for many. */
const LEAST = 1 / 4

/**
 * Memory for what is read, or sealed, and sent, used again and again: fresh memory for each mebibyte costs the
 * collector, the system and the caches more than the reading itself. A piece of it is free when every byte that was put
 * into it was used: when the socket has taken it, or when its digest was taken, where only that is sent. So only where
 * all stages between are ours: none keeps bytes, or sends any of them twice. What is never used is left to the
 * collector.
 */
export class SendMemory {
  readonly #longest: number
  readonly #free: ArrayBufferLike[] = []
  /** How many bytes of each piece were not used yet. */
  readonly #left = new WeakMap<ArrayBufferLike, number>()

  /** @param longest bytes of each piece */
  constructor(longest = RUN) {
    this.#longest = longest
  }

  /** Memory for `length` bytes, with anything in it. */
  take(length: number): Buffer {
    const longest = this.#longest
    if (length < longest * LEAST || length > longest) return Buffer.allocUnsafeSlow(length)
    const memory = this.#free.pop() ?? Buffer.allocUnsafeSlow(longest).buffer
    this.#left.set(memory, length)
    return Buffer.from(memory, 0, length)
  }

  /** To be told of every chunk that nobody reads any more. */
  used({ buffer, length }: Buffer): void {
    const left = this.#left.get(buffer)
    if (left === undefined) return
    this.#left.set(buffer, left - length)
    if (left > length) return
    this.#left.delete(buffer)
    this.#free.push(buffer)
  }
}
