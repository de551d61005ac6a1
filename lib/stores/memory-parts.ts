import { digestOf } from '../digest/digests.js'
import { below, nameOf, parentOf, suffixed } from '../files/disk/names.js'
import type { Entry } from '../wire/entry.js'
import type { Part, PartStore, Placement, PublishPolicy } from './parts.js'
import { type Naming, publishByPolicy } from './publish-by-policy.js'

/** A published file in memory. */
export interface MemoryFile {
  bytes: Buffer
  /** Permission bits. */
  mode: number
  /** Milliseconds since 1970. */
  mtime: number
}

/** What a file, and a folder, has where nobody chose a mode: in memory there is no umask. */
const FILE_MODE = 0o644
const FOLDER_MODE = 0o755

/** A store of parts in memory, and what was published there, by path. What is put in beforehand counts as standing there. */
export interface MemoryParts extends PartStore {
  readonly files: Map<string, MemoryFile>
  readonly folders: Map<string, Pick<MemoryFile, 'mode' | 'mtime'>>
  /** Where each symbolic link points to. */
  readonly links: Map<string, string>
}

/**
 * A store that keeps files in memory: for tests, and for what is used at once. Names are given by the same rules as in
 * a folder. May be used for one transfer after the other.
 *
 * ```ts
 * const store = memoryParts()
 * await receive(socket, { store, accept: 'all' }).finished
 * console.log(store.files.get('notes/today.txt')?.bytes.toString())
 * ```
 */
export function memoryParts(): MemoryParts {
  return new MemoryStore()
}

class MemoryStore implements MemoryParts {
  readonly files = new Map<string, MemoryFile>()
  readonly folders = new Map<string, Pick<MemoryFile, 'mode' | 'mtime'>>()
  readonly links = new Map<string, string>()
  /** Folders that this transfer made: others keep their mode. */
  readonly #made = new Set<string>()

  makeFolder({ path }: Entry): void {
    this.#enter(path)
  }

  begin(entry: Entry): Part {
    return new MemoryPart(entry, (file, policy) => this.#publish(entry, file, policy))
  }

  makeLink(entry: Entry, policy: PublishPolicy): Promise<Placement> {
    const path = this.#pathOf(entry)
    const target = entry.target!
    return publishByPolicy({ path, size: 0, mtime: entry.mtime }, withIdentical(policy), {
      // a folder makes no room for a link
      take: (name, how) =>
        this.#makeRoom(name, how === 'replace' ? 'overwrite' : how) &&
        this.links.set(name, target) !== undefined,
      look: (name) =>
        this.links.has(name)
          ? { size: 0, mtime: 0, isSame: () => this.links.get(name) === target }
          : undefined,
    })
  }

  endFolder({ path, mode, mtime }: Entry): Placement {
    const name = this.#enter(path)
    const there = this.folders.get(name)!
    there.mtime = mtime
    if (this.#made.has(name)) there.mode = mode ?? FOLDER_MODE
    return { name }
  }

  /** The next transfer finds all folders made. */
  close(): void {
    this.#made.clear()
  }

  #publish(entry: Entry, file: MemoryFile, policy: PublishPolicy): Promise<Placement> {
    const { bytes, mtime } = file
    return publishByPolicy({ path: this.#pathOf(entry), size: bytes.length, mtime }, policy, {
      take: (name, how) => this.#makeRoom(name, how) && this.files.set(name, file) !== undefined,
      look: (name) => {
        const there = this.files.get(name)
        return (
          there && { size: there.bytes.length, mtime: there.mtime, isSame: () => there.bytes.equals(bytes) }
        )
      },
    })
  }

  /** Takes away what has a name, as far as `how` allows it; false, and nothing is gone, if that is not far enough. */
  #makeRoom(name: string, how: Parameters<Naming['take']>[1]): boolean {
    const isFolder = this.folders.has(name)
    if (!isFolder && !this.files.has(name) && !this.links.has(name)) return true
    if (how === 'create' || (isFolder && how === 'overwrite')) return false
    for (const standing of [this.files, this.folders, this.links]) {
      for (const path of standing.keys())
        if (path === name || (isFolder && path.startsWith(`${name}/`))) standing.delete(path)
    }
    return true
  }

  #pathOf({ path }: Entry): string {
    return below(this.#enter(parentOf(path)), nameOf(path))
  }

  /** Where a folder is, which is made if there is none: with a suffix, and all below it, where something else has its name. */
  #enter(path: string): string {
    if (path === '') return ''
    const above = this.#enter(parentOf(path))
    for (let n = 0; ; n++) {
      const name = below(above, suffixed(nameOf(path), n))
      if (this.folders.has(name)) return name
      if (this.files.has(name) || this.links.has(name)) continue
      this.folders.set(name, { mode: FOLDER_MODE, mtime: Date.now() })
      this.#made.add(name)
      return name
    }
  }
}

class MemoryPart implements Part {
  readonly #entry: Entry
  readonly #put: (file: MemoryFile, policy: PublishPolicy) => Promise<Placement>
  #memory = Buffer.alloc(0)
  #length = 0

  constructor(entry: Entry, put: (file: MemoryFile, policy: PublishPolicy) => Promise<Placement>) {
    this.#entry = entry
    this.#put = put
  }

  /** Memory grows with what comes, not with the size that the sender announced. */
  write(offset: number, buffers: readonly Buffer[]): void {
    let at = offset
    for (const { length } of buffers) at += length
    this.#length = Math.max(this.#length, at)
    if (this.#length > this.#memory.length) {
      const most = this.#entry.size ?? Number.POSITIVE_INFINITY
      const larger = Buffer.alloc(Math.max(this.#length, Math.min(most, this.#memory.length * 2)))
      larger.set(this.#memory)
      this.#memory = larger
    }
    at = offset
    for (const bytes of buffers) {
      this.#memory.set(bytes, at)
      at += bytes.length
    }
  }

  digest(algorithm: string): Buffer {
    return digestOf(algorithm, this.#content)
  }

  publish(policy: PublishPolicy): Promise<Placement> {
    const { mode, mtime } = this.#entry
    return this.#put({ bytes: this.#content, mode: mode ?? FILE_MODE, mtime }, policy)
  }

  discard(): void {
    this.#memory = Buffer.alloc(0)
    this.#length = 0
  }

  get #content(): Buffer {
    return this.#memory.subarray(0, this.#length)
  }
}

/** A link with the same target is there already, whatever `unless` says. */
function withIdentical(policy: PublishPolicy): PublishPolicy {
  return { ...policy, unless: 'identical' }
}
