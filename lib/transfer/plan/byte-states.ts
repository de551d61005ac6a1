import { type Range, Ranges } from '../../ranges.js'
import type { Entry } from '../../wire/entry.js'
import { IndexSet } from './index-set.js'

/**
 * What is known of a byte: *absent* (not asked for, or given up), *coming* (asked for, on its way), *claimed* (the
 * receiver says that it has it; to be proved), *there* (came, or was proved).
 */
export const Is = { Absent: 0, Coming: 1, Claimed: 2, There: 3 } as const
export type ByteState = (typeof Is)[keyof typeof Is]

/** The states that have a set of ranges where the bytes of an entry are not all in the same one. */
const KNOWN = [Is.Coming, Is.Claimed, Is.There] as const

/** In the place of the state of an entry whose bytes are not all in the same one. */
const MIXED = 4

/** The bytes of one entry by their state. What is in none of the sets is absent. */
type Parts = Record<Exclude<ByteState, typeof Is.Absent>, Ranges>

/** Bytes of an entry, from `start` up to `end` of it. */
export interface EntryBytes {
  entry: Entry
  start: number
  end: number
}

/**
 * The state of every byte of every entry. Pure. Most entries are in one state as a whole, and take one byte here; only
 * for the others are there sets of ranges.
 *
 * An entry of no bytes (an empty file, a folder, a link) counts as one byte, so that it, too, can be coming and there;
 * any range of it means that byte. An entry of unknown size has no end until {@link setSize}.
 */
export class ByteStates {
  /** Entries of which something is to come. */
  readonly coming = new IndexSet()
  /** Those of them that have no bytes. */
  readonly due = new IndexSet()
  /** Entries of which something is claimed. */
  readonly claimedOnes = new IndexSet()
  /** Bytes that are to come, of all entries. */
  comingBytes = 0
  readonly #entries: readonly Entry[]
  #states = new Uint8Array(0)
  readonly #mixed = new Map<number, Parts>()
  /** The size of the entry of unknown size, once it is known. There is one at most: nothing may follow it. */
  #lastSize: number | null = null

  /** @param entries grows from outside, each time followed by {@link grow} */
  constructor(entries: readonly Entry[]) {
    this.#entries = entries
  }

  /** Makes room for entries that were added. They are absent. */
  grow(): void {
    const { length } = this.#entries
    this.#states = grown(this.#states, length)
    this.coming.grow(length)
    this.due.grow(length)
    this.claimedOnes.grow(length)
  }

  /** Bytes of an entry; `null` while that is not known. */
  sizeOf(index: number): number | null {
    return this.#entries[index]!.size ?? this.#lastSize
  }

