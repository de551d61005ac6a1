import { randomBytes } from 'node:crypto'
import { posix, win32 } from 'node:path'
import type { Readable } from 'node:stream'
import { printable, SluiceError } from '../errors.js'
import { type FileSystem, nodeFileSystem } from '../files/fs.js'
import { type Limits, limitsOf } from '../wire/limits.js'
import { makeOffer, type Offer } from '../wire/manifest.js'
import { digestLength } from './digests.js'
import { checkPatterns, Selection } from './selection.js'
import type { Source } from './source-file.js'
import { type Found, Walk } from './walk.js'

/** What is offered, and how to read it here. Only the offer is ever sent. */
export interface Manifest {
  offer: Offer
  /** Per entry of the offer, in its order; `undefined` for folders and links. */
  sources: readonly (Source | undefined)[]
  /** What was met and is not offered: `path`, and as `code` `ERR_SKIPPED`, `ERR_UNSENDABLE` or `ERR_SOURCE_READ`. */
  skipped: readonly SluiceError[]
}

/** Whether it has the parts of a manifest: that it came from here is up to the caller. */
export function isManifest(value: unknown): value is Manifest {
  const { offer, sources, skipped } = (value ?? {}) as Partial<Manifest>
  return Array.isArray(offer?.entries) && Array.isArray(sources) && Array.isArray(skipped)
}

/** What makes an offer, of {@link manifestFrom} and {@link manifestOf} alike. */
export interface OfferOptions {
  /** Hash algorithm of all digests: `sha256` (default), `blake3`, or one of `crypto.getHashes()`. */
  algorithm?: string
  /** 32 hexadecimal digits; random by default. */
  id?: string
  /** The offer before in the same transfer: this one goes on where it ends, with its id and its algorithm. */
  after?: Offer
}

/** What {@link manifestOf} takes. */
export interface ManifestOptions extends OfferOptions {
  /** A short name for people; that of the first argument, and how many more there are, by default. */
  name?: string
  /** Symbolic links inside of folders: left out and reported (default), or kept as links. */
  symlinks?: 'skip' | 'keep'
  /** Patterns as in `.gitignore`, matched against the paths of the offer: only what matches, and the folders that lead there. */
  include?: readonly string[]
  /** Patterns as in `.gitignore`, matched against the paths of the offer: all but what matches. */
  exclude?: readonly string[]
  /** Honours the `.gitignore` files that are found, each from its folder down. */
  gitignore?: boolean
  /** What the receiver takes: `entries`, `path`, `name` and `depth` count here. */
  limits?: Partial<Limits>
  fs?: FileSystem
  /** Ends the listing, with `ERR_CANCELLED`. */
  signal?: AbortSignal
}

/**
 * Lists files and folders with all that is in them, in the byte order of their names, parents before children.
 * `photos` becomes the entries `photos`, `photos/a.jpg` …; of `a/b/c` only the last name is sent, of `.` that of the
 * folder. An argument that is a symbolic link is followed and keeps its own name; links below are not followed.
 * Folders that cannot be read, special files and names that cannot be sent are in `skipped`. A file that cannot be
 * read is found when it is sent.
 *
 * Rejects with `ERR_USAGE`, `ERR_UNSUPPORTED` (algorithm), `ERR_NO_SUCH_FILE` and `ERR_SOURCE_READ` (an argument),
 * `ERR_DUPLICATE_NAME` (two arguments would arrive under one name), `ERR_LIMIT` (more than can be offered),
 * `ERR_CANCELLED`.
 */
export async function manifestOf(paths: readonly string[], options: ManifestOptions = {}): Promise<Manifest> {
  const {
    symlinks = 'skip',
    include = [],
    exclude = [],
    gitignore = false,
    fs = nodeFileSystem,
    limits,
    signal,
  } = options
  if (!Array.isArray(paths) || paths.length === 0) {
    throw new SluiceError('ERR_USAGE', 'no path was given; name at least one file or folder to send')
  }
  if (symlinks !== 'skip' && symlinks !== 'keep') {
    throw new SluiceError(
      'ERR_USAGE',
      `symlinks: must be 'skip' or 'keep', not ${printable(String(symlinks))}`,
    )
  }
  const selection = new Selection(
    checkPatterns('include', include),
    checkPatterns('exclude', exclude),
    fs.platform,
  )
  const roots = argumentsOf(paths, fs.platform, options.after)
  const builder = new Builder(options, options.name ?? nameOf(roots))
  const walk = new Walk(
    fs,
    selection,
    { keepLinks: symlinks === 'keep', gitignore, limits: limitsOf(limits), signal },
    (found) => builder.add(found),
  )
  for (const { given, path, name } of roots) await walk.argument(given, path, name)
  return builder.build(walk.skipped)
}

