import { createDigest, type Digest } from '../digest/digests.js'
import { printable, SluiceError } from '../errors.js'
import type { Entry, Offer, OfferEnd, WireEntry } from './entry.js'
import { HEADER_BYTES } from './frames.js'
import { DEFAULT_LIMITS, type Limits } from './limits.js'
import { encodeMessage, type Message, type Messages } from './messages.js'
import { badEntry, faultOfText, OfferedNames, type PathRules, pathCheck } from './paths.js'

/** Where an offer begins: at 0, or where the offers before it end. */
type Before = Pick<Offer, 'first' | 'position'>

/** The algorithm of the digest of an offer: what it covers is small. */
const OFFER_DIGEST = 'sha256'
/** Most bytes of a page: below the limit that holds before the handshake ends, with the frame around it. */
const PAGE_BYTES = 60 * 1024
export const PAGE_ENTRIES = 500
/** Bytes of the map around the entries. */
const PAGE_HEAD = 16
/** Most bytes that an entry takes beside its texts: list 1, type 1, two lengths 3 + 3, size 9, mtime 9, mode 3. */
const ENTRY_HEAD = 29

/**
 * Says an offer: OFFER, pages of ENTRIES, and a last one with its end, the digest of the payloads of all before it in
 * that. Without it a bit that changed on the way would change a name. What is known of an offer that is still being
 * made may be said before the rest.
 */
export class OfferFrames {
  readonly #offer: Offer
  readonly #hash = createDigest(OFFER_DIGEST)
  #hasBegun = false
  /** Entries that were said. */
  #said = 0

  constructor(offer: Offer) {
    this.#offer = offer
  }

  /** What is known by now and makes a full page, of at most `most` bytes where one entry allows it. */
  *known(most?: number): Generator<Buffer, void> {
    yield* this.#pages(PAGE_ENTRIES, most)
  }

  /** All that was not said, and the end. */
  *rest(most?: number): Generator<Buffer, void> {
    yield* this.#pages(1, most)
    const { entries, bytes } = this.#offer
    const end = { count: entries.length, bytes, digest: this.#hash.digest() }
    yield encodeMessage({ type: 'entries', entries: [], end })
  }

  /** Pages as long as `least` entries are left for one. */
  *#pages(least: number, most = PAGE_BYTES): Generator<Buffer, void> {
    const { id, name, algorithm, entries, open } = this.#offer
    if (!this.#hasBegun) yield this.#frame({ type: 'offer', id, name, algorithm, ...(open && { open }) })
    this.#hasBegun = true
    while (this.#said + least <= entries.length) {
      const end = pageEnd(entries, this.#said, Math.min(most, PAGE_BYTES))
      yield this.#frame({ type: 'entries', entries: entries.slice(this.#said, end) })
      this.#said = end
    }
  }

  #frame(message: Message): Buffer {
    const frame = encodeMessage(message)
    this.#hash.update(frame.subarray(HEADER_BYTES))
    return frame
  }
}

/** The index of the entry behind a page of at most `most` bytes that begins with entry `from`. */
function pageEnd(entries: readonly Entry[], from: number, most: number): number {
  const last = Math.min(from + PAGE_ENTRIES, entries.length)
  let bytes = PAGE_HEAD
  let end = from
  for (; end < last; end++) {
    const { path, target } = entries[end]!
    bytes += ENTRY_HEAD + Buffer.byteLength(path) + (target === undefined ? 0 : Buffer.byteLength(target))
    if (bytes > most && end > from) break
  }
  return end
}

/** The times that a disk can hold, in milliseconds: 1901 to 2446, as ext4 does with 256-byte inodes. */
const EARLIEST = -(2 ** 31) * 1000
const LATEST = (2 ** 34 - 2 ** 31 - 1) * 1000
/** A time in whole milliseconds that a disk can hold, as near as can be. */
export function clampTime(milliseconds: number): number {
  return Math.floor(Math.min(Math.max(milliseconds, EARLIEST), LATEST))
}

/** What an entry of a manifest takes in memory beside its path, about, as measured in Node 22. */
const ENTRY_MEMORY = 192

/**
 * Reads the offers of a transfer and checks them; pure. Attached ones go on where those before ended. After an error
 * it must not be used any more.
 */
export class ManifestReader {
  readonly #limits: Limits
  readonly #checkPath: (path: string) => void
  #before: Before = { first: 0, position: 0 }
  /** What the offer that is being read announced. */
  #said: Messages['offer'] | null = null
  /** The last offer that was complete. */
  #last: Offer | null = null
  #entries: Entry[] = []
  /** Those of the last page. */
  page: readonly Entry[] = []
  #bytes = 0
  #payload = 0
  /** Entries of the offer that is being read. */
  #found = 0
  /** Bytes of memory that it takes. */
  #memory = 0
  /** Of the payloads that said it. */
  #hash: Digest | undefined
  /** Forgotten when the first offer is complete, since few are followed by another one, and kept from the second on. */
  readonly #names: OfferedNames
  /** The entries of the first offer, whose names were forgotten, and how many of them were taken in again. */
  #forgotten: readonly Entry[] = []
  #recalled = 0

