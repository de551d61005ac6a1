import type { Entry } from '../../wire/entry.js'
import { type ByteStates, Is } from './byte-states.js'
import type { Refuse } from './refuse.js'

/**
 * A contiguous piece of the stream, cut so that all of its entries belong to it: those between the first and the last
 * with all of their bytes, and entries of no bytes as a whole.
 */
export interface Piece {
  position: number
  length: number
  /** Indices of the first and of the last entry. */
  first: number
  last: number
  /** Where the piece begins within the first entry, in bytes. */
  offset: number
  /** Whether it reaches the end of the last entry. */
  ends: boolean
  /** Bytes of an entry that has its outcome already: they are thrown away. */
  isLate: boolean
}

/** How much a piece may hold. */
export interface PieceLimits {
  /** Entries; at least 1. */
  entries?: number
}

/** Entries of one piece at most, unless told otherwise. */
const MOST_ENTRIES = 512

/**
 * How many edges there may be between bytes of a file that came and bytes of it that are still to come. A sender that
 * finishes what it begins makes one on each connection; one that does not would make memory grow with every few bytes.
 */
const MOST_EDGES = 512

/** Cuts bytes of the stream into pieces, and notes that they came. Pure. */
export class PieceCutter {
  readonly #entries: readonly Entry[]
  readonly #states: ByteStates
  readonly #isLate: (entry: Entry, start: number, end: number) => boolean
  /** The entry that was found last: the next bytes are probably near. */
  #near = 0
  /** Positions of edges between bytes that came and bytes of the same file that are to come; some are outdated. */
  readonly #edges = new Set<number>()

  /**
   * @param isLate says of bytes of an entry, from `start` up to `end`, whether they are to be thrown away; throws if
   * they are not wanted at all
   */
  constructor(
    entries: readonly Entry[],
    states: ByteStates,
    isLate: (entry: Entry, start: number, end: number) => boolean,
  ) {
    this.#entries = entries
    this.#states = states
    this.#isLate = isLate
  }

