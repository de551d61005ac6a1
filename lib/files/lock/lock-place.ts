import { join } from 'node:path'
import type { FileSystem } from '../disk/fs.js'
import { ifThere, isOfUser, isSticky, lstatIfThere } from '../disk/stats.js'
import { LockEntries, type LockSurroundings } from './lock-entries.js'

/**
 * Where the folder of a lock stands. Almost always that is one path. In a folder with the sticky bit, such as /tmp,
 * another user may take that name, and nobody but that user can remove it again: so each user has locks of his own
 * there, under the first name that no other user has (`NAME`, `NAME:1`, `NAME:2`, …).
 *
 * All processes of a user must agree on one name although other users come and go. Whoever is about to use one makes
 * his entry there, and only then looks whether we have a second one. Of two that use different names, the one that
 * made its entry later sees the other's; it gives up and begins anew, and then takes the name that is in use.
 */
export class LockPlace {
  readonly #fs: FileSystem
  readonly #folder: string
  readonly #name: string
  readonly #surroundings: LockSurroundings
  readonly #isSticky: boolean

  /** @param folder the locked folder, resolved */
  constructor(fs: FileSystem, folder: string, name: string, surroundings: LockSurroundings) {
    const { around } = surroundings
    this.#fs = fs
    this.#folder = folder
    this.#name = name
    this.#surroundings = surroundings
    this.#isSticky = isSticky(fs, around)
  }

  /** The path for the folder of the lock; and one that another user has instead of us, if any. */
  async choose(): Promise<{ path: string; foreign?: string }> {
    const { ours, foreign } = await this.#look()
    let n = 0
    while (foreign.has(this.#numbered(n))) n++
    const path = this.#at(ours.at(-1) ?? this.#numbered(n))
    const [first] = foreign
    return first === undefined ? { path } : { path, foreign: this.#at(first) }
  }

  /** Whether `path`, where we have an entry, is ours, and the only one that is in use. */
  async isOnly(path: string): Promise<boolean> {
    if (!this.#isSticky) return true
    const { ours } = await this.#look()
    const others = ours.map((name) => this.#at(name)).filter((other) => other !== path)
    // what dead processes left there is not in use
    for (const other of others) await new LockEntries(this.#fs, other, this.#surroundings).collectAll()
    for (const other of others) if (await lstatIfThere(this.#fs, other)) return false
    return others.length < ours.length
  }

  /** Whether another user has the path. */
  async isForeign(path: string): Promise<boolean> {
    const there = this.#isSticky ? await lstatIfThere(this.#fs, path) : undefined
    return there !== undefined && !isOfUser(this.#fs, there)
  }

  /** What stands there under names that the lock may have. */
  async #look(): Promise<{ ours: string[]; foreign: Set<string> }> {
    const ours: string[] = []
    const foreign = new Set<string>()
    if (!this.#isSticky) return { ours, foreign }
    const names = ((await ifThere(this.#fs.readdir(this.#folder))) ?? []).map(String)
    for (const name of names.filter((one) => one === this.#name || this.#isNumbered(one)).sort()) {
      const there = await lstatIfThere(this.#fs, this.#at(name))
      if (there && isOfUser(this.#fs, there)) ours.push(name)
      else if (there) foreign.add(name)
    }
    return { ours, foreign }
  }

  /** No lock has a `:` in its own name. */
  #numbered(n: number): string {
    return n === 0 ? this.#name : `${this.#name}:${n}`
  }

  #isNumbered(name: string): boolean {
    return name.startsWith(`${this.#name}:`) && /^[1-9]\d*$/.test(name.slice(this.#name.length + 1))
  }

  #at(name: string): string {
    return join(this.#folder, name)
  }
}
