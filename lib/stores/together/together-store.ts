import { inSlices } from '../../async.js'
import type { SluiceError } from '../../errors.js'
import { diskError } from '../../files/disk/disk-error.js'
import type { FileStats } from '../../files/disk/fs.js'
import { localPath, parentOf } from '../../files/disk/names.js'
import { ifThere } from '../../files/disk/stats.js'
import { Tree } from '../../files/tree/tree.js'
import type { Entry, Offer } from '../../wire/entry.js'
import type { Basis } from '../claim.js'
import { DiskStore } from '../disk/disk-store.js'
import { makeLink } from '../disk/links.js'
import type { DiskPartsOptions } from '../disk/options.js'
import { haveSameContent, isWriteRefusal } from '../disk/standing-files.js'
import { OWNER_BITS } from '../disk/sync-file-calls.js'
import type { Claim, Part, PartStore, PartStoreFeatures } from '../parts.js'
import type { Placement, PublishPolicy } from '../policy.js'
import { PublishedVersions } from '../published-versions.js'
import { StagedFile } from './staged-file.js'
import { Staging } from './staging.js'

/** What its owner needs to work in a folder. */
const FOLDER_BITS = 0o700

/** A folder of this disk as a store of parts, in which all of a transfer is seen at once, or nothing of it. */
export function togetherParts(options: DiskPartsOptions): PartStore {
  return new TogetherStore(options)
}

/**
 * Lets a transfer arrive in a staged folder inside our own, in all as if that were its place, and gives all of it its
 * names at the end.
 */
class TogetherStore extends DiskStore {
  readonly features: PartStoreFeatures = { publish: 'together' }
  readonly #options: DiskPartsOptions
  /** The names that it brings into the folder itself. */
  readonly #tops = new Set<string>()
  readonly #offers: Offer[] = []
  readonly #folders: Entry[] = []
  #staging: Staging | undefined
  /** Files that an earlier run has staged whole, by their paths. */
  readonly #standing = new Map<string, Entry>()
  /** Those that are offered as claims, by the index of the entry. */
  readonly #claimed = new Map<number, StagedFile>()
  /** What became of what was staged, once it has its names. */
  #placed: ((path: string) => Placement | undefined) | undefined
  /** How names are given at the end. */
  #atEnd: PublishPolicy | undefined
  /** The names of links that stood there already. */
  readonly #links = new Set<string>()

  constructor(options: DiskPartsOptions) {
    // those that this one stages are noted when they have their names
    super({ ...options, versions: options.versions && new PublishedVersions() })
    this.#options = { ...options, dir: localPath('dir', options.dir) }
  }

  override get isStaged(): boolean {
    return this.refusal === undefined
  }

  /** Where nothing can be staged, what comes meets what stands. */
  override obey(policy: PublishPolicy): void {
    this.#atEnd = policy.atEnd
    super.obey((this.refusal && policy.atEnd) ?? policy)
  }

  override async learn(offer: Offer): Promise<void> {
    await this.#note(offer)
    return super.learn(offer)
  }

  override async expect(offer: Offer, bytes: number): Promise<void> {
    await this.#note(offer)
    return super.expect(offer, bytes)
  }

