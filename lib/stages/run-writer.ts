import { Limiter } from '../async.js'
import { diskError } from '../files/disk-error.js'
import { parentOf } from '../files/names.js'
import type { PartFile } from '../files/part-file.js'
import type { Entry } from '../wire/manifest.js'
import type { Arrival } from './arrivals.js'
import type { Destination } from './destination.js'
import type { SentDigest, StoredFile } from './items.js'
import type { Piece } from './pieces.js'
import { FATAL } from './settle-file.js'
import { WriteBehind } from './write-behind.js'

/**
 * Puts the pieces of runs on disk: folders before their files, several files at once, those of one file in order. What
 * fails for one file is its outcome; what would fail for all is thrown.
 */
export class RunWriter {
  readonly #destination: Destination
  readonly #concurrency: number
  /** Files that began and did not end, by their index. No map: see {@link Pooled.slot}. */
  readonly #open: (Arrival | undefined)[] = []
  /** Files that failed, and of which more may come. */
  readonly #failed = new Set<number>()
  /** Pieces from the middle of a file. */
  readonly #behind = new WriteBehind((piece) => this.#writeOn(piece))
  #stopped = false

  constructor(destination: Destination, concurrency: number) {
    this.#destination = destination
    this.#concurrency = concurrency
  }

  /** The first file that began and did not end. */
  get unfinished(): Entry | undefined {
    return this.#open.find((arrival) => arrival)?.entry
  }

  /**
   * Writes them; gives the entries that ended, in order. What is in the middle of a file is written while more may be
   * given.
   */
  async write(pieces: readonly Piece[]): Promise<StoredFile[]> {
    const [first] = pieces
    if (first && pieces.length === 1 && !first.last && this.#open[first.entry.index]?.part.exists) {
      await this.#destination.arrivals.alive()
      return this.#behind.add(first)
    }
    return [...(await this.settle()), ...(await this.#writeAll(pieces))]
  }

  /** Waits for what is still being written; gives the entries that failed. */
  settle(): Promise<StoredFile[]> {
    return this.#behind.settle()
  }

  /** Begins no write any more; {@link settle} waits for those that run. */
  stop(): void {
    this.#stopped = true
    this.#behind.stop()
  }

  async #writeAll(pieces: readonly Piece[]): Promise<StoredFile[]> {
    // the folder itself: its failure is not one of a file
    await this.#destination.tree()
    const stored = new Map<Entry, StoredFile>()
    await this.#makeFolders(pieces, stored)
    const fresh = pieces.filter(({ entry }) => entry.type === 'file' && this.#isNew(entry))
    if (fresh.length === 0) await this.#destination.arrivals.alive()
    else {
      const arrivals = await this.#destination.arrivals.expect(fresh.map(({ entry }) => entry))
      for (const arrival of arrivals) this.#open[arrival.entry.index] = arrival
    }
    const writing = pieces.filter(({ entry }) => this.#open[entry.index])
    const write = async (piece: Piece) => {
      const file = await this.#write(piece)
      if (file) stored.set(piece.entry, file)
    }
    await new Limiter(this.#concurrency).each(writing, write, {
      failFast: true,
      isStopped: () => this.#stopped,
    })
    return pieces.flatMap(({ entry }) => stored.get(entry) ?? [])
  }

  /** Files that the sender gave up will not end by themselves: gives those that began. */
  async giveUp(digests: readonly SentDigest[]): Promise<StoredFile[]> {
    const files = await this.settle()
    for (const { entry, failure } of digests) {
      this.#failed.delete(entry.index)
      const arrival = this.#open[entry.index]
      if (failure === undefined || arrival === undefined) continue
      this.#open[entry.index] = undefined
      await arrival.part.close()
      files.push({ entry, part: arrival.part })
    }
    return files
  }

  /** Folders, and those that files are in, in the order of the run. */
  async #makeFolders(pieces: readonly Piece[], stored: Map<Entry, StoredFile>): Promise<void> {
    const { folders } = this.#destination
    for (const { entry } of pieces) {
      const { type, path, mode } = entry
      if (type === 'file' && !this.#isNew(entry)) continue
      try {
        if (type === 'directory') await folders.make(path, mode)
        if (type === 'file') await folders.make(parentOf(path))
        else stored.set(entry, { entry })
      } catch (error) {
        stored.set(entry, await this.#fail(entry, error))
      }
    }
  }

  /** Nothing more of a file that failed while the piece waited. */
  async #writeOn(piece: Piece): Promise<StoredFile | undefined> {
    return this.#open[piece.entry.index] && this.#write(piece)
  }

  async #write({ entry, offset, buffers, last, digest }: Piece): Promise<StoredFile | undefined> {
    const arrival = this.#open[entry.index]!
    const { part } = arrival
    try {
      // with a digest nothing is left to do on the file but to give it its name
      const seal = last && digest !== undefined
      const write = () => part.write(offset, buffers, { seal })
      await (part.exists ? write() : this.#destination.arrivals.begin(arrival, write))
      if (!last) return undefined
      this.#open[entry.index] = undefined
      return digest ? { entry, part, digest } : { entry, part }
    } catch (error) {
      // the write before this one failed as well, and has said so
      if (!this.#open[entry.index]) return undefined
      this.#open[entry.index] = undefined
      await part.close()
      return this.#fail(entry, error, part)
    }
  }

  /** One file failed, or all: then it throws. */
  async #fail(entry: Entry, error: unknown, part?: PartFile): Promise<StoredFile> {
    const failure = diskError(error, 'write', entry.path)
    if (FATAL.has(failure.code)) throw await this.#destination.room.explain(failure, entry)
    this.#failed.add(entry.index)
    const left = part?.exists ? 'kept' : 'gone'
    await this.#destination.arrivals.ended(entry, { state: 'failed', code: failure.code, part: left })
    return { entry, failure }
  }

  #isNew({ index }: Entry): boolean {
    return !this.#open[index] && !this.#failed.has(index)
  }
}
