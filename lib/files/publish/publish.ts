import { printable, SluiceError } from '../../errors.js'
import { badOption, checkChoice, checkKeys } from '../../options.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import type { FileStats, FileSystem } from '../disk/fs.js'
import { moveOver } from '../disk/move-file.js'
import { checkIsOther } from '../disk/names.js'
import { lstatIfThere, numbersOf, removeWritten, sameInode, type WrittenFile } from '../disk/stats.js'
import { syncFile } from '../disk/sync.js'
import { checkTargetNotReserved, isOwnName } from '../own/reserved.js'
import type { OpenFolder } from '../tree/open-folder.js'
import { firstFree } from './first-free.js'
import { CONFLICTS, type Conflict, DURABILITIES, type Durability } from './policies.js'
import { type Replaced, replaceFolder } from './replace-folder.js'
import type { SuffixMemory } from './suffixes.js'
import { checkIsWritten, type TemporaryFile, takeName } from './take-name.js'

export type { Conflict, Durability } from './policies.js'

/** Options of {@link publish}. */
export interface PublishOptions {
  conflict: Conflict
  durability: Durability
  /** Whether a file that has the name already makes this one needless, for example because it is the same. */
  isThere?: (there: StandingFile) => Promise<boolean>
  /**
   * Calls `replace`, unless what has the name must not be overwritten whatever the policy says: then the file gets a
   * suffix. Default: it may be.
   * @returns whether `replace` was called, and has resolved
   */
  replacing?: (there: FileStats, replace: () => Promise<void>) => Promise<boolean>
  /**
   * Whether what has a name is an older version of the file, which it replaces under any policy. Asked again right
   * before that.
   */
  isOlder?: (there: FileStats, name: string) => boolean
  /** Which suffixes to try. Default: each, from the first on. */
  suffixes?: SuffixMemory
  /** The file that was written and verified. Given, nothing else gets the name: it fails with `ERR_WRITE`. */
  written?: WrittenFile | undefined
}

/** `ERR_USAGE` for a wrong option. */
export function checkPublish(options: Partial<PublishOptions>): void {
  checkKeys('options', options, {
    conflict: true,
    durability: true,
    isThere: true,
    replacing: true,
    isOlder: true,
    suffixes: true,
    written: true,
  })
  checkChoice('conflict', options.conflict, CONFLICTS)
  checkChoice('durability', options.durability, DURABILITIES)
}

/** A file that has a name which another one is to get. */
export interface StandingFile {
  path: string
  stats: FileStats
  /** Whether it has the name that was asked for, and no suffix. */
  isFirst: boolean
  /** Where the other one is. */
  temporary: string
}

/** How a file got its name. */
export interface Published {
  /**
   * 'created': the name was free. 'replaced': the file or folder that had it is gone. 'renamed': the new file has a
   * suffix. 'identical': a file with the same content had the name already. 'skipped': other content has the name,
   * and was left.
   */
  how: 'created' | 'replaced' | 'renamed' | 'identical' | 'skipped'
  /** The name that the content has now; with 'skipped' the name that was taken. */
  name: string
  /** What failed, although the file is there. */
  warning?: SluiceError
}

/** Errors of a rename over a folder, a file in use, or one of another user: then the new file gets a suffix. */
const NOT_OVERWRITABLE = new Set('EISDIR ENOTDIR ENOTEMPTY EEXIST EACCES EPERM EBUSY ETXTBSY'.split(' '))

/**
 * Gives the finished file `temporary` in `folder` its name, never by half: if the name is free, by link and
 * unlink; over what may be overwritten, by one atomic rename. With durability 'power' the content must have been
 * synced before; the name is synced here. Several calls at once in one folder share their syncs.
 *
 * When it resolves, the temporary name is gone (or the warning says why not). When it rejects, the file does not
 * count as published, and `temporary` exists unless the content has another name already; calling it again continues
 * where this call stopped. Fails with `ERR_CONFLICT` (conflict 'fail'), `ERR_DISK_FULL`, `ERR_READ_ONLY`,
 * `ERR_PERMISSION`, `ERR_WRITE`, and before anything is done with `ERR_PATH` for a name that Sluice itself uses, and
 * with `ERR_USAGE`.
 */
export async function publish(
  fs: FileSystem,
  folder: OpenFolder,
  temporary: string,
  name: string,
  options: PublishOptions,
): Promise<Published> {
  checkPublish(options)
  checkChoice('conflict', options.conflict ?? null, CONFLICTS)
  checkChoice('durability', options.durability ?? null, DURABILITIES)
  const shown = folder.path === '' ? name : `${folder.path}/${name}`
  checkTargetNotReserved(shown, isOwnName)
  checkIsOther('temporary', temporary, name)
  try {
    return await new Publication({ fs, folder, temporary, written: options.written }, options, shown).run(
      name,
    )
  } catch (error) {
    throw diskError(error, 'publish', shown)
  }
}

class Publication {
  readonly #file: TemporaryFile
  readonly #options: PublishOptions
  readonly #shown: string
  #warning: SluiceError | undefined
  /** What has the name itself. */
  #first: FileStats | undefined

  constructor(file: TemporaryFile, options: PublishOptions, shown: string) {
    this.#file = file
    this.#options = options
    this.#shown = shown
  }

