import { dirname } from 'node:path'
import { printable, SluiceError } from '../../errors.js'
import { checkKeys } from '../../options.js'
import { Ranges } from '../../ranges.js'
import { encodeText } from '../content/encodings.js'
import { keepAttributes, openingMode } from '../disk/attributes.js'
import { callProgress } from '../disk/call-progress.js'
import { portionsOf } from '../disk/digest-file.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import type { FileStats } from '../disk/fs.js'
import { checkWritten, createTemporary } from '../disk/move-file.js'
import { inside, type PathLike } from '../disk/names.js'
import { writeFully } from '../disk/read-write.js'
import { retrying } from '../disk/retry.js'
import { removeWritten } from '../disk/stats.js'
import { beginWriteBack, prepareWriteBack } from '../disk/sync.js'
import { Renewal } from '../own/lease.js'
import { temporaryName } from '../own/temporary-name.js'
import { buffersOf, checkPosition, lengthOf } from '../part/part-options.js'
import { RunningDigest } from '../part/running-digest.js'
import { makeFolders } from '../tree/make-folders.js'
import { giveName, verifyFile } from './give-name.js'
import {
  ATOMIC_WRITE_OPTIONS,
  type AtomicWriteOptions,
  type WriteSettings,
  writeSettings,
} from './options.js'
import { checkSignal, destroyedBeforeEnd, LARGE_PORTION, PORTION } from './pieces.js'
import { checkFolder, findTarget, noFolder, type Target } from './target.js'

/** What was written. */
export interface Written {
  /** The path of the content: links are followed, and a suffix is included. */
  path: string
  bytes: number
  /** SHA-256 of what was given; empty with the option `digest: false`. */
  digest: Buffer
  /** The path of the backup of the earlier content, if one was made. */
  backup?: string
  /** What failed, although the content is there. */
  warning?: SluiceError
}

/** A finished temporary file. */
export interface Staged {
  /** Its path. */
  temporary: string
  bytes: number
  /** SHA-256 of what was given. */
  digest: Buffer
}

/** A file under its temporary name, and the one that it will replace. */
export interface UnnamedFile {
  target: Target
  settings: WriteSettings
  /** The path of the temporary file. */
  temporary: string
  /** Its stats, once it is finished. */
  stats?: FileStats
  /** SHA-256 of what was given, once it is finished. */
  digest?: Buffer
  /**
   * Throws if the write was cancelled or given up. Called before each step that takes long, and before the one that
   * cannot be undone.
   */
  check: () => void
  /** Throws if the file must not be replaced any more. Called right before that, and again before another attempt. */
  guard?: (() => Promise<void>) | undefined
}

/**
 * A file that is written under a temporary name beside its own, and gets its own name at the end, whole, or never:
 * temporary file, sync, rename, sync of the folder. Many pieces, one after the other or at positions; one call at a
 * time; a call that fails removes the temporary file.
 *
 * ```ts
 * await using file = await AtomicFile.open('table.bin')
 * for (const row of rows) await file.write(row)
 * await file.write(Buffer.from([rows.length]), 0)
 * await file.commit()
 * ```
 *
 * All calls fail with `ERR_DISK_FULL`, `ERR_READ_ONLY`, `ERR_PERMISSION`, `ERR_UNSAFE_LINK` (links in a circle),
 * `ERR_WRITE`, `ERR_CANCELLED`, and with `ERR_STATE` once the file is published or discarded; with that also as long as
 * there is a gap in the content, which can then be filled.
 */
export class AtomicFile {
  readonly #draft: UnnamedFile
  readonly #path: string
  readonly #hasher: RunningDigest | undefined
  readonly #renewal: Renewal
  #fd: number
  /** What was written. */
  readonly #ranges = new Ranges()
  #state: 'open' | 'staged' | 'over' = 'open'
  #warning: SluiceError | undefined
  #running: Promise<unknown> | undefined
  #discarded: Promise<void> | undefined

