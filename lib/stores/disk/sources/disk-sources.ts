import { setImmediate } from 'node:timers/promises'
import { LONGEST_HOLD } from '../../../async.js'
import type { Clock } from '../../../clock.js'
import { isSluiceError, printable, SluiceError } from '../../../errors.js'
import { type FileStats, type FileSystem, OPEN, type SyncCalls } from '../../../files/disk/fs.js'
import { isOutOfHandles, retryOpen } from '../../../files/disk/retry.js'
import type { FileNumbers } from '../../../files/disk/stats.js'
import type { Entry } from '../../../wire/entry.js'
import { type OpenSource, type SourceStore, sourceError } from '../../sources.js'
import { DiskPace } from './disk-pace.js'
import { closeAnyway, type FileVersion, isVersion, readSourceSync, SourceFile } from './source-file.js'

/** Files of a run that are read at the same time by asynchronous calls. */
const FILES_AT_ONCE = 16
/** Numbers of a file's version: two for dev and ino, two for the times of change of content and attributes. */
const NUMBERS = 2

/**
 * The files of a disk, as they were when they were listed. A file costs four numbers: its path is that of its entry
 * below the path of an argument, or what `locate` says.
 */
export class DiskSources implements SourceStore {
  readonly #fs: FileSystem
  readonly #clock: Clock
  /** Index of the first entry. */
  readonly #first: number
  /** Where the arguments are here, by the names that they arrive under, or the paths. None is in another one. */
  readonly #roots = new Map<string, string>()
  #inodes = new BigUint64Array(NUMBERS * 64)
  #times = new Float64Array(NUMBERS * 64)
  #count = 0
  /** Which files were opened, to be read in pieces: as many bytes as files, once there is one. */
  #opened = new Uint8Array()
  readonly #pace: DiskPace
  readonly #locate: ((entry: Entry) => string) | undefined

  /** @param locate where an entry is here, if that is not below an argument */
  constructor(fs: FileSystem, clock: Clock, first: number, locate?: (entry: Entry) => string) {
    this.#fs = fs
    this.#clock = clock
    this.#first = first
    this.#pace = new DiskPace(clock)
    this.#locate = locate
  }

  /** An argument: what is offered under `name`, or below it, stands at `real`. */
  addRoot(name: string, real: string): void {
    this.#roots.set(name, real)
  }

