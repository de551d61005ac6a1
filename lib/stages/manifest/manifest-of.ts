import { type Clock, systemClock } from '../../clock.js'
import { printable, SluiceError } from '../../errors.js'
import type { FileStats, FileSystem } from '../../files/disk/fs.js'
import { nodeFileSystem } from '../../files/disk/node-fs.js'
import { checkChoice, checkKeys, checkOption, type Keys } from '../../options.js'
import { DiskSources } from '../../stores/disk/sources/disk-sources.js'
import type { WireEntry } from '../../wire/entry.js'
import { type Limits, limitsOf } from '../../wire/limits.js'
import { clampTime } from '../../wire/manifest.js'
import { argumentsOf, type NamedPath, namedOf, offerNameOf, type PathNaming } from './arguments.js'
import { type Grown, type Manifest, OFFER_OPTIONS, OfferBuilder, type OfferOptions } from './builder.js'
import { Only } from './only.js'
import { checkPatterns, Selection } from './selection.js'
import { type Readable, type Unreadable, Walk } from './walk.js'

/** What {@link manifestOf} takes. */
export interface ManifestOptions extends OfferOptions {
  /** A short name for people; that of the first argument, and how many more there are, by default. */
  name?: string
  /**
   * Paths arrive with the folders in them, and not by their last names alone: `a/b` as `a/b`, and so do `/a/b` and
   * `../a/b`. These folders are made, but not offered themselves. What is named twice, also by a folder that it is in,
   * is offered once.
   */
  relative?: boolean
  /** Symbolic links inside of folders: left out and reported (default), or kept as links. */
  symlinks?: 'skip' | 'keep'
  /**
   * Patterns as in `.gitignore`, matched against the paths of the offer: only what matches, and the folders that lead
   * there.
   */
  include?: readonly string[]
  /** Patterns as in `.gitignore`, matched against the paths of the offer: all but what matches. */
  exclude?: readonly string[]
  /** Honours the `.gitignore` files that are found, each from its folder down. */
  gitignore?: boolean
  /** Files that are left out, by what `fstat` says of them: those that the program itself writes to meanwhile. */
  omit?: readonly FileStats[]
  /**
   * Paths of the offer, as `photos/2024/a.jpg`: only these, and the folders that lead there; of a folder nothing that
   * is in it. What is not there any more is left out without a word. Nothing else is looked at.
   */
  only?: readonly string[]
  /** What the receiver takes: `entries`, `path`, `name` and `depth` count here. */
  limits?: Partial<Limits>
  /** The disk on which the paths are, for the listing and for the reading. */
  fs?: FileSystem
  clock?: Clock
  /** Ends the listing, with `ERR_CANCELLED`. */
  signal?: AbortSignal
}

/** Their names. */
export const MANIFEST_OPTIONS: Keys<ManifestOptions> = {
  ...OFFER_OPTIONS,
  name: true,
  relative: true,
  symlinks: true,
  include: true,
  exclude: true,
  gitignore: true,
  omit: true,
  only: true,
  limits: true,
  fs: true,
  clock: true,
  signal: true,
}

/**
 * Lists files and folders with all that is in them, in the byte order of their names, parents before children.
 * `photos` becomes the entries `photos`, `photos/a.jpg` …; of `a/b/c` only the last name is sent, unless `relative`, of
 * `.` that of the folder. An argument that is a symbolic link is followed and keeps its own name; links below are not
 * followed.
 * What is left out (links, pipes, devices) is in `skipped`. What should be sent and cannot be (a folder without
 * permission, a name that is not UTF-8, what is too deep or vanished meanwhile) is there, too, and is offered as an
 * entry that is 'unreadable', so that the transfer fails with it on both sides. A file that cannot be read is found
 * when it is sent.
 *
 * Rejects with `ERR_USAGE`, `ERR_UNSUPPORTED` (algorithm), `ERR_NO_SUCH_FILE` and `ERR_SOURCE_READ` (an argument),
 * `ERR_DUPLICATE_NAME` (two arguments would arrive under one name), `ERR_LIMIT` (more than can be offered),
 * `ERR_CANCELLED`.
 */