  /**
   * All pieces of the bytes from `position` up to `end`, one after the other. Throws what `refuse` makes of bytes that
   * cannot be.
   */
  *take(position: number, end: number, limits: PieceLimits, refuse: Refuse): Generator<Piece, void> {
    for (let at = position; at < end; ) {
      const piece = this.#cut(at, end, limits)
      if (piece === undefined) throw refuse(`bytes at ${at}, beyond the end of the offer`)
      at += piece.length
      yield piece
    }
    if (!this.#noteEdges(position, end))
      throw refuse(`bytes at ${position}, and left too much unfinished before`)
  }

  /** All entries of no bytes below `end` that are due, piece by piece. */
  *passAll(end: number, limits: PieceLimits): Generator<Piece, void> {
    const next = () => this.#pass(end, limits)
    for (let piece = next(); piece; piece = next()) yield piece
  }

  /**
   * The first piece of the bytes from `position` up to `end`. If entries of no bytes have to go before it, they are the
   * piece, which then has no bytes. Undefined if no entry has the byte at `position`.
   */
  #cut(position: number, end: number, { entries: most = MOST_ENTRIES }: PieceLimits): Piece | undefined {
    let index = this.#find(position)
    if (index === undefined) return undefined
    const offset = position - this.#entries[index]!.start
    const isLate = this.#isLateFrom(index, position, end)
    // entries of no bytes just before the first byte are in the piece with it; others are pieces of their own
    const first = offset === 0 && !isLate ? this.#firstDueBefore(index, most) : index
    const passed = this.#pass(first, { entries: most })
    if (passed) return passed
    const piece = {
      position,
      length: 0,
      first,
      last: index,
      offset: first === index ? offset : 0,
      ends: false,
      isLate,
    }
    this.#states.set(first, Is.There, index)
    for (let at = position; ; ) {
      const isWhole = !isLate && at === this.#entries[index]!.start
      const behind = isWhole ? this.#states.takeWhole(index, end, first + most - index) : index
      if (behind > index) index = behind - 1
      const { start } = this.#entries[index]!
      const size = this.#states.sizeOf(index) ?? Number.POSITIVE_INFINITY
      const next = Math.min(end, start + size)
      if (behind <= index && !isLate)
        this.#states.change(index, { start: at - start, end: next - start }, Is.There)
      at = next
      piece.length = at - position
      piece.last = index
      piece.ends = at === start + size
      if (at === end || isLate) return piece
      const following = this.#find(at)
      // what cannot go on in this piece begins the next one, or is refused there
      if (following === undefined || following - first >= most || !this.#areDue(index + 1, following))
        return piece
      if (this.#isLateFrom(following, at, end)) return piece
      this.#states.set(index + 1, Is.There, following)
      index = following
    }
  }

  /** The next piece of entries of no bytes below `end` that are due; undefined if there are none. */
  #pass(end: number, { entries: most = MOST_ENTRIES }: PieceLimits = {}): Piece | undefined {
    const { due } = this.#states
    const first = due.next(0)
    if (first === undefined || first >= end) return undefined
    let last = first
    while (last + 1 < end && last + 1 - first < most && due.has(last + 1)) last++
    this.#states.set(first, Is.There, last + 1)
    const position = this.#entries[first]!.start
    return { position, length: 0, first, last, offset: 0, ends: true, isLate: false }
  }

  /**
   * Notes that all bytes from `start` up to `end` were cut.
   * @returns false if too many files, or parts of them, are begun and not finished
   */
  #noteEdges(start: number, end: number): boolean {
    for (const position of [start, end])
      if (this.#isEdge(position)) this.#edges.add(position)
      else this.#edges.delete(position)
    if (this.#edges.size <= 2 * MOST_EDGES) return true
    // what was given up or closed since then is no edge any more
    for (const position of this.#edges) if (!this.#isEdge(position)) this.#edges.delete(position)
    return this.#edges.size <= MOST_EDGES
  }

  /** Whether one of the two bytes at a position is to come and the other is not, and both are of one file. */
  #isEdge(position: number): boolean {
    const index = this.#find(position)
    if (index === undefined) return false
    const offset = position - this.#entries[index]!.start
    if (offset === 0) return false
    const isComing = (at: number) => this.#states.are(Is.Coming, index, at, at + 1)
    return isComing(offset - 1) !== isComing(offset)
  }

  #isLateFrom(index: number, position: number, end: number): boolean {
    const entry = this.#entries[index]!
    const size = this.#states.sizeOf(index) ?? Number.POSITIVE_INFINITY
    return this.#isLate(entry, position - entry.start, Math.min(end - entry.start, size))
  }

  /** The entry that the byte at `position` belongs to; undefined if none does. */
  #find(position: number): number | undefined {
    const entries = this.#entries
    // the first entry that begins behind the position is above `low - 1` and at most `high`
    let low = 0
    let high = entries.length
    if (this.#near < high && entries[this.#near]!.start <= position) {
      low = this.#near
      for (let step = 1; low + step < high; step *= 2) {
        if (entries[low + step]!.start > position) high = low + step
        else low += step
      }
    }
    while (low < high) {
      const middle = (low + high) >>> 1
      if (entries[middle]!.start <= position) low = middle + 1
      else high = middle
    }
    const index = low - 1
    const entry = entries[index]
    if (entry === undefined) return undefined
    const size = this.#states.sizeOf(index)
    if (size !== null && position >= entry.start + size) return undefined
    this.#near = index
    return index
  }

  /** Where the row of due entries of no bytes begins that ends just before `index`. */
  #firstDueBefore(index: number, most: number): number {
    let first = index
    while (index - first < most - 1 && first > 0 && this.#states.due.has(first - 1)) first--
    return first
  }

  #areDue(first: number, end: number): boolean {
    for (let index = first; index < end; index++) if (!this.#states.due.has(index)) return false
    return true
  }
}
