import type { Manifest } from '../../stages/manifest/builder.js'
import { isSourceStore, type OpenSource, type SourceStore } from '../../stores/sources.js'
import type { Entry } from '../../wire/entry.js'
import { ensure } from './harness/probe.js'

/** A store of sources that is to be judged, and what it holds. */
export interface SourceSample {
  /** Of at least three files, one of them empty and one with more than 1,000 bytes. */
  manifest: Manifest
  /** The bytes of its files by the paths of their entries. */
  contents: ReadonlyMap<string, Uint8Array>
  /** Gives a file other content of the same size, as somebody else would. Left out where that cannot happen. */
  change?: (path: string) => void | Promise<void>
  /** Removes a file. Left out where that cannot happen. */
  remove?: (path: string) => void | Promise<void>
}

/** A sample with what the cases ask of it. */
export class Sample {
  readonly manifest: Manifest
  readonly store: SourceStore
  readonly files: readonly Entry[]
  readonly rereadable: readonly Entry[]
  readonly given: SourceSample
  readonly signal: AbortSignal = new AbortController().signal

  constructor(given: SourceSample) {
    const isSample = isSourceStore(given?.manifest?.store)
    ensure(
      isSample,
      'what make gives must be a sample: an object with a manifest of some files, whose store it is',
    )
    this.given = given
    this.manifest = given.manifest
    this.store = given.manifest.store
    this.files = this.manifest.offer.entries.filter(({ type }) => type === 'file')
    this.rereadable = this.files.filter((entry) => this.store.rereadable(entry))
    ensure(this.files.length >= 3, 'the sample needs at least three files')
    ensure(
      this.files.some(({ size }) => size === 0),
      'the sample needs an empty file',
    )
    ensure(
      this.files.some(({ size }) => (size ?? 0) > 1000),
      'the sample needs a file of more than 1,000 bytes',
    )
  }

  bytesOf({ path }: Entry): Buffer {
    const bytes = this.given.contents.get(path)
    ensure(bytes !== undefined, `the sample does not say what is in ${path}`)
    return Buffer.from(bytes)
  }

  open(entry: Entry): Promise<OpenSource> {
    ensure(this.store.open !== undefined, 'the store has a rereadable file, and no open()')
    return this.store.open(entry, this.signal)
  }

  /** Opens a file, acts on it, and closes it. */
  async with<T>(entry: Entry, act: (source: OpenSource) => Promise<T>): Promise<T> {
    const source = await this.open(entry)
    try {
      return await act(source)
    } finally {
      await source.close()
    }
  }

  /** A file that is read by `open` and has bytes; the largest one. */
  get largest(): Entry | undefined {
    return [...this.rereadable].sort((a, b) => b.size! - a.size!)[0]
  }
}
