import { join } from 'node:path'
import { printable, SluiceError } from '../../errors.js'
import { badOption, checkAbortSignal, checkChoice, checkDuration, checkLocalPath } from '../../options.js'
import { type Audited, audited } from '../audit/audited.js'
import { type Clock, systemClock } from '../disk/clock.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { lstatIfThere } from '../disk/stats.js'
import { type ProcessSystem, processSystem, thisOwner } from '../own/owner.js'
import { Backoff } from './backoff.js'
import { LockFolder } from './lock-folder.js'
import { type LockMode, lockFolderName } from './lock-names.js'
import { takeLock } from './take-lock.js'

/** Options of {@link DirectoryLock.acquire}. */
export interface LockOptions extends Audited {
  /** Default 'exclusive'. */
  mode?: LockMode
  /** Which lock of the folder; locks of different names do not know of each other. Default 'lock'. */
  name?: string
  /** Milliseconds to wait at most; 0 tries once, Infinity waits for ever. Default 10,000. */
  timeout?: number
  /** Ends the waiting. */
  signal?: AbortSignal | undefined
  fs?: FileSystem
  /** Who we are and who lives; for tests. */
  system?: ProcessSystem
  /** For tests. */
  clock?: Clock
  /** From 0 to 1, for pauses and samples; for tests. */
  random?: () => number
}

const TIMEOUT = 10_000

/**
 * A lock between processes, and within one, on a folder: shared or exclusive. It keeps out only those who ask for it.
 *
 * It is a folder `.sluice-lock-NAME` inside the one that is locked, there only while somebody holds the lock or waits
 * for it. What a process leaves that died is taken over, and only that: an owner whose number belongs to another
 * process by now, or who is from an earlier boot, is gone; one on another machine or in another container never is,
 * nor is one that a clock says is late. An exclusive claim that waits lets no new reader in once it is at the front,
 * so readers that come and go do not keep it out; among those that wait, chance decides who is next.
 *
 * Users who may all write to the folder share its lock: what the lock is made of gets the permission bits of the folder.
 * Not in one with the sticky bit, as /tmp: there it is the first one's while he holds it, and the others get
 * `ERR_PERMISSION` at once.
 *
 * Not promised: on a network disk it holds as far as `mkdir` and `rename` are atomic there and `readdir` shows what
 * was there before; and what a dead owner left on one machine stays until that machine locks the same name again.
 * Where the system does not say when a process began (there is no /proc), a number that is used again keeps the lock
 * held, and two machines that share a disk and a name are taken for one. The lock belongs to the process: a thread
 * that ends does not give it back. It is not re-entrant: the holder would wait for itself.
 */
export class DirectoryLock implements AsyncDisposable {
  readonly mode: LockMode
  /** The random part of the name of its entry: this lock, among all that there ever were. */
  readonly token: string
  readonly #folder: LockFolder
  readonly #directory: string
  #given = false
  #release: Promise<void> | undefined

  private constructor(folder: LockFolder, directory: string) {
    this.mode = folder.claimant.mode
    this.token = folder.claimant.owner.token
    this.#folder = folder
    this.#directory = directory
  }

