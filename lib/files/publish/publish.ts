import { printable, SluiceError } from '../../errors.js'
import { badOption, checkChoice } from '../../options.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import type { FileStats, FileSystem } from '../disk/fs.js'
import { moveOver } from '../disk/move-file.js'
import { lstatIfThere } from '../disk/stats.js'
import { syncFile } from '../disk/sync.js'
import type { Directory } from '../tree/directory.js'
import { firstFree } from './first-free.js'
import { type Replaced, replaceDirectory } from './replace-directory.js'
import { hasBothNames, type TemporaryFile, takeName } from './take-name.js'

/** What to do when the name is taken by other content. */
export type Conflict = 'rename' | 'overwrite' | 'replace' | 'skip' | 'fail'

/** What a finished write survives: the death of the process, or the loss of power too. */
export type Durability = 'crash' | 'power'

/** Each {@link Conflict}. */
export const CONFLICTS: readonly Conflict[] = ['rename', 'overwrite', 'replace', 'skip', 'fail']

/** Each {@link Durability}. */
export const DURABILITIES: readonly Durability[] = ['crash', 'power']

/** Options of {@link publish}. */
export interface PublishOptions {
  conflict: Conflict
  durability: Durability
  /** Whether the regular file at `path` has the same content as ours, at `temporary`; asked when the name is taken. */
  identical?: (path: string, temporary: string) => Promise<boolean>
}

/** How a file got its name. */
export interface Published {
  /**
   * 'created': the name was free. 'replaced': what stood there is gone. 'renamed': it has a suffix now.
   * 'identical': the same content stood there already. 'skipped': other content stands there, and was left.
   */
  how: 'created' | 'replaced' | 'renamed' | 'identical' | 'skipped'
  /** The name that holds the content; with 'skipped' the one that was taken. */
  name: string
  /** What did not go as asked, although the file is there. */
  warning?: SluiceError
}

/** A folder in the way, a file that is in use, or one that belongs to somebody else: then the suffix is taken. */
const NOT_OVERWRITABLE = new Set([
  'EISDIR',
  'ENOTDIR',
  'ENOTEMPTY',
  'EEXIST',
  'EACCES',
  'EPERM',
  'EBUSY',
  'ETXTBSY',
])

/**
 * Gives the finished file `temporary` in `directory` its name, never by half (CRASH-SAFETY.md): by link and unlink
 * where the name is free, by one atomic rename over what may be overwritten. With durability 'power' the file's
 * content must be synced before; its name is synced here. Several at once in one folder share their syncs.
 *
 * When it resolves, the temporary name is gone (or the warning says why not). When it rejects, nothing is to be
 * acknowledged, and `temporary` stands as long as the content is under no other name; publishing it again goes on
 * where this one stopped. Fails with `ERR_CONFLICT` (conflict 'fail'), `ERR_DISK_FULL`, `ERR_READ_ONLY`,
 * `ERR_PERMISSION`, `ERR_WRITE`, and with `ERR_USAGE` before anything is done.
 */
export async function publish(
  fs: FileSystem,
  directory: Directory,
  temporary: string,
  name: string,
  options: PublishOptions,
): Promise<Published> {
  checkChoice('conflict', options.conflict ?? null, CONFLICTS)
  checkChoice('durability', options.durability ?? null, DURABILITIES)
  const shown = directory.path === '' ? name : `${directory.path}/${name}`
  try {
    return await new Publication({ fs, directory, temporary }, options, shown).run(name)
  } catch (error) {
    throw diskError(error, 'publish', shown)
  }
}

/**
 * Ends what a crash left between link and unlink, where `temporary` and `name` are one file: removes the temporary
 * name (renaming one over the other would do nothing). Gives 'published' if that was so, else 'pending' (the
 * temporary file is there and still to be published) or 'missing' (there is none). May itself be run again.
 */
export async function recoverPublish(
  fs: FileSystem,
  directory: Directory,
  temporary: string,
  name: string,
  durability: Durability,
): Promise<'published' | 'pending' | 'missing'> {
  checkChoice('durability', durability ?? null, DURABILITIES)
  try {
    const file = { fs, directory, temporary }
    if (!(await lstatIfThere(fs, directory.at(temporary)))) return 'missing'
    if (!(await hasBothNames(file, name))) return 'pending'
    // nobody knows whether the link is on the disk: it must be before the other name goes
    if (durability === 'power') await directory.sync()
    await fs.unlink(directory.at(temporary))
    if (durability === 'power') await directory.sync()
    return 'published'
  } catch (error) {
    throw diskError(error, 'recover', name)
  }
}

