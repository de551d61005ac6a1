import { SluiceError } from '../../errors.js'
import { diskError, errorCode, isRefusal, SystemError } from '../disk/disk-error.js'
import { type FileIdentity, type FileStats, OPEN } from '../disk/fs.js'
import { openRegular } from '../disk/open-regular.js'
import { isOutOfHandles } from '../disk/retry.js'
import { lstatIfThere, sameInode } from '../disk/stats.js'
import type { Durability } from '../publish/publish.js'
import type { BudgetFile, FileSlot } from '../tree/handle-budget.js'
import type { OpenFolder } from '../tree/tree.js'
import type { Folders } from './part-options.js'

/**
 * The handle of a part: made when it is first used, closed when the budget of handles needs room, and opened again when
 * it is used then, if it is still the same file.
 */
export class PartHandle implements BudgetFile {
  /** Used by the budget only. */
  slot?: FileSlot | undefined
  readonly folder: string
  readonly #folders: Folders
  /** Permission bits to make it with. */
  readonly #mode: number
  #name: string
  #made: boolean
  #gone = false
  #sealed = false
  #written: FileIdentity | undefined
  /** The error of a failed close: what was written may be lost. */
  #lost: SluiceError | undefined

  /**
   * @param made whether the part file exists already
   * @param written what it is, where that is known
   * @param sealed whether all of it was written already
   */
  constructor(
    folders: Folders,
    { folder, name }: { folder: string; name: string },
    {
      mode,
      made,
      written,
      sealed,
    }: { mode: number; made: boolean; written: FileIdentity | undefined; sealed: boolean },
  ) {
    this.#folders = folders
    this.folder = folder
    this.#name = name
    this.#mode = mode
    this.#made = made
    this.#sealed = sealed
    this.#written = written
  }

  get name(): string {
    return this.#name
  }

  /** Another name, as long as the part file does not exist. */
  set name(name: string) {
    if (this.#made) throw new SluiceError('ERR_STATE', 'the part has its name already', { path: this.path })
    this.#name = name
  }

  /** The path below the tree. */
  get path(): string {
    return this.folder === '' ? this.#name : `${this.folder}/${this.#name}`
  }

  /** Whether the part file was made, and still has its name. */
  get exists(): boolean {
    return this.#made && !this.#gone
  }

  /** What it was when its handle was closed. */
  get written(): FileIdentity | undefined {
    return this.#written
  }

  /** Whether all was written, since the last {@link use}. */
  get isSealed(): boolean {
    return this.#sealed
  }

  /**
   * Calls `work` with the open handle. Fails with the codes of disk failures, also for an earlier close that failed.
   */
  async use<T>(work: (fd: number) => Promise<T>): Promise<T> {
    if (this.#lost) throw this.#lost
    try {
      return await this.#folders.handles.use(this, work)
    } catch (error) {
      throw diskError(error, 'write', this.path)
    }
  }

  /** The stats of the open file. */
  stats(): Promise<FileStats> {
    return this.use((fd) => this.#folders.fs.fstat(fd))
  }

  /** More will be written. */
  unseal(): void {
    this.#sealed = false
  }

  /** Closes the handle after the last write. Fails if the close fails. */
  async seal(): Promise<void> {
    this.#sealed = true
    await this.close()
    if (this.#lost) throw this.#lost
  }

  /** Closes the handle. A failure is reported by the next use. */
  async close(): Promise<void> {
    await this.#folders.handles.drop(this).catch(() => {})
  }

  /** Removes the part file; it may be gone already. With 'power' durably. */
  async remove(durability: Durability): Promise<void> {
    const { fs } = this.#folders
    try {
      await this.within(async (folder) => {
        const path = folder.at(this.#name)
        if (!(await this.#isStill(path))) return
        await fs.unlink(path)
        if (durability === 'power') await folder.sync()
      })
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw diskError(error, 'remove', this.path)
    }
    this.#gone = true
  }

  /** Calls `work` with the folder of the part; again, if the system had no handles for it. */
  within<T>(work: (folder: OpenFolder) => Promise<T>): Promise<T> {
    return this.#folders.handles.retry(() => this.#within(work))
  }

  async #within<T>(work: (folder: OpenFolder) => Promise<T>): Promise<T> {
    const folder = await this.#folders.folder(this.folder)
    try {
      return await work(folder)
    } catch (error) {
      if (!isOutOfHandles(error)) throw error
      // the folders above it have just become idle: they can be closed
      await this.#folders.handles.evictIdle()
      return await work(folder)
    } finally {
      folder.release()
    }
  }

  /** The file has its own name now. */
  left(): void {
    this.#gone = true
  }

  /**
   * Calls `work`, which gives the file its name. If that fails, and something else has the name of the part, it is
   * gone.
   */
  async giveName<T>(work: (folder: OpenFolder, name: string) => Promise<T>): Promise<T> {
    try {
      return await this.within((folder) => work(folder, this.#name))
    } catch (error) {
      const isStill = this.within((folder) => this.#isStill(folder.at(this.#name)))
      this.#gone = !(await isStill.catch(() => true))
      throw error
    }
  }

  /** Whether nothing else has the name, as far as is known. What another process put there is not ours to remove. */
  async #isStill(path: string): Promise<boolean> {
    if (!this.#written) return true
    const there = await lstatIfThere(this.#folders.fs, path)
    return there !== undefined && sameInode(there, this.#written)
  }

  /** Called by the budget. */
  open(): Promise<number> {
    return this.#within((folder) => {
      const path = folder.at(this.#name)
      return this.#made ? this.#openAgain(path) : this.#make(path)
    })
  }

  async #make(path: string): Promise<number> {
    try {
      const fd = await this.#folders.fs.open(path, OPEN.create, this.#mode)
      this.#made = true
      return fd
    } catch (error) {
      this.#made = !isRefusal(error)
      throw error
    }
  }

  /** Fails with EBUSY if another file has the name by now, or if the file has a second name. */
  async #openAgain(path: string): Promise<number> {
    const { fs } = this.#folders
    const { fd, stats } = await openRegular(fs, path, OPEN.update)
    const isStill = !this.#written || sameInode(stats, this.#written)
    if (stats.nlink === 1 && isStill) return fd
    this.#gone = !isStill
    await fs.close(fd)
    throw new SystemError('EBUSY', 'open', 'it was exchanged meanwhile')
  }

  /** Called by the budget. */
  async shut(fd: number): Promise<void> {
    const { fs } = this.#folders
    try {
      this.#written = await fs.fstat(fd)
    } catch {
      // nobody can say any more that it is the same file: it gets no name
    }
    try {
      await fs.close(fd)
    } catch (error) {
      this.#lost = diskError(error, 'close', this.path)
      throw error
    }
  }
}
