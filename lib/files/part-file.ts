import { createHash } from 'node:crypto'
import { basename, dirname } from 'node:path'
import { SluiceError } from '../errors.js'
import { setMode, setTime } from './attributes.js'
import { digestFile, type Hasher } from './digest-file.js'
import { diskError, errorCode, SystemError } from './disk-error.js'
import { type FileStats, OPEN, writeFully } from './fs.js'
import { HandlePool, type Pooled } from './handle-pool.js'
import { nameOf, parentOf, partCandidate } from './names.js'
import { isRefusal, openAgain, removePart } from './open-part.js'
import type { CompleteOptions, Folders, PartFileOptions } from './part-options.js'
import { type Durability, type Published, publish } from './publish.js'
import { Ranges } from './ranges.js'
import { Tree } from './tree.js'

export type { CompleteOptions, PartFileOptions }

/** Without these its owner could not open it again. */
const OWNER_BITS = 0o600

/**
 * A file while it arrives: it stands beside its name as `name.part` until it is complete, and gets the name by
 * {@link publish}. Handles come from a pool; a file that was not used for a while is opened again.
 *
 * ```ts
 * const part = await PartFile.open('inbox/report.pdf', { mtime })
 * await part.write(0, bytes)
 * if (expected.equals(await part.digest())) await part.complete({ conflict: 'rename' })
 * await part.close()
 * ```
 *
 * Errors of the disk are `ERR_DISK_FULL`, `ERR_READ_ONLY`, `ERR_PERMISSION`, `ERR_UNSAFE_LINK` and `ERR_WRITE`.
 */
export class PartFile {
  /** The path of the finished file below the tree, or as it was given. */
  readonly path: string
  readonly #folders: Folders
  readonly #folder: string
  readonly #name: string
  readonly #options: PartFileOptions
  readonly #handles: HandlePool
  readonly #ranges = new Ranges()
  readonly #pooled: Pooled
  /** What is closed with this file, because it was opened for it alone. */
  #own: { close(): Promise<void> }[] = []
  #partName: string
  #durability: Durability
  #made = false
  /** What it was when it was closed before its end: the same is opened again. */
  #inode: FileStats | undefined
  /** A handle could not be closed: what it wrote may be lost. */
  #lost: SluiceError | undefined
  #sealed = false
  #gone = false

  /** Made by {@link PartFile.open}; the part does not exist yet. */
  constructor(folders: Folders, path: string, options: PartFileOptions = {}) {
    this.path = path
    this.#folders = folders
    this.#folder = parentOf(path)
    this.#name = nameOf(path)
    this.#partName = options.partName ?? partCandidate(this.#name, 0)
    this.#durability = options.durability ?? 'crash'
    this.#options = options
    this.#handles = options.handles ?? new HandlePool(1)
    if (!options.handles) this.#own.push(this.#handles)
    this.#pooled = { open: () => this.#open(), shut: (fd) => this.#shut(fd) }
  }

  /**
   * Opens the part of a file: a new one, or with `offset` the one that stands there.
   * @param where the path of the finished file, or its path below a tree
   */
  static async open(
    where: string | { tree: Folders; path: string },
    options: PartFileOptions = {},
  ): Promise<PartFile> {
    const { offset } = options
    if (offset !== undefined && !(Number.isSafeInteger(offset) && offset >= 0)) {
      throw new SluiceError('ERR_USAGE', 'offset must be a whole number of bytes', { found: offset })
    }
    if (typeof where !== 'string') return PartFile.#begin(new PartFile(where.tree, where.path, options))
    const tree = await Tree.open(dirname(where), { fs: options.fs })
    const part = new PartFile(tree, basename(where), options)
    part.#own.push(tree)
    return PartFile.#begin(part)
  }

