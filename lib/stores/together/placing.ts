import { isSluiceError, printable, SluiceError } from '../../errors.js'
import type { FileStats } from '../../files/disk/fs.js'
import { below, foldName, nameOf, parentOf } from '../../files/disk/names.js'
import { lstatIfThere } from '../../files/disk/stats.js'
import { syncFile } from '../../files/disk/sync.js'
import { isOwnName } from '../../files/own/reserved.js'
import { firstFree } from '../../files/publish/first-free.js'
import type { Tree } from '../../files/tree/tree.js'
import { AcknowledgedFiles } from '../disk/acknowledged-files.js'
import type { Placement, PublishPolicy } from '../policy.js'
import { isThereByTime } from '../publish-by-policy.js'
import type { PublishedVersions } from '../published-versions.js'
import type { Move } from './adopt-all.js'
import { Spellings } from './spellings.js'

/** Whether two files of the same size have the same content. */
export type AreSame = (
  paths: readonly [string, string],
  size: number,
  signal: AbortSignal | undefined,
) => Promise<boolean>

/** One thing that is staged, and the folder that it is to get into. */
interface Staged {
  /** Below the folder that all is staged in. */
  path: string
  stats: FileStats
  /** The path that the folder has, or will have. */
  into: string
  /** The names of all that is staged beside it, folded. */
  asked: ReadonlySet<string>
}

/**
 * Finds the paths that what is staged gets by a policy, as each file of a transfer would alone: a folder merges into
 * one that stands; all else that stands is dealt with by `conflict` and `unless`. Changes nothing. A folder whose name
 * is free is one move, whatever is in it.
 */
export class StagedPaths {
  readonly moves: Move[] = []
  /** Folders that merge into those that stand, by the key of the path that is staged. */
  readonly #merged = new Set<string>()
  readonly #tree: Tree
  /** Where all is staged, below the root of the tree. */
  readonly #home: string
  readonly #policy: PublishPolicy
  readonly #areSame: AreSame
  readonly #versions: PublishedVersions | undefined
  readonly #spellings = new Spellings()
  /** What became of what did not simply get its own path, by the key of the path that is staged. */
  readonly #placements = new Map<string, Placement>()
  /** Paths that are given already, folded: what is found there as it should be has its path, too. */
  readonly #given = new Set<string>()
  /**
   * The files and links that stand there under such a path: nothing else is put in their place, or finds itself in
   * them.
   */
  readonly #taken = new AcknowledgedFiles([], async () => undefined)

  /** @param versions what transfers before this one have put there */
  constructor(
    tree: Tree,
    home: string,
    policy: PublishPolicy,
    areSame: AreSame,
    versions?: PublishedVersions,
  ) {
    this.#tree = tree
    this.#home = home
    this.#policy = policy
    this.#areSame = areSame
    this.#versions = versions
  }

  /** Finds all of them. Fails with `ERR_CONFLICT` under the policy 'fail', and with `ERR_UNSAFE_LINK`. */
  async find(path = '', into = ''): Promise<void> {
    const names = await this.#namesIn(path)
    this.#spellings.add(path, names)
    const asked = new Set(names.map(foldName))
    for (const name of names) {
      this.#policy.signal?.throwIfAborted()
      const one = below(path, name)
      const stats = await this.#look(this.#staged(one))
      if (stats) await this.#findOne({ path: one, stats, into, asked })
    }
  }

  /** What became of what is staged at a path; undefined: it gets that very path. */
  of(path: string): Placement | undefined {
    for (let at = path; at !== '' && this.#placements.size > 0; at = parentOf(at)) {
      const placement = this.#placements.get(this.#spellings.keyOf(at))
      if (placement && at === path) return placement
      if (placement)
        return placement.name === at ? undefined : { name: placement.name + path.slice(at.length) }
    }
    return undefined
  }

  /** Whether a folder that is staged at a path merged into one that stood there. */
  isMerged(path: string): boolean {
    return this.#merged.has(this.#spellings.keyOf(path))
  }

