import { setImmediate } from 'node:timers/promises'
import { LONGEST_HOLD } from '../../async.js'
import type { SluiceError } from '../../errors.js'
import { FRESH, timeInSeconds } from '../../files/disk/attributes.js'
import { diskError, isRefusal } from '../../files/disk/disk-error.js'
import { OPEN, type SyncCalls } from '../../files/disk/fs.js'
import { nameOf, partCandidate } from '../../files/disk/names.js'
import { isStillWritten } from '../../files/disk/stats.js'
import type { OpenFolder } from '../../files/tree/tree.js'
import type { Entry } from '../../wire/entry.js'
import { lengthIn, type Run, RunReader } from '../../wire/run.js'
import type { Part, PartRun } from '../parts.js'
import type { DiskStore } from './disk-store.js'
import { expectRun } from './small-files/expect-run.js'
import { HeldFolder } from './small-files/held-folder.js'
import { syncFolders, UnsyncedFiles } from './small-files/unsynced-files.js'
import { WrittenFiles } from './small-files/written-files.js'
import { attempt, type Given, isLate, isRemoved, OWNER_BITS, statsOf, writeAll } from './sync-file-calls.js'

/**
 * Many small whole files: written and named by one loop of synchronous calls, without an object, a promise or a closure
 * for each. What is unusual with one of them (its part name is taken, a call fails) goes its own way as a
 * {@link DiskPart}.
 */
export class SmallFiles implements PartRun {
  readonly #store: DiskStore
  readonly #calls: SyncCalls
  /** Without its bytes, once they are written: it waits for its digests, and there may be many such. */
  #run: Run
  readonly #signal: AbortSignal
  readonly #written: WrittenFiles
  /** With 'power' those that are to be synced. */
  readonly #unsynced: UnsyncedFiles | undefined
  /** Files that went their own way, by the index of their entry. */
  readonly #alone = new Map<number, Part>()
  readonly failures = new Map<number, SluiceError>()
  /** When the slice of the loop began that is under way: what it takes says how fast the disk is. */
  #since = 0
  /** Whether the journal was found to be ours in this slice. */
  #isOurs: boolean | undefined

  constructor(store: DiskStore, calls: SyncCalls, run: Run, signal: AbortSignal) {
    this.#store = store
    this.#calls = calls
    this.#run = run
    this.#signal = signal
    this.#written = new WrittenFiles(run.first)
    const { durability, fs, handles } = store
    if (durability === 'power') this.#unsynced = new UnsyncedFiles(fs, calls, handles)
  }

