import { isUtf8 } from 'node:buffer'
import { printable, SluiceError } from '../errors.js'
import { errorCode } from '../files/disk-error.js'
import { type FileStats, type FileSystem, openRegular, readFully } from '../files/fs.js'
import type { Limits } from '../wire/limits.js'
import type { Entry } from '../wire/manifest.js'

import { checkPath } from '../wire/paths.js'
import { systemClock } from './clock.js'
import { patiently } from './patience.js'
import type { FolderRules, Selection } from './selection.js'
import { type Source, sourceError } from './source-file.js'
import { Turns } from './turns.js'

/** An entry without its place in the offer, and where its bytes are. */
export type Found = Omit<Entry, 'index' | 'start'> & { source?: Source }

/** Names of a folder that are looked at together. More gain nothing: the thread pool has four threads. */
const AT_ONCE = 16
/** A `.gitignore` larger than this is not one. */
const LARGEST_RULES = 1024 * 1024

interface Folder {
  /** Where it is here. */
  real: string
  /** Its path in the offer. */
  path: string
  rules: FolderRules | undefined
  above: Folder | undefined
  /** What it is in the offer, until it is offered: with `include`, only once something in it is. */
  entry: Found | undefined
}

/** What a {@link Walk} is to do. */
export interface WalkOptions {
  keepLinks: boolean
  gitignore: boolean
  limits: Limits
  signal: AbortSignal | undefined
}

/** Goes through folders in a fixed order and gives out what is to be sent. */
export class Walk {
  readonly skipped: SluiceError[] = []
  readonly #fs: FileSystem
  readonly #selection: Selection
  readonly #options: WalkOptions
  readonly #give: (found: Found) => void
  readonly #turns = new Turns(systemClock)
  #given = 0

  constructor(fs: FileSystem, selection: Selection, options: WalkOptions, give: (found: Found) => void) {
    this.#fs = fs
    this.#selection = selection
    this.#options = options
    this.#give = give
  }

  /** What the user named: a link is followed, and what is not there is an error. */
  async argument(given: string, path: string, name: string): Promise<void> {
    this.#checkStop()
    const { real, stats } = await this.#resolve(given, path)
    if (stats.isFile()) await this.#openable(given, real)
    await this.#one(undefined, { real, path: name, stats: await this.#sized(real, stats) })
  }

