import { SluiceError } from '../errors.js'
import { type Range, Ranges } from '../ranges.js'
import type { Entry, Offer } from '../wire/manifest.js'

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
  /** Entries. */
  entries?: number
}

/** What an entry is as a whole; `Mixed` is kept byte by byte in a {@link Parts}. */
const Is = { Absent: 0, Coming: 1, Claimed: 2, There: 3, Mixed: 4 } as const

/** What became of the question whether an entry is wanted. */
const Asked = { NotYet: 0, Skipped: 1, Wanted: 2 } as const

/** The bytes of one entry, where they are not all in the same state. What is in none of them is absent. */
interface Parts {
  coming: Ranges
  claimed: Ranges
  there: Ranges
}

/** Entries of one piece at most, unless told otherwise. */
const MOST_ENTRIES = 512

/**
 * What of a transfer is wanted, what came, and what became of it: the one book of positions on both sides. Pure.
 *
 * Each byte of each entry is in one of four states: *absent* (not asked for, or given up), *coming* (asked for, on its
 * way), *claimed* (the receiver says that it has it; to be proved), *there* (came, or was proved). An entry of no bytes
 * counts as one byte. On the receiver's side "came" means received, on the sender's side it means sent.
 *
 * A *request* asks for a file; the sender answers each with one record of its digest or failure. A file is *open* while
 * a request for it is unanswered, and *closed* once it has an outcome. The plan is *finished* when END was heard and
 * every entry is closed.
 *
 * All errors are `ERR_PROTOCOL`: the peer did what the plan does not allow. They say what and where.
 */
export class Plan {
  /** The entries of all offers so far; their index is their place. */
  readonly entries: Entry[] = []
  /** Wanted entries, whether they came or not. */
  wantedEntries = 0
  /** Bytes of the wanted entries that are to travel, each once; `null` while one of unknown size is among them. */
  wantedBytes: number | null = 0
  /** Entries that have an outcome, of all and of the wanted ones. */
  closedEntries = 0
  closedWanted = 0
  /** Bytes that came, those that came again included. */
  cameBytes = 0
  /** Bytes that did not have to travel, since they were proved. */
  provedBytes = 0
  /** Whether nothing more will be offered. */
  isEnded = false
  #state = new Uint8Array(0)
  #asked = new Uint8Array(0)
  #isClosed = new Uint8Array(0)
  /** Requests of each file that are not answered yet, and how many files have such. */
  #requests = new Uint8Array(0)
  #openFiles = 0
  readonly #mixed = new Map<number, Parts>()
  /** Entries below have been decided about; those of no bytes below have been passed; nothing below is coming. */
  #decided = 0
  #passed = 0
  #next = 0

  /** Takes an offer in, the first or an attached one. Nothing of it is wanted yet. */
  add(offer: Offer): void {
    if (this.isEnded) throw refuse('an offer after the end')
    if (offer.first !== this.entries.length) throw refuse(`an offer that begins with entry ${offer.first}`)
    for (const entry of offer.entries) this.entries.push(entry)
    const { length } = this.entries
    this.#state = grown(this.#state, length)
    this.#asked = grown(this.#asked, length)
    this.#isClosed = grown(this.#isClosed, length)
    this.#requests = grown(this.#requests, length)
  }

  /** The first entry that was not decided about; the number of entries when all were. */
  get undecided(): number {
    return this.#decided
  }

  /** Decides that the next `count` entries are not wanted. They need an outcome all the same. */
  skip(count: number): void {
    const end = this.#decide(count)
    this.#asked.fill(Asked.Skipped, end - count, end)
  }

