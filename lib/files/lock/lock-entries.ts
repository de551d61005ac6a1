import { join } from 'node:path'
import type { Clock } from '../../clock.js'
import { errorCode, SystemError } from '../disk/disk-error.js'
import { type FileStats, type FileSystem, OPEN } from '../disk/fs.js'
import { ifThere, lstatIfThere } from '../disk/stats.js'
import { OwnerWatch, stateOf } from '../own/lease.js'
import { fateOf, type Owner, type ProcessSystem } from '../own/owner.js'
import { handlesOf } from '../tree/handle-budget.js'
import { announcedEntry, claimantOf, GATE, SIGN } from './lock-names.js'

/** If the folder vanishes between two calls, it is made again; so often in a row only if something is wrong. */
export const MOST_LOCK_TRIES = 100

/** If there are more entries than this, only one is checked: if many wait, each would check each. */
const MOST_LOOKED_AT = 4

/**
 * The tokens of entries that this process could not remove when it should: a disk that failed for a while must not
 * keep a lock held as long as the process is alive. An entry with such a token is ours, and nobody needs it.
 */
const abandoned = new Set<string>()

/** What those that wait, and cannot be looked at, were like when this process saw them. */
const waiters = new WeakMap<Clock, OwnerWatch>()

function waitersSeen(clock: Clock): OwnerWatch {
  const known = waiters.get(clock) ?? new OwnerWatch(clock)
  waiters.set(clock, known)
  return known
}

/** What a claimant is told of the world around the lock. */
export interface LockSurroundings {
  system: ProcessSystem
  /** The stats of the locked folder. */
  around: FileStats
  /** From 0 to 1. */
  random: () => number
  /** For holders that cannot be looked at. */
  watch: OwnerWatch
}

/** Makes, finds and removes the entries in the folder of a lock, of any owner. */
export class LockEntries {
  readonly #fs: FileSystem
  readonly #path: string
  readonly #around: FileStats
  readonly #surroundings: LockSurroundings
  /** Entries of which it is not known yet whether their owners live, since {@link watchAnew} was called. */
  undecided = 0

  constructor(fs: FileSystem, path: string, surroundings: LockSurroundings) {
    this.#fs = fs
    this.#path = path
    this.#around = surroundings.around
    this.#surroundings = surroundings
  }

  /**
   * Whether several users may write to the locked folder, so that they share the lock. With the sticky bit they do
   * not: users cannot remove each other's entries there.
   */
  get isShared(): boolean {
    const { mode } = this.#around
    return (mode & 0o022) !== 0 && (mode & 0o1000) === 0
  }

