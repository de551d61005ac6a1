import { isSluiceError } from '../../errors.js'
import { errorCode } from '../disk/disk-error.js'

/** Where handles come from. */
interface Source {
  /** Gives up one that is only kept for later, if there is one. */
  evict(): void
  /** Whether somebody holds handles who will give them back. */
  isHeld(): boolean
}

/** Handles that are given back, and those who wait for that. */
export class HandleReturns {
  #count = 0
  #waiting: (() => void)[] = []
  /** Those for whom the system had no handle are served one after the other: together they would hold on to all. */
  #turn: Promise<unknown> = Promise.resolve()

  /** A handle was given back or closed. */
  tell(): void {
    this.#count++
    if (this.#waiting.length === 0) return
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }

  /** The next time that one is. */
  next(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  /**
   * Calls `work`, for which the system had no handle, when its turn has come: again after each return, as long as
   * there is somebody to return one.
   */
  retry<T>(work: () => Promise<T>, source: Source): Promise<T> {
    const done = this.#turn.then(() => this.#persist(work, source))
    this.#turn = done.catch(() => {})
    return done
  }

  async #persist<T>(work: () => Promise<T>, source: Source): Promise<T> {
    for (let isLast = false; ; ) {
      const before = this.#count
      source.evict()
      try {
        return await work()
      } catch (error) {
        if (!isShort(error)) throw error
        if (this.#count > before) continue
        // where nobody will give one back, what failed may itself have given up some, once
        const isAlone = !source.isHeld()
        if (isAlone && isLast) throw error
        isLast = isAlone
        if (!isAlone) await this.next()
      }
    }
  }
}

/** Whether the process, or the system, has no handle left. */
export function isShort(error: unknown): boolean {
  const code = errorCode(isSluiceError(error) ? error.cause : error)
  return code === 'EMFILE' || code === 'ENFILE'
}
