import { MOST_TIMER } from '../../clock.js'
import type { FileSystem } from '../disk/fs.js'
import type { ProcessSystem } from '../own/owner.js'
import type { Claimant } from './lock-names.js'
import type { Backoff } from './take-lock.js'

/**
 * The claimants of this process for one lock, one after the other: only the first of them asks the disk, and the others
 * wait here, in the order in which they came. A thousand that all asked the disk would hinder each other, and chance
 * would decide who gets it in time.
 *
 * An exclusive holder keeps its turn until it has released the lock; a shared one passes it on as soon as it holds the
 * lock, so that others can share it.
 */
export class ProcessQueue {
  /** Whose turn it is. */
  #first: Claimant | undefined
  /** Each with what tells it that its turn has come. */
  readonly #waiting = new Map<Claimant, () => void>()
  /** When the turn was last passed on. */
  #moved = Number.NEGATIVE_INFINITY
  readonly #forget: () => void

  private constructor(forget: () => void) {
    this.#forget = forget
  }

  /** Those for the lock at `path`. What a test takes for another process, or another disk, has others. */
  static of(fs: FileSystem, system: ProcessSystem, path: string): ProcessQueue {
    const byPath = perProcess(perDisk(known, fs), system)
    const queue = byPath.get(path) ?? new ProcessQueue(() => byPath.delete(path))
    byPath.set(path, queue)
    return queue
  }

  /**
   * Waits for the turn of `claimant`. The time of `waiting` begins anew whenever one before it is done: who waits in a
   * long row does so as long as it moves. Returns undefined when the turn has come, and who has it when the time is
   * over. Throws `ERR_CANCELLED`.
   */
  async take(claimant: Claimant, waiting: Backoff): Promise<Claimant | undefined> {
    while (this.#first) {
      waiting.restart(this.#moved)
      if (waiting.isOver) return this.#first
      if (await this.#wait(claimant, waiting)) {
        waiting.restart(this.#moved)
        return undefined
      }
      waiting.ensureWanted()
    }
    this.#first = claimant
    return undefined
  }

  /** Passes the turn of `claimant` on; does nothing if it has none any more. */
  pass(claimant: Claimant, now: number): void {
    if (this.#first !== claimant) return
    this.#moved = now
    const [next] = this.#waiting
    // handed over at once, so that nobody who comes now takes it
    this.#first = next?.[0]
    if (next) next[1]()
    else this.#forget()
  }

  /** Returns whether the turn has come; false once the time is over, or the signal was aborted. */
  #wait(claimant: Claimant, waiting: Backoff): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (isTurn: boolean) => {
        this.#waiting.delete(claimant)
        cancel()
        resolve(isTurn)
      }
      this.#waiting.set(claimant, () => end(true))
      const cancel = waiting.after(Math.min(waiting.left, MOST_TIMER), () => end(false))
    })
  }
}

type ByPath = Map<string, ProcessQueue>

const known = new WeakMap<FileSystem, WeakMap<ProcessSystem, ByPath>>()

function perDisk(all: typeof known, fs: FileSystem): WeakMap<ProcessSystem, ByPath> {
  const found = all.get(fs) ?? new WeakMap<ProcessSystem, ByPath>()
  all.set(fs, found)
  return found
}

function perProcess(all: WeakMap<ProcessSystem, ByPath>, system: ProcessSystem): ByPath {
  const found = all.get(system) ?? new Map<string, ProcessQueue>()
  all.set(system, found)
  return found
}
