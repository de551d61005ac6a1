import { A_DAY, type Clock } from '../../clock.js'
import { isSluiceError, type SluiceError } from '../../errors.js'
import { UNRECORDED } from '../../files/audit/recorder.js'
import { setMode, setTime, unlessRefused } from '../../files/disk/attributes.js'
import { diskError } from '../../files/disk/disk-error.js'
import type { FileStats, FileSystem } from '../../files/disk/fs.js'
import { foldName, nameOf, parentOf } from '../../files/disk/names.js'
import { lstatIfThere, sameInode } from '../../files/disk/stats.js'
import { IntentFile } from '../../files/intent/intent-file.js'
import type { ProcessSystem } from '../../files/own/owner.js'
import { recoverTransactions } from '../../files/transaction/recover.js'
import type { OpenFolder } from '../../files/tree/open-folder.js'
import { Tree } from '../../files/tree/tree.js'
import type { Entry } from '../../wire/entry.js'
import type { Durability, Placement, PublishPolicy } from '../policy.js'
import type { PublishedVersions } from '../published-versions.js'
import { adoptAll } from './adopt-all.js'
import { type AreSame, StagedPaths } from './placing.js'
import {
  clearStaged,
  collectStaged,
  type Held,
  holdStaged,
  leaveStaged,
  makeStaged,
  stagedFolders,
  sweepStaged,
} from './staged-folders.js'

/** Where a transfer is staged, and how. */
export interface StagingOptions {
  /** The folder that the transfer arrives in. */
  dir: string
  fs: FileSystem
  durability: Durability
  system?: ProcessSystem | undefined
  clock?: Clock | undefined
  warn: (warning: SluiceError) => void
}

/** How often it is found out anew what stands in the way, where somebody changes that at the same moment. */
const MOST_TRIES = 5

/** Milliseconds that a transaction of somebody else's is waited for, before there is anything to publish. */
const SHORT = 1

/**
 * The folder inside our own in which all of a transfer waits until it is whole. It belongs to one process at a time, by
 * a lock; one that nobody holds any more is gone on with by a transfer that brings something of the same names.
 */
export class Staging {
  /** Whether nothing was there before. */
  readonly isNew: boolean
  readonly #options: StagingOptions
  /** The folder that all of it is to get into. */
  readonly #root: Tree
  readonly #held: Held

  private constructor(options: StagingOptions, root: Tree, held: Held, isNew: boolean) {
    this.#options = options
    this.#root = root
    this.#held = held
    this.isNew = isNew
  }

  /**
   * Ends what a crash left of such transfers; goes on with what is staged, or makes a new folder.
   * @param tops the names that the transfer brings into the folder
   */
  static async open(options: StagingOptions, tops: ReadonlySet<string>): Promise<Staging> {
    const { dir, fs, durability } = options
    const root = await Tree.open(dir, { fs, create: true, durability })
    try {
      await recover(root, options)
      const left = await findLeft(root, tops, options)
      const old = await collectStaged(root, { ...ownershipOf(options), olderThan: A_DAY })
      for (const { error } of old) if (error) options.warn(error)
      const held = left ?? (await makeStaged(root, options))
      return new Staging(options, root, held, left === undefined)
    } catch (error) {
      await root.close()
      throw diskError(error, 'stage the transfer in', dir)
    }
  }

  /** The staged folder. */
  get tree(): Tree {
    return this.#held.tree
  }

