import { fileCodeOf, SluiceError } from '../errors.js'
import type { Entry, Offer } from '../wire/manifest.js'
import type { DigestRecord } from '../wire/messages.js'
import { type Bitmap, isWanted } from '../wire/positions.js'
import { allEntries, type Cut, type SentDigest } from './items.js'

/** What is known of an entry: it will come, its digest came, it failed at the sender, or it was not asked for. */
const Known = { Nothing: 0, Digest: 1, Failure: 2, Unwanted: 3 }

/**
 * Cuts the stream at file boundaries: pure, knows positions and nothing else. Entries of no bytes have no data of
 * their own; they are cut when the stream passes them, when their digest comes, or at the end. Cuts are made one by one,
 * as they are asked for: a million folders may follow each other.
 */
export class Cutter {
  #entries: readonly Entry[] = []
  #known = new Uint8Array(0)
  #digestLength = 0
  /** The entry that comes next or is running, and how much of it was cut. */
  #next = 0
  #offset = 0

  /** Takes an offer, the first or an attached one; `want` holds a bit per entry of it, all if it is left out. */
  add(offer: Offer, digestLength: number, want?: Bitmap): void {
    this.#digestLength = digestLength
    this.#entries = allEntries(this.#entries, offer)
    const known = new Uint8Array(this.#entries.length)
    known.set(this.#known)
    if (want !== undefined) {
      for (let i = 0; i < offer.entries.length; i++)
        if (!isWanted(want, i)) known[offer.first + i] = Known.Unwanted
    }
    this.#known = known
  }

  /**
   * The cuts of `length` bytes that stand at `position` of the stream.
   * @throws SluiceError `ERR_PROTOCOL` for bytes that come twice, leave a gap, or were not asked for
   */
  *cut(position: number, length: number, chunks: readonly Buffer[]): Generator<Cut, void> {
    yield* this.#advance(position)
    let chunk = 0
    let used = 0
    for (let left = length; left > 0; ) {
      const entry = yield* this.#current(position + length - left)
      const room = entry.size === null ? left : entry.size - this.#offset
      const source = chunks[chunk]!
      const take = Math.min(left, room, source.length - used)
      const last = take === room && entry.size !== null
      const bytes = take === source.length ? source : source.subarray(used, used + take)
      yield { entry, offset: this.#offset, bytes, last }
      used += take
      left -= take
      if (used === source.length) {
        chunk += 1
        used = 0
      }
      if (last) this.#end()
      else this.#offset += take
    }
  }

  /**
   * Checks what the sender says of files that ended, and gives it; before, the cuts of no bytes that this makes due.
   * @throws SluiceError `ERR_PROTOCOL` for an entry that is not there, not asked for, said twice, or not ended
   */
  *digests(records: readonly DigestRecord[]): Generator<Cut, SentDigest[]> {
    const sent: SentDigest[] = []
    for (const record of records) {
      const entry = this.#entries[record.index]
      if (entry?.type !== 'file')
        throw refuse(`a digest of entry ${record.index}, which is no file of the offer`)
      if (this.#known[record.index] !== Known.Nothing)
        throw refuse('a digest that nobody waits for of', entry)
      sent.push(
        record.failure === undefined ? yield* this.#digest(entry, record) : this.#failure(entry, record),
      )
    }
    return sent
  }

  /**
   * The cuts of no bytes that are left at the end.
   * @throws SluiceError `ERR_PROTOCOL` if a file of the plan did not end, or ended without a digest
   */
  *finish(): Generator<Cut, void> {
    while (this.#next < this.#entries.length) yield* this.#pass(this.#entries[this.#next]!)
    const missing = this.#entries.find(
      (entry) => entry.type === 'file' && this.#known[entry.index] === Known.Nothing,
    )
    if (missing !== undefined) throw refuse('the end before the digest of', missing)
  }

  *#digest(entry: Entry, record: DigestRecord): Generator<Cut, SentDigest> {
    const { digest, size } = record
    if (digest === undefined || digest.length !== this.#digestLength) {
      throw refuse(`a digest of ${digest?.length ?? 0} instead of ${this.#digestLength} bytes for`, entry)
    }
    while (this.#next < entry.index) yield* this.#pass(this.#entries[this.#next]!)
    if (entry.size === null) {
      if (this.#next !== entry.index || size !== this.#offset) {
        throw refuse(`a size of ${size} after ${this.#offset} bytes for`, entry)
      }
      yield { entry, offset: this.#offset, bytes: Buffer.alloc(0), last: true }
      this.#end()
    } else if (size !== undefined) {
      throw refuse('a second size for', entry)
    } else if (this.#next === entry.index) {
      yield* this.#pass(entry)
    }
    this.#known[entry.index] = Known.Digest
    return { entry, digest: Buffer.from(digest), ...(size === undefined ? {} : { size }) }
  }

  #failure(entry: Entry, record: DigestRecord): SentDigest {
    this.#known[entry.index] = Known.Failure
    if (entry.index === this.#next && this.#offset > 0) this.#end()
    return { entry, failure: fileCodeOf(record.failure!) }
  }

  /** Goes on to `position`, past entries of no bytes and past what failed or is not wanted. */
  *#advance(position: number): Generator<Cut, void> {
    for (;;) {
      const entry = this.#entries[this.#next]
      if (entry === undefined) throw refuse(`bytes at ${position}, beyond the end of the offer`)
      const at = entry.start + this.#offset
      if (position < at) throw refuse(`bytes at ${position}, where ${at} is the next`)
      const end = entry.size === null ? Number.POSITIVE_INFINITY : entry.start + entry.size
      if (position < end && (position === at || this.#offset === 0)) {
        if (position !== at) throw refuse(`bytes at ${position} leave a gap of ${position - at} in`, entry)
        return
      }
      yield* this.#pass(entry)
    }
  }

  /** The entry that the byte at `position` belongs to; it must be one that was asked for. */
  *#current(position: number): Generator<Cut, Entry> {
    if (this.#offset === 0) yield* this.#advance(position)
    const entry = this.#entries[this.#next]!
    const known = this.#known[entry.index]
    if (known === Known.Failure || known === Known.Unwanted) {
      throw refuse(`bytes at ${position} of a file that is not in the plan:`, entry)
    }
    return entry
  }

  /** Leaves an entry behind that has no bytes, is not wanted, or failed. */
  *#pass(entry: Entry): Generator<Cut, void> {
    const known = this.#known[entry.index]
    if (known !== Known.Failure && known !== Known.Unwanted) {
      if (entry.size !== 0) throw refuse('a gap that no failure explains in', entry)
      yield { entry, offset: 0, bytes: Buffer.alloc(0), last: true }
    }
    this.#end()
  }

  #end(): void {
    this.#next += 1
    this.#offset = 0
  }
}

function refuse(what: string, entry?: Entry): SluiceError {
  const of = entry === undefined ? '' : ` entry ${entry.index}`
  return new SluiceError(
    'ERR_PROTOCOL',
    `the peer sent ${what}${of}`,
    entry === undefined ? {} : { path: entry.path },
  )
}
