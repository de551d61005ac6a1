import type { Readable } from 'node:stream'
import { printable, SluiceError } from '../errors.js'
import { type FileSystem, nodeFileSystem } from '../files/disk/fs.js'
import { type Limits, limitsOf } from '../wire/limits.js'
import { argumentsOf, offerNameOf } from './arguments.js'
import { type Manifest, ManifestBuilder, type OfferOptions } from './manifest-builder.js'
import { checkPatterns, Selection } from './selection.js'
import { Walk } from './walk.js'

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
  const builder = new ManifestBuilder(options, options.name ?? offerNameOf(roots))
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
  const builder = new ManifestBuilder(options, name)
  const entry = { type: 'file', path: name, size: null, mtime: Date.now(), mode: 0o644 } as const
  builder.add({ ...entry, source: { stream } })
  // it may fail before it is read; that is heard of when it is
  stream.on('error', () => {})
  return builder.build([])
}
