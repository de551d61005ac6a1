import { errorCode } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import { LockEntries, type LockSurroundings, MOST_LOCK_TRIES } from './lock-entries.js'
import { announcedName, type Claimant, claimantOf, entryName, GATE } from './lock-names.js'

/*
 * How it works, and why it is right
 * ---------------------------------
 * The lock is a folder. All entries in it are folders, too, made by `mkdir` and removed by `rmdir`. The name of an
 * entry, E below, says who its claimant is: mode, process, start of the process, host, boot and a random token.
 *
 *   new-E/E   E waits                                     (announce: two calls of mkdir)
 *   gate/E    E is inside the gate, alone                 (enter: ONE rename of new-E to gate)
 *   E         E is a reader                               (pass: ONE rename of gate/E to E)
 *
 * A writer enters the gate, waits until no reader is left, and holds the lock as long as it is inside. A reader enters
 * the gate, becomes a reader, and is outside again.
 *
 * At most one claimant is inside. A folder can be renamed to a free name or over an *empty* folder, never over one that
 * has something in it; and new-E contains E before it is renamed, so that the gate is never empty while somebody is
 * inside. Nothing is ever made inside an existing gate.
 *
 * There is never a reader beside a writer. Only a claimant inside the gate can become a reader. So when a writer is
 * inside, no new reader can appear, and those that exist are in the list that it reads then. For the same reason a
 * stream of readers cannot keep a writer inside waiting for ever: each of them leaves, and none is added.
 *
 * No living process loses its entry. An entry is only ever removed by its name, which has a token in it, and only by
 * its own process, or when that is certainly dead. Say A finds X, which is dead, in the gate; B removes X first and
 * enters; A is late and removes gate/X: that name does not exist, and B is not affected. No call of A can affect B,
 * because no call says "the holder". The only name that all share is `gate` itself, and that is removed only by rmdir,
 * which fails unless it is empty, and then nobody is inside.
 *
 * If several users may write to the locked folder, they may write to the folder of the lock and to the gate, too
 * (share): otherwise only the same user could remove the entry of a dead process.
 *
 * Every crash is between two of these calls, and leaves new-E (empty or not), gate/E or E, each with the name of its
 * owner: the next claimant removes it, once the owner is dead. That is decided by process numbers, starts and boots
 * (owner.ts), never by a clock, as long as the process can be looked at. Else each E is a lease (lease.ts): the
 * owner makes and removes a folder in its entry from time to time. If it is taken for dead and wakes up, its entry is
 * gone, which it sees before each step that the lock protects. Nothing needs to be synced: no owner survives a power
 * cut.
 */

/** The codes of a rename over a folder that is not empty. */
const OCCUPIED = new Set(['ENOTEMPTY', 'EEXIST'])

/** The codes of systems that cannot rename over any folder, not even an empty one (Windows, some network disks). */
const REFUSED = new Set(['EPERM', 'EACCES', 'EBUSY', 'EISDIR'])

/** The folder of one lock, as one claimant uses it; each method is one step of the algorithm. */
export class LockClaim {
  readonly path: string
  readonly claimant: Claimant
  readonly #entries: LockEntries
  readonly #fs: FileSystem
  readonly #entry: string
  readonly #waiting: string

  constructor(fs: FileSystem, path: string, claimant: Claimant, surroundings: LockSurroundings) {
    this.#fs = fs
    this.path = path
    this.claimant = claimant
    this.#entries = new LockEntries(fs, path, surroundings)
    this.#entry = entryName(claimant)
    this.#waiting = announcedName(this.#entry)
  }

  /** Makes our entry, and the folder of the lock if it is missing. */
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
        // the last claimant removed the folder, or another user has just made it and not yet set its mode
        const passes = code === 'ENOENT' || (code === 'EACCES' && this.#entries.isShared)
        if (!passes || tries === MOST_LOCK_TRIES) throw error
      }
    }
  }

  /** Enters the gate if it is empty; returns whether it did. */
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

  /**
   * Who is inside the gate. Entries of dead processes are removed first; of the others, and of unknown names, there
   * should be one at most. `ours`: our own entry is inside already, and the answer of the rename was lost.
   */
  async lookInside(): Promise<{ ours: boolean; inside: (Claimant | string)[] }> {
    this.#entries.undecided = 0
    const names = await this.#entries.list(GATE)
    const inside: (Claimant | string)[] = []
    for (const name of names) {
      if (name === this.#entry || (await this.#entries.collect(name, GATE))) continue
      inside.push(claimantOf(name) ?? name)
    }
    return { ours: names.includes(this.#entry), inside }
  }

  /**
   * Called from inside the gate: the readers that are not certainly dead. Removes the entries of dead ones, and of
   * some dead ones that waited. Returns undefined if somebody removed the gate by hand.
   */
  async readers(): Promise<Claimant[] | undefined> {
    this.#entries.undecided = 0
    const names = await this.#entries.list()
    if (!names.includes(GATE)) return undefined
    const readers: Claimant[] = []
    const others: string[] = []
    for (const name of names) {
      const claimant = claimantOf(name)
      if (!claimant) others.push(name)
      else if (!(await this.#entries.collect(name))) readers.push(claimant)
    }
    await this.#entries.collectSome(others)
    return readers
  }

  /**
   * Called from inside the gate: becomes a reader, and leaves the gate. Returns false if somebody removed our entry
   * by hand.
   */
  async pass(): Promise<boolean> {
    try {
      await this.#fs.rename(this.#entries.at(GATE, this.#entry), this.#entries.at(this.#entry))
    } catch (error) {
      if (!(await this.#entries.stands(this.#entry))) {
        if (errorCode(error) === 'ENOENT') return false
        throw error
      }
    }
    await this.#entries.collectSome(await this.#entries.list())
    return true
  }

  /** Whether the last look could not tell yet if somebody lives who cannot be looked at. */
  get isWatching(): boolean {
    return this.#entries.undecided > 0
  }

  /** Shows that we live to those who cannot look at this process. */
  renew(): Promise<void> {
    return this.#entries.renew([this.#held(), [GATE, this.#entry], [this.#waiting, this.#entry]])
  }

  /** Whether our entry is where it means that we hold the lock. */
  isHeld(): Promise<boolean> {
    return this.#entries.stands(...this.#held())
  }

  /** Releases the lock: removes the entry that {@link isHeld} looks for. */
  leave(): Promise<void> {
    return this.#entries.giveUp(this.claimant.owner, [this.#held()], true)
  }

  /** Removes our entry wherever it is: after a failure it may be in several places. */
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

  /** For systems that cannot rename over an empty gate: removes the gate first. rmdir fails if somebody is inside. */
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
      // another claimant was faster, or the error has another reason
      if (await this.#entries.stands(GATE)) return this.#entries.stands(GATE, this.#entry)
      throw error
    }
  }
}
