import { systemClock } from '../../clock.js'
import { isSluiceError, printable, SluiceError } from '../../errors.js'
import {
  badOption,
  checkAbortSignal,
  checkChoice,
  checkDuration,
  checkFlag,
  checkKeys,
} from '../../options.js'
import { audited, UNRECORDED } from '../audit/recorder.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import { localPath, type PathLike } from '../disk/names.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { lstatIfThere } from '../disk/stats.js'
import { OwnerWatch, Renewal } from '../own/lease.js'
import { processSystem, thisOwner } from '../own/owner.js'
import { makeFolders } from '../tree/make-folders.js'
import { LockClaim } from './claim.js'
import { fileLockName, type LockMode, lockFolderName } from './lock-names.js'
import { LOCK_OPTIONS, type LockOptions } from './lock-options.js'
import { LockPlace } from './lock-place.js'
import { ProcessQueue } from './process-queue.js'
import { Backoff, locked, takeLock } from './take-lock.js'

export type { LockOptions }

const { timeout: _, ...TRY_OPTIONS } = LOCK_OPTIONS

const TIMEOUT = 10_000

/**
 * A lock on a folder, between processes and within one: shared or exclusive. It excludes only those who use it.
 *
 * It is a folder `.sluice-lock-NAME` inside the locked one, which exists only while somebody holds the lock or waits
 * for it. A lock is taken over only from a dead process: one whose number now belongs to another process, or that ran
 * before the last boot. A holder on another machine or in another container cannot be looked at. It shows that it lives
 * every 2 seconds, and counts as dead when it did not for 10 seconds while somebody watched: that long one may wait,
 * whatever `timeout` says, unless it is 0. A holder that was only suspended, or blocked its event loop, then finds that
 * it has lost the lock: {@link FolderLock.check} says so. When a waiting exclusive claim is at the front, no new reader
 * gets in, so that a stream of readers does not starve it. Those that wait in one process get it in the order in which
 * they came; among processes chance decides who is next.
 *
 * All users who may write to the folder share its lock: the folder of the lock gets the permission bits of the locked
 * one. Not in a folder with the sticky bit, such as /tmp: there each user has locks of his own, and nobody can keep
 * another one out.
 *
 * Limits: on a network disk it works as far as `mkdir` and `rename` are atomic there and `readdir` shows what existed
 * before. Where the system
 * does not say when a process started (without /proc), a process number that is used again keeps the lock held, and
 * two machines that share a disk and a name count as one. The lock belongs to the process: a worker thread that ends
 * does not release it. It is not re-entrant: the holder would wait for itself.
 */
export class FolderLock implements AsyncDisposable {
  readonly mode: LockMode
  /** The random part of the name of its entry: it identifies this one acquisition. */
  readonly token: string
  /**
   * In a folder with the sticky bit: another user has taken the usual name of the lock, so that ours has another one.
   */
  readonly warning: SluiceError | undefined
  readonly #claim: LockClaim
  readonly #folder: string
  readonly #renewal: Renewal
  readonly #passTurn: () => void
  #given = false
  #release: Promise<void> | undefined

  private constructor(
    claim: LockClaim,
    folder: string,
    renewal: Renewal,
    passTurn: () => void,
    warning: SluiceError | undefined,
  ) {
    this.warning = warning
    this.#renewal = renewal
    this.#passTurn = passTurn
    this.mode = claim.claimant.mode
    this.token = claim.claimant.owner.token
    this.#claim = claim
    this.#folder = folder
  }

  /**
   * Waits for the lock on `folder`, which must exist unless `create` is set. Fails with `ERR_LOCKED` (the time is over;
   * `error.found` says who holds it), `ERR_CANCELLED` (`cause` is the reason of the signal), `ERR_USAGE`, and for
   * failures of the disk with `ERR_WRITE`, `ERR_PERMISSION`, `ERR_READ_ONLY`, `ERR_DISK_FULL`, `ERR_UNSAFE_LINK`.
   */
  static acquire(folder: PathLike, options: LockOptions = {}): Promise<FolderLock> {
    return audited('lock', folder, options, async () => {
      checkKeys('options', options, LOCK_OPTIONS)
      return FolderLock.#acquire(folder, options)
    })
  }

  /**
   * {@link FolderLock.acquire}, but gives null instead of failing with `ERR_LOCKED` when somebody else holds the lock.
   * It waits for nobody: not even to see whether a holder that cannot be looked at is dead. All other failures are
   * errors, as with `acquire`.
   */
  static tryAcquire(
    folder: PathLike,
    options: Omit<LockOptions, 'timeout'> = {},
  ): Promise<FolderLock | null> {
    return audited('tryLock', folder, options, async () => {
      checkKeys('options', options, TRY_OPTIONS)
      try {
        return await FolderLock.#acquire(folder, { ...options, timeout: 0 })
      } catch (error) {
        if (isSluiceError(error, 'ERR_LOCKED')) return null
        throw error
      }
    })
  }

