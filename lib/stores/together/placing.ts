import { isSluiceError, printable, SluiceError } from '../../errors.js'
import type { FileStats } from '../../files/disk/fs.js'
import { below, foldName, nameOf, parentOf } from '../../files/disk/names.js'
import { lstatIfThere } from '../../files/disk/stats.js'
import { syncFile } from '../../files/disk/sync.js'
import { isOwnName } from '../../files/own/reserved.js'
import { firstFree } from '../../files/publish/first-free.js'
import type { Tree } from '../../files/tree/tree.js'
import type { Placement, PublishPolicy } from '../parts.js'
import { isThereByTime } from '../publish-by-policy.js'
import type { Move } from './adopt-all.js'

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
}

/**
 * Finds the paths that what is staged gets by a policy, as each file of a transfer would alone: a folder merges into one
 * that stands; all else that stands is dealt with by `conflict` and `unless`. Changes nothing. A folder whose name is
 * free is one move, whatever is in it.
 */
export class Placing {
  readonly moves: Move[] = []
  /** Folders that merge into those that stand: the path that is staged → the one there. */
  readonly merged = new Map<string, string>()
  readonly #tree: Tree
  /** Where all is staged, below the root of the tree. */
  readonly #home: string
  readonly #policy: PublishPolicy
  readonly #areSame: AreSame
  /** What became of what did not simply get its own path, by the path that is staged. */
  readonly #placements = new Map<string, Placement>()
  /** Paths that are given already, folded; and those of them that have a suffix. */
  readonly #given = new Set<string>()
  readonly #suffixed = new Set<string>()

  constructor(tree: Tree, home: string, policy: PublishPolicy, areSame: AreSame) {
    this.#tree = tree
    this.#home = home
    this.#policy = policy
    this.#areSame = areSame
  }

  /** Finds all of them. Fails with `ERR_CONFLICT` under the policy 'fail', and with `ERR_UNSAFE_LINK`. */
  async find(path = '', into = ''): Promise<void> {
    for (const name of await this.#namesIn(path)) {
      this.#policy.signal?.throwIfAborted()
      const one = below(path, name)
      const stats = await this.#look(this.#staged(one))
      if (stats) await this.#findOne({ path: one, stats, into })
    }
  }

  /** What became of what is staged at a path; undefined: it gets that very path. */
  of(path: string): Placement | undefined {
    for (let at = path; at !== '' && this.#placements.size > 0; at = parentOf(at)) {
      const placement = this.#placements.get(at)
      if (placement && at === path) return placement
      if (placement)
        return placement.name === at ? undefined : { name: placement.name + path.slice(at.length) }
    }
    return undefined
  }

  /** The path below the root of the tree. */
  #staged(path: string): string {
    return path === '' ? this.#home : below(this.#home, path)
  }

  async #namesIn(path: string): Promise<string[]> {
    const names = await this.#tree.within(this.#staged(path), (folder) => folder.list())
    return names.map(String).filter((name) => !isOwnName(name))
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
      const there = this.#isGiven(path, n) ? 'given' : await this.#look(path)
      if (there === undefined) {
        this.moves.push({ from: this.#staged(one.path), to: path })
        this.#give(path, n)
        return { name: path, warning }
      }
      if (there === 'given') return undefined
      if (one.stats.isDirectory()) return this.#intoFolder(one, path, there, n)
      if (await this.#isThere(one, path, there, n)) return { name: path, skipped: this.#reason(one), warning }
      if (n > 0) return undefined
      const placement = this.#byPolicy(one, path, there)
      if (!isSluiceError(placement)) return placement
      warning = placement
      return undefined
    }
    const asked = below(one.into, nameOf(one.path))
    const placement = await firstFree(nameOf(one.path), asked, take)
    const isPlain = placement.name === one.path && !placement.skipped && !placement.warning
    if (!isPlain) this.#placements.set(one.path, placement)
  }

  async #intoFolder(
    { path: staged }: Staged,
    path: string,
    there: FileStats,
    n: number,
  ): Promise<Placement | undefined> {
    if (there.isDirectory()) {
      this.merged.set(staged, path)
      await this.find(staged, path)
      return { name: path, skipped: 'identical' }
    }
    if (n > 0 || !there.isSymbolicLink()) return undefined
    const message = `${printable(path)} is a symbolic link: nothing is written through it; remove the link`
    throw new SluiceError('ERR_UNSAFE_LINK', message, { path })
  }

  /** The placement; or why it must not stay under this name, but gets a suffix. */
  #byPolicy({ path: staged }: Staged, path: string, there: FileStats): Placement | SluiceError | undefined {
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
        if (there.isFile() || there.isSymbolicLink()) {
          this.moves.push({ from: this.#staged(staged), to: path })
          this.#give(path, 0)
          return { name: path }
        }
        const message = `${printable(path)} stays as it was, because only a file or a link makes room for what is published together: the new one gets a suffix`
        return new SluiceError('ERR_CONFLICT', message, { path })
      }
    }
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

  /** On some disks two spellings are one name: no suffix is given that may be one that is given already. */
  #isGiven(path: string, n: number): boolean {
    return (n === 0 ? this.#suffixed : this.#given).has(foldName(path))
  }

  #give(path: string, n: number): void {
    this.#given.add(foldName(path))
    if (n > 0) this.#suffixed.add(foldName(path))
  }
}
