import { isUtf8 } from 'node:buffer'
import type { Clock } from '../../clock.js'
import { printable, SluiceError } from '../../errors.js'
import { errorCode } from '../../files/disk/disk-error.js'
import type { FileStats, FileSystem, SyncCalls } from '../../files/disk/fs.js'
import { openRegular } from '../../files/disk/open-regular.js'
import { readFully } from '../../files/disk/read-write.js'
import { retryOpen } from '../../files/disk/retry.js'
import { sameInode } from '../../files/disk/stats.js'
import { DiskPace } from '../../stores/disk/sources/disk-pace.js'
import { sourceError } from '../../stores/sources.js'
import type { Entry } from '../../wire/entry.js'
import type { Limits } from '../../wire/limits.js'
import { faultOf } from '../../wire/paths.js'
import type { Only } from './only.js'

/** How the files and folders that are to be sent are listed. */
export interface ListingOptions {
  gitignore: boolean
  clock: Clock
  signal: AbortSignal | undefined
  keepLinks: boolean
  omit: readonly FileStats[]
  only: Only | undefined
  limits: Limits
  /** Told of each page of entries; the listing goes on when it resolves. */
  grown?: (() => Promise<void>) | undefined
}

/** What a name turned out to be. */
export interface Inspected {
  real: string
  /** Its path in the offer. */
  path: string
  /** Undefined for what no offer can hold. */
  type: Exclude<Entry['type'], 'unreadable'> | undefined
  /** Undefined if it could not be looked at, or its size says nothing of its content. */
  stats: FileStats | undefined
  /** Where a link points to, if links are kept. */
  target: string | undefined
  /** Why it cannot be sent, where that is neither its type nor its size. */
  refused: SluiceError | undefined
}

/** A folder as far as the names in it need it: where it stands here, and its path in the offer. */
interface Place {
  real: string
  path: string
}

/** Finds out what stands under a name. */
export class Inspector {
  readonly #fs: FileSystem
  readonly #options: ListingOptions
  readonly #pace: DiskPace

  constructor(fs: FileSystem, options: ListingOptions) {
    this.#fs = fs
    this.#options = options
    this.#pace = new DiskPace(options.clock)
  }

