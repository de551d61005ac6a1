import { isUtf8 } from 'node:buffer'
import { printable, SluiceError } from '../../errors.js'
import type { Clock } from '../../files/disk/clock.js'
import { errorCode } from '../../files/disk/disk-error.js'
import type { FileStats, FileSystem, SyncCalls } from '../../files/disk/fs.js'
import { openRegular } from '../../files/disk/open-regular.js'
import { retryOpen } from '../../files/disk/out-of-handles.js'
import { readFully } from '../../files/disk/read-write.js'
import { DiskPace } from '../../stores/disk/disk-pace.js'
import { sourceError } from '../../stores/sources.js'
import type { WireEntry } from '../../wire/entry.js'
import type { Limits } from '../../wire/limits.js'
import { checkPath } from '../../wire/paths.js'

/** How the files and folders that are to be sent are looked at. */
export interface InspectOptions {
  clock: Clock
  signal: AbortSignal | undefined
  keepLinks: boolean
  limits: Limits
}

/** An entry without its place in the offer, and what was found of it here. */
export interface Found extends WireEntry {
  real: string
  stats: FileStats
}

/** What a name turned out to be; neither `stats` nor `refused` if its size says nothing of its content. */
export interface Inspected {
  real: string
  path: string
  stats?: FileStats | undefined
  target?: string | undefined
  refused?: SluiceError
}

/** Where something stands here, and its path in the offer. */
interface Place {
  real: string
  path: string
}

/** Finds out what stands under a name. */
export class Inspector {
  readonly #fs: FileSystem
  readonly #options: InspectOptions
  readonly #pace: DiskPace

  constructor(fs: FileSystem, options: InspectOptions) {
    this.#fs = fs
    this.#options = options
    this.#pace = new DiskPace(options.clock)
  }

  /** What the user named: a link is followed, and what is not there is an error. */
  async argument(given: string, path: string, name: string): Promise<Inspected> {
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
      const { fd } = await retryOpen(() => openRegular(this.#fs, real), this.#options)
      await this.#fs.close(fd)
    } catch (cause) {
      throw cannotRead(given, cause)
    }
  }

  /** Names in a folder: at once where the disk is fast, side by side otherwise. Gives them in the same order. */
  async names(folder: Place, names: readonly Buffer[]): Promise<Inspected[]> {
    const { sync } = this.#fs
    if (sync === undefined || this.#pace.isSlow)
      return Promise.all(names.map((name) => this.#name(placeOf(folder, name), name)))
    const begun = this.#options.clock.now()
    const inspected = names.map((name) => this.#now(sync, folder, name))
    this.#pace.took(this.#options.clock.now() - begun)
    if (!inspected.includes(undefined)) return inspected as Inspected[]
    return Promise.all(inspected.map((one, i) => one ?? this.#name(placeOf(folder, names[i]!), names[i]!)))
  }

  /** What a single call tells; undefined if it takes more, or fails. */
  #now(sync: SyncCalls, folder: Place, name: Buffer): Inspected | undefined {
    const place = placeOf(folder, name)
    const refused = this.#refused(place, name)
    if (refused) return { ...place, refused }
    try {
      const { real, path } = place
      const stats = sync.lstat(real)
      const needsMore = stats.isFile() ? stats.size === 0 : stats.isSymbolicLink() && this.#options.keepLinks
      return needsMore ? undefined : { real, path, stats, target: undefined }
    } catch {
      return undefined
    }
  }

  async #name(place: Place, name: Buffer): Promise<Inspected> {
    const refused = this.#refused(place, name)
    if (refused) return { ...place, refused }
    const { real, path } = place
    try {
      const stats = await this.#fs.lstat(real)
      const target =
        stats.isSymbolicLink() && this.#options.keepLinks ? await this.#fs.readlink(real) : undefined
      return { real, path, stats: await this.#sized(real, stats), target }
    } catch (cause) {
      return { real, path, refused: sourceError(real, cause) }
    }
  }

  /** Why no offer can hold its name. */
  #refused({ real, path }: Place, name: Buffer): SluiceError | undefined {
    if (!isUtf8(name)) return unsendable(real, 'is not valid UTF-8')
    if (!isSendable(path, this.#options.limits))
      return unsendable(real, 'is longer or deeper than can be sent')
    return undefined
  }

  /**
   * The stats of a file, or `undefined` of one like those of /proc: its size says nothing of what it contains. A file
   * that has just grown is what it is now.
   */
  async #sized(real: string, stats: FileStats): Promise<FileStats | undefined> {
    if (!stats.isFile() || stats.size > 0) return stats
    let fd: number
    try {
      fd = (await retryOpen(() => openRegular(this.#fs, real), this.#options)).fd
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

function placeOf(folder: Place, bytes: Buffer): Place {
  const name = bytes.toString()
  return { real: join(folder.real, name), path: `${folder.path}/${name}` }
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

/** What is to be sent of it, or why it is not. */
export function foundIn({ real, path, stats, target, refused }: Inspected): Found | SluiceError {
  if (refused) return refused
  if (!stats) return skipped(real, 'it has content but no size, like the files of /proc')
  if (stats.isDirectory()) return { type: 'directory', path, size: 0, ...attributes(stats), real, stats }
  if (stats.isFile()) return { type: 'file', path, size: stats.size, ...attributes(stats), real, stats }
  if (target !== undefined)
    return { type: 'symlink', path, size: 0, ...attributes(stats), target, real, stats }
  if (stats.isSymbolicLink()) return skipped(real, 'it is a symbolic link')
  return skipped(real, 'it is a pipe, a socket or a device')
}

function skipped(path: string, why: string): SluiceError {
  return new SluiceError('ERR_SKIPPED', `${printable(path)} is left out: ${why}`, { path })
}

/** An entry whose name no offer can hold: reported, and left out. */
function unsendable(path: string, why: string): SluiceError {
  return new SluiceError('ERR_UNSENDABLE', `${printable(path)} cannot be sent: its name ${why}; rename it`, {
    path,
  })
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

/** As they are sent. */
function attributes({ mtimeMs, mode }: FileStats): { mtime: number; mode: number } {
  return { mtime: Math.floor(mtimeMs), mode: mode & 0o777 }
}
