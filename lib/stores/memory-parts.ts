import { below, nameOf, parentOf, suffixed } from '../files/disk/names.js'
import { checkChoice, checkKeys } from '../options.js'
import type { Entry } from '../wire/entry.js'
import type { Basis } from './claim.js'
import { type MemoryFile, MemoryPart, readFrom } from './memory-part.js'
import type { Claim, Part, PartStore, PartStoreFeatures, StandingFiles } from './parts.js'
import { type Placement, PUBLISHINGS, type Publishing, type PublishPolicy } from './policy.js'
import { bring, isThereByTime, type Naming, publishByPolicy } from './publish-by-policy.js'
import { sourceChanged } from './sources.js'

/** What a folder has where nobody chose a mode: in memory there is no umask. */
const FOLDER_MODE = 0o755

export type { MemoryFile }

/** A store of parts in memory, and what was published there, by path. What is put in beforehand stands there. */
export interface MemoryParts extends PartStore {
  readonly files: Map<string, MemoryFile>
  readonly folders: Map<string, Pick<MemoryFile, 'mode' | 'mtime'>>
  /** Where each symbolic link points to. */
  readonly links: Map<string, string>
}

/**
 * A store that keeps files in memory: for tests, and for what is used at once. Names are given by the same rules as in
 * a folder. May be used for one transfer after the other: what did not end stays in memory, for one that goes on with
 * it, until the file is published.
 *
 * ```ts
 * const store = memoryParts()
 * await receive(socket, { store, accept: 'all' }).finished
 * console.log(store.files.get('notes/today.txt')?.bytes.toString())
 * ```
 */
export function memoryParts(options: MemoryPartsOptions = {}): MemoryParts {
  checkKeys('options', options, { publish: true })
  checkChoice('publish', options.publish, PUBLISHINGS)
  return new MemoryStore(options.publish)
}

/** Options of {@link memoryParts}. */
export interface MemoryPartsOptions {
  /** With 'together' nothing of a transfer is seen before all of it is verified. Default 'each'. */
  publish?: Publishing | undefined
}

class MemoryStore implements MemoryParts {
  readonly files = new Map<string, MemoryFile>()
  readonly folders = new Map<string, Pick<MemoryFile, 'mode' | 'mtime'>>()
  readonly links = new Map<string, string>()
  readonly features: PartStoreFeatures
  /** What is right, and waits for all else: calls that give it its name in another store. */
  readonly #held: ((store: MemoryStore, policy: PublishPolicy) => Promise<[path: string, Placement]>)[] = []
  /** Folders that this transfer made: others keep their mode. */
  readonly #made = new Set<string>()
  /** Parts of this transfer that have not ended. */
  readonly #open = new Set<MemoryPart>()
  /** What earlier transfers left, by the path of the file. */
  readonly #left = new Map<string, MemoryPart>()
  #policy: PublishPolicy | undefined

  constructor(publish: Publishing = 'each') {
    this.features = { publish }
  }

