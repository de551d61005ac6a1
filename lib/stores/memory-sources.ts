import { printable } from '../errors.js'
import { checkOption, isBytes } from '../options.js'
import type { Entry } from '../wire/entry.js'
import { type OpenSource, type SourceEntry, type SourceStore, sourceChanged, sourceError } from './sources.js'

/** Contents in memory by their paths; `null` is a folder. */
export type MemoryContents = ReadonlyMap<string, Uint8Array | string | null>

/** A store of sources in memory, and what it holds. */
export interface MemorySources extends SourceStore {
  /** To be given to `manifestOfEntries`. */
  readonly entries: readonly SourceEntry[]
}

/**
 * A store of files that are there already: for tests, and for what was made a moment ago. Texts are sent as UTF-8.
 *
 * @param contents stays the caller's: a content that is replaced or removed there is one that changed since it was
 * listed (`ERR_SOURCE_CHANGED`). Bytes must not be changed in place.
 *
 * ```ts
 * const sources = memorySources(new Map([['notes/today.txt', 'rain']]))
 * const manifest = manifestOfEntries(sources.entries, sources, { name: 'notes' })
 * ```
 */
export function memorySources(contents: MemoryContents): MemorySources {
  const isMap = typeof contents?.get === 'function' && typeof contents.entries === 'function'
  checkOption('contents', contents, isMap, 'a Map of contents by their paths')
  const listed = new Map(contents)
  for (const [path, content] of listed) {
    const isContent = content === null || typeof content === 'string' || isBytes(content)
    checkOption(
      `the content of ${printable(path, 200)}`,
      content,
      isContent,
      'a text, bytes, or null for a folder',
    )
  }
  const entries = Array.from(listed, ([path, content]): SourceEntry => {
    if (content === null) return { type: 'directory', path }
    return { path, size: Buffer.byteLength(content) }
  })
  return {
    entries,
    rereadable: () => true,
    open: async (entry) => new MemorySource(entry, contents, listed),
  }
}

class MemorySource implements OpenSource {
  readonly #entry: Entry
  readonly #contents: MemoryContents
  readonly #listed: MemoryContents
  readonly #bytes: Uint8Array

  constructor(entry: Entry, contents: MemoryContents, listed: MemoryContents) {
    this.#entry = entry
    this.#contents = contents
    this.#listed = listed
    const content = listed.get(entry.path) ?? null
    if (content === null) throw sourceError(entry.path, new Error('no such file is in memory'))
    this.#bytes = typeof content === 'string' ? Buffer.from(content) : content
    this.#check()
  }

  async read(offset: number, buffer: Buffer): Promise<void> {
    const bytes = this.#bytes.subarray(offset, offset + buffer.length)
    buffer.set(bytes)
    if (bytes.length < buffer.length)
      throw sourceChanged(this.#entry.path, { expected: offset + buffer.length, found: this.#bytes.length })
  }

  async verify(): Promise<void> {
    this.#check()
  }

  async close(): Promise<void> {}

  #check(): void {
    const { path, size } = this.#entry
    const now = this.#contents.get(path)
    if (this.#bytes.length === size && now === this.#listed.get(path)) return
    throw sourceChanged(path, { expected: size, found: now == null ? null : Buffer.byteLength(now) })
  }
}
