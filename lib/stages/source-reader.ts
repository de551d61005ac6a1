import debug from 'debug'
import { printable, SluiceError } from '../errors.js'
import type { FileSystem } from '../files/disk/fs.js'
import type { Entry } from '../wire/manifest.js'
import type { Clock } from './clock.js'
import type { Cut, Item } from './items.js'
import type { Manifest } from './manifest-builder.js'
import type { Step } from './read-plan.js'
import { type Source, SourceFile, type SourcePath, sourceError } from './source-file.js'

/** What a {@link SourceReader} depends on. */
export interface ReaderOptions {
  fs: FileSystem
  clock: Clock
  /** Bytes of a run at most, where a stream decides about its length. */
  maxRun: number
  /** What fails after it is aborted fails because of that, and is not told. */
  signal: AbortSignal
  onFailure: ((error: SluiceError) => void) | undefined
}

/** Files of a run that are read at the same time. */
const AT_ONCE = 16
const NOTHING = Buffer.alloc(0)
const log = debug('sluice:source')

/** Makes items of the steps of a plan. What cannot be read becomes a `failure` and nothing else of that file follows. */
export class SourceReader {
  readonly #manifest: Manifest
  readonly #options: ReaderOptions
  /** The large file that is being read. */
  #file: { index: number; open: SourceFile } | undefined
  /** Steps come in the order of the entries: only the last one that failed can come again. */
  #failed = -1

  constructor(manifest: Manifest, options: ReaderOptions) {
    this.#manifest = manifest
    this.#options = options
  }

  async *items(step: Step): AsyncGenerator<Item> {
    if (step.kind === 'pieces') yield* this.#pieces(step)
    else if (step.kind === 'chunk') yield* this.#chunk(step)
    else yield* this.#stream(step.entry)
  }

  async close(): Promise<void> {
    const file = this.#file
    this.#file = undefined
    await file?.open.close()
  }

  /** Many small files, folders and empty files: read side by side into one buffer. */
  async *#pieces({ pieces, length }: Step & { kind: 'pieces' }): AsyncGenerator<Item> {
    // not used again: nobody can prove here that downstream no longer holds a view of it
    const slab = Buffer.allocUnsafeSlow(length)
    let used = 0
    const cuts = pieces.map(({ entry, offset, length: size, last }): Cut => {
      const bytes = size === 0 ? NOTHING : slab.subarray(used, used + size)
      used += size
      return { entry, offset, bytes, last }
    })
    const failures = new Map<Cut, SluiceError>()
    let next = 0
    const readOn = async () => {
      while (next < cuts.length && !this.#options.signal.aborted) {
        const cut = cuts[next++]!
        if (cut.entry.type === 'file') await this.#whole(cut).catch((error) => failures.set(cut, error))
      }
    }
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, cuts.length) }, readOn))
    yield* this.#runs(cuts, failures)
  }

  async #whole({ entry, offset, bytes }: Cut): Promise<void> {
    const file = await this.#open(entry)
    try {
      await file.read(bytes, offset)
      await file.verify()
    } finally {
      await file.close()
    }
  }

  /** A run is contiguous: a file that failed ends one. */
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

  async *#chunk({ piece, ends }: Step & { kind: 'chunk' }): AsyncGenerator<Item> {
    const { entry, offset, length, last } = piece
    if (entry.index === this.#failed) return
    const bytes = Buffer.allocUnsafeSlow(length)
    try {
      if (this.#file?.index !== entry.index) {
        await this.close()
        this.#file = { index: entry.index, open: await this.#open(entry) }
      }
      const { open } = this.#file
      await open.read(bytes, offset)
      if (ends) await open.verify()
      if (last) await this.close()
    } catch (error) {
      await this.close()
      yield* this.#fail(entry, error)
      return
    }
    yield runOf([{ entry, offset, bytes, last }])
  }

  async *#stream(entry: Entry): AsyncGenerator<Item> {
    const { maxRun } = this.#options
    let offset = 0
    try {
      const { stream } = this.#sourceOf(entry, 'stream')
      // the loop below would take an end that others saw for an empty file
      if (stream.readableEnded || stream.destroyed) throw stream.errored ?? new Error('it was read before')
      for await (const chunk of stream) {
        const bytes = bytesOf(chunk)
        for (let from = 0; from < bytes.length; from += maxRun) {
          const some = bytes.subarray(from, from + maxRun)
          yield runOf([{ entry, offset, bytes: some, last: false }])
          offset += some.length
        }
      }
    } catch (error) {
      yield* this.#fail(entry, error)
      return
    }
    yield runOf([{ entry, offset, bytes: NOTHING, last: true }])
  }

  *#fail(entry: Entry, cause: unknown): Generator<Item> {
    if (this.#options.signal.aborted) return
    if (entry.index === this.#failed) return
    this.#failed = entry.index
    const error = cause instanceof SluiceError ? cause : sourceError(entry.path, cause)
    log('entry %d: %s', entry.index, error.message)
    this.#options.onFailure?.(error)
    yield { kind: 'digests', digests: [{ entry, failure: error.code }] }
  }

  async #open(entry: Entry): Promise<SourceFile> {
    return SourceFile.open(this.#sourceOf(entry, 'path'), entry, this.#options)
  }

  #sourceOf(entry: Entry, kind: 'path'): SourcePath
  #sourceOf(entry: Entry, kind: 'stream'): Exclude<Source, SourcePath>
  #sourceOf({ index, path }: Entry, kind: 'path' | 'stream'): Source {
    const source = this.#manifest.sources[index - this.#manifest.offer.first]
    if (source && kind in source) return source
    const message = `the manifest does not say where the bytes of ${printable(path)} are; take it from manifestOf()`
    throw new SluiceError('ERR_SOURCE_READ', message, { path })
  }
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
