import { inSlices } from '../../async.js'
import { A_DAY, systemClock } from '../../clock.js'
import { isError, type SluiceError } from '../../errors.js'
import { diskError } from '../../files/disk/disk-error.js'
import type { FileStats, FileSystem } from '../../files/disk/fs.js'
import { inside, localPath, parentOf } from '../../files/disk/names.js'
import { ifThere, lstatIfThere } from '../../files/disk/stats.js'
import { type CollectOptions, collectLeftovers } from '../../files/journal/leftovers.js'
import { Suffixes, type SuffixMemory } from '../../files/publish/suffixes.js'
import { HandleBudget } from '../../files/tree/handle-budget.js'
import { type OpenFolder, Tree } from '../../files/tree/tree.js'
import type { Entry, Offer } from '../../wire/entry.js'
import type { Run } from '../../wire/run.js'
import type { Basis } from '../claim.js'
import { ownSuffixes } from '../own-suffixes.js'
import type { Claim, Part, PartRun, PartStore, StandingFiles } from '../parts.js'
import type { Durability, Placement, PublishPolicy } from '../policy.js'
import type { PublishedVersions } from '../published-versions.js'
import { AcknowledgedFiles, type NamedStats } from './acknowledged-files.js'
import { endFolder } from './end-folder.js'
import { ArrivingFolders } from './folders.js'
import { FreeSpace } from './free-space.js'
import { JournaledParts } from './journaled-parts.js'
import { makeLink } from './links.js'
import { findStanding } from './lookup.js'
import type { DiskPartsOptions, Ownership } from './options.js'
import { SmallFiles } from './small-files.js'
import { DiskPace } from './sources/disk-pace.js'
import { findBasis } from './standing/basis.js'
import { StatsAhead } from './standing/stats-ahead.js'
import { type StandingPart, standingPart } from './standing-part.js'
import { FreeNames } from './sync-file-calls.js'

/** A folder of this disk as a store of parts: `name.part` beside `name`, a journal in our own folder. */
export function diskParts(options: DiskPartsOptions): PartStore {
  return new DiskStore(options)
}

/** The folder that a transfer arrives in. Nothing is opened or made before it is needed. */
export class DiskStore implements PartStore {
  durability: Durability
  readonly fs: FileSystem
  readonly folders: ArrivingFolders
  readonly parts: JournaledParts
  readonly space: FreeSpace
  readonly ownership: Ownership
  readonly #options: DiskPartsOptions
  readonly handles: HandleBudget
  /** While the disk is slow, calls are left to other threads. */
  readonly pace: DiskPace
  /** Where the policy overwrites, or goes by times: what no other file of it may overwrite, or take for its own. */
  brought: AcknowledgedFiles | undefined
  /** What was seen of an offer that still came. */
  readonly ahead: StatsAhead
  readonly suffixes = new Suffixes()
  readonly freeNames = new FreeNames()
  /** Why nothing may be made here: then only what stands already is there. */
  refusal: SluiceError | undefined
  #policy: PublishPolicy | undefined
  #tree: Promise<Tree> | undefined
  /** Milliseconds: what earlier transfers left goes when it is older, and stays for them to go on with until then. */
  #leftFor = 0
  #isUnwanted = false

