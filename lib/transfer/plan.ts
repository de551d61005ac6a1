import type { Range } from '../ranges.js'
import type { Entry, Offer } from '../wire/entry.js'
import { ByteStates, type EntryBytes, Is } from './plan/byte-states.js'
import { ChunkedFiles } from './plan/chunked-files.js'
import { Decisions, type WantedCounts } from './plan/decisions.js'
import { type Piece, PieceCutter, type PieceLimits } from './plan/pieces.js'
import { ProvedBytes } from './plan/proved-bytes.js'
import { fileAt, misuse, refuse, whyNotComing } from './plan/refuse.js'
import { Requests } from './plan/requests.js'
import { type Span, takeBack } from './plan/take-back.js'

/**
 * What of a transfer is wanted, what came, and what became of it: the one book of positions on both sides. Pure.
 *
 * Each byte of each entry is in one of four states: *absent* (not asked for, or given up), *coming* (asked for, on its
 * way), *claimed* (the receiver says that it has it; to be proved), *there* (came, or was proved). An entry of no bytes
 * (a folder, a link) counts as one byte. On the receiver's side "came" means received, on the sender's side sent.
 *
 * A *request* asks for a file, for the first time or again; the sender answers each with one record: digest or failure.
 * A file is *open* while one for it is unanswered, of which there may be 255, and *closed* once it has an outcome. The
 * plan is *finished* when END was heard and every entry is closed. Errors: `ERR_PROTOCOL` for the peer's, `ERR_STATE`
 * for the caller's.
 */
