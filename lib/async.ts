import { setImmediate } from 'node:timers/promises'

/** A promise together with what settles it (`Promise.withResolvers` of Node 22). */
export function deferred<T>() {
  let resolve!: (value: T) => void
  let reject!: (error: unknown) => void
  const promise = new Promise<T>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

/** What somebody else owes at the moment, as a stage of a user's or a store: it may never come. */
export interface Owed {
  /** Who owes what, as the beginning of a sentence that goes on with how long. */
  text: string
  /** What is owed: something else as soon as they have done anything. */
  what: unknown
}

/** What is known of a conversation in which one side does not hear the other. The numbers are bytes of this side. */
export interface Silence {
  /** What went out to the connection. */
  said: number
  /** What came from it. */
  came: number
  /** What of that came out of the incoming stages. */
  heard: number
  /** Whether the peer was heard: then it may still be this side that the peer does not hear. */
  isGreeted: boolean
  /** Whether it was waited as long as one may have to wait: a stage that has given nothing by now holds it back. */
  hasWaited: boolean
}

/** Runs what it is given, at most `most` at once, in the order in which it came. */
export class Limiter {
  readonly #most: number
  readonly #waiting: { places: number; enter: () => void }[] = []
  #taken = 0

  constructor(most: number) {
    this.#most = most
  }

  /** @param size of how many it takes the place; all places are enough for whatever is larger */
  async run<T>(act: () => Promise<T>, size = 1): Promise<T> {
    const places = Math.min(size, this.#most)
    const mustWait = this.#waiting.length > 0 || !this.#hasRoom(places)
    if (mustWait) await new Promise<void>((enter) => this.#waiting.push({ places, enter }))
    else this.#taken += places
    try {
      return await act()
    } finally {
      this.#taken -= places
      this.#next()
    }
  }

  #hasRoom(places: number): boolean {
    return this.#taken + places <= this.#most
  }

  /** Places are handed on, so that nobody who comes now takes them. */
  #next(): void {
    for (let first = this.#waiting[0]; first && this.#hasRoom(first.places); first = this.#waiting[0]) {
      this.#waiting.shift()
      this.#taken += first.places
      first.enter()
    }
  }

  /**
   * Acts on each item; waits for all that were begun, and then throws the first error. Begins no more once `isStopped`
   * says so, and with `failFast` after the first failure.
   */
  async each<T>(
    items: Iterable<T>,
    act: (item: T) => Promise<void>,
    { failFast = false, isStopped = (): boolean => false } = {},
  ): Promise<void> {
    const all = [...items]
    let next = 0
    const failures: unknown[] = []
    const worker = async () => {
      while (next < all.length && !isStopped() && !(failFast && failures.length > 0)) {
        const item = all[next++]!
        await this.run(() => act(item)).catch((error) => failures.push(error))
      }
    }
    await Promise.all(Array.from({ length: Math.min(this.#most, all.length) }, worker))
    if (failures.length > 0) throw failures[0]
  }
}

/**
 * Makes one run serve many: calls that come while `act` runs share the next run, since the one that runs may have
 * begun before what they want covered. A run begins after the caller's turn, so that calls of one turn share it too.
 */
export function coalesce(act: () => Promise<void>): () => Promise<void> {
  let running: Promise<void> = Promise.resolve()
  let waiting: Promise<void> | undefined
  return () => {
    waiting ??= running
      .catch(() => {})
      .then(() => {
        running = waiting!
        waiting = undefined
        return act()
      })
    return waiting
  }
}

/** Numbers in a slice of {@link overSlices} at most. */
const SLICE_ITEMS = 1000

/**
 * Calls `work` for one slice of the numbers from `first` up to `end` after the other, between which the event loop
 * turns.
 */
export async function overSlices(
  first: number,
  end: number,
  work: (first: number, end: number) => Promise<void> | void,
): Promise<void> {
  for (let from = first; from < end; from += SLICE_ITEMS) {
    if (from > first) await setImmediate()
    await work(from, Math.min(from + SLICE_ITEMS, end))
  }
}

/** Calls `work` for each item in slices, between which the event loop turns: for a million items. */
export async function inSlices<T>(items: Iterable<T>, work: (item: T) => void): Promise<void> {
  let left = SLICE_ITEMS
  for (const item of items) {
    if (left-- === 0) {
      await setImmediate()
      left = SLICE_ITEMS - 1
    }
    work(item)
  }
}

/** The items that `passes` says, looked at in slices; the same list where it says all, since a copy takes memory. */
export async function filterInSlices<T>(
  items: readonly T[],
  passes: (item: T) => boolean,
): Promise<readonly T[]> {
  let passed: T[] | undefined
  await overSlices(0, items.length, (first, end) => {
    for (let at = first; at < end; at++) {
      const item = items[at]!
      if (!passes(item)) passed ??= items.slice(0, at)
      else passed?.push(item)
    }
  })
  return passed ?? items
}

/** Finds items by their keys; the map of a million is made in slices, and not before somebody asks. */
export function lazyIndex<K, T>(
  items: Iterable<T>,
  keyOf: (item: T) => K,
): (key: K) => Promise<T | undefined> {
  const make = async () => {
    const byKey = new Map<K, T>()
    await inSlices(items, (item) => void byKey.set(keyOf(item), item))
    return byKey
  }
  let made: Promise<Map<K, T>> | undefined
  return async (key) => {
    made ??= make()
    return (await made).get(key)
  }
}

/**
 * Milliseconds for which a loop of steps that wait for nothing holds the event loop, before others have their turn. Two
 * or three such loops may follow one another in one turn.
 */
export const LONGEST_HOLD = 3

/**
 * Lets the event loop turn in a long loop of short steps, also where a blocking file system or one in memory never
 * lets go of it by itself.
 */
export class TimeSlice {
  readonly #clock: { now(): number }
  #since: number

  constructor(clock: { now(): number }) {
    this.#clock = clock
    this.#since = clock.now()
  }

  /** To be awaited after each step: lets the event loop turn if it was held for long. */
  async yield(): Promise<void> {
    if (this.#clock.now() - this.#since <= LONGEST_HOLD) return
    await setImmediate()
    this.#since = this.#clock.now()
  }
}

/** Calls listeners. What one throws is its own affair, not that of who tells it something. */
export function outside(emit: () => void): void {
  try {
    emit()
  } catch (error) {
    process.nextTick(() => {
      throw error
    })
  }
}