  at(...names: string[]): string {
    return join(this.#path, ...names)
  }

  async stands(...names: string[]): Promise<boolean> {
    return (await lstatIfThere(this.#fs, this.at(...names))) !== undefined
  }

  async list(...names: string[]): Promise<string[]> {
    const list = () => this.#fs.readdir(this.at(...names))
    return ((await ifThere(handlesOf(this.#fs).retry(list))) ?? []).map(String)
  }

  /** Makes the folder of the lock, unless it is there. */
  async makeFolder(): Promise<void> {
    for (let tries = 1; ; tries++) {
      const there = await lstatIfThere(this.#fs, this.#path)
      if (there?.isDirectory()) {
        // its creator may have been killed before it set the mode
        if ((there.mode & 0o777) !== (this.#around.mode & 0o777)) await this.share()
        return
      }
      if (there) {
        // a link could lead to another user's folder
        const code = there.isSymbolicLink() ? 'ELOOP' : 'ENOTDIR'
        throw new SystemError(code, 'mkdir', 'the name of the lock is taken')
      }
      try {
        await this.#fs.mkdir(this.#path)
        return await this.share()
      } catch (error) {
        if (errorCode(error) !== 'EEXIST' || tries === MOST_LOCK_TRIES) throw error
      }
    }
  }

  /** Makes an entry with our token in its name. */
  async make(...names: string[]): Promise<void> {
    try {
      await this.#fs.mkdir(this.at(...names))
    } catch (error) {
      // it can only be ours: the answer of an earlier call was lost
      if (errorCode(error) !== 'EEXIST') throw error
    }
  }

  /**
   * Gives one of our folders the rights of the locked folder, which the umask took away. If that is not possible, it
   * stays private to our user. A group other than that of the locked folder gets the rights of all others: with more,
   * users could get in who may not write there; with less, the system would refuse members of the group, because
   * it checks the group first.
   */
  async share(...names: string[]): Promise<void> {
    if (!this.isShared) return
    try {
      const fd = await this.#fs.open(this.at(...names), OPEN.folder)
      try {
        const { gid } = await this.#fs.fstat(fd)
        const { mode, gid: theirs } = this.#around
        await this.#fs.fchmod(fd, gid === theirs ? mode & 0o777 : (mode & 0o707) | ((mode & 7) << 3))
      } finally {
        await this.#fs.close(fd)
      }
    } catch {
      // it belongs to another user, or the file system has no modes
    }
  }

  /**
   * Whether somebody holds the lock who may be alive; until that is known also who cannot be looked at. Changes
   * nothing: who takes the lock finds the same.
   */
  async areHeld(): Promise<boolean> {
    this.undecided = 0
    let isHeld = false
    // all are looked at, so that all together are watched no longer than one
    for (const name of await this.list(GATE)) if (!(await this.#ownerOfLeft(name, GATE))) isHeld = true
    for (const name of await this.list())
      if (claimantOf(name) && !(await this.#ownerOfLeft(name))) isHeld = true
    return isHeld
  }

  /** Removes an entry if its owner is dead; returns whether it is. */
  async collect(name: string, ...above: string[]): Promise<boolean> {
    const waiting = announcedEntry(name)
    const entry = waiting ?? name
    const owner = await this.#ownerOfLeft(name, ...above)
    if (!owner) return false
    if (waiting !== undefined) {
      await this.#remove([...above, name, entry, SIGN])
      await this.#remove([...above, name, entry])
    } else await this.#remove([...above, name, SIGN])
    await this.#remove([...above, name])
    abandoned.delete(owner.token)
    return true
  }

  /** The owner of an entry, if that is dead or needs it no more. */
  async #ownerOfLeft(name: string, ...above: string[]): Promise<Owner | undefined> {
    const owner = claimantOf(announcedEntry(name) ?? name)?.owner
    if (!owner) return undefined
    return abandoned.has(owner.token) || (await this.#isDead(owner, [...above, name])) ? owner : undefined
  }

  async #isDead(owner: Owner, names: string[]): Promise<boolean> {
    const { system, watch } = this.#surroundings
    const fate = fateOf(owner, system)
    if (fate !== 'unseen') return fate === 'gone'
    const waiting = announcedEntry(names.at(-1)!)
    const inner = waiting === undefined ? undefined : await this.#stateOf([...names, waiting])
    const state = inner ?? (await this.#stateOf(names))
    if (state === undefined) return false
    const path = this.at(...names)
    const known = watch.look(path, state)
    // what only waits keeps nobody out, so that nobody waits for it: one claim sees it, and a later one that it is dead
    if (waiting !== undefined)
      return waitersSeen(watch.clock).look(path, state) === 'dead' || known === 'dead'
    if (known === 'unknown') this.undecided++
    return known === 'dead'
  }

  /** What an entry is like. It is opened: a network disk may answer with what it remembers if one only asks by name. */
  #stateOf(names: string[]): Promise<string | undefined> {
    const look = async () => {
      const fd = await this.#fs.open(this.at(...names), OPEN.folder)
      try {
        return stateOf(await this.#fs.fstat(fd))
      } finally {
        await this.#fs.close(fd)
      }
    }
    return ifThere(handlesOf(this.#fs).retry(look))
  }

  /** Changes our entry at one of these places, so that those see it who cannot look at this process. */
  async renew(places: string[][]): Promise<void> {
    for (const place of places) {
      const sign = this.at(...place, SIGN)
      try {
        await this.#fs.mkdir(sign)
      } catch (error) {
        if (errorCode(error) === 'ENOENT') continue
        if (errorCode(error) !== 'EEXIST') throw error
      }
      return this.#fs.rmdir(sign)
    }
  }

  /**
   * {@link collect} for all of a few `names`, or for one of many. Errors are ignored: the next claimant tries again.
   */
  async collectSome(names: string[]): Promise<void> {
    const from = Math.floor(this.#surroundings.random() * names.length)
    const some = names.length > MOST_LOOKED_AT ? [names[from]!] : names
    for (const name of some) await this.collect(name).catch(() => {})
  }

  /** {@link collect} for all that is there, and the folder goes if it is empty then. Errors are ignored, as above. */
  async collectAll(): Promise<void> {
    for (const name of await this.list(GATE)) await this.collect(name, GATE).catch(() => {})
    for (const name of await this.list()) await this.collect(name).catch(() => {})
    await this.#tidy()
  }

  /**
   * Removes entries of our own, and what is empty then. If that fails, the next claim in this process does it.
   * @param held whether the lock was held: then an entry that is missing may be elsewhere, because the folder was
   *   moved with it
   */
  async giveUp({ token }: Owner, places: string[][], held = false): Promise<void> {
    let failure: { error: unknown } | undefined
    let areRemoved = true
    for (const place of places) {
      try {
        await this.#remove([...place, SIGN])
        if (!(await this.#remove(place))) areRemoved = false
      } catch (error) {
        failure ??= { error }
      }
    }
    if (failure || (held && !areRemoved)) abandoned.add(token)
    else abandoned.delete(token)
    await this.#tidy()
    if (failure) throw failure.error
  }

  /** Returns whether it was there: another process may have removed it, or an answer was lost. */
  async #remove(names: string[]): Promise<boolean> {
    return (await ifThere(this.#fs.rmdir(this.at(...names)).then(() => true))) ?? false
  }

  /** Removes the gate and the folder if they are empty. */
  async #tidy(): Promise<void> {
    try {
      await this.#remove([GATE])
      await this.#remove([])
    } catch {
      // another claimant is in it
    }
  }
}
