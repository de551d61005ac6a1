import type { StoredRun } from '../river/items.js'
import type { FileWrite } from './writes.js'

/**
 * Bytes that wait together, at most: for larger writes Linux looks for more adjacent pages, which takes longer than the
 * copying where memory is fragmented. And buffers: the system takes that many in one call.
 */
const MOST_BYTES = 1024 * 1024
const MOST_BUFFERS = 1024

/**
 * Writes in the background, one at a time: two on one file would only wait for its lock in the kernel, which spins.
 * What comes meanwhile, and follows what waits, is written with it in one call.
 */
export class WriteBehind {
  readonly #write: (write: FileWrite) => Promise<StoredRun | undefined>
  #running: Promise<StoredRun | undefined> | undefined
  #waiting: FileWrite | undefined
  #ended: StoredRun[] = []
  #failed: { error: unknown } | undefined
  #stopped = false

  /** @param write gives the entry if that ended; what it throws is thrown by every later call here */
  constructor(write: (write: FileWrite) => Promise<StoredRun | undefined>) {
    this.#write = write
  }

  /** Takes a piece over; resolves when the next one may come, with the entries that ended before. */
  async add(write: FileWrite): Promise<StoredRun[]> {
    while (this.#waiting && !follows(this.#waiting, write)) await this.#next()
    const ended = this.#take()
    if (!this.#stopped) this.takesOver(write)
    return ended
  }

  /** Takes a piece over at once; `false` where it has to wait, or something is to be told first: see {@link add}. */
  takesOver(write: FileWrite): boolean {
    if (this.#stopped || this.#failed || this.#ended.length > 0) return false
    if (!this.#waiting) this.#waiting = write
    else if (follows(this.#waiting, write)) append(this.#waiting, write)
    else return false
    if (!this.#running) void this.#work()
    return true
  }

  /** Begins no write any more: what waits, and what still comes, is dropped. */
  stop(): void {
    this.#stopped = true
    this.#waiting = undefined
  }

  /** Resolves when all is written, with the entries that ended. */
  async settle(): Promise<StoredRun[]> {
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

  #take(): StoredRun[] {
    if (this.#failed) throw this.#failed.error
    return this.#ended.splice(0)
  }
}

function follows(waiting: FileWrite, { entry, offset, length, buffers }: FileWrite): boolean {
  return (
    waiting.entry === entry &&
    waiting.offset + waiting.length === offset &&
    waiting.length + length <= MOST_BYTES &&
    waiting.buffers.length + buffers.length <= MOST_BUFFERS
  )
}

function append(waiting: FileWrite, { buffers, length }: FileWrite): void {
  waiting.buffers.push(...buffers)
  waiting.length += length
}
