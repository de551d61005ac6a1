/** What a unit is of: so many of these bytes were taken, and `bytes` is there once it is whole. */
interface Gathered {
  taken: number
  bytes?: Buffer
}

/** Cuts bytes, however they are split, into units: how long the next one is is told when it begins. */
export class UnitGatherer {
  #length: number
  #memory: Buffer = Buffer.alloc(0)
  #filled = 0

  /** @param length of the first unit */
  constructor(length: number) {
    this.#length = length
  }

  /** How long the next unit is. */
  next(length: number): void {
    this.#length = length
  }

  /**
   * Takes bytes from `at` on. A unit is a view where the whole of it stands in one chunk, else a copy, in memory that
   * is used again for the next one: a unit that comes byte by byte costs no more.
   */
  gather(chunk: Buffer, at: number): Gathered {
    const length = this.#length
    if (this.#filled === 0 && chunk.length - at >= length)
      return { taken: length, bytes: chunk.subarray(at, at + length) }
    if (this.#memory.length < length) this.#memory = Buffer.allocUnsafeSlow(length)
    const taken = chunk.copy(this.#memory, this.#filled, at, at + length - this.#filled)
    this.#filled += taken
    if (this.#filled < length) return { taken }
    this.#filled = 0
    return { taken, bytes: this.#memory.subarray(0, length) }
  }
}
