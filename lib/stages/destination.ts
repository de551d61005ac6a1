import { SluiceError } from '../errors.js'
import type { FileSystem } from '../files/disk/fs.js'
import { collectLeftovers } from '../files/journal/leftovers.js'
import type { UnfinishedFile } from '../files/journal/read-journal.js'
import type { Durability } from '../files/publish/publish.js'
import { HandlePool, isOutOfHandles as isShort } from '../files/tree/handle-pool.js'
import { type Directory, Tree } from '../files/tree/tree.js'
import { Arrivals } from './arrivals.js'
import { ArrivingFolders } from './arriving-folders.js'
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

/**
 * The folder that a transfer arrives in: what `partSink` and `finalizer` share. It travels with the offer from one to
 * the other; whoever holds it last closes it. Nothing is opened or made before it is needed.
 */
export class Destination {
  /** May be raised to 'power' as long as nothing is open. */
  durability: Durability
  readonly fs: FileSystem
  readonly folders: ArrivingFolders
  readonly arrivals: Arrivals
  readonly room: Room
  readonly #options: DestinationOptions
  readonly #handles: HandlePool
  #tree: Promise<Tree> | undefined
  #holders = 0
  #closed = false

  constructor(options: DestinationOptions) {
    this.durability = options.durability
    this.fs = options.fs
    this.#options = options
    this.#handles = new HandlePool(options.handles)
    this.folders = new ArrivingFolders(this)
    this.arrivals = new Arrivals(this, this.#handles)
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

  /** The last one closes all. Unfinished parts stay. */
  async release(): Promise<void> {
    if (--this.#holders > 0) return
    this.#closed = true
    await this.#handles.close()
    await this.arrivals.close()
    const tree = await this.#tree?.catch(() => undefined)
    await tree?.close()
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

  /** With 'power': what was published until now may be acknowledged when this resolves. */
  async settle(): Promise<void> {
    if (this.durability !== 'power' || !this.#tree) return
    await this.folders.sync()
    await this.arrivals.sync()
  }

  async #openTree(): Promise<Tree> {
    const { dir, fs, warn, keep } = this.#options
    const tree = await Tree.open(dir, { fs, create: true, durability: this.durability })
    // what dead transfers left makes room, and gives its names back
    for (const { error } of await collectLeftovers(tree, { keep })) if (error) warn?.(error)
    return tree
  }
}
