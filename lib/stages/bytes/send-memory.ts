/** Bytes of memory that are used again: the longest run. */
const MEMORY = 1024 * 1024

/** A read that is shorter gets memory of its own: a small transfer should not pay for a large one. */
const LEAST = MEMORY / 4

/**
 * Memory for what is read and sent, used again and again: fresh memory for each mebibyte costs the collector, the
 * system and the caches more than the reading itself. A piece of it is free when every byte that was read into it was
 * used: when the socket has taken it, or when its digest was taken, where only that is sent. So only where all stages
 * between are ours: none keeps bytes, or sends any of them twice. What is never used is left to the collector.
 */
export class SendMemory {
  readonly #free: ArrayBufferLike[] = []
  /** How many bytes of each piece were not used yet. */
  readonly #left = new WeakMap<ArrayBufferLike, number>()

  /** Memory for `length` bytes, with anything in it. */
  take(length: number): Buffer {
    if (length < LEAST || length > MEMORY) return Buffer.allocUnsafeSlow(length)
    const memory = this.#free.pop() ?? Buffer.allocUnsafeSlow(MEMORY).buffer
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
