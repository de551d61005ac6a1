import type { Clock } from '../../clock.js'
import { isSluiceError } from '../../errors.js'
import { UNRECORDED } from '../../files/audit/recorder.js'
import { diskError, systemCode } from '../../files/disk/disk-error.js'
import type { FileStats } from '../../files/disk/fs.js'
import { below } from '../../files/disk/names.js'
import { ifThere, lstatIfThere } from '../../files/disk/stats.js'
import type { CollectOptions, Leftover } from '../../files/journal/leftovers.js'
import { FolderLock } from '../../files/lock/folder-lock.js'
import { isLocked } from '../../files/lock/is-locked.js'
import { lockFolderName } from '../../files/lock/lock-names.js'
import { OwnerWatch } from '../../files/own/lease.js'
import { isStagedName, stagedName } from '../../files/own/names.js'
import { makeInOwnFolder, ownFolders, removeOwnFolder } from '../../files/own/own-folder.js'
import type { ProcessSystem } from '../../files/own/owner.js'
import { isOwnName } from '../../files/own/reserved.js'
import { removeTree } from '../../files/publish/replace-folder.js'
import { Stoppable } from '../../files/tree/stoppable.js'
import { Tree } from '../../files/tree/tree.js'
import type { Durability } from '../policy.js'

/** Who takes a staged folder, and how. */
export interface HoldOptions {
  durability?: Durability
  system?: ProcessSystem | undefined
  clock?: Clock | undefined
  force?: boolean | undefined
  signal?: AbortSignal | undefined
}

/** A staged folder, and the lock that makes it ours. */
export interface Held {
  /** Below the folder that the transfer arrives in. */
  path: string
  tree: Tree
  lock: FolderLock
}

/** Milliseconds that somebody who has one is waited for: a process that cannot be looked at is watched all the same. */
const SHORT = 1

const LOCK = lockFolderName('lock')!

/** Each staged folder, by its path below the root, with the names of what is staged in it. */
export async function* stagedFolders(root: Tree): AsyncGenerator<{ path: string; names: string[] }> {
  for await (const folder of ownFolders(root)) {
    for (const name of (await folder.list()).map(String).filter(isStagedName)) {
      const path = below(folder.path, name)
      const names = await root.within(path, (staged) => staged.list()).catch(unlessGone)
      if (names) yield { path, names: names.map(String).filter((one) => !isOwnName(one)) }
    }
  }
}

/** Makes a new one, and takes it. */
export async function makeStaged(root: Tree, options: HoldOptions): Promise<Held> {
  const path = await makeInOwnFolder(root, async (folder) => {
    const made = below(folder.path, stagedName())
    // its name is synced by the transaction that adopts what is in it: until then nothing was acknowledged
    await root.makeFolder(made, 0o700)
    folder.release()
    return made
  })
  return (await holdStaged(root, path, options)) ?? makeStaged(root, options)
}

/** Takes a staged folder; undefined if somebody else has it, or it is gone. */
export async function holdStaged(
  { root, fs }: Tree,
  path: string,
  { durability, system, clock, force = false, signal }: HoldOptions,
): Promise<Held | undefined> {
  const place = `${root}/${path}`
  const ours = { ...(system && { system }), ...(clock && { clock }), force, signal }
  try {
    const lock = await FolderLock.acquire(place, { ...ours, fs, timeout: SHORT, audit: UNRECORDED })
    try {
      return { path, lock, tree: await Tree.open(place, { fs, ...(durability && { durability }) }) }
    } catch (error) {
      await lock.release().catch(() => {})
      throw error
    }
  } catch (error) {
    if (!isSluiceError(error, 'ERR_LOCKED')) unlessGone(error)
    return undefined
  }
}

/** Removes all that is in a staged folder but its lock. @param stop may stop it between two files */
export async function clearStaged({ tree }: Held, stop?: Stoppable): Promise<void> {
  const { fs } = tree
  const names = (await tree.within('', (folder) => folder.list())).map(String)
  for (const name of names.filter((one) => one !== LOCK)) {
    await tree.within('', async (folder) => {
      const path = folder.at(name)
      if ((await fs.lstat(path)).isDirectory()) await removeTree(fs, path, stop)
      else await fs.unlink(path)
    })
  }
}