  async run(name: string): Promise<Published> {
    const { suffixes } = this.#options
    const after = suffixes && (() => suffixes.after(this.#first))
    const take = async (candidate: string, n: number) => {
      const published = await this.#try(candidate, n)
      if (published && n > 0) suffixes?.note(this.#first, n)
      return published
    }
    const published = await firstFree(name, this.#shown, take, after)
    return this.#warning ? { ...published, warning: this.#warning } : published
  }

  /** Tries one name; undefined: try the next one. */
  async #try(name: string, n: number): Promise<Published | undefined> {
    const { fs, folder, temporary } = this.#file
    const first = n === 0
    // again if what had the name was removed between the link and the lstat
    for (let tries = 0; tries < 16; tries++) {
      const claimed = await takeName(this.#file, name)
      if (claimed !== 'taken') return this.#finish(claimed, first ? 'created' : 'renamed', name)
      const there = await lstatIfThere(fs, folder.at(name))
      if (!there) continue
      if (first) this.#first = there
      else this.#options.suffixes?.note(this.#first, n, there)
      const standing = {
        path: folder.at(name),
        stats: there,
        isFirst: first,
        temporary: folder.at(temporary),
      }
      if (there.isFile() && (await this.#options.isThere?.(standing))) return this.#keepIdentical(name)
      const isOlder = this.#isOlder(there, name)
      const take = () => (isOlder ? this.#mayOver(name, there, true) : this.#byPolicy(name, there))
      const ended = first || isOlder ? await take() : undefined
      if (ended !== 'again') return ended
    }
    return undefined
  }

  #isOlder(there: FileStats, name: string): boolean {
    return this.#options.isOlder?.(there, name) === true
  }

  async #byPolicy(name: string, there: FileStats): Promise<Published | 'again' | undefined> {
    const { conflict } = this.#options
    switch (conflict) {
      case 'rename':
        return undefined
      case 'skip':
        await this.#dropTemporary()
        return { how: 'skipped', name }
      case 'fail': {
        const message = `${printable(this.#shown)} is taken by other content; move it away or choose another conflict policy`
        throw new SluiceError('ERR_CONFLICT', message, { path: this.#shown, saysPath: true })
      }
      case 'overwrite':
      case 'replace':
        return this.#mayOver(name, there, false)
      default:
        // an unknown policy must never cost a file
        throw badOption('conflict', 'one of those that there are', conflict satisfies never)
    }
  }

  /**
   * 'again' if something else has the name by now.
   * @param isOlder only an older version may go
   */
  async #mayOver(name: string, there: FileStats, isOlder: boolean): Promise<Published | 'again' | undefined> {
    const { fs, folder } = this.#file
    const { replacing = (_there, replace) => replace().then(() => true) } = this.#options
    let published: Published | 'again' | undefined
    const isAllowed = await replacing(there, async () => {
      const now = await lstatIfThere(fs, folder.at(name))
      const isStill = now && sameInode(now, there) && (!isOlder || this.#isOlder(now, name))
      published = isStill ? await this.#over(name, there) : 'again'
    })
    return isAllowed ? published : this.#fallBack('the same transfer brought it')
  }

  async #over(name: string, there: FileStats): Promise<Published | undefined> {
    const { fs, folder, temporary, written } = this.#file
    const replace = this.#options.conflict === 'replace'
    let replaced: Replaced | undefined
    await checkIsWritten(this.#file)
    try {
      // a pipe or a device has no content that could be overwritten
      if (!replace && !there.isFile() && !there.isSymbolicLink()) {
        return this.#fallBack('it is not a regular file')
      }
      if (replace && there.isDirectory()) {
        replaced = await replaceFolder(this.#file, name, this.#options.durability)
      } else await moveOver(fs, folder.at(temporary), folder.at(name), written)
    } catch (error) {
      if (!NOT_OVERWRITABLE.has(errorCode(error) ?? '')) throw error
      return this.#fallBack(`it cannot be overwritten (${errorCode(error)})`, error)
    }
    try {
      const published = await this.#finish('moved', 'replaced', name)
      this.#warning ??= await replaced?.removeOld()
      return published
    } finally {
      await replaced?.close()
    }
  }

  /** The new file gets a suffix instead of the name. */
  #fallBack(why: string, cause?: unknown): undefined {
    const message = `${printable(this.#shown)} stays as it was, because ${why}: the new file gets a suffix`
    this.#warning ??= new SluiceError('ERR_CONFLICT', message, { path: this.#shown, cause })
  }

  /** The content has its name: syncs that, then removes the temporary name. */
  async #finish(claimed: 'linked' | 'moved', how: Published['how'], name: string): Promise<Published> {
    // in the other order a power cut could lose both names
    if (this.#options.durability === 'power') await this.#file.folder.sync()
    if (claimed === 'linked') await this.#dropTemporary()
    return { how, name }
  }

  /** A file with the same content has the name: with 'power' it is synced before it counts as published. */
  async #keepIdentical(name: string): Promise<Published> {
    const { fs, folder } = this.#file
    if (this.#options.durability === 'power') {
      await syncFile(fs, folder.at(name))
      await folder.sync()
    }
    await this.#dropTemporary()
    return { how: 'identical', name }
  }

  async #dropTemporary(): Promise<void> {
    const { fs, folder, temporary, written } = this.#file
    try {
      await removeWritten(fs, folder.at(temporary), written && numbersOf(written))
      // else it could be back after a power cut, when nobody knows of it any more
      if (this.#options.durability === 'power') await folder.sync()
    } catch (error) {
      if (errorCode(error) !== 'ENOENT')
        this.#warning ??= diskError(error, 'remove the temporary file', temporary)
    }
  }
}
