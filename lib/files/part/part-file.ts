import { createHash } from 'node:crypto'
import { basename, dirname } from 'node:path'
import type { SluiceError } from '../../errors.js'
import { checkLocalPath } from '../../options.js'
import { Ranges } from '../../ranges.js'
import { setMode, setTime } from '../disk/attributes.js'
import { digestFile, type Hasher } from '../disk/digest-file.js'
import { diskError, errorCode, SystemError } from '../disk/disk-error.js'
import { checkName, nameOf, parentOf, partCandidate } from '../disk/names.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { writeFully } from '../disk/read-write.js'
import { type Durability, type Published, publish } from '../publish/publish.js'
import { Tree } from '../tree/tree.js'
import { PartHandle } from './part-handle.js'
import {
  type CompleteOptions,
  checkBuffers,
  checkCompleteOptions,
  checkPartOptions,
  checkPosition,
  type Folders,
  type PartFileOptions,
} from './part-options.js'

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
 * Options that are not what they should be are `ERR_USAGE`. Errors of the disk are `ERR_DISK_FULL`, `ERR_READ_ONLY`, `ERR_PERMISSION`, `ERR_UNSAFE_LINK` and `ERR_WRITE`.
 */
export class PartFile {
  /** The path of the finished file below the tree, or as it was given. */
  readonly path: string
  readonly #folders: Folders
  readonly #name: string
  readonly #options: PartFileOptions
  readonly #handle: PartHandle
  readonly #ranges = new Ranges()
  /** A tree that was opened for this part alone, and is closed with it. */
  #own: Tree | undefined
  #durability: Durability

  /** Made by {@link PartFile.open}; the part does not exist yet. */
  constructor(folders: Folders, path: string, options: PartFileOptions = {}) {
    const { durability = 'crash', mode = 0o666, offset } = options
    this.path = path
    this.#folders = folders
    this.#name = nameOf(path)
    this.#durability = durability
    this.#options = options
    const place = { folder: parentOf(path), name: options.partName ?? partCandidate(this.#name, 0) }
    this.#handle = new PartHandle(folders, place, {
      mode: mode | OWNER_BITS,
      made: offset !== undefined || options.written !== undefined,
      sealed: options.written !== undefined,
    })
    if (options.written !== undefined) this.#ranges.add(0, options.written)
  }

  /**
   * Opens the part of a file: a new one, or with `offset` the one that stands there.
   * @param where the path of the finished file, or its path below a tree; `ERR_PATH` where it does not end in a name
   */
  static async open(
    where: string | { tree: Folders; path: string },
    options: PartFileOptions = {},
  ): Promise<PartFile> {
    checkPartOptions(options)
    if (typeof where === 'object' && where?.tree) {
      checkLocalPath('path', where.path)
      checkName(nameOf(where.path), where.tree.fs.platform, where.path)
      return PartFile.#begin(new PartFile(where.tree, where.path, options))
    }
    checkLocalPath('the path of a part', where)
    // what ends in a slash is meant to be a folder
    checkName(where.endsWith('/') ? '' : basename(where), (options.fs ?? nodeFileSystem).platform, where)
    const tree = await Tree.open(dirname(where), { fs: options.fs })
    const part = new PartFile(tree, basename(where), options)
    part.#own = tree
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
    return this.#handle.name
  }

  /** The path of the part, below the tree. */
  get partPath(): string {
    return this.#handle.path
  }

  /** Whether the part was made, and neither published nor removed. */
  get exists(): boolean {
    return this.#handle.exists
  }

  /** Makes the part; false if something has its name already, which then is not touched. */
  async create(): Promise<boolean> {
    try {
      await this.#handle.use(async () => {})
      return true
    } catch (error) {
      if (errorCode((error as SluiceError).cause) === 'EEXIST') return false
      throw error
    }
  }

  /** Another name for a part that could not be made. */
  rename(partName: string): void {
    this.#handle.name = partName
  }

