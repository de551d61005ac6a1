import type { Clock } from '../../clock.js'
import type { FileSystem } from '../disk/fs.js'
import { processSystem } from './owner.js'

/** Handles that each operation has open at once, as a rule: with its lock, and what it stages or looks at. */
export const HANDLES = { write: 1, part: 2, rotation: 6, restore: 8, transaction: 16 } as const

/**
 * Handles that are left for all else: for operations that open and close what they need, and for the program itself.
 */
const FOR_OTHERS = 128

/** Milliseconds without anybody ending, after which whoever waits goes ahead. */
const PATIENCE = 10_000

interface Waiting {
  handles: number
  enter: () => void
}

/**
 * Admission for what has handles open for long, such as streams and transactions: as much as the system has handles
 * for. Who finds none waits until others have ended, in the order in which they came. They may all belong to one who
 * ends none before it has another one: so nobody waits for longer than a while in which none ends, and then it may fail
 * for want of handles.
 */
export class Admission {
  readonly #most: number
  #taken = 0
  /** How many have ended. */
  #ended = 0
  readonly #waiting = new Set<Waiting>()

  /** @param handles what the system has for this process */
  constructor(handles: number) {
    this.#most = handles - FOR_OTHERS
  }

  /**
   * Waits for room; also returns when the signal is aborted.
   * @param handles that it needs, more or less
   * @returns to be called when it has ended, once
   */
  async enter(handles: number, clock: Clock, signal?: AbortSignal): Promise<() => void> {
    if (!this.#has(handles) || this.#waiting.size > 0) await this.#wait(handles, clock, signal)
    else this.#taken += handles
    let isOver = false
    return () => {
      if (!isOver) this.#taken -= handles
      isOver = true
      this.#next()
    }
  }

  /** Waits for room, and works in it. */
  async within<T>(
    handles: number,
    clock: Clock,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
  ): Promise<T> {
    const leave = await this.enter(handles, clock, signal)
    try {
      return await work()
    } finally {
      leave()
    }
  }

  #has(handles: number): boolean {
    return this.#taken === 0 || this.#taken + handles <= this.#most
  }

  #wait(handles: number, clock: Clock, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve) => {
      let cancel = () => {}
      const enter = () => {
        this.#waiting.delete(waiting)
        this.#taken += handles
        cancel()
        signal?.removeEventListener('abort', enter)
        resolve()
      }
      const waiting: Waiting = { handles, enter }
      this.#waiting.add(waiting)
      const watch = () => {
        const before = this.#ended
        cancel = clock.after(PATIENCE, () => (this.#ended === before ? enter() : watch()))
      }
      watch()
      if (signal?.aborted) enter()
      else signal?.addEventListener('abort', enter)
    })
  }

  #next(): void {
    this.#ended++
    for (const { handles, enter } of this.#waiting) {
      if (!this.#has(handles)) return
      enter()
    }
  }
}

const ofProcess = new WeakMap<FileSystem, Admission>()

/** The one of this process. Where the system does not say how many handles it has (without /proc), nobody waits. */
export function admissionOf(fs: FileSystem): Admission {
  const known = ofProcess.get(fs) ?? new Admission(handlesIn(processSystem.read('/proc/self/limits')))
  ofProcess.set(fs, known)
  return known
}

/** The limit in the text of /proc/PID/limits (see proc(5)). */
export function handlesIn(limits = ''): number {
  const [, soft] = /^Max open files +(\d+) /m.exec(limits) ?? []
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
}
