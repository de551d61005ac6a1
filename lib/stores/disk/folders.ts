import { Limiter } from '../../async.js'
import { isSluiceError, printable, SluiceError } from '../../errors.js'
import { type ModeMemory, setMode, unlessRefused } from '../../files/disk/attributes.js'
import { errorCode } from '../../files/disk/disk-error.js'
import type { FileStats, FileSystem } from '../../files/disk/fs.js'
import { below, nameOf, parentOf } from '../../files/disk/names.js'
import { idText, lstatIfThere } from '../../files/disk/stats.js'
import { isReservedName, storedName } from '../../files/own/reserved.js'
import { firstFree } from '../../files/publish/first-free.js'
import type { Suffixes } from '../../files/publish/suffixes.js'
import type { HandleBudget } from '../../files/tree/handle-budget.js'
import type { OpenFolder, Tree } from '../../files/tree/tree.js'

/** Where the folders are made, and how to wait for handles. */
interface Place {
  tree(): Promise<Tree>
  readonly fs: FileSystem
  readonly handles: HandleBudget
  readonly suffixes: Suffixes
  readonly isStaged: boolean
  readonly refusal: SluiceError | undefined
  likeOf(there: FileStats): string
  ownSuffixes(path: string, suffixes: Iterable<number>): Iterable<number>
  within<T>(path: string, work: (folder: OpenFolder) => Promise<T>): Promise<T>
  warn(warning: SluiceError): void
}

/** Its owner must be able to write into a folder until the end. */
const FOLDER_BITS = 0o700

/**
 * Where what a transfer brings is on disk. Folders are under their own names, merged into those that stand there, or,
 * where something else has the name, with a suffix and all that is below them. Nothing has a name that this library
 * could take for one of its own: it is stored under another one.
 */
export class ArrivingFolders {
  readonly #place: Place
  /** Path in the offer → path on disk. */
  readonly #made = new Map<string, string>([['', '']])
  readonly #making = new Map<string, Promise<string>>()
  /** Those of them that this transfer made. */
  readonly #own = new Set<string>()
  /** Which modes new folders get as they were asked for. */
  readonly #modes: ModeMemory = new Map()
  /** Folders on disk that have one of ours in them: with 'power' their names are to be synced. */
  readonly #grown = new Set<string>()
  /** Those that were looked at, by device and inode, and the paths on disk of the others. */
  readonly #seen = new Set<string>()
  readonly #unseen: string[] = []
  /** Paths on disk of folders in which something was found. */
  readonly #kept = new Set<string>()
  readonly #looks = new Limiter(1)
  /** Whether one of them has another path on disk than in the offer. */
  #isMoved = false
  #hasWarned = false

  constructor(place: Place) {
    this.#place = place
  }

  /**
   * Makes the folder at `path` of the offer, and those above it; gives its path on disk.
   * Without a mode a new one gets what the umask leaves. Fails with `ERR_UNSAFE_LINK` where a link stands in its place,
   * and as the disk does.
   */
  async make(path: string, mode?: number): Promise<string> {
    const made = this.#made.get(path)
    if (made !== undefined) return made
    let making = this.#making.get(path)
    if (!making) {
      making = this.#make(path, mode)
      this.#making.set(path, making)
    }
    try {
      return await making
    } finally {
      this.#making.delete(path)
    }
  }