/**
 * The manifest of one file whose content is read from `stream` and whose size is not known beforehand.
 * Throws `ERR_USAGE` and `ERR_UNSUPPORTED`.
 */
export function manifestFrom(stream: Readable, options: OfferOptions & { name: string }): Manifest {
  const { name } = options
  if (typeof stream?.pipe !== 'function') throw new SluiceError('ERR_USAGE', 'stream: must be a Readable')
  if (typeof name !== 'string' || !/^(?!\.{1,2}$)[^/\0]+$/.test(name) || !name.isWellFormed()) {
    throw new SluiceError('ERR_USAGE', 'name: must be the name of a file, without folders', { found: name })
  }
  const builder = new Builder(options, name)
  const entry = { type: 'file', path: name, size: null, mtime: Date.now(), mode: 0o644 } as const
  builder.add({ ...entry, source: { stream } })
  // it may fail before it is read; that is heard of when it is
  stream.on('error', () => {})
  return builder.build([])
}

/** Bytes of the name of an offer. */
const LONGEST_NAME = 255

/** Numbers what is found and lays it end to end, one by one: all at once would hold others up. */
class Builder {
  readonly #offer: Offer
  readonly #sources: (Source | undefined)[] = []

  constructor({ algorithm, id, after }: OfferOptions, name: string) {
    const head = {
      id: id ?? after?.id ?? randomBytes(16).toString('hex'),
      name,
      algorithm: algorithm ?? after?.algorithm ?? 'sha256',
    }
    if (
      typeof name !== 'string' ||
      name === '' ||
      Buffer.byteLength(name) > LONGEST_NAME ||
      !name.isWellFormed()
    ) {
      throw new SluiceError('ERR_USAGE', `name: must be a text of 1 to ${LONGEST_NAME} bytes`, {
        found: name,
      })
    }
    if (!/^[0-9a-f]{32}$/.test(head.id)) {
      throw new SluiceError('ERR_USAGE', 'id: must be 32 hexadecimal digits in lower case', { found: id })
    }
    digestLength(head.algorithm)
    if (after && (head.id !== after.id || head.algorithm !== after.algorithm)) {
      throw new SluiceError('ERR_USAGE', 'id, algorithm: are those of the offer that this one follows')
    }
    if (after?.entries.at(-1)?.size === null) {
      throw new SluiceError('ERR_STATE', 'nothing can follow a file of unknown size')
    }
    const before = after && {
      first: after.first + after.entries.length,
      position: after.position + after.bytes,
    }
    this.#offer = makeOffer(head, [], before)
  }

  add({ source, ...found }: Found): void {
    const { first, position, bytes, entries } = this.#offer
    const start = position + bytes
    if (!Number.isSafeInteger(start + (found.size ?? 0))) {
      const message = `${printable(found.path)} makes the total larger than 2^53 − 1 bytes`
      throw new SluiceError('ERR_LIMIT', message, { path: found.path })
    }
    entries.push({ index: first + entries.length, ...found, start })
    this.#offer.bytes += found.size ?? 0
    this.#sources.push(source)
  }

  build(skipped: readonly SluiceError[]): Manifest {
    return { offer: this.#offer, sources: this.#sources, skipped }
  }
}

interface Argument {
  given: string
  /** Absolute. */
  path: string
  name: string
}

function argumentsOf(paths: readonly string[], platform: NodeJS.Platform, after?: Offer): Argument[] {
  const { resolve, basename } = platform === 'win32' ? win32 : posix
  const taken = new Map<string, string>()
  for (const { path } of after?.entries ?? []) if (!path.includes('/')) taken.set(path, path)
  return paths.map((given) => {
    if (typeof given !== 'string' || given === '' || given.includes('\0')) {
      throw new SluiceError('ERR_USAGE', `${printable(String(given))}: not a path`, { found: given })
    }
    const path = resolve(given)
    const name = basename(path)
    if (name === '') {
      const message = `${printable(given)}: the root of a disk has no name to arrive under; name the folders in it`
      throw new SluiceError('ERR_USAGE', message, { path: given })
    }
    const other = taken.get(name)
    if (other !== undefined) {
      const message = `${printable(other)} and ${printable(given)} would both arrive as ${printable(name)}; send them one after the other, or rename one`
      throw new SluiceError('ERR_DUPLICATE_NAME', message, { path: given })
    }
    taken.set(name, given)
    return { given, path, name }
  })
}

function nameOf(roots: readonly Argument[]): string {
  const name = roots[0]!.name
  // such a name is reported when the file is found; here it only must not stand in the way of the others
  if (!name.isWellFormed() || Buffer.byteLength(name) > LONGEST_NAME)
    return `${roots.length} files or folders`
  const more = roots.length > 1 ? ` and ${roots.length - 1} more` : ''
  return Buffer.byteLength(name + more) > LONGEST_NAME ? name : name + more
}
