import { filterInSlices, TimeSlice } from '../../async.js'
import { errorCode } from '../../files/disk/disk-error.js'
import type { FileStats, SyncCalls } from '../../files/disk/fs.js'
import { nameOf, parentOf, suffixed } from '../../files/disk/names.js'
import { syncFile } from '../../files/disk/sync.js'
import { isReservedName } from '../../files/own/reserved.js'
import type { OpenFolder } from '../../files/tree/tree.js'
import type { Entry } from '../../wire/entry.js'
import type { StandingFiles } from '../parts.js'
import type { PublishPolicy } from '../policy.js'
import type { NamedStats } from './acknowledged-files.js'
import type { DiskStore } from './disk-store.js'
import { LOOKS_AT_ONCE } from './sources/disk-pace.js'
import { DiskSources } from './sources/disk-sources.js'
import { type Standing, standingFiles, standsByTime, statsAtPace } from './standing-files.js'

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
  await lookup.find(entries, signal).finally(() => store.ahead.forget())
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
  /** The folder of the store, with a slash at its end. */
  readonly #root: string
  /** Whose rights count: a system call, which is made once for all files. */
  readonly #user: number | undefined
  /** Whether the names in the folder are to last. */
  #isToSync = false

  constructor(store: DiskStore, policy: PublishPolicy, first: number, root: string) {
    this.#store = store
    this.#policy = policy
    this.#root = root
    this.#user = store.fs.user?.()
    this.source = new DiskSources(store.fs, store.pace.clock, first, (entry) => root + this.#pathOf(entry))
  }

  async find(entries: readonly Entry[], signal?: AbortSignal): Promise<void> {
    const slice = new TimeSlice(this.#store.pace.clock)
    await this.#store.brought?.recall()
    // what was looked at ahead needs no second look, and its folder need not be entered
    const left = await filterInSlices(entries, (entry) => !this.#wasSeen(entry))
    await this.#inFolders(left, async (folder, some) => {
      for (let at = 0; folder && at < some.length; ) {
        signal?.throwIfAborted()
        const settled = this.#lookNow(some, at)
        if (settled === at) await this.#lookAt(folder, some[at++]!)
        else at = settled
        await slice.yield()
      }
    })
  }

  /** Whether what was seen of an entry while the offer still came is all there is to know. */
  #wasSeen(entry: Entry): boolean {
    if (this.#isToLast) return false
    const stats = this.#store.ahead.of(entry)
    return stats === null || (stats !== undefined && this.#isSettledBy(stats, entry))
  }

  /** Whether what is there by its time is made to last when it is found. */
  get #isToLast(): boolean {
    return this.#store.durability === 'power' && this.#policy.unless !== 'identical'
  }

  /**
   * Looks at a few entries of one folder, one call each, where such calls can be made at once and the disk is quick.
   * They lead there by the path: the folder was entered without a link, and what is found is only read.
   * @returns the first of them, from `from` on, that takes more than that
   */
  #lookNow(entries: readonly Entry[], from: number): number {
    const { fs, pace } = this.#store
    if (!fs.sync || pace.isSlow || this.#isToLast) return from
    const end = Math.min(from + LOOKS_AT_ONCE, entries.length)
    const begun = pace.clock.now()
    let at = from
    while (at < end && this.#isSettled(fs.sync, entries[at]!)) at++
    pace.took(pace.clock.now() - begun)
    return at
  }

  /** Whether one call shows what there is of an entry. */
  #isSettled(calls: SyncCalls, entry: Entry): boolean {
    const { type, path } = entry
    if (type !== 'file' || isReservedName(nameOf(path))) return false
    try {
      return this.#isSettledBy(calls.lstat(this.#root + path), entry)
    } catch (error) {
      return errorCode(error) === 'ENOENT'
    }
  }

  /** Whether its stats show what there is of a file: one that is there, which is noted then, or nothing. */
  #isSettledBy(stats: FileStats, entry: Entry): boolean {
    const first = { path: entry.path, stats, isFirst: true }
    const isThere = stats.isFile() && this.#isThere(first, entry)
    if (!isThere && this.#mayBeFurther(stats)) return false
    if (isThere || this.#maySame(first, entry)) this.#note(entry, first)
    return true
  }

  async #lookAt(folder: OpenFolder, entry: Entry): Promise<void> {
    if (entry.type === 'directory') return this.#lookAtFolder(folder, entry)
    const standing = await this.#look(folder, entry).catch(() => undefined)
    if (standing && this.#note(entry, standing)) await this.#makeLast(folder, standing)
  }

  async acknowledge(entries: readonly Entry[]): Promise<number[]> {
    const { brought, durability } = this.#store
    const gone: number[] = []
    if (durability !== 'power') {
      // whoever read a file has opened it by its name, and seen at the end that nobody had touched it meanwhile
      for (const entry of brought ? entries : []) if (!this.#takeRead(entry)) gone.push(entry.index)
      return gone
    }
    await this.#inFolders(entries, async (folder, some) => {
      for (const entry of some) if (!folder || !(await this.#takeStill(folder, entry))) gone.push(entry.index)
    })
    return gone
  }

  /** Whether the file is still what it was when it was found, and may count as brought; it is made to last then. */
  async #takeStill(folder: OpenFolder, entry: Entry): Promise<boolean> {
    const path = this.#pathOf(entry)
    const stats = await this.#statsOrNone(folder, nameOf(path))
    if (!stats?.isFile() || !this.source.isStill(entry, stats) || !this.#count({ path, stats })) return false
    await this.#makeLast(folder, { path })
    return true
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

  /** Calls `work` with each folder, if that is there, and the entries in it; with 'power' syncs the names of each. */
  async #inFolders(
    entries: readonly Entry[],
    work: (folder: OpenFolder | undefined, some: readonly Entry[]) => Promise<void>,
  ): Promise<void> {
    for (let from = 0, end = 0; from < entries.length; from = end) {
      const path = parentOf(entries[from]!.path)
      while (end < entries.length && parentOf(entries[end]!.path) === path) end++
      const folder = await this.#enter(path)
      try {
        await work(folder, entries.slice(from, end))
        if (this.#isToSync) await folder?.sync()
        this.#isToSync = false
      } finally {
        folder?.release()
      }
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

  /** Whether the file may have got another name, because of what has its own. */
  #mayBeFurther(first: FileStats): boolean {
    const { conflict } = this.#policy
    return conflict === 'rename' || (conflict === 'overwrite' && !first.isFile())
  }

  /** Other names that the file may have got in an earlier transfer. */
  async #lookFurther(folder: OpenFolder, entry: Entry, first: FileStats): Promise<Standing | undefined> {
    if (!this.#mayBeFurther(first)) return undefined
    const { path, size } = entry
    const { conflict } = this.#policy
    const suffixes = this.#store.suffixesFor(entry, size!)
    const [n] = suffixes.after(first)
    if (!(await this.#stats(folder, suffixed(nameOf(path), n!)))) return undefined
    for await (const file of standingFiles(this.#store.fs, folder, path, conflict, suffixes))
      if (this.#isThere(file, entry)) return file
    return undefined
  }

  #stats(folder: OpenFolder, name: string): FileStats | undefined | Promise<FileStats | undefined> {
    return statsAtPace(this.#store.fs, this.#store.pace, folder.at(name))
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
      return standsByTime(file, { size: entry.size!, mtime }, unless) && !this.#store.brought?.has(file)
    return this.#maySame(file, entry) && Math.floor(file.stats.mtimeMs) === mtime
  }

  /** Whether a file may have the content of an entry, and can be read to find out. */
  #maySame({ stats }: Standing, { size }: Entry): boolean {
    if (this.#policy.unless !== 'identical' || !stats.isFile() || stats.size !== size) return false
    const user = this.#user
    if (user === undefined || user === 0) return true
    return (stats.mode & (user === stats.uid ? 0o400 : 0o044)) !== 0
  }

  /** Notes what stands in the place of an entry; gives whether it counts as brought by now. */
  #note({ index, path }: Entry, standing: Standing): boolean {
    const isRead = this.#policy.unless === 'identical'
    if (isRead) {
      this.source.add(standing.stats, index)
      if (standing.stats.nlink > 1) this.#shared.add(index)
    } else if (!this.#count(standing)) return false
    this.indices.push(index)
    if (standing.path !== path) this.names.set(index, standing.path)
    return !isRead
  }

  /** Counts a file as brought, if that may be. */
  #count(file: NamedStats): boolean {
    if (!this.#store.take(file)) return false
    // no other policy puts anything in the place of a folder
    if (this.#policy.conflict === 'replace') this.#store.folders.keep(parentOf(file.path))
    return true
  }

  /** With 'power' a file that counts as brought is made to last. */
  async #makeLast(folder: OpenFolder, { path }: Pick<Standing, 'path'>): Promise<void> {
    const { durability, fs } = this.#store
    if (durability !== 'power') return
    await syncFile(fs, folder.at(nameOf(path)))
    this.#isToSync = true
  }
}
