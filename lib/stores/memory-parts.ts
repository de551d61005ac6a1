import { digestOf } from '../digest/digests.js'
import { SystemError } from '../files/disk/disk-error.js'
import { below, nameOf, parentOf, suffixed } from '../files/disk/names.js'
import { type Range, Ranges } from '../ranges.js'
import type { Entry } from '../wire/entry.js'
import type { Claim, Part, PartStore, Placement, PublishPolicy } from './parts.js'
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
 * a folder. May be used for one transfer after the other: what did not end stays in memory, for one that goes on with it,
 * until the file is published.
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
  /** Parts of this transfer that have not ended. */
  readonly #open = new Set<MemoryPart>()
  /** What earlier transfers left, by the path of the file. */
  readonly #left = new Map<string, MemoryPart>()

  makeFolder({ path }: Entry): void {
    this.#enter(path)
  }

  begin(entry: Entry): Part {
    const put = (file: MemoryFile, policy: PublishPolicy) => this.#publish(part, file, policy)
    const part: MemoryPart = new MemoryPart(entry, put, () => this.#open.delete(part))
    this.#open.add(part)
    return part
  }

  claims(entries: readonly Entry[]): Map<number, Claim> {
    const claims = new Map<number, Claim>()
    for (const entry of entries) {
      const left = this.#left.get(entry.path)
      if (left?.entry.size !== entry.size || left.entry.mtime !== entry.mtime) continue
      this.#left.delete(entry.path)
      left.entry = entry
      this.#open.add(left)
      claims.set(entry.index, { part: left, ranges: left.ranges })
    }
    return claims
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

  discard(): void {
    for (const part of this.#open) part.discard()
  }

  /** The next transfer finds all folders made, and goes on with what did not end. */
  close(): void {
    this.#made.clear()
    for (const part of this.#open) this.#left.set(part.entry.path, part)
    this.#open.clear()
  }

  async #publish(part: MemoryPart, file: MemoryFile, policy: PublishPolicy): Promise<Placement> {
    const { entry } = part
    const { bytes, mtime } = file
    const placement = await publishByPolicy(
      { path: this.#pathOf(entry), size: bytes.length, mtime },
      policy,
      {
        take: (name, how) => this.#makeRoom(name, how) && this.files.set(name, file) !== undefined,
        look: (name) => {
          const there = this.files.get(name)
          return (
            there && { size: there.bytes.length, mtime: there.mtime, isSame: () => there.bytes.equals(bytes) }
          )
        },
      },
    )
    this.#open.delete(part)
    // whoever sends it again has no use of what is older
    this.#left.delete(entry.path)
    return placement
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
  entry: Entry
  readonly #put: (file: MemoryFile, policy: PublishPolicy) => Promise<Placement>
  readonly #drop: () => void
  #memory = Buffer.alloc(0)
  /** What was written. */
  readonly #written = new Ranges()

  constructor(
    entry: Entry,
    put: (file: MemoryFile, policy: PublishPolicy) => Promise<Placement>,
    drop: () => void,
  ) {
    this.entry = entry
    this.#put = put
    this.#drop = drop
  }

  get ranges(): Range[] {
    return this.#written.toArray()
  }

  /** Memory grows with what comes, not with the size that the sender announced. */
  write(offset: number, buffers: readonly Buffer[]): void {
    let end = offset
    for (const { length } of buffers) end += length
    if (end > this.#memory.length) {
      const most = this.entry.size ?? Number.POSITIVE_INFINITY
      const larger = Buffer.alloc(Math.max(end, Math.min(most, this.#memory.length * 2)))
      larger.set(this.#memory)
      this.#memory = larger
    }
    this.#written.add(offset, end)
    let at = offset
    for (const bytes of buffers) {
      this.#memory.set(bytes, at)
      at += bytes.length
    }
  }

  read(position: number, into: Buffer): void {
    const bytes = this.#content.subarray(position, position + into.length)
    if (bytes.length < into.length)
      throw new SystemError('EIO', 'read', `${bytes.length} of ${into.length} bytes stand at ${position}`)
    into.set(bytes)
  }

  digest(algorithm: string): Buffer {
    return digestOf(algorithm, this.#content)
  }

  publish(policy: PublishPolicy): Promise<Placement> {
    const { mode, mtime } = this.entry
    return this.#put({ bytes: this.#content, mode: mode ?? FILE_MODE, mtime }, policy)
  }

  discard(): void {
    this.#drop()
    this.#memory = Buffer.alloc(0)
    this.#written.clear()
  }

  /** {@link MemoryStore.close} keeps it. */
  keep(): void {}

  get #content(): Buffer {
    return this.#memory.subarray(0, this.#written.end)
  }
}

/** A link with the same target is there already, whatever `unless` says. */
function withIdentical(policy: PublishPolicy): PublishPolicy {
  return { ...policy, unless: 'identical' }
}
