import { errorCode } from '../../../files/disk/disk-error.js'
import type { FileStats, FileSystem, SyncCalls } from '../../../files/disk/fs.js'
import { inside, nameOf, parentOf } from '../../../files/disk/names.js'
import { isReservedName } from '../../../files/own/reserved.js'
import type { Entry } from '../../../wire/entry.js'
import { type DiskPace, LOOKS_AT_ONCE } from '../sources/disk-pace.js'

/** Milliseconds after a look for which the stats are taken for what stands: an offer may go on for minutes. */
const FRESH = 2000

/** What is known of an entry. */
const UNKNOWN = 0
const NOTHING = 1
const FILE = 2

/** Numbers of a file, in three columns. */
const TIMES = 3
const IDS = 2
const WORDS = 3

/**
 * The stats of files that stand in the place of entries, looked at before anybody decided about these: what a lookup
 * right after that would see. It reads, and keeps some fifty bytes for each once one stands, and five before. What it
 * cannot see by one call is left to the lookup.
 */
export class StatsAhead {
  /** Undefined where a look at a file costs as much as the lookup would: then nothing is looked at. */
  readonly #calls: SyncCalls | undefined
  readonly #pace: DiskPace
  readonly #dir: string
  #known = new Uint8Array(0)
  /** When each was looked at, in milliseconds since the first look. */
  #looks = new Uint32Array(0)
  #firstLook: number | undefined
  /** Size, and the two times. */
  #times = new Float64Array(0)
  #ids = new BigUint64Array(0)
  /** Mode, owner, number of names. */
  #words = new Uint32Array(0)
  /** The folder of the entry before, and whether it stands, and is no link. */
  #folder: string | undefined
  #stands = false

  constructor({ sync }: FileSystem, pace: DiskPace, dir: string) {
    this.#calls = sync
    this.#pace = pace
    this.#dir = dir
  }

  /** Looks at the next entries, of a page. */
  look(entries: readonly Entry[]): void {
    const calls = this.#calls
    if (!calls) return
    this.#grow((entries.at(-1)?.index ?? -1) + 1)
    for (let from = 0; from < entries.length; from += LOOKS_AT_ONCE)
      this.#step(calls, entries.slice(from, from + LOOKS_AT_ONCE))
    // none of a page before counts: it may have been another one
    this.#folder = undefined
  }