export class Plan {
  /** The entries of all offers so far; their index is their place. */
  readonly entries: Entry[] = []
  /** The first entry that was not decided about; the number of entries when all were. */
  undecided = 0
  /** Bytes that came, those that came again included; not those that were late. */
  cameBytes = 0
  /** Whether nothing more will be offered. */
  isEnded = false
  /** Whether data comes over several connections: then it may come behind the record that its file has failed. */
  hasLanes = false
  /** Files claimed by their chunks, until the first request for them is answered. */
  readonly chunked = new ChunkedFiles()
  readonly #states = new ByteStates(this.entries)
  readonly #cutter = new PieceCutter(this.entries, this.#states, (entry, start, end) => {
    // thrown away: the sender may not have heard yet that the file is closed
    if (this.isClosed(entry.index) && this.#requests.of(entry.index) > 0) return true
    if (this.#states.are(Is.Coming, entry.index, start, end)) return false
    if (this.hasLanes && this.isWanted(entry.index) && !this.isOpen(entry.index)) return true
    const why = whyNotComing(this, this.#states, entry.index, start, end)
    throw this.#sent(`bytes at ${entry.start + start} ${why}`, entry)
  })
  readonly #requests = new Requests()
  readonly #decisions = new Decisions()
  readonly #proved = new ProvedBytes()
  #asked = misuse
  #sent = refuse
  /** @param peer what it does: 'sends' at a receiver (default), 'asks' at a sender. All else is up to the caller. */
  constructor(peer: 'sends' | 'asks' = 'sends') {
    if (peer === 'asks') [this.#asked, this.#sent] = [refuse, misuse]
  }

  /** Takes an offer in, the first or an attached one. Nothing of it is wanted yet. */
  add(offer: Pick<Offer, 'first' | 'entries'>): void {
    if (this.isEnded) throw this.#sent('an offer after the end')
    if (offer.first !== this.entries.length)
      throw this.#sent(`an offer that begins with entry ${offer.first}`)
    for (const entry of offer.entries) this.entries.push(entry)
    this.#states.grow()
    this.#requests.grow(this.entries.length)
    this.#decisions.grow(this.entries.length)
  }

  /** How many entries are wanted, come or not. */
  get wanted(): Readonly<WantedCounts> {
    return this.#decisions.wanted
  }
  /** Their bytes, each once, whether they travel or are proved; `null` while a size is not known. */
  get wantedBytes(): number | null {
    return this.#decisions.wantedBytes
  }
  /** Bytes that did not have to travel, since they were proved. */
  get provedBytes(): number {
    return this.#proved.total
  }

  /** Bytes that are still to come of an entry; of all of them unless told otherwise. */
  left(index?: number): number {
    return index === undefined ? this.#states.comingBytes : this.#states.comingOf(index)
  }
  /** Entries that have an outcome. */
  get closedEntries(): number {
    return this.#decisions.closedEntries
  }

  /** Decides that the next `count` entries are not wanted. They need an outcome all the same. */
  skip(count: number): void {
    this.#decide(count)
  }

  /** Decides that the next `count` readable entries are wanted: a request for each file; `isClaimed`: its proof. */
  want(count: number, isClaimed = false): void {
    const [start, end] = [this.undecided, this.#decide(count)]
    this.#states.set(start, isClaimed ? Is.Claimed : Is.Coming, end)
    for (let index = start; index < end; index++) {
      const { type, size } = this.entries[index]!
      if (isClaimed && size === null) throw this.#asked('a claim of all of', this.entries[index])
      if (type !== 'unreadable') this.#decisions.want(index, type === 'file')
      this.#decisions.count(size)
      if (this.isClosed(index) || !this.isWanted(index)) this.#states.set(index, Is.Absent)
      else if (type === 'file') this.#requests.add(index)
      else if (isClaimed) this.#states.set(index, Is.Coming)
    }
  }

  /**
   * Decides about the next entry, a file: the bytes of `claimed` are to be proved, the others to come; with `byChunks`
   * its chunks are to be said, so that the receiver finds what it has of it elsewhere. One request.
   */
  claim(claimed: readonly Range[], byChunks = false): void {
    const index = this.undecided
    fileAt(this, index, this.#asked, this.#states, claimed)
    this.want(1)
    if (this.isClosed(index)) return
    for (const range of claimed) this.#states.change(index, range, Is.Claimed)
    if (byChunks) this.chunked.add(index)
  }

  /**
   * Asks again for bytes of a file, for proof of others, or only for its digest: one more request; nothing for a closed
   * file. What is in both lists is to come. Bytes that are still coming must not be asked for: the sender would send
   * them twice.
   */
  ask(index: number, ranges: readonly Range[] = [], claimed: readonly Range[] = []): void {
    const entry = fileAt(this, index, this.#asked, this.#states, [...ranges, ...claimed])
    if (!this.isWanted(index)) throw this.#asked('a request for bytes that nobody wanted before, of', entry)
    if (this.isClosed(index)) return
    if (!this.#requests.addAgain(index)) throw this.#asked('too many requests for', entry)
    for (const range of claimed) this.#states.change(index, range, Is.Claimed)
    for (const range of ranges) this.#states.change(index, range, Is.Coming)
    this.#proved.remove(index, ranges)
  }

  /** The bytes were claimed, and are what the sender has. */
  prove(index: number, ranges: readonly Range[]): void {
    const entry = fileAt(this, index, this.#sent, this.#states, ranges)
    if (this.isClosed(index)) return
    for (const range of ranges) {
      if (!this.#states.are(Is.Claimed, index, range.start, range.end))
        throw this.#sent('proof of bytes that nobody claimed of', entry)
      if (this.#states.sizeOf(index) !== 0) this.#proved.add(index, range)
      this.#states.change(index, range, Is.There)
    }
  }

  /** Whether all bytes from `start` up to `end` of an entry are to come, by default all of its bytes. */
  isComing(index: number, start?: number, end?: number): boolean {
    return this.#states.are(Is.Coming, index, start, end)
  }
  /** The same of bytes that are there. */
  isThere(index: number, start?: number, end?: number): boolean {
    return this.#states.are(Is.There, index, start, end)
  }

  /** Whether all bytes from `start` up to `end` of an entry are there, or claimed. */
  isKnown(index: number, start: number, end: number): boolean {
    return this.#states.areKnown(index, start, end)
  }
  /** Whether the entry has its outcome. */
  isClosed(index: number): boolean {
    return this.#decisions.isClosed(index)
  }
  /** Whether it was decided that the entry is wanted. */
  isWanted(index: number): boolean {
    return this.#decisions.isWanted(index)
  }
  /** Whether it was decided that it is not. */
  isSkipped(index: number): boolean {
    return index < this.undecided && !this.isWanted(index)
  }

  /** Whether a request for the file is not answered yet, and somebody still wants to know. */
  isOpen(index: number): boolean {
    return this.requestsOf(index) > 0
  }

  /** How often the file was asked for without an answer; 0 if it is closed. */
  requestsOf(index: number): number {
    return this.isClosed(index) ? 0 : this.#requests.of(index)
  }

  /** Whether a file was asked for again, and such a request is open. */
  isAskedAgain(index: number): boolean {
    return this.#requests.isAgain(index)
  }
  /** All such files, in order. */
  askedAgain(): Iterable<number> {
    return this.#requests.askedAgain()
  }

  /** The bytes of an entry that are neither there nor to come: from 0 to 0 for an entry of no bytes. */
  missing(index: number): Range[] {
    return this.#states.missing(index)
  }
  /** The bytes of a file that are claimed and not proved yet. */
  claimed(index: number): Range[] {
    return this.#states.claimed(index)
  }

  /** The first bytes to come from `offset` of entry `index` on: 0 to 0 of an empty one, no real end without a size. */
  coming(index = 0, offset = 0): EntryBytes | undefined {
    return this.#states.nextComing(index, offset)
  }
  /** The first ones to be proved. */
  toProve(index = 0, offset = 0): EntryBytes | undefined {
    return this.#states.nextClaimed(index, offset)
  }

  /**
   * Takes in `length` bytes that stand at `position` of the stream: gives the pieces that they are, each with the
   * entries of no bytes that it passes first. A piece counts as taken in when it is given, not before.
   * @throws SluiceError for bytes that are not wanted, and where very many files, or parts of them, are unfinished
   */
  *take(position: number, length: number, limits: PieceLimits = {}): Generator<Piece, void> {
    for (const piece of this.#cutter.take(position, position + length, limits, this.#sent)) {
      if (!piece.isLate) this.cameBytes += piece.length
      yield piece
    }
  }

  /** Takes bytes that were sent, beginning in entry `first` or behind it, for lost: they are to be sent once more. */
  takeBack(sent: Span): void {
    this.cameBytes -= takeBack(this, this.#states, sent)
  }
  /** The entries of no bytes below `index` that are to come and were in no piece yet, each once: before its digest. */
  *pass(index: number = this.entries.length, limits: PieceLimits = {}): Generator<Piece, void> {
    yield* this.#cutter.passAll(index, limits)
  }

  /**
   * Sets the size of an entry; the digest that it came with goes to {@link answer} next.
   * @returns the piece of no bytes that ends it; undefined if nobody waits for it: it is closed, or it was said before
   */
  setSize(index: number, size: number): Piece | undefined {
    const entry = fileAt(this, index, this.#sent)
    const known = this.#states.sizeOf(index)
    if (entry.size === null && size === known) return undefined
    if (known !== null) throw this.#sent(`a size of ${size} after one of ${known} of`, entry)
    if (!this.isWanted(index)) throw this.#sent('the size of what is not wanted:', entry)
    if (this.isClosed(index)) return undefined
    if (!this.#states.setSize(index, size)) throw this.#sent(`a size of ${size} after more bytes of`, entry)
    this.#decisions.count(size)
    const position = entry.start + size
    return { position, length: 0, first: index, last: index, offset: size, ends: true, isLate: false }
  }

  /**
   * Takes in the answer to one request for a file: its digest, or with `failed` that it cannot be sent to its end. What
   * is still to come when the last request was answered with a failure, or after one, is given up.
   * @returns whether anybody still wants to know: not of a file that has its outcome
   */
  answer(index: number, failed = false): boolean {
    const entry = fileAt(this, index, this.#sent)
    const open = this.#requests.of(index)
    if (open === 0) throw this.#sent(`${failed ? 'a failure' : 'a digest'} that nobody waits for of`, entry)
    const mayLack = this.#requests.answer(index, failed)
    this.chunked.delete(index)
    if (this.isClosed(index)) return false
    if (open > 1 || !this.#states.coming.has(index)) return true
    if (!mayLack) throw this.#sent('a digest before the last byte of', entry)
    this.#states.giveUp(index)
    return true
  }

  /** The entries from `first` up to `end` have their outcome: nothing of them is wanted any more. May be said again. */
  close(first: number, end = first + 1): void {
    this.#decisions.close(first, end)
    this.#requests.close(first, end)
    this.chunked.delete(first, end)
    this.#proved.close(first, end)
    this.#states.set(first, Is.Absent, end)
  }

  /** END was heard: nothing more will be offered. What was asked for again may be open: it can cross END on its way. */
  end(): void {
    if (this.isEnded) throw this.#sent('the end twice')
    if (this.undecided < this.entries.length) throw this.#sent('the end before an answer to its offer')
    const owed = this.#requests.firstUnanswered
    if (owed !== undefined) throw this.#sent('the end before the digest of', this.entries[owed])
    this.isEnded = true
  }

  /** Whether END was heard, and every entry has its outcome. */
  get isFinished(): boolean {
    return this.isEnded && this.closedEntries === this.entries.length
  }

  /** Decides about the next `count` entries; gives the index behind them. */
  #decide(count: number): number {
    const [end, length] = [this.undecided + count, this.entries.length]
    if (end > length) throw this.#asked(`an answer about entry ${end - 1}, of ${length} that were offered`)
    this.undecided = end
    return end
  }
}