  /**
   * Sets the size of the entry of unknown size. Nothing behind that is to come any more; if it has no bytes, it is
   * there.
   * @returns false, and nothing is changed, if bytes behind it are there
   */
  setSize(index: number, size: number): boolean {
    if (this.any(Is.There, index, size)) return false
    const parts = this.#mixed.get(index)
    const before = this.comingOf(index)
    for (const set of parts ? Object.values(parts) : []) set.remove(size, this.#end(index))
    this.#lastSize = size
    this.comingBytes += this.comingOf(index) - before
    if (size === 0) this.set(index, Is.There)
    else if (parts) this.#settle(index, parts)
    return true
  }

  /** Whether the entry has bytes from `start` up to `end`. */
  has(index: number, { start, end }: Range): boolean {
    const size = this.sizeOf(index)
    if (size === 0) return start === 0 && end <= 1
    return start >= 0 && start < end && end <= this.#end(index)
  }

  /** Whether all bytes from `start` up to `end` of an entry are in a state; to its end unless told otherwise. */
  are(state: keyof Parts, index: number, start = 0, end = this.#end(index)): boolean {
    const whole = this.#states[index]
    if (this.sizeOf(index) === 0) return whole === state
    if (start < 0 || end > this.#end(index)) return false
    if (whole === MIXED) return this.#mixed.get(index)![state].covers(start, end)
    return whole === state || end <= start
  }

  /** Whether each byte from `start` up to `end` of an entry is there, or claimed. */
  areKnown(index: number, start: number, end: number): boolean {
    const whole = this.#states[index]
    if (whole !== MIXED) return whole === Is.There || whole === Is.Claimed
    const { [Is.There]: there, [Is.Claimed]: claimed } = this.#mixed.get(index)!
    for (let at = start; at < end; ) {
      const next = [there.next(at), claimed.next(at)].find(
        (range) => range !== undefined && range.start <= at,
      )
      if (next === undefined) return false
      at = next.end
    }
    return true
  }

  /** Whether any byte from `start` up to `end` of an entry is in a state. */
  any(state: keyof Parts, index: number, start = 0, end = this.#end(index)): boolean {
    if (this.#states[index] === MIXED) return this.#mixed.get(index)![state].overlaps(start, end)
    return this.#states[index] === state && (start < end || this.sizeOf(index) === 0)
  }

  /**
   * The first bytes that are to come of the first entry from `index` on of which there are any; of entry `index` itself
   * from `offset` on.
   */
  nextComing(index: number, offset = 0): EntryBytes | undefined {
    return this.#next(this.coming, Is.Coming, index, offset)
  }

  /** The same of bytes that are claimed. */
  nextClaimed(index: number, offset = 0): EntryBytes | undefined {
    return this.#next(this.claimedOnes, Is.Claimed, index, offset)
  }

  #next(members: IndexSet, state: keyof Parts, index: number, offset: number): EntryBytes | undefined {
    const found = members.next(index)
    if (found === undefined) return undefined
    const from = found === index ? offset : 0
    const parts = this.#mixed.get(found)
    const { start, end } = (parts ? parts[state].next(from) : this.#whole(found)) ?? { start: 0, end: 0 }
    if (from > 0 && end <= from) return this.#next(members, state, found + 1, 0)
    return { entry: this.#entries[found]!, start: Math.max(start, from), end }
  }

  /** How many bytes of an entry are to come. */
  comingOf(index: number): number {
    const state = this.#states[index]
    if (state === MIXED) return this.#mixed.get(index)![Is.Coming].size
    // one of no bytes ends at 0
    return state === Is.Coming ? this.#end(index) : 0
  }

  /** The bytes of an entry that are claimed. */
  claimed(index: number): Range[] {
    if (this.#states[index] === MIXED) return this.#mixed.get(index)![Is.Claimed].toArray()
    return this.#states[index] === Is.Claimed ? [this.#whole(index)] : []
  }

  /** The bytes of an entry that are neither there nor to come. */
  missing(index: number): Range[] {
    const state = this.#states[index]
    if (state === Is.Coming || state === Is.There) return []
    const whole = this.#whole(index)
    if (state !== MIXED) return [whole]
    const missing = Ranges.of(whole.start, whole.end)
    const parts = this.#mixed.get(index)!
    for (const known of [Is.Coming, Is.There] as const)
      for (const { start, end } of parts[known].toArray()) missing.remove(start, end)
    return missing.toArray()
  }

  /** Brings entries from `first` up to `end` as a whole into a state. */
  set(first: number, state: ByteState, end = first + 1): void {
    if (end <= first) return
    this.comingBytes -= this.#comingIn(first, end)
    this.#states.fill(state, first, end)
    if (this.#mixed.size > 0) for (let index = first; index < end; index++) this.#mixed.delete(index)
    if (state === Is.Coming) {
      this.coming.add(first, end)
      for (let index = first; index < end; index++) if (this.sizeOf(index) === 0) this.due.add(index)
    } else {
      this.coming.delete(first, end)
      this.due.delete(first, end)
    }
    this.comingBytes += this.#comingIn(first, end)
    if (state === Is.Claimed) this.claimedOnes.add(first, end)
    else this.claimedOnes.delete(first, end)
  }

  /**
   * Notes that entries came which are to come as a whole: as many as have their place before the position `end`, one
   * after the other, and at most `most`. Those of no bytes count only with one behind them that has some.
   * @returns the index behind the last of them
   */
  takeWhole(first: number, end: number, most: number): number {
    let taken = first
    const last = Math.min(first + most, this.#entries.length)
    for (let index = first; index < last && this.#states[index] === Is.Coming; index++) {
      const { start, size } = this.#entries[index]!
      if (size === null || start + size > end) break
      if (size > 0) taken = index + 1
    }
    if (taken > first) this.set(first, Is.There, taken)
    return taken
  }

  /** Brings bytes of an entry into another state. */
  change(index: number, { start, end }: Range, state: ByteState): void {
    const whole = this.#whole(index)
    if (start <= whole.start && end >= whole.end) {
      this.set(index, state)
      return
    }
    const parts = this.#partsOf(index)
    const before = parts[Is.Coming].size
    for (const other of KNOWN) if (other !== state) parts[other].remove(start, end)
    if (state !== Is.Absent) parts[state].add(start, end)
    this.comingBytes += parts[Is.Coming].size - before
    this.#settle(index, parts)
  }

  /** What is to come of an entry will not: it is absent. */
  giveUp(index: number): void {
    if (this.#states[index] === Is.Coming) this.set(index, Is.Absent)
    if (this.#states[index] !== MIXED) return
    const parts = this.#mixed.get(index)!
    this.comingBytes -= parts[Is.Coming].size
    parts[Is.Coming].clear()
    this.#settle(index, parts)
  }

  /** The sets of ranges of an entry; made from its state as a whole where there are none. */
  #partsOf(index: number): Parts {
    let parts = this.#mixed.get(index)
    if (parts) return parts
    parts = { [Is.Coming]: new Ranges(), [Is.Claimed]: new Ranges(), [Is.There]: new Ranges() }
    const state = this.#states[index] as ByteState
    if (state !== Is.Absent) parts[state].add(0, this.#end(index))
    this.#mixed.set(index, parts)
    this.#states[index] = MIXED
    return parts
  }

  /** Drops the sets of an entry again that is in one state as a whole. */
  #settle(index: number, parts: Parts): void {
    const end = this.#end(index)
    if (parts[Is.Coming].isEmpty) this.coming.delete(index)
    else this.coming.add(index)
    for (const state of KNOWN) if (parts[state].covers(0, end)) return this.set(index, state)
    if (KNOWN.every((state) => parts[state].isEmpty)) return this.set(index, Is.Absent)
    if (parts[Is.Claimed].isEmpty) this.claimedOnes.delete(index)
    else this.claimedOnes.add(index)
  }

  /** How many bytes of the entries from `first` up to `end` are to come. */
  #comingIn(first: number, end: number): number {
    let bytes = 0
    for (let at = this.coming.next(first); at !== undefined && at < end; at = this.coming.next(at + 1))
      bytes += this.comingOf(at)
    return bytes
  }

  #whole(index: number): Range {
    return { start: 0, end: this.#end(index) }
  }

  #end(index: number): number {
    // the last position that a frame may have
    return this.sizeOf(index) ?? Number.MAX_SAFE_INTEGER - this.#entries[index]!.start
  }
}

/** An array that has room for `length` values; a larger one is at least twice as large as before. */
export function grown(array: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  if (length <= array.length) return array
  const larger = new Uint8Array(Math.max(length, array.length * 2))
  larger.set(array)
  return larger
}
