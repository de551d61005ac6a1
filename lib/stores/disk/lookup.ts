import { TimeSlice } from '../../async.js'
import { errorCode } from '../../files/disk/disk-error.js'
import type { FileStats } from '../../files/disk/fs.js'
import { nameOf, parentOf, suffixed } from '../../files/disk/names.js'
import { lstatIfThere } from '../../files/disk/stats.js'
import { syncFile } from '../../files/disk/sync.js'
import { isReservedName } from '../../files/own/reserved.js'
import type { OpenFolder } from '../../files/tree/tree.js'
import type { Entry } from '../../wire/entry.js'
import type { StandingFiles } from '../parts.js'
import type { PublishPolicy } from '../policy.js'
import type { Named } from './acknowledged-files.js'
import type { DiskStore } from './disk-store.js'
import { DiskSources } from './sources/disk-sources.js'
import { isThereByTime, type Standing, standingFiles } from './standing-files.js'

/**
 * Looks for the files and folders that stand in the place of entries: see {@link PartStore.lookup}. Looks only into
 * folders that stand under their own names; what cannot be looked at is not there. Of a file it keeps which one it is,
 * and its size and time, so that another one is never taken for it.
 */
export async function findStanding(
  store: DiskStore,
  entries: readonly Entry[],
  policy: PublishPolicy,
  signal?: AbortSignal,
): Promise<StandingFiles> {
  const [first] = entries
  if (policy.unless === 'nothing' || !first) return { indices: [], source: {} }
  const { root } = await store.tree()
  const lookup = new Lookup(store, policy, first.index, root.endsWith('/') ? root : `${root}/`)
  await lookup.find(entries, signal)
  return lookup
}

class Lookup implements StandingFiles {
  readonly indices: number[] = []
  readonly names = new Map<number, string>()
  readonly source: DiskSources
  /** Files with several names, of those that are to be read. */
  readonly #shared = new Set<number>()
  readonly #store: DiskStore
  readonly #policy: PublishPolicy
  /** Whose rights count: a system call, which is made once for all files. */
  readonly #user: number | undefined
  /** Whether the names in the folder are to last. */
  #isToSync = false

  constructor(store: DiskStore, policy: PublishPolicy, first: number, root: string) {
    this.#store = store
    this.#policy = policy
    this.#user = store.fs.user?.()
    this.source = new DiskSources(store.fs, store.pace.clock, first, (entry) => root + this.#pathOf(entry))
  }

  async find(entries: readonly Entry[], signal?: AbortSignal): Promise<void> {
    const slice = new TimeSlice(this.#store.pace.clock)
    await this.#store.brought?.recall()
    await this.#inFolders(entries, async (folder, entry) => {
      signal?.throwIfAborted()
      await slice.yield()
      if (!folder) return
      if (entry.type === 'directory') return this.#lookAtFolder(folder, entry)
      const standing = await this.#look(folder, entry).catch(() => undefined)
      if (standing) await this.#note(folder, entry, standing)
    })
  }

  async acknowledge(entries: readonly Entry[]): Promise<number[]> {
    const { brought, durability } = this.#store
    const gone: number[] = []
    if (durability !== 'power') {
      // whoever read a file has opened it by its name, and seen at the end that nobody had touched it meanwhile
      for (const entry of brought ? entries : []) if (!this.#takeRead(entry)) gone.push(entry.index)
      return gone
    }
    await this.#inFolders(entries, async (folder, entry) => {
      const path = this.#pathOf(entry)
      const stats = folder && (await this.#statsOrNone(folder, nameOf(path)))
      const isStill = stats?.isFile() === true && this.source.isStill(entry, stats)
      const isTaken = isStill && (await this.#take(folder!, { path, stats, isFirst: path === entry.path }))
      if (!isTaken) gone.push(entry.index)
    })
    return gone
  }

  #takeRead(entry: Entry): boolean {
    const path = this.#pathOf(entry)
    const nlink = this.#shared.has(entry.index) ? 2 : 1
    const { dev, ino } = this.source.numbersOf(entry)
    return this.#count({ path, stats: { dev, ino, nlink } })
  }