  /**
   * Writes all of `bytes` at `position`, counted in bytes. After an error of the disk it is unknown how much of it
   * stands; with `ERR_USAGE` nothing was written.
   * @param options.seal what {@link PartFile.seal} does, in one go: the last bytes were among these
   */
  async write(
    position: number,
    bytes: Uint8Array | readonly Uint8Array[],
    { seal = false }: { seal?: boolean } = {},
  ): Promise<void> {
    const buffers = bytes instanceof Uint8Array ? [bytes] : bytes
    checkBuffers(buffers)
    let length = 0
    for (const buffer of buffers) length += buffer.length
    checkPosition('position', position, length)
    this.#handle.unseal()
    await this.#handle.use(async (fd) => {
      if (length > 0) await writeFully(this.#folders.fs, fd, buffers, position)
      if (seal) await this.#setAttributes(fd, this.#earlyMode)
    })
    this.#ranges.add(position, position + length)
    if (seal) await this.#handle.seal()
  }

  /**
   * Whether the byte at `position`, or all bytes from there up to `end`, were written or known to be right.
   * @throws SluiceError `ERR_USAGE`
   */
  covers(position: number, end = position + 1): boolean {
    checkPosition('position', position)
    checkPosition('end', end)
    return this.#ranges.covers(position, end)
  }

  /** The digest of all that stands in the part, read back. Default: SHA-256. */
  async digest(hasher: Hasher = createHash('sha256')): Promise<Buffer> {
    return this.#handle.use((fd) => digestFile(this.#folders.fs, fd, hasher))
  }

  /** The bytes that stand in the part. */
  size(): Promise<number> {
    return this.#handle.use(async (fd) => (await this.#folders.fs.fstat(fd)).size)
  }

  /** Forgets the content: it begins anew. */
  async reset(): Promise<void> {
    this.#handle.unseal()
    await this.#handle.use((fd) => this.#folders.fs.ftruncate(fd, 0))
    this.#ranges.clear()
  }

  /**
   * All is written: sets mode and times, syncs with 'power', and closes the handle, which costs less here than when
   * many other files have come between. {@link PartFile.write} undoes it.
   */
  async seal(): Promise<void> {
    if (!this.#handle.isSealed) await this.#finish(this.#earlyMode)
  }

  async #finish(mode: number | undefined): Promise<void> {
    await this.#handle.use((fd) => this.#setAttributes(fd, mode))
    await this.#handle.seal()
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

  /**
   * Gives the file its name, under the conflict policy. The content must be verified by now. Says how it went;
   * `warning` is what did not go as asked although the file is there. Fails with `ERR_CONFLICT` and `ERR_USAGE` too.
   */
  async complete(options: CompleteOptions = {}): Promise<Published> {
    checkCompleteOptions(options)
    const { conflict = 'rename', durability, identical } = options
    const isWeaker = durability === 'power' && this.#durability !== 'power'
    if (isWeaker) this.#durability = 'power'
    if (isWeaker || this.#isLateMode) await this.#finish(this.#options.mode)
    else await this.seal()
    const published = await this.#handle.within((directory) =>
      publish(this.#folders.fs, directory, this.#handle.name, this.#name, {
        conflict,
        durability: this.#durability,
        identical,
      }),
    )
    // what it warns of may be that the part's name is still there
    if (published.warning) await this.discard().catch(() => {})
    else this.#handle.left()
    return published
  }

  /** Removes the part if it was made, with 'power' for good, and closes it. What was opened by a path is not closed before. */
  async discard(): Promise<void> {
    await this.#handle.close()
    try {
      if (this.exists) await this.#handle.remove(this.#durability)
    } finally {
      await this.close()
    }
  }

  /** Closes the handle; the part stays as it is. May be called twice. */
  async close(): Promise<void> {
    await this.#handle.close()
    await this.#own?.close()
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
    const { fs } = this.#folders
    await this.#handle.use(async (fd) => {
      const { size } = await fs.fstat(fd)
      if (size < offset) throw new SystemError('EIO', 'open', `${size} bytes of ${offset} are there`)
      if (size > offset) await fs.ftruncate(fd, offset)
    })
    this.#ranges.add(0, offset)
  }
}