  /** Decides that the next `count` entries are wanted with all of their bytes: one request for each file. */
  want(count: number): void {
    const end = this.#decide(count)
    this.#asked.fill(Asked.Wanted, end - count, end)
    for (let index = end - count; index < end; index++) {
      const { type, size } = this.entries[index]!
      this.wantedEntries++
      this.wantedBytes = size === null || this.wantedBytes === null ? null : this.wantedBytes + size
      if (this.#isClosed[index]) continue
      this.#state[index] = Is.Coming
      if (type === 'file') this.#request(index)
    }
  }

  /**
   * Decides about the next entry, a file: it is wanted, the bytes of `claimed` are to be proved, the others to come.
   * One request.
   */
  claim(claimed: readonly Range[]): void {
    const index = this.#decided
    this.want(1)
    this.#turn(index, claimed, 'claimed')
  }

  /** Asks again for bytes of a file, or only for its digest again: one more request. */
  ask(index: number, ranges: readonly Range[] = []): void {
    const entry = this.#file(index)
    if (this.#asked[index] !== Asked.Wanted) throw refuse('a request for', entry)
    if (this.#isClosed[index]) return
    this.#request(index)
    this.#turn(index, ranges, 'coming')
    this.#next = Math.min(this.#next, index)
  }

  /** The bytes were claimed, and are what the sender has. */
  prove(index: number, ranges: readonly Range[]): void {
    const entry = this.#file(index)
    for (const { start, end } of ranges) {
      if (this.#isClosed[index]) return
      if (!this.#mixed.get(index)?.claimed.covers(start, end) && this.#state[index] !== Is.Claimed)
        throw refuse(`proof of bytes that nobody claimed of`, entry)
      this.provedBytes += end - start
    }
    this.#turn(index, ranges, 'there')
  }

  /** Whether all bytes from `start` up to `end` of an entry are to come, or are there. */
  isComing(index: number, start = 0, end = this.#sizeOf(index)): boolean {
    return this.#covers(index, start, end, Is.Coming, 'coming')
  }

  isThere(index: number, start = 0, end = this.#sizeOf(index)): boolean {
    return this.#covers(index, start, end, Is.There, 'there')
  }

  isClosed(index: number): boolean {
    return this.#isClosed[index] === 1
  }

  isWanted(index: number): boolean {
    return this.#asked[index] === Asked.Wanted
  }

  isSkipped(index: number): boolean {
    return this.#asked[index] === Asked.Skipped
  }

  /** Whether a request for the file is not answered yet. */
  isOpen(index: number): boolean {
    return this.#requests[index]! > 0 && !this.#isClosed[index]
  }

  /** How often the file was asked for without an answer. */
  requestsOf(index: number): number {
    return this.#requests[index] ?? 0
  }

  /** The bytes of an entry that are neither there nor to come. */
  missing(index: number): Range[] {
    const missing = Ranges.of(0, this.#sizeOf(index))
    const state = this.#state[index]
    if (state === Is.Coming || state === Is.There) return []
    if (state === Is.Mixed) {
      const { coming, there } = this.#mixed.get(index)!
      for (const known of [coming, there])
        for (const { start, end } of known.toArray()) missing.remove(start, end)
    }
    return missing.toArray()
  }

  /**
   * The first entry from `index` on of which something is to come, and where that begins and ends within it; for an
   * entry of no bytes 0 and 0, for one of unknown size without an end. Undefined if there is none.
   */
  coming(index: number = this.#next): { entry: Entry; start: number; end: number } | undefined {
    const isFirst = index <= this.#next
    // nothing comes of what was not decided about; that is looked at when it was, and not each time until then
    for (let i = index; i < this.#decided; i++) {
      const state = this.#state[i]
      if (this.#isClosed[i] || (state !== Is.Coming && state !== Is.Mixed)) continue
      const entry = this.entries[i]!
      const range =
        state === Is.Coming ? { start: 0, end: this.#sizeOf(i) } : this.#mixed.get(i)!.coming.next(0)
      if (range === undefined) continue
      if (isFirst) this.#next = i
      return { entry, start: range.start, end: entry.size === 0 ? 0 : range.end }
    }
    if (isFirst) this.#next = this.#decided
    return undefined
  }

  /**
   * Takes in `length` bytes that stand at `position` of the stream: gives the pieces that they are, each with the
   * entries of no bytes that it passes first.
   * @throws SluiceError for bytes that the plan does not want
   */
  *take(position: number, length: number, limits: PieceLimits = {}): Generator<Piece, void> {
    const most = limits.entries ?? MOST_ENTRIES
    const end = position + length
    let piece: Piece | undefined
    for (let at = position; at < end; ) {
      const index = this.#find(at)
      const entry = this.entries[index]!
      const offset = at - entry.start
      const count = Math.min(end - at, entry.size === null ? Number.POSITIVE_INFINITY : entry.size - offset)
      const isLate = this.#isClosed[index] === 1
      if (!isLate) this.#came(entry, at, offset, offset + count)
      // a piece goes on over entries of no bytes, as long as all of them are due
      if (piece && (isLate !== piece.isLate || !this.#joins(piece, index, most))) {
        yield piece
        piece = undefined
      }
      if (piece === undefined) {
        let first = index
        if (this.#passed < index) {
          const due = offset === 0 && !isLate ? this.#dueBefore(index, most) : index
          yield* this.#pass(due, most)
          first = due
          this.#passTo(index)
        }
        piece = { position: at, length: 0, first, last: index, offset: 0, ends: false, isLate }
        if (first === index) piece.offset = offset
      } else {
        this.#passTo(index)
        piece.last = index
      }
      piece.length += count
      piece.ends = offset + count === entry.size
      at += count
    }
    if (piece) yield piece
  }

  /** The entries of no bytes below `index` that are due and that no piece passed: they make pieces of no bytes. */
  *pass(index: number = this.entries.length, { entries = MOST_ENTRIES }: PieceLimits = {}): Generator<Piece> {
    yield* this.#pass(Math.min(index, this.entries.length), entries)
  }

  /** The size of an entry that was not known before; all of its bytes must be there. */
  setSize(index: number, size: number): void {
    const entry = this.#file(index)
    if (entry.size !== null) throw refuse('a second size of', entry)
    if (this.#isClosed[index]) return
    const parts = this.#partsOf(index)
    const came = parts.there.toArray().at(-1)?.end ?? 0
    if (came !== size || !parts.there.covers(0, size))
      throw refuse(`a size of ${size} after ${came} bytes of`, entry)
    parts.coming.clear()
    this.#settle(index)
  }

  /**
   * Takes in the answer to one request for a file: its digest, or with `failed` that it cannot be sent to its end.
   * @returns whether anybody still wants to know: not of a file that has its outcome
   */
  answer(index: number, failed = false): boolean {
    const entry = this.#file(index)
    if (this.#isClosed[index]) return false
    if (this.#requests[index] === 0) throw refuse('a digest that nobody waits for of', entry)
    if (failed) this.#giveUp(index)
    else if (this.#requests[index] === 1 && this.#comes(index))
      throw refuse('a digest before the last byte of', entry)
    if (--this.#requests[index]! === 0) this.#openFiles--
    return true
  }

  /** The entry has its outcome: nothing of it is wanted any more. The second time does nothing. */
  close(index: number): void {
    if (this.#isClosed[index]) return
    this.#isClosed[index] = 1
    this.closedEntries++
    if (this.#asked[index] === Asked.Wanted) this.closedWanted++
    if (this.#requests[index]! > 0) {
      this.#requests[index] = 0
      this.#openFiles--
    }
    this.#giveUp(index)
  }

  /** END was heard: nothing more will be offered, and every request was answered. */
  end(): void {
    if (this.isEnded) throw refuse('the end twice')
    if (this.#decided < this.entries.length) throw refuse('the end before an answer to its offer')
    if (this.#openFiles > 0) {
      const index = this.#requests.findIndex((count) => count > 0)
      throw refuse('the end before the digest of', this.entries[index])
    }
    this.isEnded = true
  }

  get isFinished(): boolean {
    return this.isEnded && this.closedEntries === this.entries.length
  }

  #decide(count: number): number {
    const end = this.#decided + count
    if (end > this.entries.length)
      throw refuse(`an answer about entry ${end - 1}, of ${this.entries.length} that were offered`)
    this.#decided = end
    return end
  }

  #file(index: number): Entry {
    const entry = this.entries[index]
    if (entry?.type !== 'file') throw refuse(`something about entry ${index}, which is no file of the offer`)
    return entry
  }

  #request(index: number): void {
    if (this.#requests[index] === 255) throw refuse('too many requests for', this.entries[index])
    if (this.#requests[index]!++ === 0) this.#openFiles++
  }

  /** Bytes of an entry: one where it has none, so that it can be to come, too. */
  #sizeOf(index: number): number {
    const { size, start } = this.entries[index]!
    return size === null ? Number.MAX_SAFE_INTEGER - start : Math.max(size, 1)
  }

  /** The entry that the byte at `position` belongs to: near the one before, or by binary search. */
  #find(position: number): number {
    const { entries } = this
    let low = 0
    let high = entries.length
    const near = this.#passed
    if (near < high && entries[near]!.start <= position) {
      low = near
      // what comes in order is a few entries ahead
      let step = 1
      while (low + step < high && entries[low + step]!.start <= position) {
        low += step
        step *= 2
      }
      high = Math.min(high, low + step)
    }
    while (low < high) {
      const middle = (low + high) >>> 1
      if (entries[middle]!.start <= position) low = middle + 1
      else high = middle
    }
    const index = low - 1
    const found = entries[index]
    if (found === undefined || (found.size !== null && position >= found.start + found.size))
      throw refuse(`bytes at ${position}, beyond the end of the offer`)
    return index
  }

  #came(entry: Entry, position: number, start: number, end: number): void {
    const { index } = entry
    if (!this.isComing(index, start, end))
      throw refuse(`bytes at ${position} ${this.#why(index, start, end)}`, entry)
    this.cameBytes += end - start
    if (start === 0 && end === this.#sizeOf(index)) this.#become(index, Is.There)
    else this.#turn(index, [{ start, end }], 'there')
  }

  /** Why bytes are not wanted, for people. */
  #why(index: number, start: number, end: number): string {
    if (this.#asked[index] === Asked.Skipped) return 'of a skipped entry:'
    if (this.#asked[index] === Asked.NotYet) return 'before the answer to'
    const state = this.#state[index]
    const parts = this.#mixed.get(index)
    if (state === Is.There || parts?.there.overlaps(start, end)) return 'that came already of'
    if (state === Is.Claimed || parts?.claimed.overlaps(start, end)) return 'that are only to be proved of'
    return 'that were given up of'
  }

  #joins(piece: Piece, index: number, most: number): boolean {
    if (index === piece.last) return true
    if (piece.isLate || !piece.ends || index - piece.first >= most) return false
    for (let i = piece.last + 1; i < index; i++) if (!this.#isDue(i)) return false
    return true
  }

  /** Whether an entry of no bytes is to come. */
  #isDue(index: number): boolean {
    return this.entries[index]!.size === 0 && this.#state[index] === Is.Coming && !this.#isClosed[index]
  }

  /** Where the row of due entries of no bytes begins that ends just before `index`. */
  #dueBefore(index: number, most: number): number {
    let first = index
    while (first > this.#passed && index - first < most - 1 && this.#isDue(first - 1)) first--
    return first
  }

  *#pass(end: number, most: number): Generator<Piece, void> {
    while (this.#passed < end) {
      const first = this.#passed
      if (!this.#isDue(first)) {
        this.#passed++
        continue
      }
      while (this.#passed < end && this.#passed - first < most && this.#isDue(this.#passed))
        this.#become(this.#passed++, Is.There)
      const position = this.entries[first]!.start
      yield { position, length: 0, first, last: this.#passed - 1, offset: 0, ends: true, isLate: false }
    }
  }

  /** The entries of no bytes below `index` go with the piece that has that one. */
  #passTo(index: number): void {
    for (; this.#passed < index; this.#passed++)
      if (this.#isDue(this.#passed)) this.#become(this.#passed, Is.There)
  }

  #comes(index: number): boolean {
    const state = this.#state[index]
    return state === Is.Coming || (state === Is.Mixed && !this.#mixed.get(index)!.coming.isEmpty)
  }

  /** What is to come of an entry will not. */
  #giveUp(index: number): void {
    if (this.#state[index] === Is.Coming || this.#isClosed[index]) this.#become(index, Is.Absent)
    else if (this.#state[index] === Is.Mixed) {
      this.#mixed.get(index)!.coming.clear()
      this.#settle(index)
    }
  }

  #covers(index: number, start: number, end: number, state: number, part: keyof Parts): boolean {
    if (this.#state[index] === state) return start < end && end <= this.#sizeOf(index)
    return this.#mixed.get(index)?.[part].covers(start, end) ?? false
  }

  /** Brings bytes of an entry into another state. */
  #turn(index: number, ranges: readonly Range[], part: keyof Parts): void {
    if (ranges.length === 0) return
    const size = this.#sizeOf(index)
    const parts = this.#partsOf(index)
    for (const { start, end } of ranges) {
      if (!(start >= 0 && start < end && end <= size))
        throw refuse(`a range from ${start} to ${end} of`, this.entries[index])
      for (const ranges of [parts.coming, parts.claimed, parts.there]) ranges.remove(start, end)
      parts[part].add(start, end)
    }
    this.#settle(index)
  }

  /** The parts of an entry; made from its state as a whole where there are none. */
  #partsOf(index: number): Parts {
    let parts = this.#mixed.get(index)
    if (parts) return parts
    parts = { coming: new Ranges(), claimed: new Ranges(), there: new Ranges() }
    const size = this.#sizeOf(index)
    const state = this.#state[index]
    if (state === Is.Coming) parts.coming.add(0, size)
    if (state === Is.Claimed) parts.claimed.add(0, size)
    if (state === Is.There) parts.there.add(0, size)
    this.#mixed.set(index, parts)
    this.#state[index] = Is.Mixed
    return parts
  }

  /** Keeps no parts of an entry that is in one state as a whole. */
  #settle(index: number): void {
    const { coming, claimed, there } = this.#partsOf(index)
    const size = this.#sizeOf(index)
    if (coming.covers(0, size)) this.#become(index, Is.Coming)
    else if (claimed.covers(0, size)) this.#become(index, Is.Claimed)
    else if (there.covers(0, size)) this.#become(index, Is.There)
    else if (coming.isEmpty && claimed.isEmpty && there.isEmpty) this.#become(index, Is.Absent)
  }

  #become(index: number, state: number): void {
    this.#state[index] = state
    this.#mixed.delete(index)
  }
}

function grown(array: Uint8Array<ArrayBuffer>, length: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(length)
  larger.set(array)
  return larger
}

function refuse(what: string, entry?: Entry): SluiceError {
  const of = entry === undefined ? '' : ` entry ${entry.index}`
  const details = entry === undefined ? {} : { path: entry.path }
  return new SluiceError('ERR_PROTOCOL', `the peer sent ${what}${of}`, details)
}
