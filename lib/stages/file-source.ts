import { Readable } from 'node:stream'
import { TimeSlice } from '../async.js'
import { SluiceError } from '../errors.js'
import { checkWhole } from '../files/check-options.js'
import { type Clock, systemClock } from '../files/clock.js'
import { type FileSystem, nodeFileSystem } from '../files/fs.js'
import { DEFAULT_LIMITS } from '../wire/limits.js'
import type { Entry } from '../wire/manifest.js'
import { type Bitmap, isWanted, type Range } from '../wire/positions.js'
import type { Item } from './items.js'
import { closeStreams, isManifest, type Manifest } from './manifest-builder.js'
import { checkRanges, readPlan } from './read-plan.js'
import { SourceReader } from './source-reader.js'

/** What {@link fileSource} takes. */
export interface FileSourceOptions {
  /** The bytes to send, in ascending order; all by default. The offer is given out before a promise is waited for. */
  ranges?: readonly Range[] | Promise<readonly Range[] | undefined> | undefined
  /** The entries to send, a bit for each of the offer; all by default. */
  wanted?: Bitmap | Promise<Bitmap | undefined> | undefined
  /** Bytes of a run at most: 1 to 1 MiB, 1 MiB by default. */
  maxRun?: number | undefined
  fs?: FileSystem | undefined
  clock?: Clock | undefined
  /** Destroys the stream. */
  signal?: AbortSignal | undefined
  /** Hears why a file could not be sent, with path and cause; the peer is told the code only. */
  onFailure?: ((error: SluiceError) => void) | undefined
}

/**
 * Reads a manifest as items: the offer, then runs in the order of the stream. A file that cannot be read or is no
 * longer what the manifest says ends with a `failure` instead of its last cut (`ERR_SOURCE_READ`,
 * `ERR_SOURCE_CHANGED`), and the others go on at their own positions. Reads one run ahead. A stream in the manifest
 * is destroyed together with this one.
 *
 * Throws `ERR_USAGE` for an option; a promise that is rejected or gives bad ranges fails the stream.
 */
export function fileSource(manifest: Manifest, options: FileSourceOptions = {}): Readable {
  return new FileSource(manifest, options)
}

class FileSource extends Readable {
  readonly #manifest: Manifest
  readonly #chosen: Promise<[readonly Range[] | undefined, Bitmap | undefined]>
  readonly #maxRun: number
  readonly #clock: Clock
  readonly #stop = new AbortController()
  readonly #reader: SourceReader
  readonly #items: AsyncGenerator<Item>
  /** The item that is being read while downstream works on the one before. */
  #ahead: Promise<IteratorResult<Item>> | undefined

  constructor(manifest: Manifest, options: FileSourceOptions) {
    const { maxRun = DEFAULT_LIMITS.frame, fs = nodeFileSystem, clock = systemClock, signal } = options
    const { ranges, wanted, onFailure } = options
    if (!isManifest(manifest)) {
      throw new SluiceError('ERR_USAGE', 'manifest must come from manifestOf() or manifestFrom()')
    }
    checkWhole('maxRun', maxRun, 1, DEFAULT_LIMITS.frame)
    if (Array.isArray(ranges)) checkRanges(ranges, manifest.offer)
    super({ objectMode: true, highWaterMark: 1, ...(signal && { signal }) })
    this.#manifest = manifest
    this.#maxRun = maxRun
    this.#clock = clock
    this.#chosen = Promise.all([ranges, wanted])
    // it may be rejected before it is waited for, or when nobody waits for it any more
    this.#chosen.catch(() => {})
    this.#reader = new SourceReader(manifest, { fs, clock, maxRun, signal: this.#stop.signal, onFailure })
    this.#items = this.#produce()
  }

  override _read(): void {
    const next = this.#ahead ?? this.#items.next()
    next.then(
      ({ value, done }) => {
        this.#ahead = done ? undefined : this.#items.next()
        // heard of when it is taken, or not at all when the stream is destroyed before
        this.#ahead?.catch(() => {})
        this.push(done ? null : value)
      },
      (error) => this.destroy(error as Error),
    )
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#stop.abort()
    if (error || !this.readableEnded) closeStreams(this.#manifest)
    // after the call that is under way: a handle closed in mid-read could by then be that of another file
    this.#items.return(undefined).then(() => done(error), done)
  }

  async *#produce(): AsyncGenerator<Item> {
    const { offer } = this.#manifest
    yield { kind: 'offer', offer }
    const [ranges, wanted] = await this.#choice()
    if (ranges) checkRanges(ranges, offer)
    const wants = ({ index }: Entry) => wanted === undefined || isWanted(wanted, index - offer.first)
    const slice = new TimeSlice(this.#clock)
    try {
      for (const step of readPlan(offer, ranges, wants, this.#maxRun)) {
        yield* this.#reader.items(step)
        await slice.yield()
      }
    } finally {
      await this.#reader.close()
    }
  }

  /** The answer may never come: then the end of the stream does. */
  async #choice() {
    const { signal } = this.#stop
    let stop = () => {}
    const stopped = new Promise<never>((_resolve, reject) => {
      stop = () => reject(signal.reason)
      signal.addEventListener('abort', stop)
    })
    try {
      return await Promise.race([this.#chosen, stopped])
    } finally {
      signal.removeEventListener('abort', stop)
    }
  }
}
