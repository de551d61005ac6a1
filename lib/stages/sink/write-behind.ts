import type { StoredFile } from './items.js'
import type { Piece } from './pieces.js'

/**
 * Bytes that wait together: for a write of a mebibyte Linux looks for pages that lie side by side, which takes longer
 * than the copying where memory is in pieces. And buffers, of which the system takes as many at once.
 */
const MOST_BYTES = 512 * 1024
const MOST_BUFFERS = 1024

/**
 * Writes in the background, one at a time: two on one file would only wait for its lock in the kernel, which spins.
 * Pieces that come meanwhile, and follow each other, wait together and take one write.
 */
export class WriteBehind {
  readonly #write: (piece: Piece) => Promise<StoredFile | undefined>
  #running: Promise<StoredFile | undefined> | undefined
  #waiting: Piece | undefined
  #ended: StoredFile[] = []
  #failed: { error: unknown } | undefined
  #stopped = false

  /** @param write gives the entry if that ended; what it throws is thrown by every later call here */
  constructor(write: (piece: Piece) => Promise<StoredFile | undefined>) {
    this.#write = write
  }

  /** Takes a piece over; resolves when the next one may come, with the entries that ended before. */
  async add(piece: Piece): Promise<StoredFile[]> {
    while (this.#waiting && !follows(this.#waiting, piece)) await this.#next()
    const ended = this.#take()
    if (this.#stopped) return ended
    if (this.#waiting) join(this.#waiting, piece)
    else this.#waiting = piece
    if (!this.#running) void this.#work()
    return ended
  }

  /** Begins no write any more: what waits, and what still comes, is dropped. */
  stop(): void {
    this.#stopped = true
    this.#waiting = undefined
  }

  /** Resolves when all is written, with the entries that ended. */
  async settle(): Promise<StoredFile[]> {
    while (this.#running) await this.#next()
    return this.#take()
  }

  async #next(): Promise<void> {
    await this.#running?.catch(() => {}) // #take() throws it
  }

  async #work(): Promise<void> {
    try {
      while (this.#waiting) {
        this.#running = this.#write(this.#waiting)
        this.#waiting = undefined
        const file = await this.#running
        if (file) this.#ended.push(file)
      }
    } catch (error) {
      this.#failed = { error }
      this.#waiting = undefined
    } finally {
      this.#running = undefined
    }
  }

  #take(): StoredFile[] {
    if (this.#failed) throw this.#failed.error
    return this.#ended.splice(0)
  }
}

function follows(waiting: Piece, { entry, offset, length, buffers }: Piece): boolean {
  return (
    waiting.entry === entry &&
    waiting.offset + waiting.length === offset &&
    waiting.length + length <= MOST_BYTES &&
    waiting.buffers.length + buffers.length <= MOST_BUFFERS
  )
}

function join(waiting: Piece, { buffers, length }: Piece): void {
  waiting.buffers.push(...buffers)
  waiting.length += length
}
