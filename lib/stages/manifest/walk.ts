import { TimeSlice } from '../../async.js'
import { type Code, SluiceError } from '../../errors.js'
import { errorCode } from '../../files/disk/disk-error.js'
import type { FileStats, FileSystem } from '../../files/disk/fs.js'
import { openRegular } from '../../files/disk/open-regular.js'
import { readFully } from '../../files/disk/read-write.js'
import { retryOpen } from '../../files/disk/retry.js'
import { sourceError } from '../../stores/sources.js'
import { PAGE_ENTRIES } from '../../wire/manifest.js'
import { cannotRead, type Inspected, Inspector, join, type ListingOptions, whyNot } from './inspect.js'
import type { FolderRules, Selection } from './selection.js'

/** Names of a folder that are looked at together. More gain nothing: the thread pool has four threads. */
const NAMES_AT_ONCE = 16
/** A `.gitignore` larger than this is not one. */
const LARGEST_RULES = 1024 * 1024

interface Folder {
  /** Where it is here. */
  real: string
  /** Its path in the offer. */
  path: string
  rules: FolderRules | undefined
  above: Folder | undefined
  /** What it is in the offer, until it is offered: with `include`, only once something in it is. */
  entry: Inspected | undefined
}

/** Something that is offered, and can be read as far as is known. */
export type Readable = Pick<Inspected, 'path' | 'target'> & {
  type: NonNullable<Inspected['type']>
  stats: FileStats
}

/** Something that should be sent and cannot be, and why. */
export interface Unreadable {
  type: 'unreadable'
  path: string
  code: Code
}

/** Goes through folders in a fixed order and gives out what is to be sent. */
export class Walk {
  readonly skipped: SluiceError[] = []
  readonly #fs: FileSystem
  readonly #inspector: Inspector
  readonly #selection: Selection
  readonly #options: ListingOptions
  readonly #give: (found: Readable | Unreadable) => void
  readonly #slice: TimeSlice
  #given = 0
  /** How many of them were told of. */
  #told = 0

  constructor(
    fs: FileSystem,
    selection: Selection,
    options: ListingOptions,
    give: (found: Readable | Unreadable) => void,
  ) {
    this.#fs = fs
    this.#inspector = new Inspector(fs, options)
    this.#selection = selection
    this.#options = options
    this.#give = give
    this.#slice = new TimeSlice(options.clock)
  }

  /** What the user named, and all that is in it; gives where that is here. */
  async argument(given: string, path: string, name: string): Promise<string> {
    this.#checkStop()
    const found = await this.#inspector.argument(given, path, name)
    await this.#one(undefined, found)
    return found.real
  }

  #checkStop(): void {
    if (this.#options.signal?.aborted) throw new SluiceError('ERR_CANCELLED', 'the listing was cancelled')
  }

  /** @param isWhole it is offered whether anything in it is or not */
  async #folder(folder: Folder, isWhole: boolean): Promise<void> {
    let names: Buffer[]
    try {
      names = await retryOpen(() => this.#fs.readdir(folder.real), this.#options)
    } catch (cause) {
      if (!folder.above) throw cannotRead(folder.real, cause)
      this.#unreadable(folder.above, folder.path, sourceError(folder.real, cause))
      return
    }
    if (isWhole) this.#offerFolder(folder)
    names.sort(Buffer.compare)
    if (this.#options.gitignore) folder.rules = await this.#rulesOf(folder, names)
    const { only } = this.#options
    const wanted = only ? names.filter((name) => only.leadsTo(join(folder.path, `${name}`))) : names
    for (let from = 0; from < wanted.length; from += NAMES_AT_ONCE) {
      this.#checkStop()
      const some = wanted.slice(from, from + NAMES_AT_ONCE)
      // taken up in the order of the names, so that every run says the same
      for (const one of await this.#inspector.names(folder, some)) {
        const below = this.#one(folder, one)
        if (below) await below
      }
      await this.#slice.yield()
      await this.#tellPage()
    }
  }

  async #tellPage(): Promise<void> {
    const { grown } = this.#options
    if (grown === undefined || this.#given - this.#told < PAGE_ENTRIES) return
    this.#told = this.#given
    await grown()
  }

  /** Offers it, or skips it; gives what is to be waited for where it is a folder. */
  #one(above: Folder | undefined, one: Inspected): Promise<void> | undefined {
    const { real, path, type } = one
    const rules = above?.rules
    const chosen = this.#selection.chosen(path, type === 'directory', rules)
    const { only } = this.#options
    if (chosen === 'no' || only?.leadsTo(path) === false) return undefined
    const isAsked = only?.has(path) ?? true
    if (type === 'directory') {
      const folder = { real, path, rules, above, entry: one }
      return this.#folder(folder, chosen === 'yes' && isAsked)
    }
    if (!isAsked) return undefined
    const why = whyNot(one, this.#options)
    if (why?.code === 'ERR_SKIPPED') this.skipped.push(why)
    else if (why) this.#unreadable(above, path, why)
    else this.#inside(above, one as Readable)
    return undefined
  }

  /** It cannot be sent, which both sides are to know. */
  #unreadable(above: Folder | undefined, path: string, why: SluiceError): void {
    this.skipped.push(why)
    this.#inside(above, { path, type: 'unreadable', code: why.code })
  }

  #inside(above: Folder | undefined, found: Readable | Unreadable): void {
    if (above?.entry) this.#offerFolder(above)
    this.#offer(found)
  }

  #offerFolder(folder: Folder): void {
    if (!folder.entry) return
    if (folder.above) this.#offerFolder(folder.above)
    this.#offer(folder.entry as Readable)
    folder.entry = undefined
  }

  #offer(found: Readable | Unreadable): void {
    const { entries } = this.#options.limits
    if (++this.#given > entries) {
      const message = `more than ${entries} files and folders; send them in several parts`
      throw new SluiceError('ERR_LIMIT', message)
    }
    this.#give(found)
  }

  async #rulesOf(folder: Folder, names: readonly Buffer[]): Promise<FolderRules | undefined> {
    if (!names.some((name) => name.toString() === '.gitignore')) return folder.rules
    const path = join(folder.real, '.gitignore')
    try {
      const { fd, stats } = await retryOpen(() => openRegular(this.#fs, path), this.#options)
      try {
        // half of the rules would offer what the other half keeps back
        if (stats.size > LARGEST_RULES) throw new RangeError(`it has ${stats.size} bytes`)
        const bytes = Buffer.alloc(stats.size)
        const length = await readFully(this.#fs, fd, bytes, 0)
        const rules = this.#selection.rules(bytes.toString('utf8', 0, length))
        return { prefix: `${folder.path}/`, rules, above: folder.rules }
      } finally {
        await this.#fs.close(fd)
      }
    } catch (cause) {
      // a link or a folder of this name is none, as in git
      if (['ELOOP', 'EISDIR', 'ENXIO', 'ENOENT'].includes(errorCode(cause) ?? '')) return folder.rules
      throw cannotRead(path, cause)
    }
  }
}