  /** Removes what an earlier run left and `isKept` does not name; of folders only those that nothing is in then. */
  async sweep(isKept: (path: string, stats: FileStats) => boolean | Promise<boolean>): Promise<void> {
    await sweepStaged(this.#held, isKept)
  }

  /** Removes all that has none of these names, however they are spelled where it stands. */
  async sweepAllBut(names: Iterable<string>): Promise<void> {
    const kept = new Set<string>()
    const spelled = new Map<string, string>()
    for (const name of names) {
      kept.add(name)
      spelled.set(foldName(name), name)
    }
    await this.sweep(async (path, stats) => {
      if (kept.has(path)) return true
      const name = spelled.get(foldName(path))
      const there = name !== undefined && (await this.#look(name))
      return there ? sameInode(there, stats) : false
    })
  }

  #look(path: string): Promise<FileStats | undefined> {
    return this.tree.within(parentOf(path), (folder) => lstatIfThere(this.tree.fs, folder.at(nameOf(path))))
  }

  /** Removes one file of it. */
  async remove(path: string): Promise<void> {
    const { fs } = this.tree
    await this.tree.within(parentOf(path), (folder) => fs.unlink(folder.at(nameOf(path))))
  }

  /**
   * Gives all that is staged its names, or none of it. Fails with `ERR_CONFLICT`, `ERR_UNSAFE_LINK`, `ERR_LOCK_LOST`,
   * `ERR_TRANSACTION`, `ERR_OUTCOME_UNKNOWN`, and as the disk does.
   * @param folders those of the transfer
   * @param versions what transfers before this one have put there
   * @returns what became of what was staged at a path; undefined: it has that very path
   */
  async place(
    policy: PublishPolicy,
    areSame: AreSame,
    folders: readonly Entry[],
    versions?: PublishedVersions,
  ): Promise<(path: string) => Placement | undefined> {
    for (let tries = 1; ; tries++) {
      const begin = () => new StagedPaths(this.#root, this.#held.path, policy, areSame, versions)
      let placing = begin()
      const plan = async () => {
        await this.#held.lock.check()
        placing = begin()
        await placing.find()
        return placing.moves
      }
      try {
        await adoptAll(this.#root.root, plan, { ...this.#options, signal: policy.signal })
      } catch (error) {
        // somebody was faster with one of the names: it is another one's by now
        if (isSluiceError(error, 'ERR_TRANSACTION') && tries < MOST_TRIES) continue
        throw error
      }
      for (const entry of folders) await this.#endFolder(entry, placing)
      return (path) => placing.of(path)
    }
  }

  /** What has a name by now in the folder that all of it is for; undefined also where that cannot be seen. */
  look(path: string): Promise<FileStats | undefined> {
    const look = (folder: OpenFolder) => lstatIfThere(this.#root.fs, folder.at(nameOf(path)))
    return this.#root.within(parentOf(path), look).catch(() => undefined)
  }

  /** All of it has its names: the rest goes. */
  finish(): Promise<void> {
    return clearStaged(this.#held)
  }

  /** Lets go of it. What is staged stays, for another run. */
  async close(): Promise<void> {
    await leaveStaged(this.#root, this.#held)
    await this.#root.close()
  }

  /**
   * What could not be set while it was staged: a mode that would have shut us out; the time of a folder that stands.
   */
  async #endFolder({ path, mode, mtime }: Entry, placing: StagedPaths): Promise<void> {
    const { fs } = this.#root
    const isMerged = placing.isMerged(path)
    const isShut = mode !== null && (mode & OWNER) !== OWNER && !isMerged
    if (!isShut && !isMerged) return
    const there = placing.of(path)?.name ?? path
    const set = () =>
      this.#root.within(there, async ({ fd }) => {
        if (isShut) await setMode(fs, fd, mode)
        await setTime(fs, fd, mtime)
        if (this.#options.durability === 'power') await fs.fsync(fd)
      })
    const warning = await unlessRefused('mode and time', there, set).catch((error: unknown) =>
      diskError(error, 'set mode and time of', there),
    )
    if (warning) this.#options.warn(warning)
  }
}

/** What the owner of a folder needs to work in it. */
const OWNER = 0o700

function ownershipOf({ system, clock }: StagingOptions): { system?: ProcessSystem; clock?: Clock } {
  return { ...(system && { system }), ...(clock && { clock }) }
}

/** A transaction that was committed may be all that is missing. */
async function recover(root: Tree, options: StagingOptions): Promise<void> {
  const { fs, warn } = options
  if ((await IntentFile.find(root)).length === 0) return
  const recovering = recoverTransactions(root.root, {
    ...ownershipOf(options),
    fs,
    orphans: false,
    audit: UNRECORDED,
    lock: { timeout: SHORT },
  })
  // the transaction that gives the names says what is still in the way
  await recovering.catch((error: SluiceError) => {
    if (error.code !== 'ERR_LOCKED') warn(error)
  })
}

/** Takes the one that holds most of these names, or an empty one, of those that nobody else has. */
async function findLeft(
  root: Tree,
  tops: ReadonlySet<string>,
  options: StagingOptions,
): Promise<Held | undefined> {
  const left: { path: string; common: number }[] = []
  for await (const { path, names } of stagedFolders(root)) {
    const common = names.filter(
      (name) => tops.has(name.replace(/(?:\.\d+)?\.part$/, '')) || tops.has(name),
    ).length
    if (common > 0 || names.length === 0) left.push({ path, common })
  }
  for (const { path } of left.sort((a, b) => b.common - a.common)) {
    const held = await holdStaged(root, path, options)
    if (held) return held
  }
  return undefined
}
