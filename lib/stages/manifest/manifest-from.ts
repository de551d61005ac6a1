import { isReadable, type Readable } from 'node:stream'
import { asSluiceError, printable, SluiceError } from '../../errors.js'
import { badOption, checkKeys, checkObject, checkOption, type Keys } from '../../options.js'
import { isSourceStore, type SourceEntry, type SourceStore } from '../../stores/sources.js'
import { StreamSource } from '../../stores/stream-source.js'
import type { Entry, WireEntry } from '../../wire/entry.js'
import { type Limits, limitsOf } from '../../wire/limits.js'
import { checkPath } from '../../wire/paths.js'
import { type Manifest, OFFER_OPTIONS, OfferBuilder, type OfferOptions } from './builder.js'

/** What {@link manifestOfEntries} takes. */
export interface EntriesOptions extends OfferOptions {
  /** A short name for people. */
  name: string
  /** What the receiver takes: `entries`, `path`, `name` and `depth` count here. */
  limits?: Partial<Limits>
}

/**
 * The manifest of one file whose content is read from `stream` and whose size is not known beforehand.
 * Throws `ERR_USAGE` and `ERR_UNSUPPORTED`.
 */
export function manifestFrom(stream: Readable, options: OfferOptions & { name: string }): Manifest {
  checkObject('options', options)
  checkKeys('options', options, { ...OFFER_OPTIONS, name: true })
  const { name } = options
  checkOption('stream', stream, typeof stream?.pipe === 'function', 'a Readable')
  checkOption('stream', stream, !stream.readableEncoding, 'a Readable of bytes, without setEncoding()')
  if (isReadable(stream) === false)
    throw badOption('stream', 'a Readable that was not yet read to its end or destroyed', stream, {
      cause: stream.errored ?? undefined,
    })
  const isName = typeof name === 'string' && /^(?!\.{1,2}$)[^/\0]+$/.test(name) && name.isWellFormed()
  checkOption('name', name, isName, 'the name of a file, without folders')
  const builder = new OfferBuilder(options, name)
  builder.add({ type: 'file', path: name, size: null, mtime: Date.now(), mode: null })
  return { offer: builder.offer, store: new StreamSource(stream), skipped: [] }
}

/**
 * The manifest of entries that need be no files: rows of a database, objects of a bucket, members of an archive. They
 * are offered in the order in which they come; `store` is asked for their bytes when it is their turn.
 *
 * Throws `ERR_USAGE` for an option, and for an entry that cannot be offered: `ERR_USAGE` (a name that an entry does not
 * have, type, size, mode, time, target; something below an entry that is no folder), `ERR_PATH`, `ERR_DUPLICATE_NAME`,
 * `ERR_LIMIT`; `ERR_UNSUPPORTED` (algorithm); `ERR_SOURCE_READ` where `rereadable` of the store throws.
 */
export function manifestOfEntries(
  entries: Iterable<SourceEntry>,
  store: SourceStore,
  options: EntriesOptions,
): Manifest {
  checkObject('options', options)
  checkKeys('options', options, { ...OFFER_OPTIONS, name: true, limits: true })
  checkOption('entries', entries, typeof entries?.[Symbol.iterator] === 'function', 'iterable')
  checkOption('store', store, isSourceStore(store), 'an object with rereadable(), and open() or stream()')
  const limits = limitsOf(options.limits)
  const builder = new OfferBuilder(options, options.name)
  const { offer } = builder
  const now = Date.now()
  const before = options.after?.entries ?? []
  const types = new Map(before.map(({ path, type }) => [path, type]))
  for (const entry of entries) {
    if (offer.entries.length === limits.entries)
      throw new SluiceError('ERR_LIMIT', `more than ${limits.entries} entries; send them in several parts`)
    if (offer.entries.at(-1)?.size === null)
      throw unfit(offer.entries.at(-1)!, 'has no size, but is not the last')
    checkOption('each entry', entry, isEntry(entry), 'an object with a path, and for a file its size')
    // there may be a million: what is right costs little
    if (!Object.keys(entry).every((key) => Object.hasOwn(ENTRY_KEYS, key)))
      checkKeys(`the entry ${printable(entry.path, 200)}`, entry, ENTRY_KEYS)
    const complete = checked(entry, limits, now)
    const { path, type } = complete
    if (types.has(path)) {
      const message = `${printable(path)} is there twice; two entries cannot arrive under one name`
      throw new SluiceError('ERR_DUPLICATE_NAME', message, { path })
    }
    types.set(path, type)
    builder.add(complete)
    const added = offer.entries.at(-1)!
    // of an unknown size nothing is ever proved
    if (type === 'file' && added.size !== null && !isRereadable(store, added)) added.once = true
  }
  for (const { path } of [...before, ...offer.entries]) checkParents(path, types)
  return { offer, store, skipped: [] }
}