export async function manifestOf(paths: readonly string[], options: ManifestOptions = {}): Promise<Manifest> {
  checkKeys('options', options, MANIFEST_OPTIONS)
  return listingOf(paths, options)(options)
}

/**
 * {@link manifestOf} for whoever has to wait before anything is listed. Where the paths lead is settled now, wherever
 * the process works by then; what is wrong with one is said by the listing, which tells `grown` of each page.
 */
export function listingOf(
  paths: readonly string[],
  naming: PathNaming = {},
): (options: ManifestOptions, grown?: Grown) => Promise<Manifest> {
  const named = (async () => namedOf(paths, naming))()
  named.catch(() => {})
  return async (options, grown) => listNamed(await named, options, grown)
}

/** {@link manifestOf} for paths that were named before. */
export async function listNamed(
  named: readonly NamedPath[],
  options: ManifestOptions,
  grown?: Grown,
): Promise<Manifest> {
  const {
    symlinks = 'skip',
    include = [],
    exclude = [],
    gitignore = false,
    omit = [],
    only,
    fs = nodeFileSystem,
    clock = systemClock,
    signal,
  } = options
  checkChoice('symlinks', symlinks, ['skip', 'keep'])
  checkPatterns('include', include)
  checkPatterns('exclude', exclude)
  const arePaths =
    only === undefined || (Array.isArray(only) && only.every((path) => typeof path === 'string'))
  checkOption('only', only, arePaths, 'a list of paths of the offer')
  const selection = new Selection(include, exclude, fs.platform)
  const roots = await argumentsOf(named, fs, options.after)
  const builder = new OfferBuilder(options, options.name ?? offerNameOf(roots))
  const store = new DiskSources(fs, clock, builder.offer.first)
  const limits = limitsOf(options.limits)
  const walk = new Walk(
    fs,
    selection,
    {
      keepLinks: symlinks === 'keep',
      gitignore,
      omit,
      only: only && new Only(only),
      limits,
      clock,
      signal,
      grown: grown && (() => grown(builder.offer)),
    },
    (found) => {
      if (found.type !== 'unreadable' && isOddTime(found.stats)) walk.skipped.push(oddTime(found))
      builder.add(found.type === 'unreadable' ? unreadableEntry(found, limits) : readable(found))
      store.add(found.type === 'unreadable' ? (NO_STATS as FileStats) : found.stats)
    },
  )
  for (const { given, path, name } of roots) store.addRoot(name, await walk.argument(given, path, name))
  return { offer: builder.offer, store, skipped: walk.skipped }
}

/** In the place of those of what cannot be read. */
const NO_STATS: Pick<FileStats, 'dev' | 'ino' | 'mtimeMs' | 'ctimeMs'> = {
  dev: 0n,
  ino: 0n,
  mtimeMs: 0,
  ctimeMs: 0,
}

function readable({ type, path, stats, target }: Readable): WireEntry {
  const { size, mtimeMs, mode } = stats
  const bytes = type === 'file' ? size : 0
  return { type, path, size: bytes, mtime: mtimeMs, mode: mode & 0o777, target }
}

/** A damaged disk has such times, and some file systems hold them. */
function isOddTime({ mtimeMs }: FileStats): boolean {
  return clampTime(mtimeMs) !== Math.floor(mtimeMs)
}

function oddTime({ path, stats }: Readable): SluiceError {
  const [year] = new Date(clampTime(stats.mtimeMs)).toISOString().split('-')
  const message = `${printable(path)} has a time that no disk can be relied on to hold; it is sent as one of ${year}`
  return new SluiceError('ERR_UNSUPPORTED', message, { path, found: stats.mtimeMs })
}

/** Its path is for people: where it is too long, the end of it says most. */
function unreadableEntry({ type, path, code }: Unreadable, limits: Limits): WireEntry {
  const bytes = Buffer.from(path)
  // what is cut in the middle of a character takes some bytes more
  const shown = bytes.length <= limits.path ? path : `…${bytes.subarray(-(limits.path - 16)).toString()}`
  return { type, path: shown, size: 0, mtime: 0, mode: 0, code }
}
