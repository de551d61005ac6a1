import { freeMemory } from './free-memory.js'

/**
 * Frees the memory of what a socket gave, as soon as it was written. Only where all stages between are ours: none
 * keeps bytes.
 */
export class ReceivedMemory {
  readonly #received = new WeakSet<ArrayBufferLike>()

  /** To be told of each chunk that the socket made for us alone. */
  received({ buffer }: Buffer): void {
    this.#received.add(buffer)
  }

  /** Frees these chunks, but for those of which a stage may have other bytes: a frame began or ended in them. */
  free(buffers: readonly Buffer[]): void {
    freeMemory(buffers.filter(({ buffer }) => this.#received.has(buffer)))
  }
}
