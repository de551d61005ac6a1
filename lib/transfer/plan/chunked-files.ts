/** Files whose chunks the receiver asked for, and up to where they were said. Pure; nothing for any other file. */
export class ChunkedFiles {
  readonly #said = new Map<number, number>()

  /** Whether the chunks of a file are to be said, or what is left of them. */
  has(index: number): boolean {
    return this.#said.has(index)
  }

  add(index: number): void {
    this.#said.set(index, 0)
  }

  /**
   * Chunks of a file were said that are `length` bytes from `offset` on.
   * @returns false if those are not the next ones that are to be said
   */
  take(index: number, offset: number, length: number): boolean {
    if (this.#said.get(index) !== offset) return false
    this.#said.set(index, offset + length)
    return true
  }

  /** No more chunks are to be said of the files from `first` up to `end`. */
  delete(first: number, end = first + 1): void {
    if (end - first === 1) this.#said.delete(first)
    else for (const index of this.#said.keys()) if (index >= first && index < end) this.#said.delete(index)
  }
}
