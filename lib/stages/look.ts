import { isUtf8 } from 'node:buffer'
import { printable, SluiceError } from '../errors.js'
import { errorCode } from '../files/disk/disk-error.js'
import { type FileStats, type FileSystem, openRegular, readFully } from '../files/disk/fs.js'
import type { Limits } from '../wire/limits.js'
import { isSendable, type Looked, unsendable } from './found.js'
import { patiently } from './patience.js'
import { sourceError } from './source-file.js'

/** How the files and folders that are to be sent are looked at. */
export interface LookOptions {
  keepLinks: boolean
  limits: Limits
}

/** Finds out what stands under a name. */
export class Look {
  readonly #fs: FileSystem
  readonly #options: LookOptions

  constructor(fs: FileSystem, options: LookOptions) {
    this.#fs = fs
    this.#options = options
  }

  /** What the user named: a link is followed, and what is not there is an error. */
  async argument(given: string, path: string, name: string): Promise<Looked> {
    const { real, stats } = await this.#resolve(given, path)
    if (stats.isFile()) await this.#openable(given, real)
    return { real, path: name, stats: await this.#sized(real, stats) }
  }

  async #resolve(given: string, path: string): Promise<{ real: string; stats: FileStats }> {
    try {
      const stats = await this.#fs.lstat(path)
      if (!stats.isSymbolicLink()) return { real: path, stats }
      const real = await this.#fs.realpath(path)
      return { real, stats: await this.#fs.lstat(real) }
    } catch (cause) {
      const system = errorCode(cause)
      if (system === 'ENOENT' || system === 'ENOTDIR') {
        const message = `${printable(given)}: there is no such file or folder`
        throw new SluiceError('ERR_NO_SUCH_FILE', message, { path: given, cause })
      }
      throw cannotRead(given, cause)
    }
  }

  /** A file that was named is asked at once; of those in folders it is found when they are read. */
  async #openable(given: string, real: string): Promise<void> {
    try {
      const { fd } = await patiently(() => openRegular(this.#fs, real))
      await this.#fs.close(fd)
    } catch (cause) {
      throw cannotRead(given, cause)
    }
  }

  /** A name in a folder: `real` here, `path` in the offer. */
  async name(folder: { real: string; path: string }, bytes: Buffer): Promise<Looked> {
    const name = bytes.toString()
    const real = join(folder.real, name)
    const path = `${folder.path}/${name}`
    if (!isUtf8(bytes)) return { real, path, refused: unsendable(real, 'is not valid UTF-8') }
    if (!isSendable(path, this.#options.limits))
      return { real, path, refused: unsendable(real, 'is longer or deeper than can be sent') }
    try {
      const stats = await this.#fs.lstat(real)
      const target =
        stats.isSymbolicLink() && this.#options.keepLinks ? await this.#fs.readlink(real) : undefined
      return { real, path, stats: await this.#sized(real, stats), target }
    } catch (cause) {
      return { real, path, refused: sourceError(real, cause) }
    }
  }

  /**
   * The stats of a file, or `undefined` of one like those of /proc: its size says nothing of what it contains. A file
   * that has just grown is what it is now.
   */
  async #sized(real: string, stats: FileStats): Promise<FileStats | undefined> {
    if (!stats.isFile() || stats.size > 0) return stats
    let fd: number
    try {
      fd = (await patiently(() => openRegular(this.#fs, real))).fd
    } catch {
      // that it cannot be read is found, and reported, when it is read
      return stats
    }
    try {
      const got = await readFully(this.#fs, fd, Buffer.alloc(1), 0)
      if (got === 0) return stats
      const now = await this.#fs.fstat(fd)
      return now.size > 0 ? now : undefined
    } catch {
      return undefined
    } finally {
      await this.#fs.close(fd)
    }
  }
}

/** Node takes a slash on every platform. */
export function join(folder: string, name: string): string {
  return folder.endsWith('/') ? folder + name : `${folder}/${name}`
}

/** What was named cannot be read, so that nothing can be sent. */
export function cannotRead(path: string, cause: unknown): SluiceError {
  const why = errorCode(cause) ?? String(cause)
  const message = `cannot read ${printable(path)} (${printable(why, 200)}); check its owner and mode`
  return new SluiceError('ERR_SOURCE_READ', message, { path, cause })
}
