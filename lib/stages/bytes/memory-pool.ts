import { freeMemory } from './free-memory.js'

/** Bytes of a slot. */
const SLOT = 1024 * 1024

/** Bytes that somebody reads no more: a buffer, or so many bytes of what it is a view of. */
export type UsedBytes = Pick<Buffer, 'buffer' | 'length'>

/**
 * Memory for what passes through, used again and again: fresh memory for each mebibyte costs the collector, the system
 * and the caches more than the reading itself. It lies in slots, which are filled one behind the other. A slot is free
 * when every byte that was put into it was used: when the socket has taken it, when it was written, or when its digest
 * was taken, where only that is sent. So only where all stages between are ours: none keeps bytes, or uses any of them
 * twice.
 *
 * It never lets anybody wait: where no slot is free it makes another one. How many there are is up to the streams,
 * which take in no more than they have room for; and bytes that are dropped on their way, and so are never used, can
 * stall nothing: their slot is left to the collector.
 */
export class MemoryPool {
  readonly #slot: number
  readonly #free: ArrayBufferLike[] = []
  /** How many bytes of each memory are in use; the collector may have those that nobody else knows. */
  readonly #inUse = new WeakMap<ArrayBufferLike, number>()
  /** Memory of others, which is not used again. */
  readonly #adopted = new WeakSet<ArrayBufferLike>()
  /** The slot that is being filled, and up to where it is. */
  #current: ArrayBufferLike | undefined
  #filled = 0

  /** @param slot bytes of each slot */
  constructor(slot = SLOT) {
    this.#slot = slot
  }

  /**
   * Room for at least `least` bytes, with anything in it. It is given again and again, until some of it was filled.
   */
  room(least: number): Buffer {
    if (this.#current && this.#inUse.get(this.#current) === 0) this.#filled = 0
    if (!this.#current || this.#filled + least > this.#slot) {
      this.#current = this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#slot).buffer
      this.#inUse.set(this.#current, 0)
      this.#filled = 0
    }
    return Buffer.from(this.#current, this.#filled, this.#slot - this.#filled)
  }

  /** The first `length` bytes of the room that was given last: they are in use from now on. */
  fill(length: number): Buffer {
    const bytes = Buffer.from(this.#current!, this.#filled, length)
    this.#inUse.set(this.#current!, this.#inUse.get(this.#current!)! + length)
    this.#filled += length
    return bytes
  }

  /** Memory for `length` bytes, in use at once; more than a slot get memory that is not used again. */
  take(length: number): Buffer {
    if (length > this.#slot) return Buffer.allocUnsafeSlow(length)
    this.room(length)
    return this.fill(length)
  }

  /** Takes over a chunk that was made for us alone: its memory is freed when all of it was used. */
  adopt({ buffer, length }: Buffer): void {
    if (length < buffer.byteLength) return
    this.#inUse.set(buffer, length)
    this.#adopted.add(buffer)
  }

  /**
   * To be told once of all bytes that nobody reads any more, in whatever pieces. Others than those given are nothing.
   */
  used({ buffer, length }: UsedBytes): void {
    const before = this.#inUse.get(buffer)
    if (before === undefined) return
    this.#inUse.set(buffer, before - length)
    // what is being filled goes on from its beginning
    if (before > length || buffer === this.#current) return
    this.#inUse.delete(buffer)
    if (this.#adopted.has(buffer)) freeMemory([Buffer.from(buffer)])
    else this.#free.push(buffer)
  }
}