  /** What the user named: a link is followed, and what is not there is an error. */
  async argument(given: string, path: string, name: string): Promise<Inspected> {
    const { real, stats } = await this.#resolve(given, path)
    if (stats.isFile()) await this.#openable(given, real)
    const found = inspected(real, name, await this.#sized(real, stats))
    // one with the folders in it may be as long and deep as any
    return name.includes('/') ? { ...found, refused: this.#unfit(real, name) } : found
  }

  /** By the rules that hold everywhere: what the receiving platform cannot hold is the receiver's affair. */
  #unfit(real: string, path: string): SluiceError | undefined {
    if (faultOf(path, this.#options.limits) === undefined) return undefined
    return unsendable(real, 'its path is longer or deeper than can be sent; send the folder that it is in')
  }

  async #resolve(given: string, path: string): Promise<{ real: string; stats: FileStats }> {
    try {
      const stats = await this.#fs.lstat(path)
      if (!stats.isSymbolicLink()) return { real: path, stats }
      const real = await this.#fs.realpath(path)
      return { real, stats: await this.#fs.lstat(real) }
    } catch (cause) {
      throw argumentError(given, cause)
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
    const now = sync === undefined || this.#pace.isSlow ? [] : this.#now(sync, folder, names)
    if (now.length === names.length && !now.includes(undefined)) return now as Inspected[]
    return Promise.all(names.map((name, i) => now[i] ?? this.#name(folder, name)))
  }

  /** What a single call tells of each; undefined where it takes more, or fails. */
  #now(sync: SyncCalls, folder: Place, names: readonly Buffer[]): (Inspected | undefined)[] {
    const begun = this.#options.clock.now()
    const { limits, keepLinks } = this.#options
    const here = join(folder.real, '')
    const below = `${folder.path}/`
    const isDeep = below.split('/').length > limits.depth
    const found: (Inspected | undefined)[] = []
    for (const bytes of names) {
      const name = bytes.toString()
      const path = below + name
      let one: Inspected | undefined
      // a character of UTF-16 has three bytes at most
      const isLong = name.length * 3 > limits.name || path.length * 3 > limits.path
      // looking through the path also makes one text of its two parts, which would take more memory as long as it is
      // kept
      if (!isDeep && !isLong && !path.includes(REPLACEMENT)) {
        try {
          const stats = sync.lstat(here + name)
          one = inspected(here + name, path, stats)
          if (one.type === 'file' ? stats.size === 0 : one.type === 'symlink' && keepLinks) one = undefined
        } catch {
          // it is tried once more, and then it is known why
        }
      }
      found.push(one)
    }
    this.#pace.took(this.#options.clock.now() - begun)
    return found
  }

  async #name(folder: Place, bytes: Buffer): Promise<Inspected> {
    const name = bytes.toString()
    const real = join(folder.real, name)
    const path = `${folder.path}/${name}`
    try {
      if (!isUtf8(bytes)) throw unsendable(real, 'its name is not valid UTF-8; rename it')
      const unfit = this.#unfit(real, path)
      if (unfit) throw unfit
      const stats = await this.#fs.lstat(real)
      const target = stats.isSymbolicLink() && this.#options.keepLinks ? await this.#target(real) : undefined
      return inspected(real, path, await this.#sized(real, stats), target)
    } catch (cause) {
      return { ...inspected(real, path, undefined), refused: sourceError(real, cause) }
    }
  }

  async #target(link: string): Promise<string> {
    try {
      return await this.#fs.readlink(link)
    } catch (cause) {
      throw errorCode(cause) === 'EILSEQ' ? unsendableTarget(link, cause) : cause
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
    } catch (cause) {
      throw sourceError(real, cause)
    } finally {
      await this.#fs.close(fd)
    }
  }
}

/** Stands in a text in the place of bytes that are not UTF-8. */
const REPLACEMENT = '\uFFFD'

function inspected(real: string, path: string, stats: FileStats | undefined, target?: string): Inspected {
  let type: Inspected['type']
  if (stats?.isFile()) type = 'file'
  else if (stats?.isDirectory()) type = 'directory'
  else if (stats?.isSymbolicLink()) type = 'symlink'
  return { real, path, type, stats, target, refused: undefined }
}

/** Node takes a slash on every platform. */
export function join(folder: string, name: string): string {
  return folder.endsWith('/') ? folder + name : `${folder}/${name}`
}

/** What was named is not there, or cannot be looked at. */
export function argumentError(path: string, cause: unknown): SluiceError {
  const system = errorCode(cause)
  if (system === 'EILSEQ') return unsendableTarget(path, cause)
  if (system !== 'ENOENT' && system !== 'ENOTDIR') return cannotRead(path, cause)
  const message = `${printable(path)}: there is no such file or folder`
  return new SluiceError('ERR_NO_SUCH_FILE', message, { path, cause })
}

/** What was named cannot be read, so that nothing can be sent. */
export function cannotRead(path: string, cause: unknown): SluiceError {
  const why = errorCode(cause) ?? String(cause)
  const message = `cannot read ${printable(path)} (${printable(why, 200)}); check its owner and mode`
  return new SluiceError('ERR_SOURCE_READ', message, { path, cause })
}

/** Why it is not sent, `ERR_SKIPPED` where nobody misses it; undefined if it is. */
export function whyNot(
  { real, type, stats, target, refused }: Inspected,
  { omit }: ListingOptions,
): SluiceError | undefined {
  if (refused) return refused
  if (!stats) return unsendable(real, 'it has content but no size, like the files of /proc; copy it first')
  if (type === undefined) return skipped(real, 'it is a pipe, a socket or a device')
  if (omit.some((own) => sameInode(own, stats))) return skipped(real, 'this program writes to it')
  if (type === 'symlink' && target === undefined) return skipped(real, 'it is a symbolic link')
  return undefined
}

function skipped(path: string, why: string): SluiceError {
  return new SluiceError('ERR_SKIPPED', `${printable(path)} is left out: ${why}`, { path })
}

/** Something that no offer can hold. */
function unsendable(path: string, why: string, cause?: unknown): SluiceError {
  return new SluiceError('ERR_UNSENDABLE', `${printable(path)} cannot be sent: ${why}`, { path, cause })
}

function unsendableTarget(path: string, cause: unknown): SluiceError {
  return unsendable(
    path,
    'the target of the link is not valid UTF-8; rename that, and make the link anew',
    cause,
  )
}