/** Lets go of a staged folder, and removes it if nothing is in it. */
export async function leaveStaged(root: Tree, { path, tree, lock }: Held): Promise<void> {
  await tree.close()
  await lock.release().catch(() => {})
  const ours = path.slice(0, path.indexOf('/'))
  const name = path.slice(ours.length + 1)
  const removed = root.within(ours, (folder) => root.fs.rmdir(folder.at(name)))
  // what is staged is still in it
  await removed.then(async () => removeOwnFolder(root, await root.folder(ours))).catch(() => {})
}

/**
 * Clears away, or with `dryRun` only finds, what transfers that were to be published together have left staged, if
 * nobody is at it: as `collectLeftovers` does with the parts of others. Who cannot be looked at is watched, in a dry
 * run as well: it finds what the other one would remove. Fails with `ERR_CANCELLED` once `signal` is aborted.
 */
export async function collectStaged(root: Tree, options: CollectOptions = {}): Promise<Leftover[]> {
  const { dryRun, olderThan = 0, now = Date.now, force, system, clock, signal } = options
  const watch = new OwnerWatch(clock, force)
  const stop = new Stoppable('the search for what is staged', signal)
  const found: Leftover[] = []
  for await (const { path } of stagedFolders(root)) {
    try {
      const stats = await ifThere(root.within(path, ({ fd }) => root.fs.fstat(fd)))
      if (!stats || (olderThan > 0 && now() - stats.mtimeMs <= olderThan)) continue
      if (dryRun) {
        const isHeld = await isLocked(`${root.root}/${path}`, { fs: root.fs, system, watch, signal })
        if (!isHeld) found.push(await stagedIn(root, path, stop))
        continue
      }
      const held = await holdStaged(root, path, { force, system, clock, signal })
      if (!held) continue
      try {
        const staged = await stagedIn(root, path, stop)
        await clearStaged(held, stop)
        found.push(staged)
      } finally {
        await leaveStaged(root, held)
      }
    } catch (error) {
      stop.check()
      // it was ended meanwhile
      if (systemCode(error) === 'ENOENT') continue
      found.push({ path, bytes: 0, state: 'kept', error: diskError(error, 'collect', path) })
    }
  }
  return found
}

/** A staged folder with all that is in it, what is ours as well. */
async function stagedIn(root: Tree, path: string, stop: Stoppable): Promise<Leftover> {
  const removed: string[] = []
  let bytes = 0
  const note = async (one: string, stats: FileStats) => {
    await stop.step()
    if (stats.isDirectory()) return
    removed.push(one)
    if (stats.isFile()) bytes += stats.size
  }
  await walk(root, path, note, (name) => name !== LOCK)
  return { path, bytes, state: 'part', removed }
}

/** Removes of what is staged all that `isKept` does not name; of folders only those that nothing is in then. */
export async function sweepStaged(
  { tree }: Held,
  isKept: (path: string, stats: FileStats) => boolean | Promise<boolean>,
): Promise<void> {
  const { fs } = tree
  await walk(tree, '', async (path, stats, where) => {
    if (await isKept(path, stats)) return
    if (!stats.isDirectory()) return fs.unlink(where)
    // it fails where something is kept in it
    await fs.rmdir(where).catch(() => {})
    tree.forget(path)
  })
}

/**
 * Calls `visit` with all that is below a folder, what is in one before it.
 * @param isMeant whether a name is; those of ours are not, unless it says so
 */
async function walk(
  tree: Tree,
  path: string,
  visit: (path: string, stats: FileStats, where: string) => Promise<void>,
  isMeant = (name: string) => !isOwnName(name),
): Promise<void> {
  const names = (await tree.within(path, (folder) => folder.list())).map(String)
  for (const name of names.filter(isMeant)) {
    const one = path === '' ? name : below(path, name)
    const look = () => tree.within(path, (folder) => lstatIfThere(tree.fs, folder.at(name)))
    const stats = await look()
    if (!stats) continue
    if (stats.isDirectory()) await walk(tree, one, visit, isMeant)
    await tree.within(path, (folder) => visit(one, stats, folder.at(name)))
  }
}

function unlessGone(error: unknown): undefined {
  if (systemCode(error) !== 'ENOENT') throw error
}
