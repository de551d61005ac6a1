import type { Clock } from '../../clock.js'
import { isSluiceError, type SluiceError } from '../../errors.js'
import { UNRECORDED } from '../../files/audit/recorder.js'
import { setMode, setTime, unlessRefused } from '../../files/disk/attributes.js'
import { diskError, systemCode } from '../../files/disk/disk-error.js'
import type { FileStats, FileSystem } from '../../files/disk/fs.js'
import { below, nameOf, parentOf } from '../../files/disk/names.js'
import { ifThere, lstatIfThere } from '../../files/disk/stats.js'
import { IntentFile } from '../../files/intent/intent-file.js'
import { FolderLock } from '../../files/lock/folder-lock.js'
import { isStagedName, stagedName } from '../../files/own/names.js'
import { makeInOwnFolder, ownFolders, removeOwnFolder } from '../../files/own/own-folder.js'
import type { ProcessSystem } from '../../files/own/owner.js'
import { isReservedName } from '../../files/own/reserved.js'
import { removeTree } from '../../files/publish/replace-folder.js'
import { recoverTransactions } from '../../files/transaction/recover.js'
import { Tree } from '../../files/tree/tree.js'
import type { Entry } from '../../wire/entry.js'
import type { Durability, Placement, PublishPolicy } from '../parts.js'
import { adoptAll } from './adopt-all.js'
import { type AreSame, Placing } from './placing.js'

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

/** Milliseconds that somebody who holds a staged folder is waited for: one that cannot be looked at is watched all the same. */
const SHORT = 1

/**
 * The folder inside our own in which all of a transfer waits until it is whole. It belongs to one process at a time, by a
 * lock; one that nobody holds any more is gone on with by a transfer that brings something of the same names.
 */
export class Staging {
  /** The staged folder. */
  readonly tree: Tree
  /** Whether nothing was there before. */
  readonly isNew: boolean
  readonly #options: StagingOptions
  /** The folder that all of it is to get into. */
  readonly #root: Tree
  readonly #lock: FolderLock

