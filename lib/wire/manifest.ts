import { printable, SluiceError } from '../errors.js'
import { DEFAULT_LIMITS, type Limits } from './limits.js'
import type { Message, Messages, WireEntry } from './messages.js'
import { checkPath, type PathRules } from './paths.js'

/** One file, folder or link of a manifest. `start` is computed by both sides and never sent. */
export interface Entry {
  /** Its number in the transfer, from 0. */
  index: number
  type: 'file' | 'directory' | 'symlink'
  /** POSIX, relative, without `.` and `..`; valid UTF-8. */
  path: string
  /** Bytes; `null` if it is not known beforehand (only the last entry of an offer). 0 for folders and links. */
  size: number | null
  /** Its first byte in the stream of the whole transfer. */
  start: number
  /** Whole milliseconds since 1970. */
  mtime: number
  /** Permission bits, 0 to 0o777. */
  mode: number
  /** Where a symbolic link points to. */
  target?: string
}

/** What is offered at once: the first of a transfer, or files attached to it. */
export interface Offer {
  /** 32 hexadecimal digits; the same in every offer of one transfer. */
  id: string
  /** A short name for people. */
  name: string
  /** Hash algorithm of every digest: `sha256`, `blake3`, or one of `crypto.getHashes()`. */
  algorithm: string
  /** Index of the first entry: 0, or the number of entries offered before. */
  first: number
  /** Position of the first byte: 0, or the total of the offers before. */
  position: number
  /** Sum of the known sizes in bytes. */
  bytes: number
  entries: Entry[]
}

/** What an offer goes on from: nothing, or those before it. */
type Before = Pick<Offer, 'first' | 'position'>

/** Makes an offer: numbers the entries and lays them end to end. */
export function makeOffer(
  { id, name, algorithm }: Pick<Offer, 'id' | 'name' | 'algorithm'>,
  entries: Iterable<WireEntry>,
  { first, position }: Before = { first: 0, position: 0 },
): Offer {
  const laid: Entry[] = []
  let end = position
  for (const { type, path, size, mtime, mode, target } of entries) {
    const entry: Entry = { index: first + laid.length, type, path, size, start: end, mtime, mode }
    if (target !== undefined) entry.target = target
    laid.push(entry)
    end += size ?? 0
  }
  return { id, name, algorithm, first, position, bytes: end - position, entries: laid }
}

/** Bytes of paths in a page of entries: with all else it stays below the limit that holds before the handshake. */
const PAGE_BYTES = 40 * 1024
const PAGE_ENTRIES = 500

/** The messages that say an offer: OFFER and pages of ENTRIES. */
export function* offerMessages(offer: Offer): Generator<Message> {
  const { id, name, algorithm, bytes, entries } = offer
  yield { type: 'offer', id, name, algorithm, entries: entries.length, bytes }
  let page: Entry[] = []
  let size = 0
  for (const entry of entries) {
    page.push(entry)
    size += Buffer.byteLength(entry.path) + Buffer.byteLength(entry.target ?? '')
    if (size < PAGE_BYTES && page.length < PAGE_ENTRIES) continue
    yield { type: 'entries', entries: page }
    page = []
    size = 0
  }
  if (page.length > 0) yield { type: 'entries', entries: page }
}

/** The times that a disk can hold: 1901 to 2446, as ext4 does with 256-byte inodes. */
const EARLIEST = -(2 ** 31) * 1000
const LATEST = (2 ** 34 - 2 ** 31 - 1) * 1000

/** Reads the offers of a transfer and checks them; pure. Attached ones go on where those before ended. */
export class ManifestReader {
  readonly #limits: Limits
  readonly #rules: PathRules
  #before: Before = { first: 0, position: 0 }
  #id: string | null = null
  #algorithm = ''
  #said: Messages['offer'] | null = null
  #entries: WireEntry[] = []
  #bytes = 0
  #payload = 0
  /** Every path seen, and whether it may have others below it. */
  readonly #paths = new Map<string, 'leaf' | 'folder'>()

  constructor(limits: Limits = DEFAULT_LIMITS, rules: PathRules = {}) {
    this.#limits = limits
    this.#rules = { ...rules, limits }
  }