  /** On a slow disk, also one that shows to be so in the middle of a page, nothing is looked at or known any more. */
  #step(calls: SyncCalls, entries: readonly Entry[]): void {
    const { clock, isSlow } = this.#pace
    const begun = clock.now()
    this.#firstLook ??= begun
    for (const entry of entries) {
      this.#known[entry.index] = isSlow ? UNKNOWN : this.#lookAt(calls, entry)
      this.#looks[entry.index] = begun - this.#firstLook
    }
    if (!isSlow) this.#pace.took(clock.now() - begun)
  }

  /**
   * What stood under the path of a file; `null` for nothing, undefined if that is not known or was long ago, or the
   * folder stands there no more.
   */
  of({ index, path }: Entry): FileStats | null | undefined {
    const known = this.#known[index] ?? UNKNOWN
    const isFresh = this.#pace.clock.now() - this.#firstLook! - this.#looks[index]! <= FRESH
    if (known === UNKNOWN || !isFresh || !this.#isStillBelowFolders(parentOf(path))) return undefined
    if (known === NOTHING) return null
    const times = index * TIMES
    const ids = index * IDS
    const words = index * WORDS
    return new FileSeen(
      this.#times[times]!,
      this.#times[times + 1]!,
      this.#times[times + 2]!,
      this.#ids[ids]!,
      this.#ids[ids + 1]!,
      this.#words[words]!,
      this.#words[words + 1]!,
      this.#words[words + 2]!,
    )
  }

  /** To be called when all was looked up. */
  forget(): void {
    this.#folder = undefined
    this.#known = new Uint8Array(0)
    this.#looks = new Uint32Array(0)
    this.#times = new Float64Array(0)
    this.#ids = new BigUint64Array(0)
    this.#words = new Uint32Array(0)
  }

  /** What is known of the entry by that. */
  #lookAt(calls: SyncCalls, { type, path, index }: Entry): number {
    if (type !== 'file' || isReservedName(nameOf(path)) || !this.#isBelowFolders(calls, parentOf(path)))
      return UNKNOWN
    try {
      const stats = calls.lstat(inside(this.#dir, path))
      if (!stats.isFile()) return UNKNOWN
      this.#keep(index, stats)
      return FILE
    } catch (error) {
      return errorCode(error) === 'ENOENT' ? NOTHING : UNKNOWN
    }
  }

  #keep(place: number, { size, mtimeMs, ctimeMs, dev, ino, mode, uid, nlink }: FileStats): void {
    this.#growNumbers()
    this.#times[place * TIMES] = size
    this.#times[place * TIMES + 1] = mtimeMs
    this.#times[place * TIMES + 2] = ctimeMs
    this.#ids[place * IDS] = dev
    this.#ids[place * IDS + 1] = ino
    this.#words[place * WORDS] = mode
    this.#words[place * WORDS + 1] = uid
    this.#words[place * WORDS + 2] = nlink
  }

  /** Whether a folder of the offer stands, with all above it, and none of them is a link, or may be one of ours. */
  #isBelowFolders(calls: SyncCalls, path: string): boolean {
    if (path === this.#folder) return this.#stands
    this.#folder = path
    this.#stands = !path.split('/').some(isReservedName) && isFolder(calls, inside(this.#dir, path))
    for (let above = parentOf(path); this.#stands && above !== ''; above = parentOf(above))
      this.#stands = isFolder(calls, inside(this.#dir, above))
    return this.#stands
  }

  /** Who takes a folder away meanwhile takes all that was seen in it: one look tells, for all of them. */
  #isStillBelowFolders(path: string): boolean {
    if (path === this.#folder) return this.#stands
    if (!this.#calls || this.#pace.isSlow) return false
    const begun = this.#pace.clock.now()
    const stands = this.#isBelowFolders(this.#calls, path)
    this.#pace.took(this.#pace.clock.now() - begun)
    return stands
  }

  #grow(length: number): void {
    if (length <= this.#known.length) return
    const room = Math.max(length, this.#known.length * 2)
    this.#known = grown(this.#known, new Uint8Array(room))
    this.#looks = grown(this.#looks, new Uint32Array(room))
  }

  /** Makes room for the numbers of all that are known: where nothing stands, there are none. */
  #growNumbers(): void {
    const room = this.#known.length
    if (room * WORDS === this.#words.length) return
    this.#times = grown(this.#times, new Float64Array(room * TIMES))
    this.#ids = grown(this.#ids, new BigUint64Array(room * IDS))
    this.#words = grown(this.#words, new Uint32Array(room * WORDS))
  }
}

function isFolder(calls: SyncCalls, path: string): boolean {
  try {
    return calls.lstat(path).isDirectory()
  } catch {
    return false
  }
}

function grown<T extends { set(from: T): void }>(from: T, to: T): T {
  to.set(from)
  return to
}

/** A file as it was seen. Its group and its birth were not kept: nobody asks who looks for what stands. */
class FileSeen implements FileStats {
  readonly gid = 0
  constructor(
    readonly size: number,
    readonly mtimeMs: number,
    readonly ctimeMs: number,
    readonly dev: bigint,
    readonly ino: bigint,
    readonly mode: number,
    readonly uid: number,
    readonly nlink: number,
  ) {}

  isFile(): boolean {
    return true
  }

  isDirectory(): boolean {
    return false
  }

  isSymbolicLink(): boolean {
    return false
  }
}