  private constructor(options: StagingOptions, root: Tree, held: Held) {
    this.#options = options
    this.#root = root
    this.tree = held.tree
    this.#lock = held.lock
    this.isNew = held.isNew
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
      return new Staging(options, root, (await findLeft(root, tops, options)) ?? (await make(root, options)))
    } catch (error) {
      await root.close()
      throw diskError(error, 'stage the transfer in', dir)
    }
  }

  /** Its path below the folder that all of it is to get into. */
  get #path(): string {
    return pathBelow(this.#root, this.tree)
  }

  /** Removes what an earlier run left and `isKept` does not name, and folders that nothing is in then. */
  async sweep(isKept: (path: string, stats: FileStats) => boolean): Promise<void> {
    await sweep(this.tree, '', isKept)
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
   * @returns what became of what was staged at a path; undefined: it has that very path
   */
  async place(
    policy: PublishPolicy,
    areSame: AreSame,
    folders: readonly Entry[],
  ): Promise<(path: string) => Placement | undefined> {
    for (let tries = 1; ; tries++) {
      let placing = new Placing(this.#root, this.#path, policy, areSame)
      const plan = async () => {
        await this.#lock.check()
        placing = new Placing(this.#root, this.#path, policy, areSame)
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

  /** All of it has its names: the rest goes. */
  async finish(): Promise<void> {
    const { fs } = this.tree
    const names = await this.tree.within('', (folder) => folder.list())
    for (const name of names.map(String).filter((one) => !one.startsWith(LOCKS))) {
      await this.tree.within('', async (folder) => {
        const path = folder.at(name)
        if ((await fs.lstat(path)).isDirectory()) await removeTree(fs, path)
        else await fs.unlink(path)
      })
    }
  }

  /** Lets go of it. What is staged stays, for another run. */
  async close(): Promise<void> {
    const path = this.#path
    await this.tree.close()
    await this.#lock.release().catch(() => {})
    await this.#root
      .within(parentOf(path), (folder) => this.#root.fs.rmdir(folder.at(nameOf(path))))
      .then(async () => removeOwnFolder(this.#root, await this.#root.folder(parentOf(path))))
      // what is staged is still in it
      .catch(() => {})
    await this.#root.close()
  }

  /** What could not be set while it was staged: a mode that would have shut us out; the time of a folder that stands. */
  async #endFolder({ path, mode, mtime }: Entry, placing: Placing): Promise<void> {
    const { fs } = this.#root
    const merged = placing.merged.get(path)
    const isShut = mode !== null && (mode & OWNER) !== OWNER && merged === undefined
    if (!isShut && merged === undefined) return
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

/** What the names of the folders of locks begin with. */
const LOCKS = '.sluice-lock-'

/** A staged folder, and the lock that makes it ours. */
interface Held {
  tree: Tree
  lock: FolderLock
  isNew: boolean
}

function pathBelow(root: Tree, tree: Tree): string {
  return tree.root.slice(root.root.length).split(/[/\\]/).filter(Boolean).join('/')
}

/** A transaction that was committed may be all that is missing. */
async function recover(root: Tree, { fs, system, clock, warn }: StagingOptions): Promise<void> {
  if ((await IntentFile.find(root)).length === 0) return
  const ours = { ...(system && { system }), ...(clock && { clock }) }
  const recovering = recoverTransactions(root.root, {
    ...ours,
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

/** Each staged folder, by its path below the root, with the names that are in it. */
export async function* stagedFolders(root: Tree): AsyncGenerator<{ path: string; names: string[] }> {
  for await (const folder of ownFolders(root)) {
    for (const name of (await folder.list()).map(String).filter(isStagedName)) {
      const path = below(folder.path, name)
      const names = await root.within(path, (staged) => staged.list()).catch(unlessGone)
      if (names) yield { path, names: names.map(String).filter((one) => !isReservedName(one)) }
    }
  }
}

/** Takes the one that holds most of these names, of those that nobody else has. */
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
    if (common > 0) left.push({ path, common })
  }
  for (const { path } of left.sort((a, b) => b.common - a.common)) {
    const held = await hold(root, path, false, options)
    if (held) return held
  }
  return undefined
}

async function make(root: Tree, options: StagingOptions): Promise<Held> {
  const path = await makeInOwnFolder(root, async (folder) => {
    const made = below(folder.path, stagedName())
    await root.makeFolder(made, OWNER)
    if (options.durability === 'power') await folder.sync()
    folder.release()
    return made
  })
  if (options.durability === 'power') await root.sync('')
  const held = await hold(root, path, true, options)
  return held ?? make(root, options)
}

/** Takes a staged folder; undefined if somebody else has it, or it is gone. */
async function hold(
  root: Tree,
  path: string,
  isNew: boolean,
  { fs, durability, system, clock }: StagingOptions,
): Promise<Held | undefined> {
  const place = `${root.root}/${path}`
  const ours = { ...(system && { system }), ...(clock && { clock }) }
  try {
    const lock = await FolderLock.acquire(place, { ...ours, fs, timeout: SHORT, audit: UNRECORDED })
    try {
      return { lock, isNew, tree: await Tree.open(place, { fs, durability }) }
    } catch (error) {
      await lock.release().catch(() => {})
      throw error
    }
  } catch (error) {
    if (!isSluiceError(error, 'ERR_LOCKED')) unlessGone(error)
    return undefined
  }
}

function unlessGone(error: unknown): undefined {
  if (systemCode(error) !== 'ENOENT') throw error
}

async function sweep(
  tree: Tree,
  path: string,
  isKept: (path: string, stats: FileStats) => boolean,
): Promise<void> {
  const names = (await tree.within(path, (folder) => folder.list())).map(String)
  for (const name of names) {
    if (isReservedName(name)) continue
    const one = below(path, name)
    const stats = await ifThere(tree.within(path, (folder) => lstatIfThere(tree.fs, folder.at(name))))
    if (!stats) continue
    if (stats.isDirectory()) {
      await sweep(tree, one, isKept)
      // it fails where something is kept in it
      await tree.within(path, (folder) => tree.fs.rmdir(folder.at(name))).catch(() => {})
      tree.forget(one)
    } else if (!isKept(one, stats)) await tree.within(path, (folder) => tree.fs.unlink(folder.at(name)))
  }
}