  private constructor(path: string, draft: Omit<UnnamedFile, 'check'>, fd: number) {
    this.#path = path
    this.#draft = { ...draft, check: () => this.#check() }
    const { digest = true, verify } = draft.settings
    this.#hasher = digest || verify ? new RunningDigest('sha256') : undefined
    this.#fd = fd
    const { fs } = draft.settings
    // a stream may rest for long: those who cannot look at this process would take what it has written for an orphan
    this.#renewal = new Renewal(() => fs.futimes(fd, Date.now() / 1000, Date.now() / 1000))
  }

  /** Makes the temporary file. Fails with `ERR_USAGE` for wrong options. */
  static async open(file: PathLike, options: AtomicWriteOptions = {}): Promise<AtomicFile> {
    checkKeys('options', options, ATOMIC_WRITE_OPTIONS)
    const settings = writeSettings(file, options)
    const { path, fs, durability, tempDir, signal } = settings
    const open = async () => {
      checkSignal(signal, path)
      if (settings.makeParents) await makeFolders(fs, dirname(path), durability === 'power')
      const target = await findTarget(path, settings)
      const temporary = inside(tempDir ?? target.folder, temporaryName())
      const mode = openingMode(settings.mode, target.there)
      const fd = await createTemporary(fs, temporary, mode).catch(async (cause: unknown) => {
        if (errorCode(cause) !== 'ENOENT') throw cause
        // no file can be made in such a folder, and the system says that there is none
        await checkFolder(fs, temporary, path)
        throw noFolder(path, target.folder, tempDir, cause)
      })
      if (durability === 'power') await prepareWriteBack(fs, fd)
      return new AtomicFile(path, { target, settings, temporary }, fd)
    }
    try {
      return await retrying(open, settings)
    } catch (error) {
      throw diskError(error, 'write', path)
    }
  }

  /** Bytes of the content so far: where it ends. */
  get bytes(): number {
    return this.#ranges.end
  }

