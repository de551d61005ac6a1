import { join } from 'node:path'
import { standing } from '../claim.js'
import { errorCode, SystemError } from '../disk-error.js'
import type { FileSystem } from '../fs.js'
import { isGone, type ProcessSystem } from '../owner.js'
import { announcedEntry, announcedName, type Claimant, claimantOf, entryName, GATE } from './lock-names.js'

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
 * Every crash is between two of these calls, and leaves new-E (empty or not), gate/E or E, each with the name of its
 * owner: whoever comes next takes it away, once the owner is certainly gone. Whether it is gone is a matter of process
 * numbers, starts and boots (owner.ts), never of a clock. Nothing needs to be synced: no owner survives a power cut.
 */

/** Renaming over a folder that is not empty. */
const OCCUPIED = new Set(['ENOTEMPTY', 'EEXIST'])

/** What systems say that rename over no folder at all, not even an empty one (Windows, some network disks). */
const REFUSED = new Set(['EPERM', 'EACCES', 'EBUSY', 'EISDIR'])

/** A folder that vanishes between two calls is made again; so often in a row only if something is wrong. */
const MOST_TRIES = 100

/** Who waits is looked at by samples: with many that wait, each would look at each. */
const SAMPLE = 4

/**
 * The tokens of entries that this process could not take away when it should: a disk that failed for a while must not
 * keep a lock held as long as the process lives. What has such a token is ours, and wanted by nobody.
 */
const abandoned = new Set<string>()

/** What stands in the gate. */
export interface GateLook {
  /** We are inside already: the answer to the rename was lost. */
  ours: boolean
  /** Those inside that are not certainly gone, or names that are not ours; there should be one at most. */
  inside: (Claimant | string)[]
}

/** The folder of one lock as one claimant sees it: one call of the file system, or a few, per step. */
export class LockFolder {
  readonly path: string
  readonly claimant: Claimant
  readonly #fs: FileSystem
  readonly #system: ProcessSystem
  readonly #entry: string
  readonly #waiting: string

  constructor(fs: FileSystem, path: string, claimant: Claimant, system: ProcessSystem) {
    this.#fs = fs
    this.#system = system
    this.path = path
    this.claimant = claimant
    this.#entry = entryName(claimant)
    this.#waiting = announcedName(this.#entry)
  }

  /** Makes our entry, and the folder around it. */
  async announce(): Promise<void> {
    for (let tries = 1; ; tries++) {
      await this.#makeFolder()
      try {
        await this.#makeOwn(this.#at(this.#waiting))
        await this.#makeOwn(this.#at(this.#waiting, this.#entry))
        return
      } catch (error) {
        // the last one to leave took the folder away
        if (errorCode(error) !== 'ENOENT' || tries === MOST_TRIES) throw error
      }
    }
  }