function isRereadable(store: SourceStore, entry: Entry): boolean {
  try {
    return store.rereadable(entry)
  } catch (thrown) {
    throw asSluiceError(thrown, 'ERR_SOURCE_READ', `rereadable() failed for ${printable(entry.path, 200)}`)
  }
}

const ENTRY_KEYS: Keys<SourceEntry> = {
  type: true,
  path: true,
  size: true,
  mtime: true,
  mode: true,
  target: true,
}

function isEntry(entry: unknown): boolean {
  return typeof (entry as SourceEntry | null)?.path === 'string'
}

/** The entry with its defaults. Throws unless it can be offered. */
function checked(
  { type = 'file', path, size, mtime, mode, target }: SourceEntry,
  limits: Limits,
  now: number,
): WireEntry {
  const wrong = (what: string, expected: string, found: unknown) =>
    badOption(`the ${what} of the entry ${printable(path, 200)}`, expected, found, { path })
  if (type !== 'file' && type !== 'directory' && type !== 'symlink')
    throw wrong('type', "one of 'file', 'directory', 'symlink'", type)
  checkPath(path, { platform: 'linux', limits })
  const isFile = type === 'file'
  const bytes = isFile ? size : (size ?? 0)
  if (bytes === undefined) throw unfit({ path }, 'has no size; where it is not known, say null')
  if (isFile && bytes !== null && !isCount(bytes))
    throw wrong('size', 'a whole number of bytes from 0, or null if it is not known', size)
  if (!isFile && bytes !== 0) throw wrong('size', '0, or left out, of what is no file', size)
  if (mode != null && (!isCount(mode) || mode > 0o777))
    throw wrong('mode', 'permission bits from 0o000 to 0o777', mode)
  const given: unknown = mtime ?? now
  const time = typeof given === 'number' ? Math.floor(given) : Number.NaN
  if (!Number.isSafeInteger(time))
    throw wrong('mtime', 'a number of milliseconds, as getTime() of a Date gives', mtime)
  const isLink =
    typeof target === 'string' && target !== '' && !target.includes('\0') && target.isWellFormed()
  if (type === 'symlink' ? !isLink : target !== undefined)
    throw unfit({ path }, 'has a target that does not fit: a symlink has one, anything else has none')
  const entry: WireEntry = { type, path, size: bytes, mtime: time, mode: mode ?? null }
  if (target !== undefined) entry.target = target
  return entry
}

/** What is above an entry is a folder, whether it has an entry of its own or not. */
function checkParents(path: string, types: ReadonlyMap<string, WireEntry['type']>): void {
  for (let end = path.lastIndexOf('/'); end > 0; end = path.lastIndexOf('/', end - 1)) {
    const type = types.get(path.slice(0, end))
    if (type !== undefined && type !== 'directory') throw unfit({ path }, `is below a ${type}`)
  }
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}

function unfit({ path }: { path: string }, what: string): SluiceError {
  return new SluiceError('ERR_USAGE', `the entry ${printable(path, 200)} ${what}`, { path })
}
