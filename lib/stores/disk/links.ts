import { printable, SluiceError } from '../../errors.js'
import { diskError, errorCode } from '../../files/disk/disk-error.js'
import { type FileSystem, lstatIfThere, moveOver } from '../../files/disk/fs.js'
import { nameOf, parentOf } from '../../files/disk/names.js'
import { temporaryName } from '../../files/own/temporary-name.js'
import { firstFree } from '../../files/publish/first-free.js'
import type { Directory } from '../../files/tree/tree.js'
import type { Entry } from '../../wire/manifest.js'
import { failed, failureOf, type Outcome, skipped } from '../../wire/outcome.js'
import type { Conflict, PublishPolicy } from '../parts.js'
import type { DiskStore } from './disk-store.js'
import { staysInside } from './link-target.js'

/**
 * Makes the symbolic links, one after the other, at the very end: nothing is ever written through one. A name that is
 * taken is dealt with as for files, but for two things: a link with the same target is there already, whatever
 * `unless` says, and a folder makes no room for a link, under 'replace' neither: the link gets a suffix.
 */
export async function makeLinks(
  store: DiskStore,
  entries: readonly Entry[],
  { symlinks, conflict }: PublishPolicy,
): Promise<Outcome[]> {
  const outcomes: Outcome[] = []
  for (const entry of entries) {
    outcomes.push(symlinks === 'keep' ? await makeLink(store, entry, conflict) : skippedLink(entry))
  }
  return outcomes
}

/** Makes a symbolic link, if it leads to something inside. */
async function makeLink(store: DiskStore, entry: Entry, conflict: Conflict): Promise<Outcome> {
  const { path } = entry
  if (!staysInside(path, entry.target!)) {
    return skippedLink(entry, 'the link leads, or could lead, out of the destination')
  }
  try {
    const { fs, durability } = store
    const above = await store.folders.make(parentOf(path))
    return await store.within(above, async (folder) => {
      const outcome = await new Link(fs, folder, entry, conflict).make(above)
      if (durability === 'power') await folder.sync()
      return outcome
    })
  } catch (error) {
    return failed(entry, diskError(error, 'make the link', path))
  }
}

class Link {
  readonly #fs: FileSystem
  readonly #folder: Directory
  readonly #entry: Entry
  readonly #conflict: Conflict
  #warning: SluiceError | undefined

  constructor(fs: FileSystem, folder: Directory, entry: Entry, conflict: Conflict) {
    this.#fs = fs
    this.#folder = folder
    this.#entry = entry
    this.#conflict = conflict
  }

  async make(above: string): Promise<Outcome> {
    const { path } = this.#entry
    return firstFree(nameOf(path), path, async (name, n) => {
      const ended = await this.#try(name, n === 0)
      if (!ended) return undefined
      const full = above === '' ? name : `${above}/${name}`
      const warning = this.#warning && { error: this.#warning, code: this.#warning.code }
      return { entry: this.#entry, path, ...(full === path ? {} : { name: full }), ...warning, ...ended }
    })
  }

  /** One name; undefined sends on to the next one. */
  async #try(name: string, first: boolean): Promise<Omit<Outcome, 'entry' | 'path'> | undefined> {
    const target = this.#entry.target!
    const at = this.#folder.at(name)
    try {
      await this.#fs.symlink(target, at)
      return { status: 'published' }
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
    }
    const same = await this.#fs.readlink(at).then(
      (there) => there === target,
      () => false,
    )
    if (same) return { status: 'skipped', reason: 'identical' }
    return first ? this.#byPolicy(at) : undefined
  }

  async #byPolicy(at: string): Promise<Omit<Outcome, 'entry' | 'path'> | undefined> {
    const { path } = this.#entry
    switch (this.#conflict) {
      case 'rename':
        return undefined
      case 'skip':
        return { status: 'skipped', reason: 'conflict' }
      case 'fail': {
        const why = 'the name is taken; move away what has it, or choose another conflict policy'
        return { status: 'failed', code: 'ERR_CONFLICT', error: failureOf(this.#entry, 'ERR_CONFLICT', why) }
      }
      case 'overwrite':
      case 'replace': {
        const there = await lstatIfThere(this.#fs, at)
        if (!there || there.isFile() || there.isSymbolicLink()) return this.#over(at)
        const message = `${printable(path)} stays as it was, because it is neither file nor link: the new link gets a suffix`
        this.#warning = new SluiceError('ERR_CONFLICT', message, { path })
        return undefined
      }
    }
  }

  /** By one rename: at every moment there is the old one or the new one. */
  async #over(at: string): Promise<Omit<Outcome, 'entry' | 'path'>> {
    const temporary = this.#folder.at(temporaryName())
    await this.#fs.symlink(this.#entry.target!, temporary)
    try {
      await moveOver(this.#fs, temporary, at)
    } catch (error) {
      await this.#fs.unlink(temporary).catch(() => {})
      throw error
    }
    return { status: 'published' }
  }
}

/** A symbolic link that is not made. */
function skippedLink(entry: Entry, why = 'symbolic links were not asked for'): Outcome {
  return skipped(entry, 'symlink', failureOf(entry, 'ERR_SKIPPED', why))
}
