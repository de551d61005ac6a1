import { Limiter } from '../../async.js'
import { isSluiceError, printable, SluiceError } from '../../errors.js'
import { checkKeys, checkOption } from '../../options.js'
import type { Hasher } from '../disk/digest-file.js'
import { diskError } from '../disk/disk-error.js'
import type { FileIdentity } from '../disk/fs.js'
import type { PathLike } from '../disk/names.js'
import type { Prefix } from '../journal/journal-records.js'
import type { Published } from '../publish/publish.js'
import { type BegunPart, beginPart, type PlaceInTree, placeOf } from './begin-part.js'
import {
  buffersOf,
  type CompleteOptions,
  checkPart,
  checkPosition,
  hexOf,
  incomplete,
  lengthOf,
  type PartFileOptions,
  policyOf,
  unexpected,
} from './part-options.js'

export type { CompleteOptions, PartFileOptions, Prefix }

/**
 * A file while it arrives: `name.part` beside `name` until it is complete; {@link publish} gives it the name. Its
 * handle belongs to the budget of its tree: one that was not used for a while is closed, and opened again when needed.
 *
 * ```ts
 * await using part = await PartFile.open('inbox/report.pdf', { size, expected, journal: true })
 * for await (const bytes of askFor(part.position)) await part.write(part.position, bytes)
 * console.log(part.published?.name)
 * ```
 *
 * Fails with `ERR_USAGE` for wrong options, `ERR_UNSUPPORTED` for an algorithm that this machine does not have,
 * `ERR_STATE` once it is complete or given up, `ERR_DIGEST` if the content is not the one that is expected,
 * `ERR_LOCK_LOST` if another process took it over by its journal since this one was suspended, and with
 * `ERR_DISK_FULL`, `ERR_READ_ONLY`, `ERR_PERMISSION`, `ERR_UNSAFE_LINK` and `ERR_WRITE` for failures of the disk.
 */
export class PartFile {
  readonly #begun: BegunPart
  readonly #options: PartFileOptions
  /** Gives back what it holds beside the part. */
  readonly #leave: () => Promise<void>
  /** Whatever touches the part has its turn, in the order of the calls: no two of them meet. */
  readonly #turn = new Limiter(1)
  #completing: Promise<Published> | undefined
  #published: Published | undefined
  #closed = false
  /** How often the whole content came, and was not the one that is expected. */
  #mismatches = 0

  private constructor(begun: BegunPart, options: PartFileOptions, leave: () => Promise<void>) {
    this.#begun = begun
    this.#options = options
    this.#leave = leave
  }

  /**
   * Opens the part of a file: a new one, or by `offset`, `prefix` or `journal` one that is there. {@link position} says
   * where to go on. With `journal` it waits up to 10 seconds if the part is that of a process which cannot be looked
   * at: on another machine, or in another container.
   * @param where the path of the finished file, or its path below a tree; `ERR_PATH` if it does not end in a name
   */
  static async open(where: PathLike | PlaceInTree, options: PartFileOptions = {}): Promise<PartFile> {
    checkPart(options)
    const { tree, path, leave } = await placeOf(where, options)
    let part: PartFile | undefined
    try {
      part = new PartFile(await beginPart(tree, path, options), options, leave)
      if (part.#isWhole) await part.#completeFound()
      return part
    } catch (error) {
      await part?.close().catch(() => {})
      await leave()
      throw diskError(error, 'open the part of', path)
    }
  }

  /** The path of the finished file below the tree, or its name. */
  get path(): string {
    return this.#begun.part.path
  }

  /** The name of the part file. */
  get partName(): string {
    return this.#begun.part.partName
  }

  /** The path of the part file below the tree. */
  get partPath(): string {
    return this.#begun.part.partPath
  }

  /** Whether the part file is there: neither published nor removed. */
  get exists(): boolean {
    return this.#begun.part.exists
  }

  /** Where the first byte is missing. */
  get position(): number {
    return this.#begun.part.position
  }

  /** How the file got its name; undefined as long as it has none. */
  get published(): Published | undefined {
    return this.#published
  }

  /**
   * What was written in order, and its digest: with the option `prefix` a later process goes on with it. Keep it
   * wherever you like, or let the option `journal` do so.
   */
  get prefix(): Prefix {
    return this.#begun.digest.prefix()
  }

  /**
   * Writes all of `bytes` at `position`. If it was the last that was missing of `size` bytes, the file has its name
   * when this resolves. After an error of the disk it is unknown how many bytes were written; after `ERR_USAGE` none
   * were; after `ERR_DIGEST` the part is empty, and its content may come again, or if that came too often, it is gone.
   * @param options.seal these were the last bytes: also does what {@link PartFile.seal} does, in the same step
   */
  async write(
    position: number,
    bytes: Uint8Array | readonly Uint8Array[],
    options: { seal?: boolean } = {},
  ): Promise<void> {
    checkKeys('options', options, { seal: true })
    const buffers = buffersOf(bytes)
    checkPosition('position', position, lengthOf(buffers))
    const end = position + lengthOf(buffers)
    const { size = Number.MAX_SAFE_INTEGER } = this.#options
    checkOption('the end of the bytes', end, end <= size, `at most the size of ${size}`)
    await this.#turn.run(() => this.#write(position, buffers, options))
    if (this.#isWhole) await this.complete()
  }

  async #write(position: number, buffers: readonly Uint8Array[], options: { seal?: boolean }): Promise<void> {
    this.#check()
    const { part, digest, journal } = this.#begun
    await journal?.hold()
    // if this fails, nobody knows what stands there
    digest.forget(position)
    await part.write(position, buffers, options)
    await digest.take(position, buffers)
    await journal?.passed(digest)
  }

  /**
   * Whether the byte at `position`, or all bytes from there up to `end`, were written or are known to be right.
   * @throws SluiceError `ERR_USAGE`
   */
  covers(position: number, end?: number): boolean {
    return this.#begun.part.covers(position, end)
  }

  get #isWhole(): boolean {
    const { size } = this.#options
    return size !== undefined && this.#begun.part.covers(0, size)
  }