  static async #begin(part: PartFile): Promise<PartFile> {
    const { offset, partName } = part.#options
    try {
      if (offset !== undefined) await part.#resume(offset)
      else
        for (let n = 1; !(await part.create()); n++) {
          if (partName !== undefined) throw new SystemError('EEXIST', 'open', partName)
          part.rename(partCandidate(part.#name, n))
        }
      return part
    } catch (error) {
      await part.close().catch(() => {})
      throw diskError(error, 'open the part of', part.path)
    }
  }

  /** The name that it has while it arrives. */
  get partName(): string {
    return this.#partName
  }

  /** The path of the part, below the tree. */
  get partPath(): string {
    return this.#folder === '' ? this.#partName : `${this.#folder}/${this.#partName}`
  }

  /** Whether the part was made, and neither published nor removed. */
  get exists(): boolean {
    return this.#made && !this.#gone
  }

  /** Makes the part; false if something has its name already, which then is not touched. */
  async create(): Promise<boolean> {
    try {
      await this.#use(async () => {})
      return true
    } catch (error) {
      if (errorCode((error as SluiceError).cause) === 'EEXIST') return false
      throw error
    }
  }

  /** Another name for a part that could not be made. */
  rename(partName: string): void {
    if (this.#made) throw new SluiceError('ERR_STATE', 'the part has its name already', { path: this.path })
    this.#partName = partName
  }

  /**
   * Writes all of `bytes` at `position`. After an error it is unknown how much of it stands.
   * @param options.seal what {@link PartFile.seal} does, in one go: the last bytes were among these
   */
  async write(
    position: number,
    bytes: Uint8Array | readonly Uint8Array[],
    { seal = false }: { seal?: boolean } = {},
  ): Promise<void> {
    const buffers = bytes instanceof Uint8Array ? [bytes] : bytes
    let length = 0
    for (const buffer of buffers) length += buffer.length
    this.#sealed = false
    await this.#use(async (fd) => {
      if (length > 0) await writeFully(this.#folders.fs, fd, buffers, position)
      if (seal) await this.#setAttributes(fd, this.#earlyMode)
    })
    this.#ranges.add(position, position + length)
    if (seal) await this.#closeSealed()
  }

  /** Whether the byte at `position`, or all bytes from there up to `end`, were written or known to be right. */
  covers(position: number, end = position + 1): boolean {
    return this.#ranges.covers(position, end)
  }

  /** The digest of all that stands in the part, read back. Default: SHA-256. */
  async digest(hasher: Hasher = createHash('sha256')): Promise<Buffer> {
    return this.#use((fd) => digestFile(this.#folders.fs, fd, hasher))
  }

  /** The bytes that stand in the part. */
  size(): Promise<number> {
    return this.#use(async (fd) => (await this.#folders.fs.fstat(fd)).size)
  }

  /** Forgets the content: it begins anew. */
  async reset(): Promise<void> {
    this.#sealed = false
    await this.#use((fd) => this.#folders.fs.ftruncate(fd, 0))
    this.#ranges.clear()
  }

  /**
   * All is written: sets mode and times, syncs with 'power', and closes the handle, which costs less here than when
   * many other files have come between. {@link PartFile.write} undoes it.
   */
  async seal(): Promise<void> {
    if (!this.#sealed) await this.#finish(this.#earlyMode)
  }

  async #finish(mode: number | undefined): Promise<void> {
    await this.#use((fd) => this.#setAttributes(fd, mode))
    await this.#closeSealed()
  }

  async #setAttributes(fd: number, mode: number | undefined): Promise<void> {
    const { mtime, modes, offset } = this.#options
    const { fs } = this.#folders
    // a mode that was not asked for when it was made is not one to learn from
    const memory = this.#isLateMode || offset !== undefined ? undefined : modes
    if (mode !== undefined && memory?.get(mode) !== true) await setMode(fs, fd, mode, memory)
    if (mtime !== undefined) await setTime(fs, fd, mtime)
    // an fsync that failed is never tried again: the second one lies
    if (this.#durability === 'power') await fs.fsync(fd)
  }

  async #closeSealed(): Promise<void> {
    this.#sealed = true
    // what it says when it cannot be closed is kept
    await this.#handles.drop(this.#pooled).catch(() => {})
    this.#check()
  }

  /**
   * Gives the file its name, under the conflict policy. The content must be verified by now. Says how it went;
   * `warning` is what did not go as asked although the file is there. Fails with `ERR_CONFLICT` too.
   */
  async complete({ conflict = 'rename', durability, identical }: CompleteOptions = {}): Promise<Published> {
    const isWeaker = durability === 'power' && this.#durability !== 'power'
    if (isWeaker) this.#durability = 'power'
    if (isWeaker || this.#isLateMode) await this.#finish(this.#options.mode)
    else await this.seal()
    const directory = await this.#folders.directory(this.#folder)
    try {
      const published = await publish(this.#folders.fs, directory, this.#partName, this.#name, {
        conflict,
        durability: this.#durability,
        identical,
      })
      // what it warns of may be that the part's name is still there
      if (published.warning) await this.discard().catch(() => {})
      else this.#gone = true
      return published
    } finally {
      directory.release()
    }
  }

  /** Closes it, and removes the part if it was made, with 'power' for good. */
  async discard(): Promise<void> {
    await this.close()
    if (!this.exists) return
    await removePart(this.#folders, this.#folder, this.#partName, this.#durability)
    this.#gone = true
  }

  /** Closes the handle; the part stays as it is. May be called twice. */
  async close(): Promise<void> {
    await this.#handles.drop(this.#pooled).catch(() => {})
    const own = this.#own
    this.#own = []
    for (const thing of own) await thing.close()
  }

  /** The mode to set when all is written, unless that is too early. */
  get #earlyMode(): number | undefined {
    return this.#isLateMode ? undefined : this.#options.mode
  }

  /** Such a mode is set at the very end. */
  get #isLateMode(): boolean {
    const { mode } = this.#options
    return mode !== undefined && (mode & OWNER_BITS) !== OWNER_BITS
  }

  async #resume(offset: number): Promise<void> {
    this.#made = true
    const { fs } = this.#folders
    await this.#use(async (fd) => {
      const { size } = await fs.fstat(fd)
      if (size < offset) throw new SystemError('EIO', 'open', `${size} bytes of ${offset} are there`)
      if (size > offset) await fs.ftruncate(fd, offset)
    })
    this.#ranges.add(0, offset)
  }

  async #use<T>(work: (fd: number) => Promise<T>): Promise<T> {
    this.#check()
    try {
      return await this.#handles.use(this.#pooled, work)
    } catch (error) {
      throw diskError(error, 'write', this.partPath)
    }
  }

  #check(): void {
    if (this.#lost) throw this.#lost
  }

  async #open(): Promise<number> {
    const { fs } = this.#folders
    const directory = await this.#folders.directory(this.#folder)
    try {
      const path = directory.at(this.#partName)
      if (this.#made) return await openAgain(fs, path, this.#inode)
      try {
        const fd = await fs.open(path, OPEN.create, (this.#options.mode ?? 0o666) | OWNER_BITS)
        this.#made = true
        return fd
      } catch (error) {
        this.#made = !isRefusal(error)
        throw error
      }
    } finally {
      directory.release()
    }
  }

  async #shut(fd: number): Promise<void> {
    const { fs } = this.#folders
    try {
      if (!this.#sealed) this.#inode ??= await fs.fstat(fd)
    } catch {
      // opened again by its name alone
    }
    try {
      await fs.close(fd)
    } catch (error) {
      this.#lost = diskError(error, 'close', this.partPath)
      throw error
    }
  }
}