  constructor(limits: Limits = DEFAULT_LIMITS, rules: PathRules = {}) {
    this.#limits = limits
    this.#checkPath = pathCheck({ ...rules, limits })
    this.#names = new OfferedNames(limits.entries)
  }

  /**
   * Takes an OFFER and the bytes that said it.
   * @throws SluiceError `ERR_PROTOCOL`, `ERR_LIMIT`
   */
  offer(message: Messages['offer'], payload: Buffer): void {
    this.#checkAttached(message)
    this.recall()
    this.#said = message
    this.#entries = []
    this.#bytes = 0
    this.#found = 0
    this.#memory = 0
    this.#hash = createDigest(OFFER_DIGEST).update(payload)
  }

  /**
   * Takes in again what the first offer has named, of at most `most` entries: it counts in a second one too. Called by
   * {@link offer}; and before that, in slices, by whoever must let others have their turn meanwhile.
   * @returns whether there is more
   */
  recall(most = Number.POSITIVE_INFINITY): boolean {
    const end = Math.min(this.#recalled + most, this.#forgotten.length)
    while (this.#recalled < end) this.#names.add(this.#forgotten[this.#recalled++]!)
    return this.#recalled < this.#forgotten.length
  }

  /**
   * Takes a page of entries and the bytes that said it; gives the offer at its end.
   * @throws SluiceError `ERR_PROTOCOL`, `ERR_LIMIT`, `ERR_PATH`; `ERR_CORRUPT` if it is not what the peer has said
   */
  entries(message: Messages['entries'], payload: Buffer): Offer | undefined {
    const said = this.#said
    if (said === null) throw new SluiceError('ERR_PROTOCOL', 'the peer sent entries that no offer announced')
    this.#payload += payload.length
    const most = this.#limits.manifest
    if (this.#payload > most) {
      const text = `the manifest of the peer has more than ${most} bytes: raise limits.manifest, or send in parts`
      throw new SluiceError('ERR_LIMIT', text, { expected: most, found: this.#payload })
    }
    if (message.end) return this.#complete(said, message.end)
    this.#hash!.update(payload)
    this.#count(message.entries.length)
    const from = this.#entries.length
    for (const entry of message.entries) {
      if (this.#memory > this.#limits.unaccepted) this.#forget()
      else this.#entry(entry)
    }
    this.page = this.#entries.slice(from)
    return undefined
  }

  #count(more: number): void {
    this.#found += more
    const most = this.#limits.entries
    const all = this.#before.first + this.#found
    if (all <= most) return
    const text = `the peer offers ${all} entries or more; at most ${most} are taken: raise limits.entries, or send in parts`
    throw new SluiceError('ERR_LIMIT', text, { expected: most, found: all })
  }

  #checkAttached({ id, algorithm }: Messages['offer']): void {
    if (this.#said !== null) {
      throw new SluiceError('ERR_PROTOCOL', 'the peer sent an offer before the entries of the one before')
    }
    const last = this.#last
    if (last === null) return
    if (id !== last.id || algorithm !== last.algorithm) {
      throw new SluiceError('ERR_PROTOCOL', 'an attached offer has another id or algorithm than the first')
    }
    if (last.entries.at(-1)?.size === null) {
      throw new SluiceError(
        'ERR_PROTOCOL',
        'an offer follows one of unknown size, so that it has no position',
      )
    }
    if (!last.open) throw new SluiceError('ERR_PROTOCOL', 'the peer attached to an offer that is not open')
  }

  #entry(entry: WireEntry): void {
    const { type, path, size, mtime, mode, target, code, once } = entry
    const before = this.#entries.at(-1)
    if (before?.size === null) throw badEntry(before, 'has no size, but is not the last')
    if (type === 'unreadable') this.#checkText('what is unreadable', path)
    else this.#checkPath(path)
    if (type !== 'file' && size !== 0) throw badEntry(entry, `is a ${type} with a size`)
    if ((type === 'symlink') !== (target !== undefined) || (type === 'unreadable') !== (code !== undefined))
      throw badEntry(entry, 'has a target or a code that does not fit')
    if (target !== undefined) this.#checkText(`the target of the link ${printable(path, 200)}`, target, path)
    this.#memory += this.#names.add(entry)
    const laid: Entry = {
      index: this.#before.first + this.#entries.length,
      type,
      path,
      size,
      start: this.#before.position + this.#bytes,
      mtime: clampTime(mtime),
      mode: mode === null ? null : mode & 0o777,
    }
    if (target !== undefined) laid.target = target
    if (code !== undefined) laid.code = code
    if (once) laid.once = once
    this.#entries.push(laid)
    // a text of characters beyond Latin-1 takes two bytes for each
    this.#memory += ENTRY_MEMORY + 2 * (path.length + (target?.length ?? 0))
    this.#bytes += size ?? 0
    if (laid.start + (size ?? 0) > Number.MAX_SAFE_INTEGER)
      throw badEntry(entry, 'makes the total larger than 2^53 − 1 bytes')
  }

  /** Checks only that a text is one. Whether a target may lead there is checked where the link is made. */
  #checkText(what: string, text: string, path = text): void {
    const fault = faultOfText(text, this.#limits.path)
    if (fault !== undefined) throw new SluiceError('ERR_PATH', `${what} ${fault}`, { path })
  }

  /** It is too large: what comes of it is counted, and refused at its end, so that the peer listens to why. */
  #forget(): void {
    this.#entries = []
    this.#names.clear()
  }

  #checkEnd({ count, bytes, digest }: OfferEnd): void {
    const found = this.#hash!.digest()
    if (!found.equals(digest)) {
      const text = 'the list of files changed on its way: it does not match its digest; run it again'
      throw new SluiceError('ERR_CORRUPT', text, { expected: digest, found })
    }
    if (this.#found !== count) {
      const text = `the peer sent ${this.#found} entries; the end of its offer says ${count}`
      throw new SluiceError('ERR_PROTOCOL', text, { expected: count, found: this.#found })
    }
    const most = this.#limits.unaccepted
    if (this.#memory > most) {
      const text = `the offer of the peer takes more than ${most} bytes of memory before anybody can accept it: accept all without being asked (--yes), raise limits.unaccepted, or send in parts`
      throw new SluiceError('ERR_LIMIT', text, { expected: most, found: this.#memory })
    }
    if (this.#bytes === bytes) return
    const text = `the sizes of the peer add up to ${this.#bytes} bytes; the end of its offer says ${bytes}`
    throw new SluiceError('ERR_PROTOCOL', text, { expected: bytes, found: this.#bytes })
  }

  #complete({ id, name, algorithm, open }: Messages['offer'], end: OfferEnd): Offer {
    this.#checkEnd(end)
    const { bytes } = end
    const offer: Offer = {
      id,
      name,
      algorithm,
      ...this.#before,
      bytes,
      entries: this.#entries,
      ...(open && { open }),
    }
    this.#before = { first: offer.first + this.#entries.length, position: offer.position + bytes }
    if (this.#last === null) {
      this.#names.clear()
      this.#forgotten = offer.entries
    }
    this.#last = offer
    this.#said = null
    return offer
  }
}
