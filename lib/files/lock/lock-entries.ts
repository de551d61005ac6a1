import { join } from 'node:path'
import { errorCode, SystemError } from '../disk/disk-error.js'
import { type FileStats, type FileSystem, OPEN } from '../disk/fs.js'
import { lstatIfThere } from '../disk/stats.js'
import { isGone, type Owner, type ProcessSystem } from '../own/owner.js'
import { announcedEntry, claimantOf, GATE } from './lock-names.js'

/** A folder that vanishes between two calls is made again; so often in a row only if something is wrong. */
export const MOST_TRIES = 100

/** Of more entries than this only one is looked at: with many that wait, each would look at each. */
const FEW = 4

/**
 * The tokens of entries that this process could not take away when it should: a disk that failed for a while must not
 * keep a lock held as long as the process lives, nor a folder that was moved. What has such a token is ours, and wanted by
 * nobody.
 */
const abandoned = new Set<string>()

/** The entries in the folder of a lock: made, found and taken away, whoever owns them. */
export class LockEntries {
  readonly #fs: FileSystem
  readonly #path: string
  readonly #system: ProcessSystem
  readonly #around: FileStats

  /** @param around the folder that the folder of the lock is in */
  constructor(fs: FileSystem, path: string, system: ProcessSystem, around: FileStats) {
    this.#fs = fs
    this.#path = path
    this.#system = system
    this.#around = around
  }

  /**
   * Whether several users may write around the lock, so that they share it. Where the sticky bit says that nobody
   * removes what is not his own, nobody is let near the entries of others.
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
    try {
      return (await this.#fs.readdir(this.at(...names))).map(String)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return []
      throw error
    }
  }

  /** Makes the folder of the lock, unless it is there. */
  async makeFolder(): Promise<void> {
    for (let tries = 1; ; tries++) {
      const there = await lstatIfThere(this.#fs, this.#path)
      if (there?.isDirectory()) {
        // who made it may have been killed before he shared it
        if ((there.mode & 0o777) !== (this.#around.mode & 0o777)) await this.share()
        return
      }
      if (there) {
        // a link could lead to a folder of somebody else
        const code = there.isSymbolicLink() ? 'ELOOP' : 'ENOTDIR'
        throw new SystemError(code, 'mkdir', 'the name of the lock is taken')
      }
      try {
        await this.#fs.mkdir(this.#path)
        return await this.share()
      } catch (error) {
        if (errorCode(error) !== 'EEXIST' || tries === MOST_TRIES) throw error
      }
    }
  }

  /** Makes an entry with our token in its name. */
  async make(...names: string[]): Promise<void> {
    try {
      await this.#fs.mkdir(this.at(...names))
    } catch (error) {
      // it can only be ours: the answer was lost
      if (errorCode(error) !== 'EEXIST') throw error
    }
  }

  /**
   * Lets everybody use a folder of ours who may write around the lock: the umask took that away. Where that cannot be,
   * it stays with our user. A group other than that of the folder around gets what all others get: more would let in
   * who may not write there, less would keep out those who may, since a system looks at the group first.
   */
  async share(...names: string[]): Promise<void> {
    if (!this.isShared) return
    try {
      const fd = await this.#fs.open(this.at(...names), OPEN.directory)
      try {
        const { gid } = await this.#fs.fstat(fd)
        const { mode, gid: theirs } = this.#around
        await this.#fs.fchmod(fd, gid === theirs ? mode & 0o777 : (mode & 0o707) | ((mode & 7) << 3))
      } finally {
        await this.#fs.close(fd)
      }
    } catch {
      // of another user, or a file system without modes
    }
  }

  /** Takes away an entry, if its owner is certainly gone; says whether he is. */
  async collect(name: string, ...above: string[]): Promise<boolean> {
    const waiting = announcedEntry(name)
    const entry = waiting ?? name
    const owner = claimantOf(entry)?.owner
    if (!owner || !(abandoned.has(owner.token) || isGone(owner, this.#system))) return false
    if (waiting !== undefined) await this.#remove([...above, name, entry])
    await this.#remove([...above, name])
    abandoned.delete(owner.token)
    return true
  }

  /** The same with all of a few `names`, or one of many; what fails is left to the next one. */
  async collectSome(names: string[], random: () => number): Promise<void> {
    const from = Math.floor(random() * names.length)
    const some = names.length > FEW ? [names[from]!] : names
    for (const name of some) await this.collect(name).catch(() => {})
  }

  /**
   * Takes away entries of our own, and all that is empty then. Where that fails, the next claim here does it.
   * @param held they stood there: one that is gone may stand elsewhere, since the folder was moved with it
   */
  async giveUp({ token }: Owner, places: string[][], held = false): Promise<void> {
    let failure: { error: unknown } | undefined
    let areRemoved = true
    for (const place of places) {
      try {
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

  /** Says whether it was there. */
  async #remove(names: string[]): Promise<boolean> {
    try {
      await this.#fs.rmdir(this.at(...names))
      return true
    } catch (error) {
      // somebody else who collects was faster, or an answer was lost
      if (errorCode(error) !== 'ENOENT') throw error
      return false
    }
  }

  /** Takes away the gate and the folder if nobody is in them. */
  async #tidy(): Promise<void> {
    try {
      await this.#remove([GATE])
      await this.#remove([])
    } catch {
      // somebody else is there
    }
  }
}
