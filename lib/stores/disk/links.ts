import { printable, SluiceError } from '../../errors.js'
import { errorCode } from '../../files/disk/disk-error.js'
import type { FileStats, FileSystem } from '../../files/disk/fs.js'
import { moveOver } from '../../files/disk/move-file.js'
import { nameOf, parentOf } from '../../files/disk/names.js'
import { lstatIfThere } from '../../files/disk/stats.js'
import { temporaryName } from '../../files/own/temporary-name.js'
import { firstFree } from '../../files/publish/first-free.js'
import type { OpenFolder } from '../../files/tree/tree.js'
import type { Entry } from '../../wire/entry.js'
import type { Conflict, Placement, PublishPolicy } from '../policy.js'
import type { DiskStore } from './disk-store.js'

/**
 * Makes a symbolic link. A name that is taken is dealt with as for files, but for two things: a link with the same
 * target is there already, whatever `unless` says, and a folder makes no room for a link, under 'replace' neither: the
 * link gets a suffix.
 */
export async function makeLink(
  store: DiskStore,
  entry: Entry,
  { conflict }: PublishPolicy,
): Promise<Placement> {
  const { durability } = store
  const above = await store.folders.make(parentOf(entry.path))
  return store.within(above, async (folder) => {
    const name = nameOf(store.folders.pathOf(entry.path))
    const placement = await new Link(store, { folder, above }, entry, conflict).make(name)
    if (durability === 'power') await folder.sync()
    return placement
  })
}

class Link {
  readonly #store: DiskStore
  readonly #fs: FileSystem
  readonly #folder: OpenFolder
  /** The path of that folder on disk. */
  readonly #above: string
  readonly #entry: Entry
  readonly #conflict: Conflict
  #warning: SluiceError | undefined

  constructor(
    store: DiskStore,
    { folder, above }: { folder: OpenFolder; above: string },
    entry: Entry,
    conflict: Conflict,
  ) {
    this.#store = store
    this.#fs = store.fs
    this.#folder = folder
    this.#above = above
    this.#entry = entry
    this.#conflict = conflict
  }

  async make(asked: string): Promise<Placement> {
    const { suffixes } = this.#store
    let first: FileStats | undefined
    const take = async (name: string, n: number) => {
      const ended = await this.#try(name, n === 0)
      if (ended) {
        if (n > 0) suffixes.note(first, n)
        return { name: this.#pathOf(name), warning: this.#warning, ...ended }
      }
      const there = await lstatIfThere(this.#fs, this.#folder.at(name))
      if (n === 0) first = there
      else if (there) suffixes.note(first, n, this.#store.likeOf(there))
      return undefined
    }
    const own = () => this.#store.ownSuffixes(this.#entry.path, suffixes.after(first, 'link'))
    return firstFree(asked, this.#entry.path, take, own)
  }

  /** Below the root. */
  #pathOf(name: string): string {
    return this.#above === '' ? name : `${this.#above}/${name}`
  }

  /** One name; undefined sends on to the next one. */
  async #try(name: string, first: boolean): Promise<Placement | undefined> {
    const target = this.#entry.target!
    const at = this.#folder.at(name)
    const { refusal } = this.#store
    if (refusal && !(await lstatIfThere(this.#fs, at))) throw refusal
    try {
      await this.#fs.symlink(target, at)
      await this.#brought(at)
      return {}
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
    }
    const same = await this.#fs.readlink(at).then(
      (there) => there === target,
      () => false,
    )
    if (same) {
      await this.#brought(at)
      return { skipped: 'identical' }
    }
    return first ? this.#byPolicy(name) : undefined
  }

  async #byPolicy(name: string): Promise<Placement | undefined> {
    const { path } = this.#entry
    const at = this.#folder.at(name)
    switch (this.#conflict) {
      case 'rename':
        return undefined
      case 'skip':
        return { skipped: 'conflict' }
      case 'fail': {
        const why = 'is taken; move away what has it, or choose another conflict policy'
        throw new SluiceError('ERR_CONFLICT', `${printable(path)} ${why}`, { path, saysPath: true })
      }
      case 'overwrite':
      case 'replace': {
        await this.#store.brought?.recall()
        const there = await lstatIfThere(this.#fs, at)
        const isOld = !there || !this.#store.brought?.has({ path: this.#pathOf(name), stats: there })
        if (isOld && (!there || there.isFile() || there.isSymbolicLink())) return this.#over(at)
        const why = isOld ? 'it is neither file nor link' : 'the same transfer brought it'
        const message = `${printable(path)} stays as it was, because ${why}: the new link gets a suffix`
        this.#warning = new SluiceError('ERR_CONFLICT', message, { path })
        return undefined
      }
    }
  }

  /** By one rename: at every moment there is the old one or the new one. */
  async #over(at: string): Promise<Placement> {
    const temporary = this.#folder.at(temporaryName())
    await this.#fs.symlink(this.#entry.target!, temporary)
    try {
      await moveOver(this.#fs, temporary, at)
    } catch (error) {
      await this.#fs.unlink(temporary).catch(() => {})
      throw error
    }
    await this.#brought(at)
    return {}
  }

  /** No other link of the transfer takes its place. They are made one after the other, when all files are there. */
  async #brought(at: string): Promise<void> {
    const { brought } = this.#store
    if (brought) brought.add(await this.#fs.lstat(at))
  }
}
