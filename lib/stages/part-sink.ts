import { Transform, type TransformCallback } from 'node:stream'
import { inSlices } from '../async.js'
import { printable, SluiceError } from '../errors.js'
import { checkChoice, checkWhole } from '../files/check-options.js'
import { type FileSystem, nodeFileSystem } from '../files/fs.js'
import type { Durability } from '../files/publish.js'
import type { UnfinishedFile } from '../files/read-journal.js'
import type { Entry } from '../wire/manifest.js'
import { checkPath, type Names } from '../wire/paths.js'
import { isWanted } from '../wire/positions.js'
import { Destination } from './destination.js'
import { allEntries, type Item, type Run, type StoredFile } from './items.js'
import { type Piece, piecesOf } from './pieces.js'
import { RunWriter } from './run-writer.js'

/** Options of {@link partSink}. */
export interface PartSinkOptions {
  /** The folder that files arrive in. It is made when the first of them comes. */
  dir: string
  fs?: FileSystem
  /** What a published file survives. Default 'crash'. */
  durability?: Durability
  /** Which names are taken: what this platform can hold ('native', the default), or what every one can ('portable'). */
  names?: Names
  /** Default: the platform of `fs`. */
  platform?: NodeJS.Platform
  /** Files that are worked on at once. Default 32. */
  concurrency?: number
  /** Files that are open at once. Default 64. */
  handles?: number
  /**
   * Parts of interrupted transfers that are to stay, for one that goes on with them. Default: what has no living owner
   * is removed when the first file comes.
   */
  keep?: (file: UnfinishedFile) => boolean
  /** Told what did not go as asked, and stops nothing. */
  warn?: (warning: SluiceError) => void
}

/**
 * Puts what arrives on disk, each file beside its name as `name.part`: folders before their files, the cuts of a
 * file in order, all of a run before it gives out the files that ended (`stored`) and takes the next. Checks every
 * path of an offer again, and the room on the disk. A file that cannot be written fails alone; when the disk is full
 * or read-only, or a link stands in the place of a folder, the stream ends. Parts stay for a later run.
 *
 * Errors: `ERR_PATH`, `ERR_PROTOCOL`, `ERR_DISK_FULL`, `ERR_READ_ONLY`, `ERR_UNSAFE_LINK`, `ERR_PERMISSION` and
 * `ERR_WRITE` of the folder itself.
 */
export function partSink(options: PartSinkOptions): Transform {
  return new PartSink(options)
}

class PartSink extends Transform {
  readonly #options
  readonly #destination: Destination
  /** The entries that were offered, in order. */
  #entries: readonly Entry[] = []
  readonly #writer: RunWriter
  #working: Promise<void> = Promise.resolve()

  constructor(options: PartSinkOptions) {
    super({ objectMode: true, highWaterMark: 1 })
    const { fs = nodeFileSystem, concurrency = 32, handles = 64 } = options
    const { durability = 'crash', names = 'native', platform = fs.platform } = options
    if (typeof options.dir !== 'string' || options.dir === '') {
      throw new SluiceError('ERR_USAGE', 'dir must be the path of a folder', { found: options.dir })
    }
    checkChoice('durability', durability, ['crash', 'power'])
    checkChoice('names', names, ['native', 'portable'])
    checkWhole('concurrency', concurrency, 1)
    this.#options = { ...options, fs, concurrency, handles, durability, names, platform }
    this.#destination = new Destination(this.#options)
    this.#destination.hold()
    this.#writer = new RunWriter(this.#destination, concurrency)
  }

  override _transform(item: Item, _encoding: BufferEncoding, done: TransformCallback): void {
    this.#working = this.#take(item).then(() => done(), done)
  }

  override _flush(done: TransformCallback): void {
    this.#working = this.#end().then(() => done(), done)
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#writer.stop()
    this.#working
      .then(() => this.#writer.settle())
      .catch(() => {}) // it came too late to matter
      .then(() => this.#destination.release())
      .then(() => done(error), done)
  }

  async #take(item: Item): Promise<void> {
    switch (item.kind) {
      case 'offer':
        return this.#offer(item)
      case 'run':
        return this.#run(item)
      case 'digests':
        this.#give(await this.#writer.giveUp(item.digests))
        this.push(item)
        return
      default:
        this.push(item)
    }
  }

  async #offer(item: Item & { kind: 'offer' }): Promise<void> {
    const { offer, want } = item
    let bytes = 0
    await inSlices(offer.entries, (entry) => {
      this.#checkPath(entry)
      if (want === undefined || isWanted(want, entry.index - offer.first)) bytes += entry.size ?? 0
    })
    await this.#destination.arrivals.learn(offer)
    if (bytes > 0) await this.#destination.room.check(bytes)
    this.#entries = allEntries(this.#entries, offer)
    this.push({ ...item, destination: this.#destination })
  }

  async #run(run: Run): Promise<void> {
    const pieces = piecesOf(run.cuts)
    for (const piece of pieces) this.#check(piece)
    this.#give(await this.#writer.write(pieces))
  }

  async #end(): Promise<void> {
    this.#give(await this.#writer.settle())
    const path = this.#writer.unfinished?.path
    if (path === undefined) return
    throw new SluiceError('ERR_TRUNCATED', `the input ended in the middle of ${printable(path)}`, { path })
  }

  #give(files: StoredFile[]): void {
    if (files.length > 0) this.push({ kind: 'stored', files } satisfies Item)
  }

  #check({ entry, offset, length }: Piece): void {
    const offered = this.#entries[entry.index]
    if (offered === undefined) throw refuse('is not in the offer', entry)
    // a stage in between may have changed it
    if (offered !== entry) this.#checkPath(entry)
    if (entry.size !== null && offset + length > entry.size)
      throw refuse(`has only ${entry.size} bytes`, entry)
  }

  #checkPath({ path }: Entry): void {
    checkPath(path, this.#options)
  }
}

function refuse(what: string, { path }: Entry): SluiceError {
  return new SluiceError('ERR_PROTOCOL', `the entry ${printable(path, 200)} ${what}`, { path })
}