  override async claims(entries: readonly Entry[], signal?: AbortSignal): Promise<Map<number, Claim>> {
    const claims = await super.claims(entries, signal)
    if (this.#standing.size === 0) return claims
    const tree = await this.tree()
    await inSlices(entries, (entry) => {
      if (!this.#standing.delete(entry.path) || claims.has(entry.index)) return
      const part = new StagedFile(tree, entry, this.durability)
      this.#claimed.set(entry.index, part)
      const { size } = entry
      claims.set(entry.index, { part, ranges: size ? [{ start: 0, end: size }] : [] })
    })
    // nobody wants them any more
    for (const path of this.#standing.keys()) await this.#staging!.remove(path)
    this.#standing.clear()
    return claims
  }

  /**
   * A file of which a claim is not gone on with is another one by now, as a file stage may make it: the old one goes.
   */
  override async beginAll(entries: readonly Entry[]): Promise<Map<number, Part | SluiceError>> {
    const failed = new Map<number, SluiceError>()
    for (const { index, path } of entries) {
      const old = this.#claimed.get(index)
      this.#claimed.delete(index)
      if (!old) continue
      await ifThere(old.discard()).catch((error: unknown) =>
        failed.set(index, diskError(error, 'begin', path)),
      )
    }
    const begun = await super.beginAll(entries.filter(({ index }) => !failed.has(index)))
    return new Map<number, Part | SluiceError>([...begun, ...failed])
  }

  override readonly makeLink = async (entry: Entry, policy: PublishPolicy): Promise<Placement> => {
    const placement = await makeLink(this, entry, policy)
    this.#links.add(placement.name ?? entry.path)
    return placement
  }

  /** What nothing can be made of is no older version. */
  override async basis(entry: Entry): Promise<Basis | undefined> {
    return this.refusal ? undefined : super.basis(entry)
  }

  override async endFolder(entry: Entry): Promise<Placement> {
    this.#folders.push(entry)
    const { mode, path } = entry
    // one that stands is touched only when nothing failed
    if (!this.isStaged) return { name: this.folders.folderOf(path)! }
    // where it stands until the end we must be able to get in
    return super.endFolder({ ...entry, mode: mode === null ? null : mode | FOLDER_BITS })
  }

  async publishAll(
    policy: PublishPolicy,
    names: Iterable<string>,
  ): Promise<(path: string) => Placement | undefined> {
    if (this.refusal) return this.#allIsThere(policy)
    if (!this.#staging) return () => undefined
    await this.parts.check()
    // what an earlier run left, and this one does not bring
    if (!this.#staging.isNew) await this.#staging.sweepAllBut(names)
    const areSame = (paths: readonly [string, string], size: number, signal?: AbortSignal) =>
      haveSameContent(this.fs, paths, size, signal)
    const folders = this.#folders.map((entry) => ({ ...entry, path: this.folders.folderOf(entry.path)! }))
    const before = this.versions && this.#options.versions
    this.#placed = await this.#staging.place(policy, areSame, folders, before)
    return this.#placed
  }

  override async finish(): Promise<void> {
    await super.finish()
    if (!this.#placed) return
    await this.#staging!.finish()
    await this.#noteVersions(this.#staging!, this.#placed)
  }

  /** What was staged has its names, and no others any more. */
  async #noteVersions(staging: Staging, placed: (path: string) => Placement | undefined): Promise<void> {
    const staged = this.versions
    if (!staged) return
    const nameFor = (path: string) => {
      const { name = path, skipped } = placed(path) ?? {}
      return skipped ? undefined : name
    }
    await this.#options.versions!.place(staged, nameFor, (name) => staging.look(name))
  }

  override async close(): Promise<void> {
    await super.close()
    await this.#staging?.close()
  }

  protected override async openTree(): Promise<Tree> {
    const { dir, fs } = this.#options
    const { clock, system } = this.ownership
    const { durability } = this
    const warn = this.warn.bind(this)
    try {
      this.#staging = await Staging.open({ dir, fs, durability, clock, system, warn }, this.#tops)
      return this.#staging.tree
    } catch (error) {
      if (!isWriteRefusal(error)) throw error
      // all of it may stand there already: it is compared with what comes, and nothing has to be staged
      const tree = await Tree.open(dir, { fs, durability, handles: this.handles }).catch(() => {
        throw error
      })
      this.refusal = error
      if (this.#atEnd) super.obey(this.#atEnd)
      return tree
    }
  }

  /** What became of each, where nothing could be staged, and nothing failed. */
  async #allIsThere({ unless }: PublishPolicy): Promise<(path: string) => Placement> {
    const folders = new Map<string, Placement>()
    for (const entry of this.#folders) {
      const placement = await super.endFolder(entry)
      folders.set(placement.name!, placement)
    }
    const skipped = (name: string) => (this.#links.has(name) || unless === 'nothing' ? 'identical' : unless)
    return (name) => folders.get(name) ?? { name, skipped: skipped(name) }
  }

  /** Of what an earlier run left, what is in the way of this one goes. */
  protected override async collect(tree: Tree): Promise<Tree> {
    const staging = this.#staging
    if (staging) await super.collect(tree)
    if (!staging || staging.isNew) return tree
    const entries = new Map<string, Entry>()
    const folders = new Set<string>()
    for (const offer of this.#offers)
      await inSlices(offer.entries, (entry) => {
        entries.set(entry.path, entry)
        for (let at = parentOf(entry.path); at !== '' && !folders.has(at); at = parentOf(at)) folders.add(at)
      })
    await staging.sweep((path, stats) => {
      const entry = entries.get(path)
      if (!entry) return stats.isDirectory() || !folders.has(path)
      if (stats.isDirectory()) return entry.type === 'directory'
      if (!isStagedAs(entry, stats)) return false
      this.#standing.set(path, entry)
      return true
    })
    return tree
  }

  async #note(offer: Offer): Promise<void> {
    if (this.#offers.includes(offer)) return
    this.#offers.push(offer)
    await inSlices(offer.entries, ({ path }) => {
      const slash = path.indexOf('/')
      this.#tops.add(slash === -1 ? path : path.slice(0, slash))
    })
  }
}

/** Whether it may be what an earlier run staged of this very content, and can be written to. */
function isStagedAs({ type, size, mtime }: Entry, stats: FileStats): boolean {
  if (type !== 'file' || !stats.isFile() || stats.nlink > 1 || (stats.mode & OWNER_BITS) !== OWNER_BITS)
    return false
  return stats.size === size && Math.floor(stats.mtimeMs) === mtime
}