  /** Takes an OFFER; gives the offer if it has no entries to wait for. */
  offer(message: Messages['offer']): Offer | undefined {
    if (this.#id !== null && (message.id !== this.#id || message.algorithm !== this.#algorithm)) {
      throw new SluiceError('ERR_PROTOCOL', 'an attached offer has another id or algorithm than the first')
    }
    if (message.entries > this.#limits.entries - this.#before.first) {
      throw new SluiceError(
        'ERR_LIMIT',
        `the offer has ${message.entries} entries; at most ${this.#limits.entries} are taken`,
        {
          expected: this.#limits.entries,
          found: message.entries,
        },
      )
    }
    if (this.#before.position + message.bytes > Number.MAX_SAFE_INTEGER) {
      throw new SluiceError('ERR_PROTOCOL', 'the offer has more than 2^53 bytes', { found: message.bytes })
    }
    this.#id = message.id
    this.#algorithm = message.algorithm
    this.#said = message
    this.#entries = []
    this.#bytes = 0
    return this.#complete()
  }

  /**
   * Takes a page of entries whose payload had `size` bytes; gives the offer when it is complete.
   * @throws SluiceError `ERR_PROTOCOL`, `ERR_LIMIT`, `ERR_PATH`
   */
  entries(message: Messages['entries'], size: number): Offer | undefined {
    this.#payload += size
    if (this.#payload > this.#limits.manifest) {
      throw new SluiceError('ERR_LIMIT', `the manifest has more than ${this.#limits.manifest} bytes`)
    }
    if (this.#entries.length + message.entries.length > this.#said!.entries) {
      throw new SluiceError(
        'ERR_PROTOCOL',
        `more entries than the ${this.#said!.entries} that were announced`,
      )
    }
    for (const entry of message.entries) this.#entry(entry)
    return this.#complete()
  }

  #entry(entry: WireEntry): void {
    const last = this.#entries.at(-1)
    if (last?.size === null) throw refuse(last, 'has no size, but is not the last')
    checkPath(entry.path, this.#rules)
    if (entry.type !== 'file' && entry.size !== 0) throw refuse(entry, `is a ${entry.type} with a size`)
    if ((entry.type === 'symlink') !== (entry.target !== undefined))
      throw refuse(entry, 'has a target that does not fit')
    this.#claim(entry)
    this.#bytes += entry.size ?? 0
    if (this.#bytes > this.#said!.bytes)
      throw refuse(entry, `exceeds the announced ${this.#said!.bytes} bytes`)
    const mtime = Math.min(Math.max(entry.mtime, EARLIEST), LATEST)
    this.#entries.push({ ...entry, mtime, mode: entry.mode & 0o777 })
  }

  /** No path twice, and nothing below a file. */
  #claim(entry: WireEntry): void {
    const { path, type } = entry
    const known = this.#paths.get(path)
    if (known !== undefined && !(known === 'folder' && type === 'directory' && !this.#entered.has(path))) {
      throw refuse(entry, known === 'leaf' || type === 'directory' ? 'is there twice' : 'is a folder, too')
    }
    if (type === 'directory') this.#entered.add(path)
    this.#paths.set(path, type === 'directory' ? 'folder' : 'leaf')
    for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
      const parent = path.slice(0, at)
      const kind = this.#paths.get(parent)
      if (kind === 'folder') return
      if (kind === 'leaf') throw refuse(entry, 'is below something that is no folder')
      this.#paths.set(parent, 'folder')
    }
  }

  /** Folders that have an entry of their own; others are only implied by what is below them. */
  readonly #entered = new Set<string>()

  #complete(): Offer | undefined {
    const said = this.#said!
    if (this.#entries.length < said.entries) return undefined
    if (this.#bytes !== said.bytes) {
      throw new SluiceError(
        'ERR_PROTOCOL',
        `the sizes add up to ${this.#bytes} bytes, announced were ${said.bytes}`,
      )
    }
    const offer = makeOffer(said, this.#entries, this.#before)
    this.#before = { first: offer.first + offer.entries.length, position: offer.position + offer.bytes }
    this.#said = null
    return offer
  }
}

function refuse(entry: WireEntry, what: string): SluiceError {
  return new SluiceError('ERR_PROTOCOL', `the entry ${printable(entry.path, 200)} ${what}`, {
    path: entry.path,
  })
}
