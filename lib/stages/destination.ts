import { SluiceError } from '../errors.js'
import { errorCode } from '../files/disk-error.js'
import type { FileSystem } from '../files/fs.js'
import { HandlePool } from '../files/handle-pool.js'
import { isShort } from '../files/handle-returns.js'
import { Journal, type JournalEnd } from '../files/journal.js'
import { collectLeftovers } from '../files/leftovers.js'
import { PartFile } from '../files/part-file.js'
import type { Durability } from '../files/publish.js'
import type { UnfinishedFile } from '../files/read-journal.js'
import { type Directory, Tree } from '../files/tree.js'
import type { Entry, Offer } from '../wire/manifest.js'
import { ArrivingFolders } from './arriving-folders.js'
import { inSlices } from './at-most.js'
import { OurNames } from './our-names.js'
import { Room } from './room.js'

/** What a {@link Destination} is made with: the options of `partSink`, checked. */
export interface DestinationOptions {
  dir: string
  fs: FileSystem
  durability: Durability
  handles: number
  /** Parts of earlier transfers that are to stay. */
  keep?: (file: UnfinishedFile) => boolean
  warn?: (warning: SluiceError) => void
}

/** A file on its way in. */
export interface Arrival {
  entry: Entry
  part: PartFile
  /** Its number in the journal. */
  n: number
  /** How many part names were tried. */
  tries: number
}

/**
 * The folder that a transfer arrives in: what `partSink` and `finalizer` share. It travels with the offer from one to
 * the other; whoever holds it last closes it. Nothing is opened or made before it is needed.
 */
export class Destination {
  /** May be raised to 'power' as long as nothing is open. */
  durability: Durability
  readonly fs: FileSystem
  readonly folders: ArrivingFolders
  readonly room: Room
  readonly #options: DestinationOptions
  readonly #handles: HandlePool
  readonly #modes = new Map<number, boolean>()
  #tree: Promise<Tree> | undefined
  #journal: Promise<Journal> | undefined
  #transfer = ''
  readonly #names = new OurNames()
  /** The numbers in the journal of files that are neither published nor given up, by the index of their entry. */
  readonly #numbers: (number | undefined)[] = []
  #holders = 0
  #closed = false

  constructor(options: DestinationOptions) {
    this.durability = options.durability
    this.fs = options.fs
    this.#options = options
    this.#handles = new HandlePool(options.handles)
    this.folders = new ArrivingFolders(this)
    this.room = new Room(options.fs, options.dir)
  }

  /** Keeps it open until {@link release}. */
  hold(): void {
    if (this.#closed) {
      throw new SluiceError(
        'ERR_STATE',
        'the folder was closed already; put finalizer() directly behind partSink()',
      )
    }
    this.#holders++
  }

  /** The last one closes all. Unfinished parts stay, and the journal says that they are nobody's now. */
  async release(): Promise<void> {
    if (--this.#holders > 0) return
    this.#closed = true
    await this.#handles.close()
    const journal = await this.#journal?.catch(() => undefined)
    await journal?.close().catch(() => {})
    const tree = await this.#tree?.catch(() => undefined)
    await tree?.close()
  }

  /** Learns the names of an offer, so that no part and no folder of ours is called like one of them. */
  async learn(offer: Offer): Promise<void> {
    this.#transfer = offer.id
    await inSlices(offer.entries, ({ path }) => this.#names.avoid(path))
  }

  tree(): Promise<Tree> {
    this.#tree ??= this.#openTree()
    return this.#tree
  }

  /** For the parts, which wait for handles by themselves. */
  async directory(path: string): Promise<Directory> {
    return (await this.tree()).directory(path)
  }

  /** For the parts: the handles are needed. */
  async giveUp(): Promise<void> {
    await (await this.tree()).giveUp()
  }

  /** Calls `work` with the folder at `path`; again, where the system had no handles for it. */
  within<T>(path: string, work: (folder: Directory) => Promise<T>): Promise<T> {
    return this.patiently(async () => {
      const folder = await this.directory(path)
      try {
        return await work(folder)
      } finally {
        folder.release()
      }
    })
  }

  /** Calls `work`; again, where the system had no handles for it: see {@link HandlePool.patiently}. */
  patiently<T>(work: () => Promise<T>): Promise<T> {
    return this.#handles.patiently(async () => {
      try {
        return await work()
      } catch (error) {
        if (isShort(error)) await this.giveUp()
        throw error
      }
    })
  }

  /** Takes files down in the journal, all at once; their folders are made. The parts are still to be created. */
  async expect(entries: readonly Entry[]): Promise<Arrival[]> {
    const arrivals = entries.map((entry): Arrival => {
      const { mode, mtime } = entry
      const options = {
        mode,
        mtime,
        durability: this.durability,
        handles: this.#handles,
        modes: this.#modes,
      }
      const part = new PartFile(this, this.folders.pathOf(entry.path), options)
      const arrival = { entry, part, n: 0, tries: 0 }
      this.#name(arrival)
      return arrival
    })
    const journal = await this.#openJournal()
    const numbers = await journal.begin(
      arrivals.map(({ entry: { path, size, mtime }, part }) => ({
        path,
        size,
        mtime,
        ...(part.path === path ? {} : { target: part.path }),
        part: part.partName,
      })),
    )
    for (const [i, arrival] of arrivals.entries()) {
      arrival.n = numbers[i]!
      this.#numbers[arrival.entry.index] = arrival.n
    }
    return arrivals
  }

  /** Begins a file: `write` makes its part, and is called again with another name where something has that one. */
  async begin(arrival: Arrival, write: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        return await write()
      } catch (error) {
        const isTaken = errorCode((error as SluiceError).cause) === 'EEXIST'
        if (arrival.part.exists || !isTaken) throw error
        this.#name(arrival)
        await (await this.#openJournal()).rename(arrival.n, arrival.part.partName)
      }
    }
  }

  /** Data is about to be written. */
  async alive(): Promise<void> {
    await (await this.#journal)?.alive()
  }

  /** Takes down what became of a file. */
  async ended(entry: Entry, end: JournalEnd): Promise<void> {
    const n = this.#numbers[entry.index]
    if (n === undefined) return
    this.#numbers[entry.index] = undefined
    const journal = await this.#openJournal()
    journal.end(n, end)
  }

  /** With 'power': what was published until now may be acknowledged when this resolves. */
  async settle(): Promise<void> {
    if (this.durability !== 'power' || !this.#tree) return
    await this.folders.sync()
    await (await this.#journal)?.flush()
  }

  /** All is done: the journal goes, unless there is something that a later run may go on with. */
  async finish(): Promise<void> {
    const journal = await this.#journal
    this.#journal = undefined
    await journal?.finish()
  }

  async #openTree(): Promise<Tree> {
    const { dir, fs, warn, keep } = this.#options
    const tree = await Tree.open(dir, { fs, create: true, durability: this.durability })
    // what dead transfers left makes room, and gives its names back
    for (const { error } of await collectLeftovers(tree, { keep })) if (error) warn?.(error)
    return tree
  }

  #openJournal(): Promise<Journal> {
    const make = async () =>
      Journal.create(await this.tree(), this.#transfer, {
        durability: this.durability,
        isTaken: (name) => this.#names.isTop(name),
      })
    this.#journal ??= this.patiently(make)
    return this.#journal
  }

  /** Gives a part the next name that it may have. */
  #name(arrival: Arrival): void {
    const { name, tries } = this.#names.part(arrival.entry.path, arrival.tries)
    arrival.tries = tries
    arrival.part.rename(name)
  }
}