  /** Writes all of them. */
  async write(): Promise<void> {
    const { first, last, entries, buffers } = this.#run
    const odd = await expectRun(this.#store, this.#run, this.failures)
    const reader = new RunReader(buffers)
    const held = new HeldFolder(this.#store)
    // the rest of the run before, which was too quick to be told of, lies between its slow slices and those of this one
    this.#store.pace.took(0)
    this.#beginSlice()
    const written: Entry[] = []
    try {
      for (let index = first; index <= last; index++) {
        const entry = entries[index]!
        const bytes = reader.take(lengthIn(this.#run, index))
        if (entry.type !== 'file' || this.failures.has(index)) continue
        this.#signal.throwIfAborted()
        // a mode that is set with the name would be synced by nobody
        const isOdd = odd.has(index) || (this.#unsynced !== undefined && isLate(entry.mode))
        const isQuick = !isOdd && !this.#store.pace.isSlow
        const folder = isQuick ? (held.of(entry.path) ?? (await this.#enter(held, entry))) : undefined
        const mayBeThere =
          folder && this.#store.isByTime && statsOf(this.#calls, folder.at(nameOf(entry.path)))
        const isEnded = folder && !mayBeThere ? await this.#tryWrite(folder, entry, bytes) : false
        if (isEnded) written.push(entry)
        else await this.#writeAlone(held, entry, bytes)
        if (this.#unsynced?.isFull) await this.#sync(this.#unsynced)
        if (this.#isLong) await this.#yield()
      }
      if (this.#unsynced) await this.#sync(this.#unsynced)
    } finally {
      this.#unsynced?.drop()
      held.leave()
      const made = written.filter(({ index }) => !this.failures.has(index))
      if (made.length > 0) this.#store.parts.madeRun(made, (entry) => this.#written.of(entry))
      this.#run = { ...this.#run, buffers: [] }
    }
  }

  async publish(first: number, last: number): Promise<number[]> {
    const unusual: number[] = []
    const published: Entry[] = []
    /** Those that have their name: a linked one also that of the part, until the folder is synced. */
    const named = new Map<Entry, Given>()
    const drop = (folder: OpenFolder, entry: Entry, given: Given) => {
      const how = this.#dropPart(folder, entry, given)
      if (how === 'published') published.push(entry)
      if (how === 'unusual') unusual.push(entry.index)
    }
    const held = new HeldFolder(this.#store)
    this.#beginSlice()
    try {
      for (let index = first; index <= last; index++) {
        const entry = this.#run.entries[index]!
        if (entry.type !== 'file' || this.failures.has(index)) continue
        const isAlone = this.#alone.has(index) || this.#store.pace.isSlow
        const folder = isAlone ? undefined : (held.of(entry.path) ?? (await this.#enter(held, entry)))
        // below a folder that has a suffix it gets another name than its own
        const isOwn = folder !== undefined && held.hasOwnName
        // else DiskPart says that the journal is lost
        const given = isOwn && this.#holdsJournal() ? this.#tryName(folder, entry) : undefined
        if (!folder || !given) unusual.push(index)
        else if (this.#unsynced) named.set(entry, given)
        else drop(folder, entry, given)
        if (this.#isLong) await this.#yield()
      }
      held.leave()
      // in the other order a power cut could lose both names
      await syncFolders(this.#store, [...named.keys()])
      for (const [entry, given] of named) {
        const folder = held.of(entry.path) ?? (await this.#enter(held, entry))
        if (folder && this.#holdsJournal()) drop(folder, entry, given)
        else unusual.push(entry.index)
        if (this.#isLong) await this.#yield()
      }
      held.leave()
      // else parts could be back after a power cut, when nobody knows of them any more
      const linked = [...named.keys()].filter((entry) => named.get(entry) === 'linked')
      await syncFolders(this.#store, linked)
    } finally {
      held.leave()
    }
    await this.#store.parts.published(published)
    return unusual
  }

  part(index: number): Part {
    const entry = this.#run.entries[index]!
    return this.#alone.get(index) ?? this.#store.parts.written(entry, this.#written.of(entry))
  }

  /**
   * Writes a file under its plain part name; false, and nothing is left of it, where that does not go.
   * @returns true also where it failed for good: see {@link write}
   */
  #tryWrite(folder: OpenFolder, entry: Entry, bytes: readonly Buffer[]): boolean | Promise<boolean> {
    const calls = this.#calls
    let path: string
    let fd: number
    try {
      path = folder.at(partCandidate(nameOf(entry.path), 0))
      fd = calls.open(path, OPEN.create, (entry.mode ?? FRESH) | OWNER_BITS)
    } catch (error) {
      // of a failing disk nobody knows whether it made the file
      return isRefusal(error) ? false : this.#fail(entry, diskError(error, 'write', entry.path))
    }
    let isOpen = true
    try {
      this.#unsynced?.prepare(fd)
      writeAll(calls, fd, bytes)
      this.#look(fd, entry)
      const seconds = timeInSeconds(entry.mtime)
      calls.futimes(fd, seconds, seconds)
      isOpen = false
      if (this.#unsynced) this.#unsynced.add(entry, fd, path)
      else calls.close(fd)
      return true
    } catch (error) {
      if (isOpen) attempt(() => calls.close(fd))
      if (attempt(() => calls.unlink(path))) return false
      return this.#fail(entry, diskError(error, 'write', entry.path))
    }
  }

  async #sync(files: UnsyncedFiles): Promise<void> {
    const failures = await files.sync()
    for (const [{ index, path }, error] of failures) this.failures.set(index, diskError(error, 'write', path))
    for (const [entry] of failures) {
      const { code } = this.failures.get(entry.index)!
      await this.#store.parts.ended(entry, { state: 'failed', code, part: 'suspect' })
    }
    // whoever reads them after this process finds them as they should be, whatever is on the disk
    if (failures.size > 0) await this.#store.parts.sync()
    this.#beginSlice()
  }

  /** Something stands under the name of its part, or may: with that in the way the file cannot begin anew. */
  async #fail(entry: Entry, failure: SluiceError): Promise<boolean> {
    await this.#store.parts.ended(entry, { state: 'failed', code: failure.code, part: 'kept' })
    this.failures.set(entry.index, failure)
    return true
  }

  /** Remembers what file it is, and sets its mode where one was asked for, and it is another. */
  #look(fd: number, entry: Entry): void {
    const { mode } = entry
    const { modes } = this.#store.parts
    const stats = this.#calls.fstat(fd)
    this.#written.add(entry, stats)
    if (mode === null || isLate(mode) || modes.get(mode) === true) return
    const differs = (stats.mode & 0o777) !== mode
    modes.set(mode, !differs)
    if (differs) this.#calls.fchmod(fd, mode)
  }

  async #begin(entry: Entry): Promise<Part> {
    const { parts } = this.#store
    const standing = await this.#store.standing(entry)
    if (standing) {
      await parts.ended(entry, { state: 'completed', part: 'gone' })
      return standing
    }
    if (parts.isExpected(entry)) return parts.unwritten(entry)
    return (await parts.expect([entry]))[0]!
  }

  /** By the calls that can wait and try again; what goes wrong then is the file's failure. */
  async #writeAlone(held: HeldFolder, entry: Entry, bytes: Buffer[]): Promise<void> {
    // it may need the handles
    held.leave()
    if (this.#unsynced) await this.#sync(this.#unsynced)
    let part: Part | undefined
    try {
      part = await this.#begin(entry)
      this.#alone.set(entry.index, part)
      await part.write(0, bytes, true)
    } catch (error) {
      const failure = diskError(error, 'write', entry.path)
      await part?.keep?.(failure)
      this.failures.set(entry.index, failure)
    }
    this.#beginSlice()
  }

  /** Gives a file its name, if it is free; undefined where it is not, or anything goes wrong. */
  #tryName(folder: OpenFolder, entry: Entry): Given | undefined {
    const { path, mode } = entry
    const name = nameOf(path)
    const part = folder.at(partCandidate(name, 0))
    try {
      const there = this.#calls.lstat(part)
      const written = this.#written.of(entry)
      if (!isStillWritten(there, written)) return undefined
      this.#store.brought?.add(there)
      return this.#store.freeNames.give(this.#calls, part, folder.at(name), written, mode)
    } catch {
      // where it is done already, DiskPart finds that
      return undefined
    }
  }

  /** A file has its name: takes that of the part away, where it still has it. */
  #dropPart(folder: OpenFolder, entry: Entry, given: Given): 'published' | 'part is left' | 'unusual' {
    const { path, mode } = entry
    const name = nameOf(path)
    const isPartGone = given === 'moved' || isRemoved(this.#calls, folder.at(partCandidate(name, 0)))
    this.#noteVersion(folder.at(name), entry)
    if (isPartGone) return 'published'
    // DiskPart would open it, which its mode may forbid by now; the journal says that the part is left
    return isLate(mode) ? 'part is left' : 'unusual'
  }

  /** A file has its name: where the transfer is of a series, what it is now is its version. */
  #noteVersion(at: string, entry: Entry): void {
    const { versions } = this.#store
    const named = versions && statsOf(this.#calls, at)
    if (named && isStillWritten(named, this.#written.of(entry))) versions.note(entry.path, entry.path, named)
  }

  async #enter(held: HeldFolder, { path }: Entry): Promise<OpenFolder | undefined> {
    const folder = await held.enter(path)
    this.#beginSlice()
    return folder
  }

  get #isLong(): boolean {
    return this.#store.pace.clock.now() - this.#since > LONGEST_HOLD
  }

  #beginSlice(): void {
    this.#since = this.#store.pace.clock.now()
    this.#isOurs = undefined
  }

  /** Asked once in each slice: a process that was suspended in one finds its time used up behind the file it is at. */
  #holdsJournal(): boolean {
    this.#isOurs ??= this.#store.parts.isOurs(this.#calls)
    return this.#isOurs
  }

  async #yield(): Promise<void> {
    this.#store.pace.took(this.#store.pace.clock.now() - this.#since)
    await setImmediate()
    // the parts of a journal that was silent for long are not believed to be its own
    await this.#store.alive()
    this.#beginSlice()
  }
}