  #pathOf({ index, path }: Entry): string {
    return this.names.get(index) ?? path
  }

  /** Calls `work` for each entry with its folder, if that is there; with 'power' syncs the names of each. */
  async #inFolders(
    entries: readonly Entry[],
    work: (folder: OpenFolder | undefined, entry: Entry) => Promise<void>,
  ): Promise<void> {
    let path: string | undefined
    let folder: OpenFolder | undefined
    try {
      for (const entry of entries) {
        if (parentOf(entry.path) !== path) {
          await this.#leave(folder)
          path = parentOf(entry.path)
          folder = undefined
          folder = await this.#enter(path)
        }
        await work(folder, entry)
      }
      await this.#leave(folder)
    } finally {
      folder?.release()
    }
  }

  async #enter(path: string): Promise<OpenFolder | undefined> {
    const { folders, handles } = this.#store
    if ((folders.folderOf(path) ?? path) !== path || path.split('/').some(isReservedName)) return undefined
    try {
      return await handles.retry(() => this.#store.folder(path))
    } catch {
      // it is not there; or it is made later, and that fails with the reason
      return undefined
    }
  }

  async #leave(folder: OpenFolder | undefined): Promise<void> {
    if (this.#isToSync) await folder?.sync()
    this.#isToSync = false
    folder?.release()
  }

  /** A folder that has its time is there by that, whatever mode it has: one that was there keeps it. */
  async #lookAtFolder(above: OpenFolder, { path, mtime, index }: Entry): Promise<void> {
    const { isByTime, durability, folders } = this.#store
    const name = nameOf(path)
    if (!isByTime || isReservedName(name)) return
    const stats = await this.#statsOrNone(above, name)
    if (!stats?.isDirectory() || Math.floor(stats.mtimeMs) !== mtime) return
    if (this.#policy.conflict === 'replace') folders.keep(path)
    // its creator may not have made its name last
    if (durability === 'power') this.#isToSync = true
    this.indices.push(index)
  }

  /**
   * The file in the place of an entry that is there by its time, or that has its size: best one that has its time, too.
   */
  async #look(folder: OpenFolder, entry: Entry): Promise<Standing | undefined> {
    const { path } = entry
    const name = nameOf(path)
    if (isReservedName(name)) return undefined
    const stats = await this.#stats(folder, name)
    if (!stats) return undefined
    const first: Standing = { path, stats, isFirst: true }
    if (stats.isFile() && this.#isThere(first, entry)) return first
    return (
      (await this.#lookFurther(folder, entry, stats)) ?? (this.#maySame(first, entry) ? first : undefined)
    )
  }

  /** Other names that the file may have got in an earlier transfer. */
  async #lookFurther(folder: OpenFolder, entry: Entry, first: FileStats): Promise<Standing | undefined> {
    const { path, size } = entry
    const { conflict } = this.#policy
    if (conflict !== 'rename' && (first.isFile() || conflict !== 'overwrite')) return undefined
    const suffixes = this.#store.suffixesFor(entry, size!)
    const [n] = suffixes.after(first)
    if (!(await this.#stats(folder, suffixed(nameOf(path), n!)))) return undefined
    for await (const file of standingFiles(this.#store.fs, folder, path, conflict, suffixes))
      if (this.#isThere(file, entry)) return file
    return undefined
  }

  /** By a call that is made at once, if there is one and the disk is quick. */
  #stats(folder: OpenFolder, name: string): FileStats | undefined | Promise<FileStats | undefined> {
    const { fs, pace } = this.#store
    if (!fs.sync || pace.isSlow) return lstatIfThere(fs, folder.at(name))
    const since = pace.clock.now()
    try {
      return fs.sync.lstat(folder.at(name))
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw error
      return undefined
    } finally {
      pace.took(pace.clock.now() - since)
    }
  }

  /** What cannot be looked at is not there. */
  async #statsOrNone(folder: OpenFolder, name: string): Promise<FileStats | undefined> {
    try {
      return await this.#stats(folder, name)
    } catch {
      return undefined
    }
  }

  #isThere(file: Standing, entry: Entry): boolean {
    const { unless } = this.#policy
    const { mtime } = entry
    if (unless === 'unchanged' || unless === 'newer')
      return isThereByTime(file, { size: entry.size!, mtime }, unless) && !this.#store.brought?.has(file)
    return this.#maySame(file, entry) && Math.floor(file.stats.mtimeMs) === mtime
  }

  /** Whether a file may have the content of an entry, and can be read to find out. */
  #maySame({ stats }: Standing, { size }: Entry): boolean {
    if (this.#policy.unless !== 'identical' || !stats.isFile() || stats.size !== size) return false
    const user = this.#user
    if (user === undefined || user === 0) return true
    return (stats.mode & (user === stats.uid ? 0o400 : 0o044)) !== 0
  }

  async #note(folder: OpenFolder, { index, path }: Entry, standing: Standing): Promise<void> {
    if (this.#policy.unless === 'identical') {
      this.source.add(standing.stats, index)
      if (standing.stats.nlink > 1) this.#shared.add(index)
    } else if (!(await this.#take(folder, standing))) return
    this.indices.push(index)
    if (standing.path !== path) this.names.set(index, standing.path)
  }

  /** Counts a file as brought, if that may be. */
  #count(file: Named): boolean {
    if (!this.#store.take(file)) return false
    // no other policy puts anything in the place of a folder
    if (this.#policy.conflict === 'replace') this.#store.folders.keep(parentOf(file.path))
    return true
  }

  /** The same, and with 'power' makes it last. */
  async #take(folder: OpenFolder, standing: Standing): Promise<boolean> {
    const { durability, fs } = this.#store
    if (!this.#count(standing)) return false
    if (durability !== 'power') return true
    await syncFile(fs, folder.at(nameOf(standing.path)))
    this.#isToSync = true
    return true
  }
}
