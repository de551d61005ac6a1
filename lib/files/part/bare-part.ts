import { createHash } from 'node:crypto'
import type { SluiceError } from '../../errors.js'
import { Ranges } from '../../ranges.js'
import { FRESH, setMode, setTime, unlessRefused } from '../disk/attributes.js'
import { digestFile, type Hasher } from '../disk/digest-file.js'
import { diskError, errorCode, SystemError } from '../disk/disk-error.js'
import type { FileIdentity, FileStats } from '../disk/fs.js'
import { nameOf, parentOf, partCandidate } from '../disk/names.js'
import { readFully, writeFully } from '../disk/read-write.js'
import { isOfUser, otherSize } from '../disk/stats.js'
import { checkPublish, type Durability, type Published, publish } from '../publish/publish.js'
import { PartHandle } from './part-handle.js'
import {
  type BarePartOptions,
  buffersOf,
  type CompleteOptions,
  checkPosition,
  type Folders,
  lengthOf,
} from './part-options.js'
import type { RunningDigest } from './running-digest.js'

/** Without these permission bits the owner could not open the part again. */
const NEEDED_BITS = 0o600

/**
 * A file while it arrives: `name.part` beside `name` until it is complete; {@link publish} gives it the name. Its
 * handle belongs to the budget of its tree: it is closed if it was not used for a while, and opened again when it is
 * needed. It does no more than what each file of a transfer needs: `PartFile` stands on it.
 *
 * Fails with `ERR_USAGE` for wrong options, and with `ERR_DISK_FULL`, `ERR_READ_ONLY`, `ERR_PERMISSION`,
 * `ERR_UNSAFE_LINK` and `ERR_WRITE` for failures of the disk.
 */
export class BarePart {
  /** The path of the finished file below the tree, or as it was given. */
  readonly path: string
  readonly #folders: Folders
  readonly #handle: PartHandle
  /** The bytes that were written, are known to be right, or were found. */
  readonly #ranges = new Ranges()
  readonly #name: string
  readonly #options: BarePartOptions
  #durability: Durability
  /** Mode or time that the disk does not let us set. */
  #refused: SluiceError | undefined

  /** The part file does not exist yet, unless the options say so. */
  constructor(folders: Folders, path: string, options: BarePartOptions = {}) {
    const { durability = 'crash', mode = FRESH, offset, written, found = written } = options
    this.path = path
    this.#folders = folders
    this.#name = nameOf(path)
    this.#durability = durability
    this.#options = options
    const place = { folder: parentOf(path), name: options.partName ?? partCandidate(this.#name, 0) }
    this.#handle = new PartHandle(folders, place, {
      mode: mode | NEEDED_BITS,
      made: offset !== undefined || found !== undefined,
      written: found,
      sealed: written !== undefined,
    })
    if (found !== undefined) this.#ranges.add(0, found.size)
  }

  /** The name of the part file. */
  get partName(): string {
    return this.#handle.name
  }

  /** The path of the part file below the tree. */
  get partPath(): string {
    return this.#handle.path
  }

  /** Whether the part file was made, and neither published nor removed. */
  get exists(): boolean {
    return this.#handle.exists
  }

  /** Makes the part file. Returns false if something has its name already; that is not touched. */
  async create(): Promise<boolean> {
    try {
      await this.#handle.use(async () => {})
      return true
    } catch (error) {
      if (errorCode((error as SluiceError).cause) === 'EEXIST') return false
      throw error
    }
  }

  /**
   * Makes the part file under its name, or the next that is free.
   * @param renamed called with another name before it is taken
   */
  async createFree(renamed: (partName: string) => Promise<void> = async () => {}): Promise<void> {
    for (let n = 1; !(await this.create()); n++) {
      if (this.#options.partName !== undefined) throw new SystemError('EEXIST', 'open', this.partName)
      const next = partCandidate(this.#name, n)
      await renamed(next)
      this.rename(next)
    }
  }

  /** Goes on with a part file that is there: its first `offset` bytes are right, what follows them is cut off. */
  async resume(offset: number): Promise<void> {
    const { fs } = this.#folders
    await this.#handle.use(async (fd) => {
      const { size } = await fs.fstat(fd)
      if (size < offset) throw new SystemError('EIO', 'open', `${size} bytes of ${offset} are there`)
      if (size > offset) await fs.ftruncate(fd, offset)
    })
    this.#ranges.add(0, offset)
  }