class Publication {
  readonly #file: TemporaryFile
  readonly #options: PublishOptions
  readonly #shown: string
  #warning: SluiceError | undefined

  constructor(file: TemporaryFile, options: PublishOptions, shown: string) {
    this.#file = file
    this.#options = options
    this.#shown = shown
  }

  async run(name: string): Promise<Published> {
    const published = await firstFree(name, this.#shown, (candidate, n) => this.#try(candidate, n === 0))
    return this.#warning ? { ...published, warning: this.#warning } : published
  }

  /** One name; undefined sends on to the next one. */
  async #try(name: string, first: boolean): Promise<Published | undefined> {
    const { fs, directory, temporary } = this.#file
    // again where what had the name went away between the claim and the look
    for (let tries = 0; tries < 16; tries++) {
      const claimed = await takeName(this.#file, name)
      if (claimed !== 'taken') return this.#settle(claimed, first ? 'created' : 'renamed', name)
      const there = await lstatIfThere(fs, directory.at(name))
      if (!there) continue
      const isSame = async () => this.#options.identical?.(directory.at(name), directory.at(temporary))
      if (there.isFile() && (await isSame())) return this.#keepStanding(name)
      return first ? this.#byPolicy(name, there) : undefined
    }
    return undefined
  }

  async #byPolicy(name: string, there: FileStats): Promise<Published | undefined> {
    const { conflict } = this.#options
    switch (conflict) {
      case 'rename':
        return undefined
      case 'skip':
        await this.#dropTemporary()
        return { how: 'skipped', name }
      case 'fail': {
        const message = `${printable(this.#shown)} is taken by other content; move it away or choose another conflict policy`
        throw new SluiceError('ERR_CONFLICT', message, { path: this.#shown })
      }
      case 'overwrite':
      case 'replace':
        return this.#over(name, there)
      default:
        // whatever was not asked for by its name never costs a file
        throw badOption('conflict', 'one of those that there are', conflict satisfies never)
    }
  }

  async #over(name: string, there: FileStats): Promise<Published | undefined> {
    const { fs, directory, temporary } = this.#file
    const replace = this.#options.conflict === 'replace'
    let folder: Replaced | undefined
    try {
      // a pipe or a device is no content that could be overwritten
      if (!replace && !there.isFile() && !there.isSymbolicLink()) {
        return this.#fallBack('it is not a regular file')
      }
      if (replace && there.isDirectory()) {
        folder = await replaceDirectory(this.#file, name, this.#options.durability)
      } else await moveOver(fs, directory.at(temporary), directory.at(name))
    } catch (error) {
      if (!NOT_OVERWRITABLE.has(errorCode(error) ?? '')) throw error
      return this.#fallBack(`it cannot be overwritten (${errorCode(error)})`, error)
    }
    try {
      const published = await this.#settle('moved', 'replaced', name)
      this.#warning ??= await folder?.removeOld()
      return published
    } finally {
      await folder?.close()
    }
  }

  /** The suffix is taken instead of the name. */
  #fallBack(why: string, cause?: unknown): undefined {
    const message = `${printable(this.#shown)} stays as it was, because ${why}: the new file gets a suffix`
    this.#warning ??= new SluiceError('ERR_CONFLICT', message, { path: this.#shown, cause })
  }

  /** The content has its name: makes that last, then takes the temporary name away. */
  async #settle(claimed: 'linked' | 'moved', how: Published['how'], name: string): Promise<Published> {
    // were the old name removed before the new one is on the disk, a power cut could take both
    if (this.#options.durability === 'power') await this.#file.directory.sync()
    if (claimed === 'linked') await this.#dropTemporary()
    return { how, name }
  }

  /** The same content stands there: with 'power' it is made to last before that is acknowledged. */
  async #keepStanding(name: string): Promise<Published> {
    const { fs, directory } = this.#file
    if (this.#options.durability === 'power') {
      await syncFile(fs, directory.at(name))
      await directory.sync()
    }
    await this.#dropTemporary()
    return { how: 'identical', name }
  }

  async #dropTemporary(): Promise<void> {
    const { fs, directory, temporary } = this.#file
    try {
      await fs.unlink(directory.at(temporary))
      // or it would be back after a power cut, and nobody would know of it any more
      if (this.#options.durability === 'power') await directory.sync()
    } catch (error) {
      if (errorCode(error) !== 'ENOENT') this.#warn(error)
    }
  }

  #warn(error: unknown): void {
    this.#warning ??= diskError(error, 'remove the temporary file', this.#file.temporary)
  }
}