  static async #acquire(given: PathLike, options: LockOptions): Promise<FolderLock> {
    const { fs = nodeFileSystem, system = processSystem, clock = systemClock, random = Math.random } = options
    const { mode = 'exclusive', name = 'lock', timeout = TIMEOUT, signal, renewals } = options
    const { force = false, create = false } = options
    const folder = localPath('folder', given)
    checkChoice('mode', mode, ['exclusive', 'shared'])
    checkDuration('timeout', timeout)
    checkAbortSignal('signal', signal)
    checkFlag('force', force)
    checkFlag('create', create)
    const folderName = typeof name === 'string' ? lockFolderName(name) : undefined
    if (folderName === undefined) {
      const expected = 'one plain name of at most 242 bytes, without / \\ : and NUL, and whole characters'
      throw badOption('name', expected, name)
    }
    const waiting = new Backoff(clock, timeout, signal, random)
    waiting.ensureWanted()
    let path: string | undefined
    try {
      if (create) await makeFolders(fs, folder, true)
      // resolved once: links may change before the release
      const real = await fs.realpath(folder)
      const around = await fs.stat(real)
      const surroundings = { system, around, random, watch: new OwnerWatch(clock, force) }
      const place = new LockPlace(fs, real, folderName, surroundings)
      for (;;) {
        const chosen = await place.choose()
        path = chosen.path
        const claim = new LockClaim(fs, path, { mode, owner: thisOwner(system) }, surroundings)
        const { claimant } = claim
        const queue = ProcessQueue.of(fs, system, path)
        const passTurn = () => queue.pass(claimant, clock.now())
        const before = await queue.take(claimant, waiting)
        if (before) throw locked(folder, claim, [before])
        const renewal = new Renewal(() => claim.renew(), renewals)
        try {
          await claim.announce()
          if (await place.isOnly(path)) {
            await takeLock(claim, waiting, folder)
            waiting.ensureWanted()
            if (mode === 'shared') passTurn()
            return new FolderLock(claim, folder, renewal, passTurn, takenName(chosen.foreign))
          }
          await renewal.stop()
          await claim.withdraw()
          passTurn()
        } catch (error) {
          await renewal.stop()
          await claim.withdraw().catch(() => {})
          passTurn()
          // another user was faster
          if (waiting.isOver || !(await place.isForeign(path))) throw error
        }
        await waiting.pause()
        waiting.ensureWanted()
      }
    } catch (error) {
      throw (await refusal(fs, error, folder, path)) ?? diskError(error, 'lock', folder)
    }
  }

  /**
   * Whether the lock is still held: to be called before the step that it protects. Fails with `ERR_LOCK_LOST` if it
   * was released, if somebody removed it by hand, or if it was taken over because this process did not show for 10
   * seconds that it lives, and with the codes of disk failures.
   */
  async check(): Promise<void> {
    const { path } = this.#claim
    if (this.#given) throw this.#lost('it was released')
    try {
      if (await this.#claim.isHeld()) return
    } catch (error) {
      throw diskError(error, 'check the lock on', this.#folder)
    }
    const why =
      'somebody removed it by hand, or took it over since this process was suspended or blocked for long'
    throw this.#lost(`its entry in ${printable(path)} is gone: do not go on, and take the lock anew (${why})`)
  }

  /**
   * Releases the lock; never that of somebody else who holds it by now. Does nothing the second time, unless the
   * first one failed. Fails with `ERR_WRITE`, `ERR_PERMISSION` or `ERR_READ_ONLY`; then others are excluded until the
   * release is tried again, this process takes the same lock again, or this process ends. Without an error they are
   * also excluded if the folder was moved meanwhile, with the lock in it.
   */
  release(): Promise<void> {
    this.#given = true
    this.#release ??= this.#renewal
      .stop()
      .then(() => this.#claim.leave())
      .catch((error: unknown) => {
        this.#release = undefined
        throw diskError(error, 'release the lock on', this.#folder)
      })
      .finally(this.#passTurn)
    return this.#release
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }

  #lost(why: string): SluiceError {
    const message = `the lock on ${printable(this.#folder)} is not held any more: ${why}`
    return new SluiceError('ERR_LOCK_LOST', message, { path: this.#folder })
  }
}

/**
 * Calls `work` while it holds the lock of the file `name` in `folder`. A lock that cannot be released becomes a warning
 * in the result: the work is done, and after an error the caller would repeat it.
 * @param path that of the file, for the warning
 */
export async function underFileLock<T extends { warning?: SluiceError }>(
  folder: string,
  name: string,
  path: string,
  options: LockOptions,
  work: (lock: FolderLock) => Promise<T>,
): Promise<T> {
  const lock = await FolderLock.acquire(folder, { ...options, name: fileLockName(name), audit: UNRECORDED })
  let result: T
  try {
    result = await work(lock)
  } catch (error) {
    // the first error is the one to report
    await lock.release().catch(() => {})
    throw error
  }
  if (lock.warning) result.warning ??= lock.warning
  await lock.release().catch((error: unknown) => {
    result.warning ??= diskError(error, 'release the lock on', path)
  })
  return result
}

/** The warning where the usual name of a lock has gone to another user. */
function takenName(path: string | undefined): SluiceError | undefined {
  if (path === undefined) return undefined
  const message = `${printable(path)} belongs to another user, and is passed over: our lock has another name`
  return new SluiceError('ERR_PERMISSION', message, { path })
}

/** The error where the folder of the lock belongs to another user. */
async function refusal(
  fs: FileSystem,
  error: unknown,
  folder: string,
  path: string | undefined,
): Promise<SluiceError | undefined> {
  if (path === undefined || !['EACCES', 'EPERM'].includes(errorCode(error) ?? '')) return undefined
  const there = await lstatIfThere(fs, path).catch(() => undefined)
  if (!there) return undefined
  const shown = printable(path)
  const message =
    `cannot lock ${printable(folder)}: the folder of its lock belongs to the user ${there.uid}, and others may not ` +
    `write in it: let both users write to ${printable(folder)}, without the sticky bit, and, once nobody uses it, remove ${shown}`
  return new SluiceError('ERR_PERMISSION', message, { path: folder, cause: error })
}
