import { Transform, type TransformCallback } from 'node:stream'
import { type Code, printable, SluiceError } from '../errors.js'
import { diskError } from '../files/disk-error.js'
import { type FileSystem, nodeFileSystem } from '../files/fs.js'
import { parentOf } from '../files/names.js'
import type { PartFile } from '../files/part-file.js'
import type { Durability } from '../files/publish.js'
import type { Entry } from '../wire/manifest.js'
import { checkPath, type Names } from '../wire/paths.js'
import { isWanted } from '../wire/positions.js'
import { atMost, inSlices } from './at-most.js'
import { type Arrival, Destination } from './destination.js'
import type { Item, Run, SentDigest, StoredFile } from './items.js'
import { checkCount, checkOption } from './options.js'
import { type Piece, piecesOf } from './pieces.js'

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
  /** Files that are worked on at once. Default 16. */
  concurrency?: number
  /** Files that are open at once. Default 64. */
  handles?: number
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

/** Errors that every other file would have, too. */
const FATAL: ReadonlySet<Code> = new Set(['ERR_DISK_FULL', 'ERR_READ_ONLY', 'ERR_UNSAFE_LINK', 'ERR_STATE'])

class PartSink extends Transform {
  readonly #options: Required<PartSinkOptions>
  readonly #destination: Destination
  /** The entries that were offered, in order. */
  #entries: Entry[] = []
  readonly #open = new Map<number, Arrival>()
  readonly #failed = new Set<number>()
  #working: Promise<void> = Promise.resolve()
  #stopped = false

  constructor(options: PartSinkOptions) {
    super({ objectMode: true, highWaterMark: 1 })
    const { fs = nodeFileSystem, concurrency = 16, handles = 64 } = options
    const { durability = 'crash', names = 'native', platform = fs.platform } = options
    if (typeof options.dir !== 'string' || options.dir === '') {
      throw new SluiceError('ERR_USAGE', 'dir must be the path of a folder', { found: options.dir })
    }
    checkOption('durability', durability, ['crash', 'power'])
    checkOption('names', names, ['native', 'portable'])
    checkCount('concurrency', concurrency)
    this.#options = { ...options, fs, concurrency, handles, durability, names, platform }
    this.#destination = new Destination(this.#options)
    this.#destination.hold()
  }

  override _transform(item: Item, _encoding: BufferEncoding, done: TransformCallback): void {
    const work = this.#take(item)
    this.#working = work.catch(() => {})
    work.then(() => done(), done)
  }

  override _flush(done: TransformCallback): void {
    const [unfinished] = this.#open.values()
    if (!unfinished) return done()
    const { path } = unfinished.entry
    done(new SluiceError('ERR_TRUNCATED', `the input ended in the middle of ${printable(path)}`, { path }))
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#stopped = true
    this.#working
      .then(() => this.#destination.release())
      .then(
        () => done(error),
        (reason) => done(error ?? reason),
      )
  }

  async #take(item: Item): Promise<void> {
    switch (item.kind) {
      case 'offer':
        return this.#offer(item)
      case 'run':
        return this.#run(item)
      case 'digests':
        return this.#digests(item.digests)
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
    await this.#destination.learn(offer)
    if (bytes > 0) await this.#destination.checkRoom(bytes)
    this.#entries = this.#entries.concat(offer.entries)
    this.push({ ...item, destination: this.#destination })
  }

  async #run(run: Run): Promise<void> {
    const pieces = piecesOf(run.cuts)
    for (const piece of pieces) this.#check(piece)
    // the folder itself: its failure is not one of a file
    await this.#destination.tree()
    const stored = new Map<Piece, StoredFile>()
    await this.#makeFolders(pieces, stored)
    const fresh = pieces.filter(({ entry }) => entry.type === 'file' && this.#isNew(entry))
    if (fresh.length === 0) await this.#destination.alive()
    else
      for (const arrival of await this.#destination.expect(fresh.map(({ entry }) => entry))) {
        this.#open.set(arrival.entry.index, arrival)
      }
    const writing = pieces.filter(({ entry }) => this.#open.has(entry.index))
    await atMost(
      this.#options.concurrency,
      writing,
      async (piece) => {
        const file = await this.#write(piece)
        if (file) stored.set(piece, file)
      },
      () => this.#stopped,
    )
    const files = pieces.map((piece) => stored.get(piece)).filter((file) => file !== undefined)
    if (files.length > 0) this.push({ kind: 'stored', files } satisfies Item)
  }

  /** Folders, and those that files are in, in the order of the run. */
  async #makeFolders(pieces: readonly Piece[], stored: Map<Piece, StoredFile>): Promise<void> {
    const { folders } = this.#destination
    for (const piece of pieces) {
      const { entry } = piece
      if (entry.type === 'symlink') stored.set(piece, { entry })
      if (entry.type === 'symlink' || (entry.type === 'file' && !this.#isNew(entry))) continue
      try {
        if (entry.type === 'directory') await folders.make(entry.path, entry.mode)
        else await folders.make(parentOf(entry.path))
        if (entry.type === 'directory') stored.set(piece, { entry })
      } catch (error) {
        const failure = await this.#fail(entry, error)
        if (failure) stored.set(piece, failure)
      }
    }
  }

  async #write({ entry, offset, buffers, last, digest }: Piece): Promise<StoredFile | undefined> {
    const arrival = this.#open.get(entry.index)!
    const { part } = arrival
    try {
      if (!part.exists) await this.#destination.create(arrival)
      if (buffers.length > 0) await part.write(offset, buffers)
      if (!last) return undefined
      // with a digest nothing is left to do on the file but to give it its name
      if (digest) await part.seal()
      this.#open.delete(entry.index)
      return digest ? { entry, part, digest } : { entry, part }
    } catch (error) {
      this.#open.delete(entry.index)
      await part.close()
      return this.#fail(entry, error, part)
    }
  }

  /** One file failed, or the whole stream: then it throws. */
  async #fail(entry: Entry, error: unknown, part?: PartFile): Promise<StoredFile | undefined> {
    const failure = diskError(error, 'write', entry.path)
    if (FATAL.has(failure.code)) throw await this.#destination.explain(failure, entry)
    this.#failed.add(entry.index)
    await this.#destination.ended(entry, {
      state: 'failed',
      code: failure.code,
      part: part?.exists ? 'kept' : 'gone',
    })
    return { entry, failure }
  }

  /** Files that the sender gave up will not end by themselves. */
  async #digests(digests: SentDigest[]): Promise<void> {
    const files: StoredFile[] = []
    for (const { entry, failure } of digests) {
      this.#failed.delete(entry.index)
      const arrival = this.#open.get(entry.index)
      if (failure === undefined || arrival === undefined) continue
      this.#open.delete(entry.index)
      await arrival.part.close()
      files.push({ entry, part: arrival.part })
    }
    if (files.length > 0) this.push({ kind: 'stored', files } satisfies Item)
    this.push({ kind: 'digests', digests } satisfies Item)
  }

  #isNew({ index }: Entry): boolean {
    return !this.#open.has(index) && !this.#failed.has(index)
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