  /**
   * Waits for the lock on `directory`, which must be there. Fails with `ERR_LOCKED` (the time is over; `error.found`
   * says who holds it), `ERR_CANCELLED` (`cause` is the signal's reason), `ERR_USAGE`, and as the disk fails:
   * `ERR_WRITE`, `ERR_PERMISSION`, `ERR_READ_ONLY`, `ERR_DISK_FULL`, `ERR_UNSAFE_LINK`.
   */
  static acquire(directory: string, options: LockOptions = {}): Promise<DirectoryLock> {
    return audited('lock', directory, options, () => DirectoryLock.#acquire(directory, options))
  }

  static async #acquire(directory: string, options: LockOptions): Promise<DirectoryLock> {
    const { folderName, mode, timeout, signal } = checked(directory, options)
    const { fs = nodeFileSystem, system = processSystem, clock = systemClock, random = Math.random } = options
    const waiting = new Backoff({ clock, timeout, signal, random })
    waiting.ensureWanted()
    let path: string | undefined
    try {
      // the lock is given back where it was taken, whatever becomes of links and of the working directory
      const real = await fs.realpath(directory)
      path = join(real, folderName)
      const around = await fs.stat(real)
      const folder = new LockFolder(fs, path, { mode, owner: thisOwner(system) }, { system, around })
      try {
        await takeLock(folder, waiting, random, directory)
        waiting.ensureWanted()
      } catch (error) {
        await folder.withdraw().catch(() => {})
        throw error
      }
      return new DirectoryLock(folder, directory)
    } catch (error) {
      throw (await refusal(fs, error, directory, path)) ?? diskError(error, 'lock', directory)
    }
  }

  /**
   * Whether it is still held: to be asked before the step that it protects. Fails with `ERR_LOCK_LOST` if it was
   * released, or somebody removed it by hand; and as the disk fails.
   */
  async check(): Promise<void> {
    const { path } = this.#folder
    if (this.#given) throw this.#lost('it was released')
    try {
      if (await this.#folder.isHeld()) return
    } catch (error) {
      throw diskError(error, 'check the lock on', this.#directory)
    }
    throw this.#lost(`its entry in ${printable(path)} is gone: do not go on, and take the lock anew`)
  }

  /**
   * Gives the lock back; only ever this one, even where somebody else holds it by now. The second time does nothing,
   * unless the first one failed. Fails as the disk does (`ERR_WRITE`, `ERR_PERMISSION`, `ERR_READ_ONLY`); then others
   * are kept out until it is done again, or this process takes the same lock again, or ends. So are they without an
   * error where the folder was moved meanwhile, with the lock in it.
   */
  release(): Promise<void> {
    this.#given = true
    this.#release ??= this.#folder.leave().catch((error: unknown) => {
      this.#release = undefined
      throw diskError(error, 'release the lock on', this.#directory)
    })
    return this.#release
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }

  #lost(why: string): SluiceError {
    const message = `the lock on ${printable(this.#directory)} is not held any more: ${why}`
    return new SluiceError('ERR_LOCK_LOST', message, { path: this.#directory })
  }
}

/** What to say where the folder of the lock is that of another user. */
async function refusal(
  fs: FileSystem,
  error: unknown,
  directory: string,
  path: string | undefined,
): Promise<SluiceError | undefined> {
  if (path === undefined || !['EACCES', 'EPERM'].includes(errorCode(error) ?? '')) return undefined
  const there = await lstatIfThere(fs, path).catch(() => undefined)
  if (!there) return undefined
  const shown = printable(path)
  const message =
    `cannot lock ${printable(directory)}: the folder of its lock belongs to the user ${there.uid}, and others may not ` +
    `write in it: let both users write to ${printable(directory)}, without the sticky bit, and, once nobody uses it, remove ${shown}`
  return new SluiceError('ERR_PERMISSION', message, { path: directory, cause: error })
}

interface Checked {
  folderName: string
  mode: LockMode
  timeout: number
  signal: AbortSignal | undefined
}

function checked(directory: string, options: LockOptions): Checked {
  const { mode = 'exclusive', name = 'lock', timeout = TIMEOUT, signal } = options
  checkLocalPath('directory', directory)
  checkChoice('mode', mode, ['exclusive', 'shared'])
  checkDuration('timeout', timeout)
  const folderName = typeof name === 'string' ? lockFolderName(name) : undefined
  if (folderName === undefined) {
    const expected = 'one plain name of at most 242 bytes, without / \\ : and NUL, and whole characters'
    throw badOption('name', expected, name)
  }
  checkAbortSignal('signal', signal)
  return { folderName, mode, timeout, signal }
}
