import { SluiceError } from '../../errors.js'
import { diskError, errorCode, isRefusal, SystemError } from '../disk/disk-error.js'
import { type FileStats, OPEN } from '../disk/fs.js'
import { openRegular } from '../disk/open-regular.js'
import { isOutOfHandles } from '../disk/out-of-handles.js'
import { sameInode } from '../disk/stats.js'
import type { Durability } from '../publish/publish.js'
import type { BudgetFile, FileSlot } from '../tree/handle-budget.js'
import type { Directory } from '../tree/tree.js'
import type { Folders } from './part-options.js'

/**
 * The handle of a part: made when it is first used, closed when the budget of handles needs room, and opened again when
 * it is used then, if it is still the same file.
 */
export class PartHandle implements BudgetFile {
  /** The budget's own. */
  slot?: FileSlot | undefined
  readonly folder: string
  readonly #folders: Folders
  /** Permission bits to make it with. */
  readonly #mode: number
  #name: string
  #made: boolean
  #gone = false
  /** All is written: it is not used again, so nobody has to know it again. */
  #sealed = false
  /** What it was when it was closed before its end. */
  #inode: FileStats | undefined
  /** It could not be closed: what was written may be lost. */
  #lost: SluiceError | undefined

  /** @param made whether it stands there already; `sealed`: all of it */
  constructor(
    folders: Folders,
    { folder, name }: { folder: string; name: string },
    { mode, made, sealed = false }: { mode: number; made: boolean; sealed?: boolean },
  ) {
    this.#folders = folders
    this.folder = folder
    this.#name = name
    this.#mode = mode
    this.#made = made
    this.#sealed = sealed
  }

  get name(): string {
    return this.#name
  }

  /** Another name for a part that could not be made. */
  set name(name: string) {
    if (this.#made) throw new SluiceError('ERR_STATE', 'the part has its name already', { path: this.path })
    this.#name = name
  }

  /** Below the tree. */
  get path(): string {
    return this.folder === '' ? this.#name : `${this.folder}/${this.#name}`
  }

  /** Whether it was made, and has the name of a part still. */
  get exists(): boolean {
    return this.#made && !this.#gone
  }

  /** Whether all was written, since the last {@link use}. */
  get isSealed(): boolean {
    return this.#sealed
  }

  /** Fails as the disk does, now or when it was closed before. */
  async use<T>(work: (fd: number) => Promise<T>): Promise<T> {
    this.#check()
    try {
      return await this.#folders.handles.use(this, work)
    } catch (error) {
      throw diskError(error, 'write', this.path)
    }
  }

  /** It will be written again. */
  unseal(): void {
    this.#sealed = false
  }

  /** Closes it, for good as it seems: what is wrong then is said here. */
  async seal(): Promise<void> {
    this.#sealed = true
    await this.close()
    this.#check()
  }

  /** Closes it; what is wrong then is said at the next use. */
  async close(): Promise<void> {
    await this.#folders.handles.drop(this).catch(() => {})
  }

  /** Takes the name of the part away; that it is gone already is fine. With 'power' it stays away. */
  async remove(durability: Durability): Promise<void> {
    const { fs } = this.#folders
    try {
      await this.within(async (directory) => {
        await fs.unlink(directory.at(this.#name))
        if (durability === 'power') await directory.sync()
      })
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') throw diskError(error, 'remove', this.path)
    }
    this.#gone = true
  }

  /** Calls `work` with the folder that it is in; again, where the system had no handles for it. */
  within<T>(work: (directory: Directory) => Promise<T>): Promise<T> {
    return this.#folders.handles.retry(() => this.#within(work))
  }

  async #within<T>(work: (directory: Directory) => Promise<T>): Promise<T> {
    const directory = await this.#folders.directory(this.folder)
    try {
      return await work(directory)
    } catch (error) {
      if (!isOutOfHandles(error)) throw error
      // the folders above it are kept open since a moment ago
      await this.#folders.handles.evictIdle()
      return await work(directory)
    } finally {
      directory.release()
    }
  }

  /** The file has another name now. */
  left(): void {
    this.#gone = true
  }

  #check(): void {
    if (this.#lost) throw this.#lost
  }

  /** Called by the budget. */
  open(): Promise<number> {
    return this.#within((directory) => {
      const path = directory.at(this.#name)
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

  /** A planted file, or one that would be written under a second name too, is refused. */
  async #openAgain(path: string): Promise<number> {
    const { fs } = this.#folders
    const { fd, stats } = await openRegular(fs, path, OPEN.update)
    if (stats.nlink === 1 && (!this.#inode || sameInode(stats, this.#inode))) return fd
    await fs.close(fd)
    throw new SystemError('EBUSY', 'open', 'it was exchanged meanwhile')
  }

  /** Called by the budget. */
  async shut(fd: number): Promise<void> {
    const { fs } = this.#folders
    try {
      if (!this.#sealed) this.#inode ??= await fs.fstat(fd)
    } catch {
      // opened again by its name alone
    }
    try {
      await fs.close(fd)
    } catch (error) {
      this.#lost = diskError(error, 'close', this.path)
      throw error
    }
  }
}
