import { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import debug from 'debug'
import { SluiceError } from '../errors.js'
import { type FileSystem, nodeFileSystem } from '../files/fs.js'
import { DEFAULT_LIMITS } from '../wire/limits.js'
import type { Entry } from '../wire/manifest.js'
import { type Bitmap, isWanted, type Range } from '../wire/positions.js'
import type { Cut, Item } from './items.js'
import type { Manifest } from './manifest-of.js'
import { checkRanges, type Piece, readPlan } from './read-plan.js'
import { SourceFile, type SourcePath, sourceError } from './source-file.js'

/** What {@link fileSource} takes. */
export interface FileSourceOptions {
  /** The bytes to send, in ascending order; all by default. The offer is given out before a promise is waited for. */
  ranges?: readonly Range[] | Promise<readonly Range[] | undefined> | undefined
  /** The entries to send, a bit for each of the offer; all by default. */
  wanted?: Bitmap | Promise<Bitmap | undefined> | undefined
  /** Bytes of a run at most: 1 to 1 MiB, 1 MiB by default. */
  maxRun?: number | undefined
  fs?: FileSystem | undefined
  /** Destroys the stream. */
  signal?: AbortSignal | undefined
  /** Hears why a file could not be sent, with path and cause; the peer is only told the code. */
  onFailure?: ((error: SluiceError) => void) | undefined
}

/** Files of a run that are read at the same time. */
const AT_ONCE = 16
/** Milliseconds after which others have their turn, also where the file system is a blocking one. */
const SLICE = 8
const NOTHING = Buffer.alloc(0)
const log = debug('sluice:source')

/**
 * Reads a manifest as items: the offer, then runs in the order of the stream. A file that cannot be read or is no
 * longer what the manifest says ends with a `failure` instead of its last cut (`ERR_SOURCE_READ`,
 * `ERR_SOURCE_CHANGED`), and the others go on at their own positions. Reads one run ahead.
 *
 * Throws `ERR_USAGE` for an option; a promise that gives bad ranges fails the stream with it.
 */
export function fileSource(manifest: Manifest, options: FileSourceOptions = {}): Readable {
  return new FileSource(manifest, options)
}

class FileSource extends Readable {
  readonly #manifest: Manifest
  readonly #options: FileSourceOptions
  readonly #fs: FileSystem
  readonly #maxRun: number
  readonly #stop = new AbortController()
  readonly #items: AsyncGenerator<Item>
  /** The run that is being read while downstream works on the one before. */
  #ahead: Promise<IteratorResult<Item>> | undefined
  #file: { index: number; open: SourceFile } | undefined
  #failed = -1
  #turned = performance.now()

  constructor(manifest: Manifest, options: FileSourceOptions) {
    const { maxRun = DEFAULT_LIMITS.frame, fs = nodeFileSystem, ranges, signal } = options
    if (!manifest?.offer || !Array.isArray(manifest.sources)) {
      throw new SluiceError('ERR_USAGE', 'manifest: must come from manifestOf() or manifestFrom()')
    }
    if (!Number.isInteger(maxRun) || maxRun < 1 || maxRun > DEFAULT_LIMITS.frame) {
      const message = `maxRun: must be a whole number from 1 to ${DEFAULT_LIMITS.frame} bytes`
      throw new SluiceError('ERR_USAGE', message, { found: maxRun })
    }
    if (Array.isArray(ranges)) checkRanges(ranges, manifest.offer)
    super({ objectMode: true, highWaterMark: 1, ...(signal && { signal }) })
    this.#manifest = manifest
    this.#options = options
    this.#fs = fs
    this.#maxRun = maxRun
    this.#items = this.#produce()
  }

  override _read(): void {
    const next = this.#ahead ?? this.#items.next()
    next.then(
      ({ value, done }) => {
        this.#ahead = undefined
        if (done) {
          this.push(null)
          return
        }
        this.#ahead = this.#items.next()
        // heard of when it is taken, or not at all when the stream is destroyed before
        this.#ahead.catch(() => {})
        this.push(value)
      },
      (error) => this.destroy(error as Error),
    )
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#stop.abort()
    // only what is left half-read: a stream outside of the ranges belongs to its owner
    if (error || !this.readableEnded)
      for (const source of this.#manifest.sources) if (source && 'stream' in source) source.stream.destroy()
    // after the call that is under way: a handle closed in mid-read could be given to another file
    this.#items.return(undefined).then(() => done(error), done)
  }

  async *#produce(): AsyncGenerator<Item> {
    const { offer } = this.#manifest
    yield { kind: 'offer', offer }
    const [ranges, wanted] = await this.#unlessStopped(
      Promise.all([this.#options.ranges, this.#options.wanted]),
    )
    if (ranges) checkRanges(ranges, offer)
    const wants = ({ index }: Entry) => wanted === undefined || isWanted(wanted, index - offer.first)
    try {
      for (const step of readPlan(offer, ranges, wants, this.#maxRun)) {
        if (step.kind === 'pieces') yield* this.#pieces(step.pieces, step.length)
        else if (step.kind === 'chunk') yield* this.#chunk(step.piece)
        else yield* this.#stream(step.entry)
        if (performance.now() - this.#turned > SLICE) await this.#breathe()
      }
    } finally {
      await this.#leave()
    }
  }

  async #unlessStopped<T>(promise: Promise<T>): Promise<T> {
    const { signal } = this.#stop
    return await new Promise<T>((resolve, reject) => {
      signal.addEventListener('abort', () => reject(signal.reason), { once: true })
      promise.then(resolve, reject)
    })
  }

  async #breathe(): Promise<void> {
    await setImmediate()
    this.#turned = performance.now()
  }

  /** Many small files, folders and empty files: read side by side into one buffer. */
  async *#pieces(pieces: readonly Piece[], length: number): AsyncGenerator<Item> {
    // not reused: nobody can prove here that downstream no longer holds a view of it
    const slab = Buffer.allocUnsafeSlow(length)
    const cuts: Cut[] = []
    let used = 0
    for (const { entry, offset, length: bytes, last } of pieces) {
      cuts.push({ entry, offset, bytes: bytes === 0 ? NOTHING : slab.subarray(used, used + bytes), last })
      used += bytes
    }
    const failures = new Map<Cut, SluiceError>()
    let next = 0
    const read = async () => {
      while (next < cuts.length && !this.#stop.signal.aborted) {
        const cut = cuts[next++]!
        if (cut.entry.type !== 'file') continue
        try {
          await this.#whole(cut)
        } catch (error) {
          failures.set(cut, error as SluiceError)
        }
      }
    }
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, cuts.length) }, read))
    yield* this.#runs(cuts, failures)
  }

  async #whole({ entry, offset, bytes }: Cut): Promise<void> {
    const file = await SourceFile.open(this.#fs, this.#pathOf(entry), entry, this.#stop.signal)
    try {
      await file.read(bytes, offset)
      await file.verify()
    } finally {
      await file.close()
    }
  }

  *#runs(cuts: readonly Cut[], failures: ReadonlyMap<Cut, SluiceError>): Generator<Item> {
    let run: Cut[] = []
    for (const cut of cuts) {
      const failure = failures.get(cut)
      if (!failure && cut.entry.index !== this.#failed) {
        run.push(cut)
        continue
      }
      if (run.length > 0) yield runOf(run)
      run = []
      if (failure) yield* this.#fail(cut.entry, failure)
    }
    if (run.length > 0) yield runOf(run)
  }

  async *#chunk({ entry, offset, length, last }: Piece): AsyncGenerator<Item> {
    if (entry.index === this.#failed) return
    try {
      if (this.#file?.index !== entry.index) {
        await this.#leave()
        const open = await SourceFile.open(this.#fs, this.#pathOf(entry), entry, this.#stop.signal)
        this.#file = { index: entry.index, open }
      }
      const { open } = this.#file
      const bytes = Buffer.allocUnsafeSlow(length)
      await open.read(bytes, offset)
      if (last) {
        await open.verify()
        await this.#leave()
      }
      yield runOf([{ entry, offset, bytes, last }])
    } catch (error) {
      await this.#leave()
      yield* this.#fail(entry, error as SluiceError)
    }
  }

  async #leave(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.open.close()
  }

  async *#stream(entry: Entry): AsyncGenerator<Item> {
    const source = this.#sourceOf(entry)
    if (!source || !('stream' in source)) throw noSource(entry)
    let offset = 0
    try {
      for await (const chunk of source.stream) {
        const bytes = bytesOf(chunk)
        for (let from = 0; from < bytes.length; from += this.#maxRun) {
          const some = bytes.subarray(from, from + this.#maxRun)
          yield runOf([{ entry, offset, bytes: some, last: false }])
          offset += some.length
        }
      }
    } catch (error) {
      yield* this.#fail(entry, sourceError(entry.path, error))
      return
    }
    yield runOf([{ entry, offset, bytes: NOTHING, last: true }])
  }

  *#fail(entry: Entry, error: SluiceError): Generator<Item> {
    // what is torn down fails everywhere
    if (this.#stop.signal.aborted) return
    this.#failed = entry.index
    log('entry %d: %s', entry.index, error.message)
    this.#options.onFailure?.(error)
    yield { kind: 'digests', digests: [{ entry, failure: error.code }] }
  }

  #pathOf(entry: Entry): SourcePath {
    const source = this.#sourceOf(entry)
    if (!source || !('path' in source)) throw noSource(entry)
    return source
  }

  #sourceOf({ index }: Entry) {
    return this.#manifest.sources[index - this.#manifest.offer.first]
  }
}

function noSource({ path }: Entry): SluiceError {
  return new SluiceError('ERR_SOURCE_READ', 'the manifest does not say where the bytes of a file are', {
    path,
  })
}

function runOf(cuts: Cut[]): Item {
  const { entry, offset } = cuts[0]!
  let length = 0
  for (const { bytes } of cuts) length += bytes.length
  return { kind: 'run', position: entry.start + offset, length, cuts }
}

function bytesOf(chunk: unknown): Buffer {
  if (Buffer.isBuffer(chunk)) return chunk
  if (typeof chunk === 'string') return Buffer.from(chunk)
  if (chunk instanceof Uint8Array) return Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  throw new TypeError('the stream gives objects, not bytes')
}