  #check(): void {
    if (!this.#completing && this.exists && !this.#closed) return
    const what = this.#published ? 'is complete' : this.#completing ? 'is being completed' : 'is closed'
    throw new SluiceError('ERR_STATE', `${printable(this.path)} ${what}: nothing can be written to it`)
  }

  /**
   * The digest of the content. What was not written in order is read back. Aborted, it fails with the signal's reason.
   * @param hasher computes another digest, for which all is read back
   */
  digest(hasher?: Hasher, signal?: AbortSignal): Promise<Buffer> {
    return this.#turn.run(() => this.#digest(hasher, signal))
  }

  async #digest(hasher?: Hasher, signal?: AbortSignal): Promise<Buffer> {
    const { part, digest } = this.#begun
    if (hasher) return part.digest(hasher, signal)
    await part.show(digest, part.extent.end, signal)
    return digest.value()
  }

  /** The size of the part file in bytes. */
  size(): Promise<number> {
    return this.#begun.part.size()
  }

  /** Device and inode of the part file, which stay what they are. */
  identity(): Promise<Pick<FileIdentity, 'dev' | 'ino'>> {
    return this.#begun.part.identity()
  }

  /** Discards the content: the file begins anew. */
  reset(): Promise<void> {
    return this.#turn.run(async () => {
      this.#check()
      await this.#reset()
    })
  }

  async #reset(): Promise<void> {
    await this.#begun.part.reset()
    this.#begun.digest.clear()
  }

  /**
   * Sets mode and times, syncs with 'power', and closes the handle, which costs less now than after many other files.
   * {@link PartFile.write} may still follow.
   */
  seal(): Promise<void> {
    return this.#turn.run(() => this.#begun.part.seal())
  }

  /**
   * Gives the file its name, if the content has the digest that is `expected`: else `ERR_DIGEST`, and the part is
   * reset, or removed after the last of its `attempts`. With `size` no call is needed. Fails with `ERR_STATE` if bytes
   * are missing, with `ERR_CONFLICT` and `ERR_USAGE`, and with `ERR_WRITE` if the part file is not the one that was
   * written, or not as long: nothing else gets the name. `warning` in the result is what failed nevertheless.
   */
  complete(options: CompleteOptions = {}): Promise<Published> {
    const again = (error: unknown) => {
      this.#completing = undefined
      throw error
    }
    this.#completing ??= this.#turn.run(() => this.#complete(options)).catch(again)
    return this.#completing
  }

  async #complete(options: CompleteOptions): Promise<Published> {
    const { part, journal } = this.#begun
    const { size = part.extent.end } = this.#options
    if (!part.covers(0, size)) throw incomplete(this.path, size, part.extent.bytes)
    await this.#compare()
    await journal?.check()
    this.#published = await part.complete({ ...policyOf(this.path, this.#options), ...options })
    try {
      await journal?.end()
    } catch (error) {
      const warning = diskError(error, 'remove the journal of', this.path)
      this.#published = { warning, ...this.#published }
    }
    return this.#published
  }

  async #compare(): Promise<void> {
    const { expected, attempts = 3 } = this.#options
    if (expected === undefined) return
    const details = { path: this.path, expected: hexOf(expected), found: hexOf(await this.#digest()) }
    if (details.found === details.expected) return
    const left = attempts - ++this.#mismatches
    if (left > 0) await this.#reset()
    else await this.#discard()
    throw unexpected(details, left, attempts)
  }

  /** Completes what was found complete. If that is not the right content, it was reset, and comes again. */
  async #completeFound(): Promise<void> {
    try {
      await this.complete()
    } catch (error) {
      if (!isSluiceError(error, 'ERR_DIGEST') || this.#isWhole) throw error
    }
  }

  /** Removes the part file if it exists, with 'power' durably, and closes the part. */
  discard(): Promise<void> {
    return this.#turn.run(() => this.#discard())
  }

  async #discard(): Promise<void> {
    try {
      await this.#begun.part.discard()
    } finally {
      await this.#close()
    }
  }

  /** Closes the handle; the part file stays, and with `journal` a later call goes on with it. May be called twice. */
  close(): Promise<void> {
    return this.#turn.run(() => this.#close())
  }

  async #close(): Promise<void> {
    const { part, digest, journal } = this.#begun
    this.#closed = true
    await part.close()
    try {
      await (this.exists ? journal?.close(digest.prefix()) : journal?.end())
    } finally {
      await this.#leave()
    }
  }

  /** {@link PartFile.close}. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
