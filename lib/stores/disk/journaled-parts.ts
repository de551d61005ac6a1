import { randomBytes } from 'node:crypto'
import { inSlices, lazyIndex, TimeSlice } from '../../async.js'
import { systemClock } from '../../clock.js'
import type { SluiceError } from '../../errors.js'
import type { ModeMemory } from '../../files/disk/attributes.js'
import { errorCode } from '../../files/disk/disk-error.js'
import type { FileIdentity, SyncCalls } from '../../files/disk/fs.js'
import { below, nameOf, parentOf } from '../../files/disk/names.js'
import { goOnWith } from '../../files/journal/go-on-with.js'
import { Journal } from '../../files/journal/journal.js'
import type { JournalEnd } from '../../files/journal/journal-records.js'
import type { UnfinishedFile } from '../../files/journal/read-journal.js'
import { RunIds } from '../../files/journal/run-records.js'
import { type LeftPart, takeOver } from '../../files/journal/take-over.js'
import { thisOwner } from '../../files/own/owner.js'
import { BarePart } from '../../files/part/bare-part.js'
import type { BarePartOptions } from '../../files/part/part-options.js'
import type { Entry, Offer } from '../../wire/entry.js'
import { DiskPart } from './disk-part.js'
import type { DiskStore } from './disk-store.js'
import { PartNames } from './part-names.js'
import { isWriteRefusal } from './standing-files.js'
import { OWNER_BITS } from './sync-file-calls.js'

/** The files of a transfer on their way in: each a part that the journal knows before it is made, until its end. */
export class JournaledParts {
  /** Which modes a new file gets as they were asked for. */
  readonly modes: ModeMemory = new Map()
  readonly #store: DiskStore
  readonly #names = new PartNames()
  #transfer = ''
  #journal: Promise<Journal> | undefined
  /** The journal, once it was made. */
  #opened: Journal | undefined
  /** Why nothing can be written: then only those files do not fail that stand there already. */
  #refusal: SluiceError | undefined
  /** The numbers in the journal of files that are neither published nor given up, by the index of their entry. */
  readonly #numbers: (number | undefined)[] = []

  constructor(store: DiskStore) {
    this.#store = store
  }