  /** Lets a running digest see the bytes up to `end` that it has not seen. */
  async show(digest: RunningDigest, end: number, signal?: AbortSignal): Promise<void> {
    if (digest.seen >= end) return
    await this.#handle.use((fd) => digest.readOn(this.#folders.fs, fd, end, signal))
  }

  /** Sets another name for a part file that does not exist yet. */
  rename(partName: string): void {
    this.#handle.name = partName
  }

  /**
   * Writes all of `bytes` at `position`. After an error of the disk it is unknown how many bytes were written; after
   * `ERR_USAGE` none were.
   * @param options.seal these were the last bytes: also does what {@link BarePart.seal} does, in the same step
   */
  async write(
    position: number,
    bytes: Uint8Array | readonly Uint8Array[],
    { seal = false }: { seal?: boolean } = {},
  ): Promise<void> {
    const buffers = buffersOf(bytes)
    const length = lengthOf(buffers)
    checkPosition('position', position, length)
    this.#handle.unseal()
    // if it fails, nobody knows what stands there
    if (position < this.#ranges.end) this.#ranges.remove(position, position + length)
    await this.#handle.use(async (fd) => {
      if (length > 0) await writeFully(this.#folders.fs, fd, buffers, position)
      if (seal) await this.#setAttributes(fd, this.#earlyMode)
    })
    this.#ranges.add(position, position + length)
    if (seal) await this.#handle.seal()
  }