  /**
   * Writes a piece of the content: as often as you like, each call when the one before has ended. Text becomes UTF-8.
   * Bytes must not change until it resolves.
   * @param position where the piece begins. Default: at the end. Whatever it leaves out must come before the commit
   */
  async write(data: string | Uint8Array | readonly Uint8Array[], position = this.bytes): Promise<void> {
    const buffers = typeof data === 'string' ? [encodeText(data)] : buffersOf(data)
    checkPosition('position', position, lengthOf(buffers))
    return this.#run('open', async () => {
      const { fs, progress, signal, total } = this.#draft.settings
      const size = progress || signal ? PORTION : LARGE_PORTION
      let at = position
      await this.#hasher?.forget(at)
      for (const piece of portionsOf(buffers, size)) {
        this.#check()
        const from = at
        const writing = retrying(() => writeFully(fs, this.#fd, piece, from), this.#draft.settings)
        // a failure is thrown by the await below, after the digest
        writing.catch(() => {})
        if (this.#hasher) await this.#hasher.take(from, piece)
        await writing
        at += lengthOf(piece)
        this.#ranges.add(from, at)
        callProgress(() => progress?.(this.bytes, total))
      }
    })
  }

  /**
   * Finishes the temporary file: checks its size, sets owner and mode, syncs it with 'power', reads it back with
   * `verify` (`ERR_DIGEST`), and closes it. The target is not touched, and no handle stays open.
   */
  async stage(): Promise<Staged> {
    this.#checkWhole()
    return this.#run('open', () => this.#stage())
  }

  /**
   * Gives the content its name, replacing what has it; finishes the temporary file first if {@link stage} was not
   * called. With 'power' the name survives a power loss once this resolves. Fails with `ERR_CONFLICT` if that was
   * asked for. If it fails, the target is unchanged; only if the very last sync failed, the new content is there, but
   * a power loss may bring back the old one.
   * @param guard called right before the rename, which does not happen if it throws; with 'overwrite' only
   */
  async commit(guard?: () => Promise<void>): Promise<Written> {
    this.#checkWhole()
    return this.#run('any', async () => {
      if (this.#state === 'open') await this.#stage()
      this.#state = 'over'
      const give = () => giveName({ ...this.#draft, stats: this.#draft.stats!, guard })
      // from another folder the temporary file has been moved by then
      const { settings } = this.#draft
      const named = await (settings.tempDir === undefined ? retrying(give, settings) : give())
      return {
        bytes: this.bytes,
        digest: this.#draft.digest!,
        ...named,
        ...(this.#warning && { warning: this.#warning }),
      }
    })
  }

  /** Removes the temporary file, unless it was published. May be called twice. Never fails. */
  discard(): Promise<void> {
    this.#discarded ??= this.#discard()
    return this.#discarded
  }

  async #discard(): Promise<void> {
    await this.#running?.catch(() => {})
    if (this.#state !== 'over') await this.#remove()
  }

  /** {@link AtomicFile.discard}: nothing is changed where the content was not committed. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.discard()
  }

  async #run<T>(state: 'open' | 'any', work: () => Promise<T>): Promise<T> {
    if (this.#discarded || this.#state === 'over' || (state === 'open' && this.#state !== 'open')) {
      throw new SluiceError('ERR_STATE', `${printable(this.#path)} is not being written any more`)
    }
    if (this.#running) throw new SluiceError('ERR_STATE', 'wait until the call before has ended')
    const running = work()
    this.#running = running
    try {
      return await running
    } catch (error) {
      await this.#remove()
      // an error of the source is passed on unchanged
      throw errorCode(error) === undefined ? error : diskError(error, 'write', this.#path)
    } finally {
      this.#running = undefined
    }
  }

  /** A gap can still be filled: the file goes on. */
  #checkWhole(): void {
    if (this.#ranges.covers(0, this.bytes)) return
    const { start, end } = this.#ranges.next(0)!
    const missing = start === 0 ? end : 0
    const message = `nothing was written of ${printable(this.#path)} at position ${missing}, but behind it: write that, too`
    throw new SluiceError('ERR_STATE', message, { path: this.#path })
  }

  #check(): void {
    checkSignal(this.#draft.settings.signal, this.#path)
    if (this.#discarded) throw destroyedBeforeEnd(this.#path)
  }

  async #remove(): Promise<void> {
    this.#state = 'over'
    const { settings, temporary, stats } = this.#draft
    const { fs } = settings
    const written = this.#fd === -1 ? stats : await fs.fstat(this.#fd).catch(() => undefined)
    await this.#close().catch(() => {})
    // what cannot be removed now is removed by removeOrphans later
    await removeWritten(fs, temporary, written).catch(() => {})
  }

  async #stage(): Promise<Staged> {
    const { settings, target, temporary } = this.#draft
    const { fs, durability, verify } = settings
    this.#check()
    const fd = this.#fd
    const { bytes } = this
    const stats = await checkWritten(fs, fd, bytes)
    this.#warning = await keepAttributes(fd, stats, target.there, settings, this.#path)
    if (durability === 'power') {
      await beginWriteBack(fs, temporary)
      // a failed fsync is never tried again: a second one would report success for data that is lost
      await fs.fsync(fd)
    }
    // what did not come in order is read back
    await this.#hasher?.readOn(fs, fd, bytes, settings.signal)
    const digest = this.#hasher?.value() ?? Buffer.alloc(0)
    this.#draft.digest = digest
    if (verify) await verifyFile(fs, fd, digest, this.#path)
    // nothing is to change any more of what it is then
    await this.#renewal.stop()
    this.#draft.stats = await checkWritten(fs, fd, bytes)
    await this.#close()
    this.#state = 'staged'
    return { temporary, bytes, digest }
  }

  async #close(): Promise<void> {
    const fd = this.#fd
    if (fd === -1) return
    // the handle is gone even if its close fails
    this.#fd = -1
    await this.#renewal.stop()
    await this.#draft.settings.fs.close(fd)
  }
}