  /** Learns the names of an offer, so that no part is called like one of them. */
  async learn(offer: Offer): Promise<void> {
    // it was told of it before it was claimed from
    if (this.#numbers.length === offer.first + offer.entries.length) return
    this.#transfer = offer.id
    // at once: an array that grows leaves those that it outgrew
    this.#numbers.length = offer.first + offer.entries.length
    await inSlices(offer.entries, ({ path }) => this.#names.avoid(path))
  }

  /** Records files in the journal, all at once; their folders are made. The parts are still to be created. */
  async expect(entries: readonly Entry[]): Promise<DiskPart[]> {
    const parts = entries.map((entry) => {
      const part = this.#part(entry)
      this.#name(part)
      return part
    })
    if (parts.length === 0) return parts
    const journal = await this.#mayOpenJournal()
    if (!journal) return parts
    const numbers = await journal.begin(
      parts.map(({ entry: { path, size, mtime }, file }) => ({
        path,
        size,
        mtime,
        ...(file.path === path ? {} : { target: file.path }),
        part: file.partName,
      })),
    )
    for (const [i, { entry }] of parts.entries()) this.#numbers[entry.index] = numbers[i]!
    return parts
  }

  /**
   * Takes over the parts that earlier transfers left of these files, as far as they were begun for the same content.
   * This transfer's journal knows them before another one forgets them.
   */
  async claim(entries: readonly Entry[], signal?: AbortSignal): Promise<DiskPart[]> {
    await inSlices(entries, ({ path }) => this.#names.avoid(path))
    const wanted = lazyIndex(entries, ({ path }) => path)
    const store = this.#store
    const warn = (error: SluiceError) => store.warn(error)
    const options = { ...store.ownership, wait: true, signal, warn }
    const isWanted = async ({ path }: UnfinishedFile) => (await wanted(path)) !== undefined
    return takeOver(await store.tree(), isWanted, options, async (left, taker) => {
      const chosen = new Map<Entry, LeftPart>()
      const slice = new TimeSlice(systemClock)
      for (const one of left) {
        const entry = (await wanted(one.file.path))!
        const size = chosen.get(entry)?.stats.size ?? -1
        if (one.stats.size > size && (await this.#mayGoOn(entry, one))) chosen.set(entry, one)
        await slice.yield()
      }
      const journal = chosen.size === 0 ? undefined : await this.#mayOpenJournal()
      if (!journal) return []
      const numbers = await goOnWith([...chosen.values()], taker, journal, warn)
      const parts: DiskPart[] = []
      for (const [entry, one] of chosen) {
        const n = numbers.get(one)
        if (n === undefined) continue
        this.#numbers[entry.index] = n
        parts.push(this.#part(entry, { partName: one.file.part, found: one.stats }))
        await slice.yield()
      }
      return parts
    })
  }

  /** Whether a part is one of this very content, where the file is in this transfer, and can be written to. */
  async #mayGoOn(entry: Entry, { file, stats }: LeftPart): Promise<boolean> {
    if (file.size !== entry.size || file.mtime !== entry.mtime) return false
    if ((stats.mode & OWNER_BITS) !== OWNER_BITS) return false
    if (this.#names.has(below(parentOf(entry.path), file.part))) return false
    const { folders } = this.#store
    try {
      await folders.make(parentOf(entry.path))
    } catch {
      // the file begins anew, and fails there with the reason
      return false
    }
    return folders.pathOf(entry.path) === file.target
  }

  /** Whether a part may have the first name that comes to mind: then {@link expectRun} may take it. */
  hasPlainPart(path: string): boolean {
    return this.#names.isPlain(path)
  }

  /** Records files in the journal that have plain part names, all by one record; false where nothing can be written. */
  async expectRun(entries: readonly Entry[]): Promise<boolean> {
    const journal = await this.#mayOpenJournal()
    if (!journal) return false
    const { folders } = this.#store
    let n = await journal.beginRun(entries, (path) => folders.pathOf(path))
    for (const { index } of entries) this.#numbers[index] = n++
    return true
  }

  /** Records which files the parts of a run are, so that nothing else that gets such a name is taken for one. */
  madeRun(entries: readonly Entry[], fileOf: (entry: Entry) => FileIdentity): void {
    const ids = new RunIds()
    for (const entry of entries) ids.add(this.#numbers[entry.index]!, fileOf(entry))
    this.#opened!.madeRun(ids)
  }

  /** Whether the journal waits for the end of a file. */
  isExpected({ index }: Entry): boolean {
    return this.#numbers[index] !== undefined
  }

  /** The part of an expected file, of which all was written and sealed. */
  written(entry: Entry, written: FileIdentity): DiskPart {
    return this.#part(entry, { written })
  }

  /** The part of an expected file, of which nothing was written. */
  unwritten(entry: Entry): DiskPart {
    const part = this.#part(entry)
    part.tries = 1
    return part
  }

  /** Begins a file: `write` makes its part, and is called again with another name where the first is taken. */
  async begin(part: DiskPart, write: () => Promise<void>): Promise<void> {
    if (this.#refusal) throw this.#refusal
    for (;;) {
      try {
        await write()
        return await this.#made(part)
      } catch (error) {
        const isTaken = errorCode((error as SluiceError).cause) === 'EEXIST'
        if (part.file.exists || !isTaken) throw error
        this.#name(part)
        await (await this.#openJournal()).rename(this.#numbers[part.entry.index]!, part.file.partName)
      }
    }
  }

  /** Records which file the part is, so that nothing else that gets its name is ever taken for it. */
  async #made({ entry, file }: DiskPart): Promise<void> {
    const journal = await this.#openJournal()
    const made = await file.identity().catch(() => undefined) // else its name and its times must do
    if (made) await journal.made(this.#numbers[entry.index]!, made, file.written !== undefined)
  }

  /** Bytes are about to be written. */
  async alive(): Promise<void> {
    await (await this.#journal)?.alive()
  }

  /** Adds the numbers to an error of a full disk. */
  explain(error: SluiceError, entry: Entry): Promise<SluiceError> {
    return this.#store.space.explain(error, entry)
  }

  /** To be called before a file is published: `ERR_LOCK_LOST` if another process has taken the transfer over. */
  async check(): Promise<void> {
    await (await this.#journal)?.check()
  }

  /** Whether {@link check} would say nothing, by calls that are made at once. */
  isOurs(calls: SyncCalls): boolean {
    return this.#opened?.isOurs(calls) ?? false
  }

  /** Records a file's outcome in the journal. */
  async ended(entry: Entry, end: JournalEnd): Promise<void> {
    const n = this.#numbers[entry.index]
    if (n === undefined) return
    this.#numbers[entry.index] = undefined
    await this.#openJournal().then((journal) => journal.end(n, end))
  }

  /** Records that files of a run were published under their own names: one record for those that follow each other. */
  async published(entries: readonly Entry[]): Promise<void> {
    if (entries.length === 0) return
    const journal = await this.#openJournal()
    let first = -1
    let count = 0
    for (const { index } of entries) {
      const n = this.#numbers[index]!
      this.#numbers[index] = undefined
      if (n === first + count) count++
      else {
        if (count > 0) journal.endRun(first, count)
        first = n
        count = 1
      }
    }
    if (count > 0) journal.endRun(first, count)
  }

  /** What was recorded until now lasts when this resolves. */
  async sync(): Promise<void> {
    await (await this.#journal)?.flush()
  }

  /** All is done: the journal goes, unless there is something that a later run may go on with. */
  async finish(): Promise<void> {
    const journal = await this.#journal
    this.#journal = undefined
    await journal?.finish()
  }

  /** Unfinished parts stay, and the journal says that they are nobody's now: gives its name. */
  async close(): Promise<string | undefined> {
    const journal = await this.#journal?.catch(() => undefined)
    await journal?.close().catch(() => {})
    return journal?.name
  }

  /** undefined where nothing can be written. */
  async #mayOpenJournal(): Promise<Journal | undefined> {
    this.#refusal ??= this.#store.refusal
    try {
      return this.#refusal ? undefined : await this.#openJournal()
    } catch (error) {
      if (!isWriteRefusal(error)) throw error
      this.#refusal = error
      this.#journal = undefined
      return undefined
    }
  }

  #openJournal(): Promise<Journal> {
    const make = async () => {
      const { durability, ownership } = this.#store
      // what is gone on with before the offer is announced is of no transfer yet
      const transfer = this.#transfer || randomBytes(16).toString('hex')
      const owner = thisOwner(ownership.system)
      this.#opened = await Journal.create(await this.#store.tree(), transfer, { durability, owner })
      return this.#opened
    }
    this.#journal ??= this.#store.handles.retry(make)
    return this.#journal
  }

  #part(entry: Entry, there: BarePartOptions = {}): DiskPart {
    const { mode, mtime, path } = entry
    const { durability, folders } = this.#store
    const options = { ...(mode !== null && { mode }), mtime, durability, modes: this.modes, ...there }
    return new DiskPart(entry, new BarePart(this.#store, folders.pathOf(path), options), this.#store)
  }

  /** Gives a part the next name that it may have. */
  #name(part: DiskPart): void {
    const folder = parentOf(part.entry.path)
    const { name, tries } = this.#names.part(folder, nameOf(part.file.path), part.tries)
    part.tries = tries
    part.file.rename(name)
  }
}
