import { isError, type SluiceError } from '../../errors.js'
import { type Clock, systemClock } from '../../files/disk/clock.js'
import { diskError } from '../../files/disk/disk-error.js'
import type { FileSystem } from '../../files/disk/fs.js'
import { localPath, parentOf } from '../../files/disk/names.js'
import { collectLeftovers } from '../../files/journal/leftovers.js'
import type { UnfinishedFile } from '../../files/journal/read-journal.js'
import { HandleBudget } from '../../files/tree/handle-budget.js'
import { type OpenFolder, Tree } from '../../files/tree/tree.js'
import type { Entry, Offer } from '../../wire/entry.js'
import type { Run } from '../../wire/run.js'
import type { Durability, PartRun, PartStore, Placement, PublishPolicy } from '../parts.js'
import { DiskPace } from './disk-pace.js'
import type { DiskPart } from './disk-part.js'
import { endFolder } from './end-folder.js'
import { ArrivingFolders } from './folders.js'
import { FreeSpace } from './free-space.js'
import { JournaledParts } from './journaled-parts.js'
import { makeLink } from './links.js'
import { SmallFiles } from './small-files.js'

/** What {@link diskParts} takes. */
export interface DiskPartsOptions {
  /** The folder that files arrive in. It is made when the first of them comes. */
  dir: string
  fs: FileSystem
  durability: Durability
  /** Files and folders that are open at once. */
  handles: number
  /** Parts of earlier transfers that are to stay. */
  keep?: (file: UnfinishedFile) => boolean
  warn?: (warning: SluiceError) => void
  clock?: Clock
}

/** A folder of this disk as a store of parts: `name.part` beside `name`, a journal in our own folder. */
export function diskParts(options: DiskPartsOptions): PartStore {
  return new DiskStore(options)
}

/** The folder that a transfer arrives in. Nothing is opened or made before it is needed. */
export class DiskStore implements PartStore {
  durability: Durability
  readonly fs: FileSystem
  readonly folders: ArrivingFolders
  readonly parts: JournaledParts
  readonly space: FreeSpace
  readonly #options: DiskPartsOptions
  readonly handles: HandleBudget
  /** While the disk is slow, calls are left to other threads. */
  readonly pace: DiskPace
  #tree: Promise<Tree> | undefined

  constructor(options: DiskPartsOptions) {
    this.durability = options.durability
    this.fs = options.fs
    // now, since nothing is opened before the first file comes
    this.#options = { ...options, dir: localPath('dir', options.dir) }
    this.pace = new DiskPace(options.clock ?? systemClock)
    this.handles = new HandleBudget(options.handles)
    this.folders = new ArrivingFolders(this)
    this.parts = new JournaledParts(this)
    this.space = new FreeSpace(options.fs, this.#options.dir)
  }

  async expect(offer: Offer, bytes: number): Promise<void> {
    await this.parts.learn(offer)
    if (bytes > 0) await this.space.check(bytes)
  }

  async makeFolder({ path, mode }: Entry): Promise<void> {
    // the root itself: its failure is not one of an entry
    await this.tree()
    await this.folders.make(path, mode)
  }

  async begin(entry: Entry): Promise<DiskPart> {
    const part = (await this.beginAll([entry])).get(entry.index)!
    if (isError(part)) throw part
    return part
  }

  /** All are recorded in the journal at once. */
  async beginAll(entries: readonly Entry[]): Promise<Map<number, DiskPart | SluiceError>> {
    await this.tree()
    const parts = new Map<number, DiskPart | SluiceError>()
    const standing: Entry[] = []
    for (const entry of entries) {
      try {
        await this.folders.make(parentOf(entry.path))
        standing.push(entry)
      } catch (error) {
        parts.set(entry.index, diskError(error, 'write', entry.path))
      }
    }
    for (const part of await this.parts.expect(standing)) parts.set(part.entry.index, part)
    return parts
  }

  /** By synchronous calls, if the file system has them, the disk is quick, and nothing has to be synced. */
  get writeRun(): ((run: Run, signal: AbortSignal) => Promise<PartRun>) | undefined {
    const calls = this.fs.sync
    if (!calls || this.durability === 'power' || this.pace.isSlow) return undefined
    return async (run, signal) => {
      await this.tree()
      const files = new SmallFiles(this, calls, run, signal)
      await files.write()
      return files
    }
  }

  alive(): Promise<void> {
    return this.parts.alive()
  }

  async sync(): Promise<void> {
    if (this.durability !== 'power' || !this.#tree) return
    await this.folders.sync()
    await this.parts.sync()
  }

  makeLink(entry: Entry, policy: PublishPolicy): Promise<Placement> {
    return makeLink(this, entry, policy)
  }

  endFolder(entry: Entry): Promise<Placement> {
    return endFolder(this, entry)
  }

  finish(): Promise<void> {
    return this.parts.finish()
  }

  /** Unfinished parts stay. */
  async close(): Promise<void> {
    await this.handles.close()
    await this.parts.close()
    const tree = await this.#tree?.catch(() => undefined)
    await tree?.close()
  }

  tree(): Promise<Tree> {
    this.#tree ??= this.#openTree()
    return this.#tree
  }

  /** For the parts, which wait for handles by themselves. */
  async folder(path: string): Promise<OpenFolder> {
    return (await this.tree()).folder(path)
  }

  /** Calls `work` with the folder at `path`; again, where the system had no handles for it. */
  within<T>(path: string, work: (folder: OpenFolder) => Promise<T>): Promise<T> {
    return this.handles.retry(async () => {
      const folder = await this.folder(path)
      try {
        return await work(folder)
      } finally {
        folder.release()
      }
    })
  }

  async #openTree(): Promise<Tree> {
    const { dir, fs, warn, keep } = this.#options
    const { durability, handles } = this
    const tree = await Tree.open(dir, { fs, create: true, durability, handles })
    // what dead transfers left makes room, and gives its names back
    for (const { error } of await collectLeftovers(tree, { keep })) if (error) warn?.(error)
    return tree
  }
}
