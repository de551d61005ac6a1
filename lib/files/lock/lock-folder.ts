import { errorCode } from '../disk/disk-error.js'
import type { FileStats, FileSystem } from '../disk/fs.js'
import type { ProcessSystem } from '../own/owner.js'
import { LockEntries, MOST_LOCK_TRIES } from './lock-entries.js'
import { announcedName, type Claimant, claimantOf, entryName, GATE } from './lock-names.js'

/*
 * How it works, and why it is right
 * ---------------------------------
 * The lock is a folder. All entries in it are folders, too, made by `mkdir` and taken away by `rmdir`; the name of an
 * entry, E, is its claimant's: mode, process, start of the process, host, boot and a random token.
 *
 *   new-E/E   E waits                                     (announce: two calls of mkdir)
 *   gate/E    E is inside: the only one                   (enter: ONE rename of new-E to gate)
 *   E         E is a reader                               (leave the gate: ONE rename of gate/E to E)
 *
 * A writer goes inside, waits until no reader is left, and holds the lock as long as it is inside. A reader goes
 * inside, becomes a reader, and is outside again.
 *
 * One is inside at most: a folder is renamed to a name that is free, or over an *empty* folder, never over one with
 * something in it; and new-E has E in it before it is renamed, so that the gate is never empty while one is inside.
 * Nothing is ever put into a gate that stands.
 *
 * Never a reader beside a writer: entries of readers are made only by somebody inside. So when a writer is inside, no
 * reader comes into being any more, and those there were before are in the list that it reads then. For the same
 * reason readers that come and go cannot keep a writer that is inside waiting for ever: each of them ends, none begins.
 *
 * Nobody loses what is his own: whoever takes something away, takes away a name with a token in it, which is his own
 * or that of a process that certainly ended. Let A find X, who is dead, in the gate; B takes X away first and goes
 * inside; A is late and takes away gate/X: there is no such name, B stands. No call of A can hit B, because no call
 * says "the holder". The only name that all share is `gate` itself, and it is removed only by rmdir, which refuses
 * unless it is empty; then nobody is inside.
 *
 * Where several users may write around the lock, they may write in its folder and in the gate, too (share): else the
 * entry of one who is dead could be taken away by his user alone.
 *
 * Every crash is between two of these calls, and leaves new-E (empty or not), gate/E or E, each with the name of its
 * owner: whoever comes next takes it away, once the owner is certainly gone. Whether it is gone is a matter of process
 * numbers, starts and boots (owner.ts), never of a clock. Nothing needs to be synced: no owner survives a power cut.
 */

/** Renaming over a folder that is not empty. */
const OCCUPIED = new Set(['ENOTEMPTY', 'EEXIST'])

/** What systems say that rename over no folder at all, not even an empty one (Windows, some network disks). */
const REFUSED = new Set(['EPERM', 'EACCES', 'EBUSY', 'EISDIR'])

/** What is in the gate. */
export interface GateLook {
  /** We are inside already: the answer to the rename was lost. */
  ours: boolean
  /** Those inside that are not certainly gone, or names that are not ours; there should be one at most. */
  inside: (Claimant | string)[]
}

/** The folder of one lock as one claimant sees it: one step of the algorithm each. */
export class LockFolder {
  readonly path: string
  readonly claimant: Claimant
  readonly #entries: LockEntries
  readonly #fs: FileSystem
  readonly #entry: string
  readonly #waiting: string

  constructor(
    fs: FileSystem,
    path: string,
    claimant: Claimant,
    { system, around }: { system: ProcessSystem; around: FileStats },
  ) {
    this.#fs = fs
    this.path = path
    this.claimant = claimant
    this.#entries = new LockEntries(fs, path, system, around)
    this.#entry = entryName(claimant)
    this.#waiting = announcedName(this.#entry)
  }