  makeFolder({ path }: Entry): void {
    if (!this.#isTogether) this.#enter(path)
  }

  begin(entry: Entry): Part {
    const put = (file: MemoryFile, policy: PublishPolicy) =>
      this.#now(policy, entry, (store, how) => store.#publish(part, file, how))
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

  basis({ path }: Entry): Basis | undefined {
    const bytes = this.files.get(path)?.bytes
    if (!bytes) return undefined
    return { size: bytes.length, open: () => ({ read: (from, into) => readFrom(bytes, from, into) }) }
  }

  obey(policy: PublishPolicy): void {
    this.#policy = policy
  }

  lookup(entries: readonly Entry[]): StandingFiles {
    const { unless, brought } = this.#policy!
    const found = new Map<number, { name: string; file: MemoryFile }>()
    const names = new Map<number, string>()
    for (const entry of entries) {
      const name = entry.type === 'file' ? this.#standing(entry) : undefined
      if (name === undefined) continue
      found.set(entry.index, { name, file: this.files.get(name)! })
      if (name !== entry.path) names.set(entry.index, name)
      if (unless !== 'identical') bring(name, brought)
    }
    const isGone = (index: number) => this.files.get(found.get(index)!.name) !== found.get(index)!.file
    const open = async ({ index, path }: Entry) => {
      const verify = async () => {
        if (isGone(index))
          throw sourceChanged(path, { expected: 'the file that stood there', found: 'another one' })
      }
      const read = async (from: number, into: Buffer) => {
        await verify()
        readFrom(found.get(index)!.file.bytes, from, into)
      }
      return { read, verify, close: async () => {} }
    }
    const acknowledge = (files: readonly Entry[]) => {
      for (const { index } of files) if (!isGone(index)) bring(found.get(index)!.name, brought)
      return files.map(({ index }) => index).filter(isGone)
    }
    return { indices: [...found.keys()], names, source: { open }, acknowledge }
  }

  makeLink(entry: Entry, policy: PublishPolicy): Promise<Placement> {
    return this.#now(policy, entry, (store, how) => store.#link(entry, how))
  }

  #link(entry: Entry, policy: PublishPolicy): Promise<Placement> {
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

  endFolder(entry: Entry): Placement | Promise<Placement> {
    if (!this.#isTogether) return this.#endFolder(entry)
    this.#held.push(async (store) => [entry.path, store.#endFolder(entry)])
    return {}
  }

  async publishAll(policy: PublishPolicy): Promise<(name: string) => Placement | undefined> {
    const next = new MemoryStore()
    next.#policy = policy
    for (const [from, to] of this.#mapsWith(next)) for (const [path, there] of from) to.set(path, there)
    const placements = new Map<string, Placement>()
    for (const publish of this.#held) placements.set(...(await publish(next, policy)))
    // at once, since nobody else has a turn meanwhile
    for (const [here, there] of this.#mapsWith(next)) {
      here.clear()
      for (const [path, one] of there) here.set(path, one)
    }
    this.#held.length = 0
    this.#open.clear()
    return (path) => placements.get(path)
  }

  get #isTogether(): boolean {
    return this.features.publish === 'together'
  }

  #mapsWith(other: MemoryStore): [Map<string, unknown>, Map<string, unknown>][] {
    return [
      [this.files, other.files],
      [this.folders, other.folders],
      [this.links, other.links],
    ]
  }

  /** Publishes now, or with all else. */
  async #now(
    policy: PublishPolicy,
    { path }: Entry,
    publish: (store: MemoryStore, policy: PublishPolicy) => Promise<Placement>,
  ): Promise<Placement> {
    if (!this.#isTogether) return publish(this, policy)
    this.#held.push(async (store, how) => [path, await publish(store, how)])
    return {}
  }

  #endFolder({ path, mode, mtime }: Entry): Placement {
    const name = this.#enter(path)
    const there = this.folders.get(name)!
    there.mtime = mtime
    if (!this.#made.has(name)) return { name, skipped: 'identical' }
    there.mode = mode ?? FOLDER_MODE
    return { name }
  }

  discard(): void {
    for (const part of this.#open) part.discard()
  }

  /** The next transfer finds all folders made, and goes on with what did not end. */
  close(): void {
    this.#held.length = 0
    this.#made.clear()
    for (const part of this.#open) this.#left.set(part.entry.path, part)
    this.#open.clear()
  }

  /** The name of the file that stands in the place of an entry. */
  #standing({ path, size, mtime }: Entry): string | undefined {
    const { unless, conflict, isAsked } = this.#policy!
    let like: string | undefined
    for (let n = 0; unless !== 'nothing'; n++) {
      const name = below(parentOf(path), suffixed(nameOf(path), n))
      if (n > 0 && isAsked?.(name)) continue
      const file = this.files.get(name)
      if (!file && !this.folders.has(name) && !this.links.has(name)) break
      const there = file && { size: file.bytes.length, mtime: file.mtime }
      const how = unless === 'newer' ? unless : 'unchanged'
      if (there && isThereByTime(there, { size: size!, mtime }, how, n === 0)) return name
      if (there?.size === size && unless === 'identical') like ??= name
      if (conflict !== 'rename') break
    }
    return like
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

  /** Where a folder is, which is made if there is none: with a suffix, and all below it, where its name is taken. */
  #enter(path: string): string {
    if (path === '') return ''
    const above = this.#enter(parentOf(path))
    for (let n = 0; ; n++) {
      const name = below(above, suffixed(nameOf(path), n))
      if (n > 0 && this.#policy?.isAsked?.(name)) continue
      if (this.folders.has(name)) return name
      if (this.files.has(name) || this.links.has(name)) continue
      this.folders.set(name, { mode: FOLDER_MODE, mtime: Date.now() })
      this.#made.add(name)
      return name
    }
  }
}

/** A link with the same target is there already, whatever `unless` says. */
function withIdentical(policy: PublishPolicy): PublishPolicy {
  return { ...policy, unless: 'identical' }
}