  /** Fills `into` with the bytes from `position` on. Fails where the part file has fewer. */
  async read(position: number, into: Buffer): Promise<void> {
    const { fs } = this.#folders
    await this.#handle.use(async (fd) => {
      const got = await readFully(fs, fd, into, position)
      if (got < into.length)
        throw new SystemError('EIO', 'read', `${got} of ${into.length} bytes stand at position ${position}`)
    })
  }

  /**
   * Whether the byte at `position`, or all bytes from there up to `end`, were written or are known to be right.
   * @throws SluiceError `ERR_USAGE`
   */
  covers(position: number, end = position + 1): boolean {
    checkPosition('position', position)
    checkPosition('end', end)
    return this.#ranges.covers(position, end)
  }

  /** Where the first byte is missing. */
  get position(): number {
    const first = this.#ranges.next(0)
    return first?.start === 0 ? first.end : 0
  }

  /** The end of what was written, and how many bytes of it are there. */
  get extent(): { end: number; bytes: number } {
    return { end: this.#ranges.end, bytes: this.#ranges.size }
  }

  /**
   * The digest of the content, read back from the disk. Default: SHA-256. Aborted, it fails with the signal's reason.
   */
  async digest(hasher: Hasher = createHash('sha256'), signal?: AbortSignal): Promise<Buffer> {
    return this.#handle.use((fd) => digestFile(this.#folders.fs, fd, hasher, signal))
  }

  /** The size of the part file in bytes. */
  async size(): Promise<number> {
    return (await this.#handle.stats()).size
  }

  /** Whether the part file belongs to the user who runs: what somebody else owns can be changed by them at any time. */
  async isOfUser(): Promise<boolean> {
    return isOfUser(this.#folders.fs, await this.#handle.stats())
  }

  /** Device, inode and birth of the part file, which stay what they are. */
  async identity(): Promise<Pick<FileStats, 'dev' | 'ino' | 'birthtimeMs'>> {
    return this.#handle.written ?? this.#handle.stats()
  }

  /** Discards the content: the file begins anew. */
  async reset(): Promise<void> {
    this.#handle.unseal()
    await this.#handle.use((fd) => this.#folders.fs.ftruncate(fd, 0))
    this.#ranges.clear()
  }

  /**
   * To be called when all is written: sets mode and times, syncs with 'power', and closes the handle, which costs
   * less now than after many other files. {@link BarePart.write} may still follow.
   */
  async seal(): Promise<void> {
    if (!this.#handle.isSealed) await this.#finish(this.#earlyMode)
  }

  async #finish(mode: number | undefined): Promise<void> {
    await this.#handle.use((fd) => this.#setAttributes(fd, mode))
    await this.#handle.seal()
  }

  async #setAttributes(fd: number, mode: number | undefined): Promise<void> {
    const { mtime, modes, offset, found } = this.#options
    const { fs } = this.#folders
    // only a file that was just made with this mode tells what the disk makes of it
    const memory = this.#isLateMode || (offset ?? found) !== undefined ? undefined : modes
    const set = async (what: string, act: () => Promise<void>) => {
      const refused = await unlessRefused(what, this.path, act)
      this.#refused ??= refused
    }
    if (mode !== undefined && memory?.get(mode) !== true)
      await set('mode', () => setMode(fs, fd, mode, memory))
    if (mtime !== undefined) await set('time', () => setTime(fs, fd, mtime))
    // a failed fsync is never tried again: a second one would report success for data that is lost
    if (this.#durability === 'power') await fs.fsync(fd)
  }

  /**
   * Gives the file its name under the conflict policy. The content must have been verified before. `warning` in the
   * result is what failed although the file has its name. Fails with `ERR_CONFLICT` and `ERR_USAGE` too, and with
   * `ERR_WRITE` if the part file is not the one that was written, or not as long: nothing else gets the name.
   */
  async complete(options: CompleteOptions = {}): Promise<Published> {
    checkPublish(options)
    const { conflict = 'rename', durability } = options
    const isWeaker = durability === 'power' && this.#durability !== 'power'
    if (isWeaker) this.#durability = 'power'
    if (isWeaker || this.#isLateMode) await this.#finish(this.#options.mode)
    else await this.seal()
    const all = { ...options, conflict, durability: this.#durability, written: this.#checkWritten() }
    const published = await this.#handle.giveName((folder, partName) =>
      publish(this.#folders.fs, folder, partName, this.#name, all),
    )
    // the warning may be that the part file still has its name
    if (published.warning) await this.discard().catch(() => {})
    else this.#handle.left()
    return this.#refused ? { warning: this.#refused, ...published } : published
  }

  /** What was written, if it is as long as it must be: somebody else may have written to it, or cut it. */
  #checkWritten(): FileIdentity {
    const { written } = this.#handle
    const { end } = this.#ranges
    if (written?.size === end) return written
    const lost = () => new SystemError('EIO', 'fstat', 'its handle was lost')
    throw diskError(written ? otherSize('fstat', written.size, end) : lost(), 'publish', this.path)
  }

  /** What the part file was when its handle was closed last: after {@link seal}, all that was written. */
  get written(): FileIdentity | undefined {
    return this.#handle.written
  }

  /** Removes the part file if it exists, with 'power' durably, and closes the part. */
  async discard(): Promise<void> {
    await this.#handle.close()
    try {
      if (this.exists) await this.#handle.remove(this.#durability)
    } finally {
      await this.close()
    }
  }

  /** Closes the handle; the part file stays. May be called twice. */
  async close(): Promise<void> {
    await this.#handle.close()
  }

  /** The mode to set when all is written, unless it has to be set at the very end. */
  get #earlyMode(): number | undefined {
    return this.#isLateMode ? undefined : this.#options.mode
  }

  /** Whether the mode lacks bits that are needed to open the part again. */
  get #isLateMode(): boolean {
    const { mode } = this.#options
    return mode !== undefined && (mode & NEEDED_BITS) !== NEEDED_BITS
  }
}