  /** Makes our entry, and the folder around it. */
  async announce(): Promise<void> {
    for (let tries = 1; ; tries++) {
      await this.#entries.makeFolder()
      try {
        await this.#entries.make(this.#waiting)
        await this.#entries.share(this.#waiting)
        await this.#entries.make(this.#waiting, this.#entry)
        return
      } catch (error) {
        const code = errorCode(error)
        // the last one to leave took the folder away, or another user has just made it, and shares it in a moment
        const passes = code === 'ENOENT' || (code === 'EACCES' && this.#entries.isShared)
        if (!passes || tries === MOST_LOCK_TRIES) throw error
      }
    }
  }

  /** Goes inside if nobody is; says whether it did. */
  async enter(): Promise<boolean> {
    try {
      await this.#renameToGate()
      return true
    } catch (error) {
      const code = errorCode(error) ?? ''
      if (OCCUPIED.has(code)) return false
      if (await this.#entries.stands(GATE, this.#entry)) return true
      if (REFUSED.has(code)) return this.#enterFree()
      if (code !== 'ENOENT') throw error
      // somebody removed the folder by hand
      await this.announce()
      return false
    }
  }

  /** Who is inside, after those who are gone were removed. */
  async lookInside(): Promise<GateLook> {
    const look: GateLook = { ours: false, inside: [] }
    for (const name of await this.#entries.list(GATE)) {
      if (name === this.#entry) look.ours = true
      else if (!(await this.#entries.collect(name, GATE))) look.inside.push(claimantOf(name) ?? name)
    }
    return look
  }

  /**
   * From inside: the readers that are not certainly gone; those who are, and some who waited, are removed.
   * Undefined if somebody removed the gate by hand.
   */
  async readers(random: () => number): Promise<Claimant[] | undefined> {
    const names = await this.#entries.list()
    if (!names.includes(GATE)) return undefined
    const readers: Claimant[] = []
    const others: string[] = []
    for (const name of names) {
      const claimant = claimantOf(name)
      if (!claimant) others.push(name)
      else if (!(await this.#entries.collect(name))) readers.push(claimant)
    }
    await this.#entries.collectSome(others, random)
    return readers
  }

  /** From inside: becomes a reader, and is outside. False if somebody removed our entry by hand. */
  async pass(random: () => number): Promise<boolean> {
    try {
      await this.#fs.rename(this.#entries.at(GATE, this.#entry), this.#entries.at(this.#entry))
    } catch (error) {
      if (!(await this.#entries.stands(this.#entry))) {
        if (errorCode(error) === 'ENOENT') return false
        throw error
      }
    }
    await this.#entries.collectSome(await this.#entries.list(), random)
    return true
  }

  /** Whether our entry stands where it gives us the lock. */
  isHeld(): Promise<boolean> {
    return this.#entries.stands(...this.#held())
  }

  /** Gives back what {@link isHeld} asks for. */
  leave(): Promise<void> {
    return this.#entries.giveUp(this.claimant.owner, [this.#held()], true)
  }

  /** Removes our entry, wherever it stands: after a failure that may be at several places. */
  withdraw(): Promise<void> {
    const waiting = [[this.#waiting, this.#entry], [this.#waiting]]
    return this.#entries.giveUp(this.claimant.owner, [...waiting, [GATE, this.#entry], [this.#entry]])
  }

  #held(): string[] {
    return this.claimant.mode === 'exclusive' ? [GATE, this.#entry] : [this.#entry]
  }

  #renameToGate(): Promise<void> {
    return this.#fs.rename(this.#entries.at(this.#waiting), this.#entries.at(GATE))
  }

  /** Where even an empty gate is in the way: rmdir refuses to remove one with somebody inside. */
  async #enterFree(): Promise<boolean> {
    try {
      await this.#fs.rmdir(this.#entries.at(GATE))
    } catch (error) {
      const code = errorCode(error) ?? ''
      if (OCCUPIED.has(code)) return false
      if (code !== 'ENOENT') throw error
    }
    try {
      await this.#renameToGate()
      return true
    } catch (error) {
      // somebody else was faster, or the refusal has another reason
      if (await this.#entries.stands(GATE)) return this.#entries.stands(GATE, this.#entry)
      throw error
    }
  }
}