  #checkStop(): void {
    if (this.#options.signal?.aborted) throw new SluiceError('ERR_CANCELLED', 'the listing was cancelled')
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

  async #folder(folder: Folder): Promise<void> {
    let names: Buffer[]
    try {
      names = await patiently(() => this.#fs.readdir(folder.real))
    } catch (cause) {
      if (!folder.above) throw cannotRead(folder.real, cause)
      this.skipped.push(sourceError(folder.real, cause))
      return
    }
    names.sort(Buffer.compare)
    if (this.#options.gitignore) folder.rules = await this.#rulesOf(folder, names)
    for (let from = 0; from < names.length; from += AT_ONCE) {
      this.#checkStop()
      const some = names.slice(from, from + AT_ONCE)
      const looked = await Promise.all(some.map((name) => this.#look(folder, name)))
      for (const one of looked) await this.#one(folder, one)
      await this.#turns.give()
    }
  }

  /** What it finds out is taken up in the order of the names, so that every run says the same. */
  async #look(folder: Folder, bytes: Buffer): Promise<Looked> {
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

  async #one(above: Folder | undefined, looked: Looked): Promise<void> {
    const { real, path, stats } = looked
    const isFolder = stats?.isDirectory() ?? false
    if (this.#selection.excluded(path, isFolder, above?.rules)) return
    const included = this.#selection.included(path, isFolder)
    if (stats && isFolder) {
      const entry: Found = { type: 'directory', path, size: 0, ...attributes(stats) }
      const folder = { real, path, rules: above?.rules, above, entry }
      if (included) this.#offerFolder(folder)
      return this.#folder(folder)
    }
    if (!included) return
    const found = foundIn(looked)
    if (found instanceof SluiceError) this.skipped.push(found)
    else {
      this.#offerFolder(above)
      this.#offer(found)
    }
  }

  #offerFolder(folder: Folder | undefined): void {
    if (!folder?.entry) return
    this.#offerFolder(folder.above)
    this.#offer(folder.entry)
    folder.entry = undefined
  }

  #offer(found: Found): void {
    const { entries } = this.#options.limits
    if (++this.#given > entries) {
      const message = `more than ${entries} files and folders; send them in several parts`
      throw new SluiceError('ERR_LIMIT', message)
    }
    this.#give(found)
  }

  async #rulesOf(folder: Folder, names: readonly Buffer[]): Promise<FolderRules | undefined> {
    if (!names.some((name) => name.toString() === '.gitignore')) return folder.rules
    const path = join(folder.real, '.gitignore')
    try {
      const { fd, stats } = await patiently(() => openRegular(this.#fs, path))
      try {
        // half of the rules would offer what the other half keeps back
        if (stats.size > LARGEST_RULES) throw new RangeError(`it has ${stats.size} bytes`)
        const bytes = Buffer.alloc(stats.size)
        const length = await readFully(this.#fs, fd, bytes, 0)
        const rules = this.#selection.rules(bytes.toString('utf8', 0, length))
        return { prefix: `${folder.path}/`, rules, above: folder.rules }
      } finally {
        await this.#fs.close(fd)
      }
    } catch (cause) {
      // a link or a folder of this name is none, as in git
      if (['ELOOP', 'EISDIR', 'ENXIO', 'ENOENT'].includes(errorCode(cause) ?? '')) return folder.rules
      throw cannotRead(path, cause)
    }
  }
}

/** What a name turned out to be; neither `stats` nor `refused` if its size says nothing of its content. */
interface Looked {
  real: string
  path: string
  stats?: FileStats | undefined
  target?: string | undefined
  refused?: SluiceError
}

function foundIn({ real, path, stats, target, refused }: Looked): Found | SluiceError {
  if (refused) return refused
  if (!stats) return skipped(real, 'it has content but no size, like the files of /proc')
  const { dev, ino, mtimeMs, size } = stats
  if (stats.isFile()) {
    return { type: 'file', path, size, ...attributes(stats), source: { path: real, dev, ino, mtimeMs } }
  }
  if (target !== undefined) return { type: 'symlink', path, size: 0, ...attributes(stats), target }
  if (stats.isSymbolicLink()) return skipped(real, 'it is a symbolic link')
  return skipped(real, 'it is a pipe, a socket or a device')
}

function skipped(path: string, why: string): SluiceError {
  return new SluiceError('ERR_SKIPPED', `${printable(path)} is left out: ${why}`, { path })
}

function unsendable(path: string, why: string): SluiceError {
  return new SluiceError('ERR_UNSENDABLE', `${printable(path)} cannot be sent: its name ${why}; rename it`, {
    path,
  })
}

/** Node takes a slash on every platform. */
function join(folder: string, name: string): string {
  return folder.endsWith('/') ? folder + name : `${folder}/${name}`
}

/** By the rules that hold everywhere; what the receiving platform cannot hold is the receiver's affair. */
function isSendable(path: string, limits: Limits): boolean {
  try {
    checkPath(path, { platform: 'linux', limits })
    return true
  } catch {
    return false
  }
}

function attributes({ mtimeMs, mode }: FileStats): { mtime: number; mode: number } {
  return { mtime: Math.floor(mtimeMs), mode: mode & 0o777 }
}

function cannotRead(path: string, cause: unknown): SluiceError {
  const why = errorCode(cause) ?? String(cause)
  const message = `cannot read ${printable(path)} (${printable(why, 200)}); check its owner and mode`
  return new SluiceError('ERR_SOURCE_READ', message, { path, cause })
}