  /** The path on disk that an entry is to get, whose folder was made. */
  pathOf(path: string): string {
    const slash = path.lastIndexOf('/')
    const name = path.slice(slash + 1)
    if (!this.#isMoved && !isReservedName(name)) return path
    const folder = this.#made.get(slash === -1 ? '' : path.slice(0, slash))!
    return below(folder, this.#storedName(name, path))
  }

  /** The path on disk of a folder of the offer, if it was made. */
  folderOf(path: string): string | undefined {
    return this.#made.get(path)
  }

  /**
   * Whether this transfer made the folder at `path` of the offer, and so sets its mode. One that was there keeps what
   * it has, or a sender could open a folder of the user's to others, or shut it.
   */
  isOurs(path: string): boolean {
    return this.#place.isStaged || this.#own.has(path)
  }

  /** Something that this transfer found there is in the folder at a path on disk. */
  keep(path: string): void {
    for (let at = path; at !== '' && !this.#kept.has(at); at = parentOf(at)) {
      this.#kept.add(at)
      this.#unseen.push(at)
    }
  }

  /** Whether what stands there is one of the folders that this transfer brings, or something of it is in. */
  async holds(there: FileStats): Promise<boolean> {
    // one after the other: what another call is looking at counts for this one
    await this.#looks.run(() => this.#see())
    return this.#seen.has(idText(there))
  }

  /** Makes the names of new folders last. */
  async sync(): Promise<void> {
    const tree = await this.#place.tree()
    for (const path of [...this.#grown]) {
      await this.#place.handles.retry(() => tree.sync(path))
      this.#grown.delete(path)
    }
  }

  /** Whoever sends it may not know of such names: said once, the outcomes say the rest. */
  #storedName(name: string, path: string): string {
    const stored = storedName(name)
    if (stored === name || this.#hasWarned) return stored
    this.#hasWarned = true
    const message = `${printable(path)} is called like what Sluice makes for itself: it, and all that is called so, is stored with a _ added to its name`
    this.#place.warn(new SluiceError('ERR_PATH', message, { path }))
    return stored
  }

  async #see(): Promise<void> {
    while (this.#unseen.length > 0) {
      const path = this.#unseen.pop()!
      // since two names can be one on this disk; the root is not below anything
      const stats = await this.#lstat(path).catch((error: unknown) => {
        this.#unseen.push(path)
        throw error
      })
      if (stats) this.#seen.add(idText(stats))
    }
  }

  #lstat(path: string): Promise<FileStats | undefined> {
    const { fs } = this.#place
    return this.#place.within(parentOf(path), (folder) => lstatIfThere(fs, folder.at(nameOf(path))))
  }

  #setMode(there: string, bits: number): Promise<void> {
    return this.#place.within(there, ({ fd }) => setMode(this.#place.fs, fd, bits, this.#modes))
  }

  async #make(path: string, mode?: number): Promise<string> {
    const slash = path.lastIndexOf('/')
    const above = await this.make(slash === -1 ? '' : path.slice(0, slash))
    const name = this.#storedName(path.slice(slash + 1), path)
    const tree = await this.#place.tree()
    const { suffixes } = this.#place
    let first: FileStats | undefined
    const take = async (candidate: string, n: number) => {
      const there = below(above, candidate)
      try {
        const { refusal } = this.#place
        if (refusal && !(await this.#lstat(there))) throw refusal
        const bits = mode === undefined ? 0o777 : mode | FOLDER_BITS
        const made = await this.#place.handles.retry(() => tree.makeFolder(there, bits))
        if (made === 'created') {
          this.#own.add(path)
          // at once: after an interruption the folder is found as one that was there, and keeps what the umask left
          // where the disk refuses that, the end of the folder tells it
          if (mode !== undefined && this.#modes.get(bits) !== true)
            await unlessRefused('mode', there, () => this.#setMode(there, bits))
        }
        // also where it was there: its creator may not have synced it yet, or have been killed before
        this.#grown.add(above)
        this.#made.set(path, there)
        this.#unseen.push(there)
        if (there !== path) this.#isMoved = true
        // others whose name is one with this one come into the same folder
        if (n > 0) suffixes.note(first, n, 'folder')
        return there
      } catch (error) {
        // a link under the name itself is no accident: nobody asked for another name then
        const isLink = n > 0 && isSluiceError(error, 'ERR_UNSAFE_LINK')
        const cause = isSluiceError(error) ? errorCode(error.cause) : undefined
        const isTaken = isSluiceError(error, 'ERR_WRITE') && cause === 'EEXIST'
        if (!isLink && !isTaken) throw error
        const stats = await this.#lstat(there)
        if (n === 0) first = stats
        else if (stats) suffixes.note(first, n, this.#place.likeOf(stats))
        return undefined
      }
    }
    return firstFree(name, path, take, () => this.#place.ownSuffixes(path, suffixes.after(first, 'folder')))
  }
}
