import { TimeSlice } from '../../async.js'
import { SluiceError } from '../../errors.js'
import type { Clock } from '../../files/disk/clock.js'
import { errorCode } from '../../files/disk/disk-error.js'
import type { FileSystem } from '../../files/disk/fs.js'
import { openRegular } from '../../files/disk/open-regular.js'
import { retryOpen } from '../../files/disk/out-of-handles.js'
import { readFully } from '../../files/disk/read-write.js'
import { sourceError } from '../../stores/sources.js'
import {
  cannotRead,
  type Found,
  foundIn,
  type Inspected,
  type InspectOptions,
  Inspector,
  join,
} from './inspect.js'
import type { FolderRules, Selection } from './selection.js'

/** Names of a folder that are looked at together. More gain nothing: the thread pool has four threads. */
const AT_ONCE = 16
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
  entry: Found | undefined
}

/** What a {@link Walk} is to do. */
export interface WalkOptions extends InspectOptions {
  gitignore: boolean
  clock: Clock
  signal: AbortSignal | undefined
}

/** Goes through folders in a fixed order and gives out what is to be sent. */
export class Walk {
  readonly skipped: SluiceError[] = []
  readonly #fs: FileSystem
  readonly #inspector: Inspector
  readonly #selection: Selection
  readonly #options: WalkOptions
  readonly #give: (found: Found) => void
  readonly #slice: TimeSlice
  #given = 0

  constructor(fs: FileSystem, selection: Selection, options: WalkOptions, give: (found: Found) => void) {
    this.#fs = fs
    this.#inspector = new Inspector(fs, options)
    this.#selection = selection
    this.#options = options
    this.#give = give
    this.#slice = new TimeSlice(options.clock)
  }

  /** What the user named, and all that is in it. */
  async argument(given: string, path: string, name: string): Promise<void> {
    this.#checkStop()
    await this.#one(undefined, await this.#inspector.argument(given, path, name))
  }

  #checkStop(): void {
    if (this.#options.signal?.aborted) throw new SluiceError('ERR_CANCELLED', 'the listing was cancelled')
  }

  async #folder(folder: Folder): Promise<void> {
    let names: Buffer[]
    try {
      names = await retryOpen(() => this.#fs.readdir(folder.real), this.#options)
    } catch (cause) {
      if (!folder.above) throw cannotRead(folder.real, cause)
      this.skipped.push(sourceError(folder.real, cause))
      return
    }
    names.sort(Buffer.compare)
    if (this.#options.gitignore) folder.rules = await this.#rulesOf(folder, names)
    for (let from = 0; from < names.length; from += AT_ONCE) {
      this.#checkStop()
      const some = names.slice(from, from + AT_ONCE)
      // taken up in the order of the names, so that every run says the same
      for (const one of await this.#inspector.names(folder, some)) {
        const below = this.#one(folder, one)
        if (below) await below
      }
      await this.#slice.yield()
    }
  }

  /** Offers it, or skips it; gives what is to be waited for where it is a folder. */
  #one(above: Folder | undefined, inspected: Inspected): Promise<void> | undefined {
    const { real, path, stats } = inspected
    const isFolder = stats?.isDirectory() ?? false
    if (this.#selection.excluded(path, isFolder, above?.rules)) return undefined
    const included = this.#selection.included(path, isFolder)
    if (!included && !isFolder) return undefined
    const found = foundIn(inspected)
    if (!(found instanceof SluiceError) && isFolder) {
      const folder = { real, path, rules: above?.rules, above, entry: found }
      if (included) this.#offerFolder(folder)
      return this.#folder(folder)
    }
    if (found instanceof SluiceError) this.skipped.push(found)
    else {
      this.#offerFolder(above)
      this.#offer(found)
    }
    return undefined
  }

  #offerFolder(folder: Folder | undefined): void {
    if (!folder?.entry) return
    this.#offerFolder(folder.above)
    this.#offer(folder.entry)
    folder.entry = undefined
  }

  #offer(found: Found): void {
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