  /** Goes inside if nobody is; says whether it did. */
  async enter(): Promise<boolean> {
    try {
      await this.#fs.rename(this.#at(this.#waiting), this.#at(GATE))
      return true
    } catch (error) {
      const code = errorCode(error) ?? ''
      if (OCCUPIED.has(code)) return false
      if (await this.#stands(GATE, this.#entry)) return true
      if (REFUSED.has(code)) return this.#enterFree()
      if (code !== 'ENOENT') throw error
      // somebody removed the folder by hand
      await this.announce()
      return false
    }
  }

  /** Who is inside, after those who are gone were taken away. */
  async lookInside(): Promise<GateLook> {
    const look: GateLook = { ours: false, inside: [] }
    for (const name of await this.#list(GATE)) {
      if (name === this.#entry) look.ours = true
      else if (!(await this.#collect(name, GATE))) look.inside.push(claimantOf(name) ?? name)
    }
    return look
  }

  /** From inside: the readers that are not certainly gone; those who are, and some who waited, are taken away. */
  async readers(random: () => number): Promise<Claimant[]> {
    const names = await this.#list()
    const readers: Claimant[] = []
    for (const name of names) {
      const claimant = claimantOf(name)
      if (claimant && !(await this.#collect(name))) readers.push(claimant)
    }
    await this.#collectSome(
      names.filter((name) => announcedEntry(name) !== undefined),
      random,
    )
    return readers
  }

  /** From inside: becomes a reader, and is outside. False if somebody removed our entry by hand. */
  async pass(random: () => number): Promise<boolean> {
    try {
      await this.#fs.rename(this.#at(GATE, this.#entry), this.#at(this.#entry))
    } catch (error) {
      if (!(await this.#stands(this.#entry))) {
        if (errorCode(error) === 'ENOENT') return false
        throw error
      }
    }
    await this.#collectSome(await this.#list(), random)
    return true
  }

  /** Whether our entry stands where it gives us the lock. */
  isHeld(): Promise<boolean> {
    return this.claimant.mode === 'exclusive' ? this.#stands(GATE, this.#entry) : this.#stands(this.#entry)
  }

  /** Gives back what {@link isHeld} asks for. */
  async leave(): Promise<void> {
    const { mode } = this.claimant
    await this.#giveUp([mode === 'exclusive' ? [GATE, this.#entry] : [this.#entry]])
  }

  /** Takes away our entry, wherever it stands: after a failure that may be at several places. */
  async withdraw(): Promise<void> {
    await this.#giveUp([[this.#waiting, this.#entry], [this.#waiting], [GATE, this.#entry], [this.#entry]])
  }

  async #giveUp(places: string[][]): Promise<void> {
    const { token } = this.claimant.owner
    let failure: { error: unknown } | undefined
    for (const place of places) {
      await this.#remove(place).catch((error: unknown) => {
        failure ??= { error }
      })
    }
    if (failure) abandoned.add(token)
    else abandoned.delete(token)
    await this.#tidy()
    if (failure) throw failure.error
  }

  #at(...names: string[]): string {
    return join(this.path, ...names)
  }

  async #stands(...names: string[]): Promise<boolean> {
    return (await standing(this.#fs, this.#at(...names))) !== undefined
  }

  async #list(...names: string[]): Promise<string[]> {
    try {
      return (await this.#fs.readdir(this.#at(...names))).map(String)
    } catch (error) {
      if (errorCode(error) === 'ENOENT') return []
      throw error
    }
  }

  async #makeFolder(): Promise<void> {
    for (let tries = 1; ; tries++) {
      const there = await standing(this.#fs, this.path)
      if (there?.isDirectory()) return
      if (there) {
        // a link could lead to a folder of somebody else
        const code = there.isSymbolicLink() ? 'ELOOP' : 'ENOTDIR'
        throw new SystemError(code, 'mkdir', 'the name of the lock is taken')
      }
      try {
        return await this.#fs.mkdir(this.path)
      } catch (error) {
        if (errorCode(error) !== 'EEXIST' || tries === MOST_TRIES) throw error
      }
    }
  }

  async #makeOwn(path: string): Promise<void> {
    try {
      await this.#fs.mkdir(path)
    } catch (error) {
      // with our token in the name it is ours: the answer was lost
      if (errorCode(error) !== 'EEXIST') throw error
    }
  }

  /** Where even an empty gate is in the way: rmdir refuses to take away one with somebody inside. */
  async #enterFree(): Promise<boolean> {
    try {
      await this.#fs.rmdir(this.#at(GATE))
    } catch (error) {
      const code = errorCode(error) ?? ''
      if (OCCUPIED.has(code)) return false
      if (code !== 'ENOENT') throw error
    }
    try {
      await this.#fs.rename(this.#at(this.#waiting), this.#at(GATE))
      return true
    } catch (error) {
      // somebody else was faster, or the refusal has another reason
      if (await this.#stands(GATE)) return this.#stands(GATE, this.#entry)
      throw error
    }
  }

  async #collectSome(names: string[], random: () => number): Promise<void> {
    const from = Math.floor(random() * names.length)
    for (let i = 0; i < Math.min(SAMPLE, names.length); i++) {
      await this.#collect(names[(from + i) % names.length]!).catch(() => {})
    }
  }

  /** Takes away an entry, if its owner is certainly gone; says whether he is. */
  async #collect(name: string, ...above: string[]): Promise<boolean> {
    const waiting = announcedEntry(name)
    const entry = waiting ?? name
    const owner = claimantOf(entry)?.owner
    if (!owner || (!abandoned.has(owner.token) && !isGone(owner, this.#system))) return false
    if (waiting !== undefined) await this.#remove([...above, name, entry])
    await this.#remove([...above, name])
    abandoned.delete(owner.token)
    return true
  }

  async #remove(names: string[]): Promise<void> {
    try {
      await this.#fs.rmdir(this.#at(...names))
    } catch (error) {
      // somebody else who collects was faster, or an answer was lost
      if (errorCode(error) !== 'ENOENT') throw error
    }
  }

  /** Takes away the gate and the folder if nobody is in them. */
  async #tidy(): Promise<void> {
    try {
      await this.#fs.rmdir(this.#at(GATE)).catch(() => {})
      await this.#fs.rmdir(this.path)
    } catch {
      // somebody else is there
    }
  }
}