  constructor(options: DiskPartsOptions) {
    this.durability = options.durability
    this.fs = options.fs
    this.ownership = options.ownership ?? {}
    // now, since nothing is opened before the first file comes
    this.#options = { ...options, dir: localPath('dir', options.dir) }
    this.pace = new DiskPace(options.clock ?? systemClock)
    this.ahead = new StatsAhead(options.fs, this.pace, this.#options.dir)
    this.handles = new HandleBudget(options.handles)
    this.folders = new ArrivingFolders(this)
    this.parts = new JournaledParts(this)
    this.space = new FreeSpace(options.fs, this.#options.dir)
  }

  /** Whether nobody sees what is in it: then all folders are this transfer's. */
  get isStaged(): boolean {
    return false
  }

  /** What transfers of the series before this one have put here; this one adds to it. None where it is no series. */
  get versions(): PublishedVersions | undefined {
    return this.#options.inSeries?.() === false ? undefined : this.#options.versions
  }

  obey(policy: PublishPolicy): void {
    this.#policy = policy
    const look = (path: string) => lstatIfThere(this.fs, inside(this.#options.dir, path))
    if (policy.brought) this.brought ??= new AcknowledgedFiles(policy.brought, look, policy.signal)
  }

  async expect(offer: Offer, bytes: number): Promise<void> {
    await this.parts.learn(offer)
    if (bytes > 0) await this.space.check(bytes)
  }

  learn(offer: Offer): Promise<void> {
    return this.parts.learn(offer)
  }

  async claims(entries: readonly Entry[], signal?: AbortSignal): Promise<Map<number, Claim>> {
    this.#leftFor = A_DAY
    const claims = new Map<number, Claim>()
    const isFirst = this.#tree === undefined
    // the folder is not made for an offer that may not fit
    const isNew = isFirst && !(await ifThere(this.fs.stat(this.#options.dir)))
    if (entries.length === 0 || isNew) return claims
    this.#tree ??= this.openTree()
    await this.#tree
    if (this.refusal) return claims
    await inSlices(await this.parts.claim(entries, signal), (part) => {
      claims.set(part.entry.index, part.claim)
    })
    if (isFirst) await this.collect(await this.#tree)
    return claims
  }

  basis(entry: Entry): Promise<Basis | undefined> {
    return findBasis(this, entry)
  }

  lookAhead = (entries: readonly Entry[]): void => this.ahead.look(entries)

  async lookup(entries: readonly Entry[], signal?: AbortSignal): Promise<StandingFiles> {
    return findStanding(this, entries, this.#policy!, signal)
  }

  async makeFolder({ path, mode }: Entry): Promise<void> {
    // the root itself: its failure is not one of an entry
    await this.tree()
    await this.folders.make(path, mode ?? undefined)
  }

  async begin(entry: Entry): Promise<Part> {
    const part = (await this.beginAll([entry])).get(entry.index)!
    if (isError(part)) throw part
    return part
  }

  /** All are recorded in the journal at once. */
  async beginAll(entries: readonly Entry[]): Promise<Map<number, Part | SluiceError>> {
    await this.tree()
    const parts = new Map<number, Part | SluiceError>()
    const expected: Entry[] = []
    for (const entry of entries) {
      try {
        await this.folders.make(parentOf(entry.path))
        const standing = await this.standing(entry)
        if (standing) parts.set(entry.index, standing)
        else expected.push(entry)
      } catch (error) {
        parts.set(entry.index, diskError(error, 'write', entry.path))
      }
    }
    for (const part of await this.parts.expect(expected)) parts.set(part.entry.index, part)
    return parts
  }

  /** Whether a file may be there by its time: then that is looked at before it is written. */
  get isByTime(): boolean {
    const { unless } = this.#policy ?? {}
    return unless === 'unchanged' || unless === 'newer'
  }

  /**
   * What stands there already in the place of an entry whose folder was made: by its time, if that counts.
   * @param refusal why nothing can be written: then also what has its size, to be compared with what comes
   */
  async standing(entry: Entry, refusal?: SluiceError): Promise<StandingPart | undefined> {
    return this.#policy && standingPart(this, this.#policy, entry, refusal)
  }

  /**
   * Counts a file that was there as brought; false if another one of the transfer is overwriting it, or, where only the
   * time says that it is there, has it already: nobody has compared the two.
   */
  take(there: NamedStats): boolean {
    if (this.isByTime && this.brought?.has(there)) return false
    return this.brought?.acknowledge(there) ?? true
  }

  /** For a file of so many bytes, and its time. */
  suffixesFor({ path, mtime }: Pick<Entry, 'path' | 'mtime'>, size: number): SuffixMemory {
    const like = this.#policy?.unless === 'nothing' ? '' : this.#fileLike(size, mtime)
    return {
      after: (first) => this.ownSuffixes(path, this.#suffixesAfter(first, like, path)),
      note: (first, n, there) => {
        // what one of the transfer has by its time is what no other one wants
        const isOurs = there && this.isByTime && this.brought?.has({ path: '', stats: there })
        this.suffixes.note(first, n, there && !isOurs ? this.likeOf(there) : undefined)
      },
    }
  }

  /** That of the version before comes first, whatever is known of it. */
  *#suffixesAfter(first: FileStats | undefined, like: string, path: string): Generator<number, void> {
    const before = this.versions?.suffixOf(path)
    if (before !== undefined) yield before
    yield* this.suffixes.after(first, like)
  }

  /** See {@link ownSuffixes}. */
  ownSuffixes = (path: string, suffixes: Iterable<number>): Iterable<number> =>
    ownSuffixes(path, this.#policy, suffixes)

  /** What must be the same of two, or neither is there in the place of the other. */
  likeOf(there: FileStats): string {
    if (there.isFile()) return this.#fileLike(there.size, there.mtimeMs)
    return there.isDirectory() ? 'folder' : 'link'
  }

  #fileLike(size: number, mtime: number): string {
    return this.isByTime ? `${size} ${Math.floor(mtime)}` : `${size}`
  }

  /** Calls `replace`, unless what it takes away came with this transfer; false then. */
  async replacing(path: string, stats: FileStats, replace: () => Promise<void>): Promise<boolean> {
    if (stats.isDirectory() && (await this.folders.holds(stats))) return false
    if (this.brought) return this.brought.replacing({ path, stats }, replace)
    await replace()
    return true
  }

  /** By synchronous calls, if the file system has them, and the disk is quick. */
  get writeRun(): ((run: Run, signal: AbortSignal) => Promise<PartRun>) | undefined {
    const calls = this.fs.sync
    if (!calls || this.pace.isSlow) return undefined
    return async (run, signal) => {
      await this.tree()
      const files = new SmallFiles(this, calls, run, signal)
      await files.write()
      return files
    }
  }

  alive = (): Promise<void> => this.parts.alive()

  async sync(): Promise<void> {
    if (this.durability === 'power' && this.#tree) await this.folders.sync().then(() => this.parts.sync())
  }

  readonly makeLink = (entry: Entry, policy: PublishPolicy): Promise<Placement> =>
    makeLink(this, entry, policy)

  endFolder(entry: Entry): Promise<Placement> {
    return endFolder(this, entry)
  }

  finish(): Promise<void> {
    return this.parts.finish()
  }

  discard(): void {
    this.#isUnwanted = true
  }

  /** Unfinished parts stay, unless they are unwanted: then they go like those that nobody goes on with. */
  async close(): Promise<void> {
    await this.handles.close()
    const journal = await this.parts.close()
    const tree = await this.#tree?.catch(() => undefined)
    if (tree && journal !== undefined && this.#isUnwanted)
      await this.collect(tree, { journal, keep: undefined })
    await tree?.close()
  }

  warn = (warning: SluiceError): void => this.#options.warn?.(warning)

  tree(): Promise<Tree> {
    this.#tree ??= this.openTree().then((tree) => this.collect(tree))
    return this.#tree
  }

  /** For the parts, which wait for handles by themselves. */
  async folder(path: string): Promise<OpenFolder> {
    return (await this.tree()).folder(path)
  }

  /** Calls `work` with the folder at `path`; again, where the system had no handles for it. */
  within<T>(path: string, work: (folder: OpenFolder) => Promise<T>): Promise<T> {
    return this.handles.retry(async () => (await this.tree()).within(path, work))
  }

  protected openTree(): Promise<Tree> {
    const { dir, fs } = this.#options
    const { durability, handles } = this
    return Tree.open(dir, { fs, create: true, durability, handles })
  }

  /** What dead transfers left makes room, and gives its names back. */
  protected async collect(tree: Tree, which: CollectOptions = { olderThan: this.#leftFor }): Promise<Tree> {
    const options = { ...this.ownership, keep: this.#options.keep, ...which }
    for (const { error } of await collectLeftovers(tree, options)) if (error) this.warn(error)
    return tree
  }
}
