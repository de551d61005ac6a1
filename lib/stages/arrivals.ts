import { inSlices } from '../async.js'
import type { SluiceError } from '../errors.js'
import { errorCode } from '../files/disk-error.js'
import type { HandlePool } from '../files/handle-pool.js'
import { Journal, type JournalEnd } from '../files/journal.js'
import { PartFile } from '../files/part-file.js'
import type { Folders } from '../files/part-options.js'
import type { Durability } from '../files/publish.js'
import type { Tree } from '../files/tree.js'
import type { Entry, Offer } from '../wire/manifest.js'
import type { ArrivingFolders } from './arriving-folders.js'
import { OurNames } from './our-names.js'

/** Where the files arrive, and how to wait for handles. */
interface Ground extends Folders {
  readonly durability: Durability
  readonly folders: Pick<ArrivingFolders, 'pathOf'>
  tree(): Promise<Tree>
  patiently<T>(work: () => Promise<T>): Promise<T>
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

/** The files of a transfer on their way in: each a part that the journal knows before it is made, until its end. */
export class Arrivals {
  readonly #ground: Ground
  readonly #handles: HandlePool
  readonly #modes = new Map<number, boolean>()
  readonly #names = new OurNames()
  #transfer = ''
  #journal: Promise<Journal> | undefined
  /** The numbers in the journal of files that are neither published nor given up, by the index of their entry. */
  readonly #numbers: (number | undefined)[] = []

  constructor(ground: Ground, handles: HandlePool) {
    this.#ground = ground
    this.#handles = handles
  }

  /** Learns the names of an offer, so that no part and no folder of ours is called like one of them. */
  async learn(offer: Offer): Promise<void> {
    this.#transfer = offer.id
    await inSlices(offer.entries, ({ path }) => this.#names.avoid(path))
  }

  /** Takes files down in the journal, all at once; their folders are made. The parts are still to be created. */
  async expect(entries: readonly Entry[]): Promise<Arrival[]> {
    const arrivals = entries.map((entry): Arrival => {
      const { mode, mtime } = entry
      const options = {
        mode,
        mtime,
        durability: this.#ground.durability,
        handles: this.#handles,
        modes: this.#modes,
      }
      const part = new PartFile(this.#ground, this.#ground.folders.pathOf(entry.path), options)
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

  /** What was taken down until now lasts when this resolves. */
  async sync(): Promise<void> {
    await (await this.#journal)?.flush()
  }

  /** All is done: the journal goes, unless there is something that a later run may go on with. */
  async finish(): Promise<void> {
    const journal = await this.#journal
    this.#journal = undefined
    await journal?.finish()
  }

  /** Unfinished parts stay, and the journal says that they are nobody's now. */
  async close(): Promise<void> {
    const journal = await this.#journal?.catch(() => undefined)
    await journal?.close().catch(() => {})
  }

  #openJournal(): Promise<Journal> {
    const make = async () =>
      Journal.create(await this.#ground.tree(), this.#transfer, {
        durability: this.#ground.durability,
        isTaken: (name) => this.#names.isTop(name),
      })
    this.#journal ??= this.#ground.patiently(make)
    return this.#journal
  }

  /** Gives a part the next name that it may have. */
  #name(arrival: Arrival): void {
    const { name, tries } = this.#names.part(arrival.entry.path, arrival.tries)
    arrival.tries = tries
    arrival.part.rename(name)
  }
}