  /** The next entry, or the one of this index, in any order: those between are none. */
  add({ dev, ino, mtimeMs, ctimeMs }: FileStats, index = this.#first + this.#count): void {
    const place = index - this.#first
    this.#count = Math.max(this.#count, place + 1)
    const at = place * NUMBERS
    if (at >= this.#times.length) {
      const inodes = new BigUint64Array(at * 2)
      inodes.set(this.#inodes)
      this.#inodes = inodes
      const times = new Float64Array(at * 2)
      times.set(this.#times)
      this.#times = times
    }
    this.#inodes[at] = dev
    this.#inodes[at + 1] = ino
    this.#times[at] = mtimeMs
    this.#times[at + 1] = ctimeMs
  }

  /** Whether a file is still what it was. */
  isStill(entry: Entry, stats: FileStats): boolean {
    return isVersion(stats, this.#versionOf(entry))
  }

  /** Which file it is, of one that was added. */
  numbersOf({ index }: Entry): FileNumbers {
    const at = (index - this.#first) * NUMBERS
    return { dev: this.#inodes[at]!, ino: this.#inodes[at + 1]! }
  }

  rereadable(): boolean {
    return true
  }

  async open(entry: Entry, signal: AbortSignal): Promise<OpenSource> {
    const at = entry.index - this.#first
    const file = await this.#open(entry, signal, this.#opened[at] === 1)
    // what is read of it later must be of the content that is read now: its other times can be put back
    this.#times[at * NUMBERS + 1] = file.changed
    if (this.#opened.length === 0) this.#opened = new Uint8Array(this.#count)
    this.#opened[at] = 1
    return file
  }

  async #open(entry: Entry, signal: AbortSignal, isAgain: boolean): Promise<SourceFile> {
    const path = this.#pathOf(entry)
    const version = this.#versionOf(entry)
    const open = () => SourceFile.open(this.#fs, path, version, isAgain)
    try {
      return await retryOpen(open, { clock: this.#clock, signal })
    } catch (cause) {
      throw sourceError(path, cause)
    }
  }

  async readRun(
    entries: readonly Entry[],
    buffer: Buffer,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, Error>> {
    const run = { entries, buffer, signal, next: 0, used: 0, failures: new Map<number, Error>() }
    while (run.next < entries.length && !signal.aborted) {
      const { sync } = this.#fs
      if (sync === undefined || this.#pace.isSlow) await this.#readTogether(run)
      else if (!this.#readNow(sync, run)) await this.#readNext(run)
      else if (run.next < entries.length) await setImmediate()
    }
    return run.failures
  }

  /**
   * Reads file after file, as long as it is this run's turn and the disk is fast; gives `false` if the next one has to
   * wait for a handle.
   */
  #readNow(calls: SyncCalls, run: ReadingRun): boolean {
    const { entries, buffer, failures } = run
    const begun = this.#clock.now()
    for (let before = begun; run.next < entries.length; ) {
      const entry = entries[run.next]!
      if (!this.#isRead(calls, entry, buffer, run.used)) {
        try {
          readSourceSync(this.#fs, this.#pathOf(entry), this.#versionOf(entry), buffer, run.used)
        } catch (error) {
          if (isOutOfHandles(error)) return false
          failures.set(entry.index, this.#failure(entry, error))
        }
      }
      run.next++
      run.used += entry.size!
      const now = this.#clock.now()
      this.#pace.took(now - before)
      if (now - begun > LONGEST_HOLD) return true
      before = now
    }
    return true
  }

  /**
   * Reads a file with one look at it, afterwards: if even its change time is the one that was listed, then nobody
   * touched it in all that time. `false` for everything else, also for a file of which only the mode was changed: it is
   * read once more, and then it is known why.
   */
  #isRead(calls: SyncCalls, entry: Entry, buffer: Buffer, offset: number): boolean {
    const size = entry.size!
    const at = (entry.index - this.#first) * NUMBERS
    let fd = -1
    try {
      fd = calls.open(this.#pathOf(entry), OPEN.read)
      if (size > 0 && calls.read(fd, buffer, offset, size, 0) < size) return false
      const stats = calls.fstat(fd)
      return (
        stats.size === size &&
        stats.dev === this.#inodes[at] &&
        stats.ino === this.#inodes[at + 1] &&
        stats.mtimeMs === this.#times[at] &&
        stats.ctimeMs === this.#times[at + 1] &&
        stats.isFile()
      )
    } catch {
      return false
    } finally {
      if (fd >= 0) closeAnyway(calls, fd)
    }
  }

  /** Reads the rest by asynchronous calls, several files at a time. */
  async #readTogether(run: ReadingRun): Promise<void> {
    const left = Math.min(FILES_AT_ONCE, run.entries.length - run.next)
    await Promise.all(Array.from({ length: left }, () => this.#readOn(run)))
  }

  async #readOn(run: ReadingRun): Promise<void> {
    while (run.next < run.entries.length && !run.signal.aborted) await this.#readNext(run)
  }

  async #readNext(run: ReadingRun): Promise<void> {
    const entry = run.entries[run.next++]!
    const into = run.buffer.subarray(run.used, run.used + entry.size!)
    run.used += into.length
    try {
      const file = await this.#open(entry, run.signal, false)
      try {
        await file.read(0, into)
        await file.verify()
      } finally {
        await file.close()
      }
    } catch (error) {
      run.failures.set(entry.index, error as Error)
    }
  }

  #failure(entry: Entry, cause: unknown): SluiceError {
    return isSluiceError(cause) ? cause : sourceError(this.#pathOf(entry), cause)
  }

  #pathOf(entry: Entry): string {
    if (this.#locate) return this.#locate(entry)
    const { path } = entry
    for (let end = path.indexOf('/'); ; end = path.indexOf('/', end + 1)) {
      const root = this.#roots.get(end < 0 ? path : path.slice(0, end))
      if (root === undefined && end < 0) throw unknown(path)
      if (root === undefined) continue
      if (end < 0) return root
      return root.endsWith('/') ? root + path.slice(end + 1) : root + path.slice(end)
    }
  }

  #versionOf({ index, path, size }: Entry): FileVersion {
    const at = index - this.#first
    if (at < 0 || at >= this.#count) throw unknown(path)
    const [dev, ino] = this.#inodes.subarray(at * NUMBERS)
    const [mtimeMs, ctimeMs] = this.#times.subarray(at * NUMBERS)
    return { dev: dev!, ino: ino!, mtimeMs: mtimeMs!, ctimeMs: ctimeMs!, size: size! }
  }
}

/** Small files that are being read one behind the other into one buffer. */
interface ReadingRun {
  entries: readonly Entry[]
  buffer: Buffer
  signal: AbortSignal
  /** The next file, and where its bytes begin in the buffer. */
  next: number
  used: number
  failures: Map<number, Error>
}

function unknown(path: string): SluiceError {
  const message = `the manifest does not say where the bytes of ${printable(path)} are; take it from manifestOf()`
  return new SluiceError('ERR_SOURCE_READ', message, { path, saysPath: true })
}