  /** The path below the root of the tree. */
  #staged(path: string): string {
    return path === '' ? this.#home : below(this.#home, path)
  }

  async #namesIn(path: string): Promise<string[]> {
    const names = await this.#tree.within(this.#staged(path), (folder) => folder.list())
    // in one order, so that the next run finds everything where this one has put it
    return names
      .map(String)
      .filter((name) => !isOwnName(name))
      .sort()
  }

  #look(path: string): Promise<FileStats | undefined> {
    return this.#in(path, (where) => lstatIfThere(this.#tree.fs, where))
  }

  #in<T>(path: string, act: (where: string) => Promise<T>): Promise<T> {
    return this.#tree.within(parentOf(path), (folder) => act(folder.at(nameOf(path))))
  }

  async #findOne(one: Staged): Promise<void> {
    let warning: SluiceError | undefined
    const take = async (name: string, n: number): Promise<Placement | undefined> => {
      const path = below(one.into, name)
      // on some disks two spellings are one name: no suffix is given that may be the name of something else of it
      if (n > 0 && (one.asked.has(foldName(name)) || this.#given.has(foldName(path)))) return undefined
      const there = await this.#look(path)
      if (there === undefined) {
        this.moves.push({ from: this.#staged(one.path), to: path })
        this.#give(path)
        return { name: path, warning }
      }
      if (one.stats.isDirectory()) return this.#intoFolder(one, path, there, n)
      const isTaken = this.#taken.has({ path, stats: there })
      if (!isTaken && (await this.#isThere(one, path, there, n))) {
        this.#give(path, there)
        return { name: path, skipped: this.#reason(one), warning }
      }
      if (!isTaken && this.#versions?.isUntouched(one.path, path, there)) return this.#over(one, path, there)
      if (n > 0) return undefined
      const placement = this.#byPolicy(one, path, there)
      if (!isSluiceError(placement)) return placement
      warning = placement
      return undefined
    }
    const asked = below(one.into, nameOf(one.path))
    const placement = await firstFree(nameOf(one.path), asked, take)
    const isPlain = placement.name === one.path && !placement.skipped && !placement.warning
    if (!isPlain) this.#placements.set(this.#spellings.keyOf(one.path), placement)
  }

  async #intoFolder(
    { path: staged }: Staged,
    path: string,
    there: FileStats,
    n: number,
  ): Promise<Placement | undefined> {
    if (there.isDirectory()) {
      this.#merged.add(this.#spellings.keyOf(staged))
      this.#give(path)
      await this.find(staged, path)
      return { name: path, skipped: 'identical' }
    }
    if (n > 0 || !there.isSymbolicLink()) return undefined
    const message = `${printable(path)} is a symbolic link: nothing is written through it; remove the link`
    throw new SluiceError('ERR_UNSAFE_LINK', message, { path })
  }

  /** The placement; or why it must not stay under this name, but gets a suffix. */
  #byPolicy(one: Staged, path: string, there: FileStats): Placement | SluiceError | undefined {
    switch (this.#policy.conflict) {
      case 'rename':
        return undefined
      case 'skip':
        return { name: path, skipped: 'conflict' }
      case 'fail': {
        const message = `${printable(path)} is taken by other content; move it away or choose another conflict policy`
        throw new SluiceError('ERR_CONFLICT', message, { path })
      }
      case 'overwrite':
      case 'replace': {
        const isTaken = this.#taken.has({ path, stats: there })
        if (!isTaken && (there.isFile() || there.isSymbolicLink())) return this.#over(one, path, there)
        const why = isTaken
          ? 'the same transfer brought it'
          : 'only a file or a link makes room for what is published together'
        const message = `${printable(path)} stays as it was, because ${why}: the new one gets a suffix`
        return new SluiceError('ERR_CONFLICT', message, { path })
      }
    }
  }

  /** In the place of the file or link that stands there. */
  #over({ path: staged }: Staged, path: string, there: FileStats): Placement {
    this.moves.push({ from: this.#staged(staged), to: path })
    this.#give(path, there)
    return { name: path }
  }

  async #isThere(one: Staged, path: string, there: FileStats, n: number): Promise<boolean> {
    const { fs } = this.#tree
    const staged = this.#staged(one.path)
    if (one.stats.isSymbolicLink()) {
      if (!there.isSymbolicLink()) return false
      return (
        (await this.#in(staged, (at) => fs.readlink(at))) === (await this.#in(path, (at) => fs.readlink(at)))
      )
    }
    const { unless, signal, durability } = this.#policy
    if (!there.isFile() || unless === 'nothing') return false
    const { size, mtimeMs } = one.stats
    const isSame =
      unless === 'identical'
        ? there.size === size &&
          (await this.#in(staged, (from) => this.#in(path, (to) => this.#areSame([to, from], size, signal))))
        : isThereByTime(
            { size: there.size, mtime: Math.floor(there.mtimeMs) },
            { size, mtime: Math.floor(mtimeMs) },
            unless,
            n === 0,
          )
    if (isSame && durability === 'power') {
      await this.#in(path, (at) => syncFile(fs, at))
      await this.#tree.sync(parentOf(path))
    }
    return isSame
  }

  #reason({ stats }: Staged): Placement['skipped'] {
    const { unless } = this.#policy
    return stats.isSymbolicLink() || unless === 'nothing' ? 'identical' : unless
  }

  /** @param there the file or link that stands under the path */
  #give(path: string, there?: FileStats): void {
    this.#given.add(foldName(path))
    if (there) this.#taken.acknowledge({ path, stats: there })
  }
}
