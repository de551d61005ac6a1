import { printable, SluiceError } from '../../errors.js'
import {
  checkChoice,
  checkFunction,
  checkKeys,
  checkLocalPath,
  checkObject,
  checkWhole,
} from '../../options.js'
import { checkAudit } from '../audit/audit-record.js'
import { diskError } from '../disk/disk-error.js'
import { checkBelow, localPath, type PathLike } from '../disk/names.js'
import { checkWaiting } from '../lock/lock-options.js'
import { checkNotReserved, isOwnName } from '../own/reserved.js'
import { backupMeant, type WhichBackup } from './choose-backup.js'
import {
  openRecovery,
  RECOVERY_OPTIONS,
  type RecoveryContext,
  type RecoveryManagerOptions,
} from './context.js'
import { keepFromBackup } from './keep-from-backup.js'
import { keepContent, type Point, type PointRecord, type RecoveryKind, type RecoveryPoint } from './store.js'
import { type RecoveryOutcome, undoAll } from './undo-all.js'
import { lookAt } from './undo-point.js'
import { endUnfinished } from './unfinished-transactions.js'

/**
 * Restores files to what they were, whoever changed them and however: it is told before each change, and keeps the
 * content of the file durably. That survives the death of the process: the next manager of the folder finds the
 * points.
 *
 * Compared with `FileTransaction`: a transaction makes the changes itself, all at the end, and is the better choice
 * where it fits. This is for changes by other programs, migrations and installers, in place or one after the other.
 * They can be seen in between, and they are undone only on demand.
 *
 * Before it looks at a file, it recovers unfinished transactions of dead processes in its folder that need the file,
 * as `FileTransaction.begin` would: a committed one would still change the file. If such a transaction cannot be
 * finished, or an intent cannot be read, it fails with `ERR_TRANSACTION`, whose message says what to do; with
 * `ERR_LOCKED` if a running one takes too long. Transactions that do not need the file are left alone, and so are
 * those in folders above and below.
 *
 * ```ts
 * await using manager = await RecoveryManager.open(dir)
 * if (manager.points.length > 0) await manager.undo()      // an earlier run was interrupted
 * await manager.run('write', 'settings.ini', () => runTheInstaller())
 * await manager.commit()                                    // else all is undone at the end of the block
 * ```
 */
export class RecoveryManager implements AsyncDisposable {
  readonly #context: RecoveryContext
  /** The oldest first. */
  #points: Point[]
  #number: number
  #turn: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined

  private constructor(context: RecoveryContext) {
    this.#context = context
    this.#points = [...context.found]
    this.#number = (context.found.at(-1)?.number ?? 0) + 1
  }

  /**
   * Opens the folder, which must exist, and finds the points that an earlier manager left. Fails with `ERR_USAGE`,
   * `ERR_LOCKED` (another manager works there), `ERR_CANCELLED`, and for failures of the disk with `ERR_WRITE`,
   * `ERR_PERMISSION`, `ERR_READ_ONLY`, `ERR_DISK_FULL`.
   */
  static async open(path: PathLike, options: RecoveryManagerOptions = {}): Promise<RecoveryManager> {
    const folder = localPath('folder', path)
    checkKeys('options', options, RECOVERY_OPTIONS)
    checkWaiting('lock', options.lock)
    checkAudit(options.audit)
    checkChoice('durability', options.durability, ['crash', 'power'])
    checkWhole('attempts', options.attempts, 1, 100)
    try {
      return new RecoveryManager(await openRecovery(folder, options))
    } catch (error) {
      throw diskError(error, 'open for recovery', folder)
    }
  }

  /** All points, the oldest first, also those of an earlier manager. */
  get points(): readonly RecoveryPoint[] {
    return [...this.#points]
  }

  /** What was passed over when it was opened: it has a name of ours, but belongs to another user. */
  get warnings(): readonly SluiceError[] {
    return this.#context.passedOver
  }

  /**
   * Makes a point before a file is changed. When it resolves, the point and the kept content are durable. 'write':
   * the file will be written, or made if it is missing. 'create': it will be made, and nothing may have its name
   * (`ERR_CONFLICT`). 'delete': it will be removed. Call {@link RecoveryManager.after} after the change.
   *
   * A file that will be written is copied, because it may be written in place; one that will be deleted gets a second
   * name.
   *
   * Fails with `ERR_PATH` (not a path below the folder), `ERR_UNSAFE_LINK`, `ERR_CONFLICT`, `ERR_NO_SUCH_FILE`
   * (nothing to delete), `ERR_SOURCE_CHANGED` (it was written to meanwhile), `ERR_TRANSACTION`, `ERR_LOCKED` (see
   * above), `ERR_STATE` (closed), `ERR_LOCK_LOST`, and with the codes of disk failures; then no point is made.
   */
  before(kind: RecoveryKind, path: string): Promise<RecoveryPoint> {
    return this.#inTurn('make a recovery point for', path, async () => {
      checkChoice('kind', kind, ['write', 'create', 'delete'])
      return this.#add(kind, path, (where) => keepContent(this.#context, kind, path, where))
    })
  }

  /**
   * Makes a point for a change that was made already, by a write with the option `backup`, say: an undo gives back what
   * the backup holds. The file as it is now counts as the result of the change; it may be gone. The content of the
   * backup is copied, so that the point stays good when the backup is removed.
   *
   * Fails as {@link before}, and with `ERR_NO_SUCH_FILE` if there is no such backup, `ERR_USAGE` for what says none.
   * @param which default 1: the newest; see `restoreBackup`
   */
  async fromBackup(path: string, which?: WhichBackup): Promise<RecoveryPoint> {
    // now: a relative path means what it means at the call
    const meant = backupMeant('which', which) ?? 1
    return this.#inTurn('make a recovery point for', path, () =>
      this.#add('write', path, (where) => keepFromBackup(this.#context, path, meant, where)),
    )
  }

  /**
   * Says that the change is done: records the digest of the file, so that a later change by somebody else is noticed
   * and not undone. Without it whatever is at the path counts as the change, perhaps half done, and an undo keeps it
   * as a backup. Fails with `ERR_STATE` (the point does not count any more, or a file that was to be deleted is still
   * there), `ERR_TRANSACTION`, `ERR_LOCKED`, and with the codes of disk failures.
   */
  async after(point: RecoveryPoint): Promise<void> {
    checkObject('point', point)
    return this.#inTurn('look after the change of', point.path, async () => {
      const mine = this.#points.find((one) => one === point)
      if (!mine?.record)
        throw new SluiceError('ERR_STATE', 'the point does not count any more', { path: point.path })
      await endUnfinished(this.#context, point.path)
      const { digest: after } = await lookAt(this.#context, point.path)
      if (after === undefined || (point.kind === 'delete' && after !== null)) {
        const message = `${printable(point.path)} is not what a ${point.kind} leaves: do it, or undo the point`
        throw new SluiceError('ERR_STATE', message, { path: point.path })
      }
      await this.#context.store.update(mine, { ...mine.record, after })
    })
  }

  /** {@link before}, `change`, {@link after}. What `change` throws is passed on unchanged; then the point stays. */
  async run<T>(kind: RecoveryKind, path: string, change: () => T | Promise<T>): Promise<T> {
    checkFunction('change', change)
    const point = await this.before(kind, path)
    const result = await change()
    await this.after(point)
    return result
  }

  /**
   * Restores all files, the last change first, and reports on each point. Never overwrites what somebody else has
   * changed since ('conflict'). Points that were undone no longer count; the others stay, so that it can be called
   * again. It may be interrupted at any moment and called again by the next manager. Fails with `ERR_STATE` and
   * `ERR_LOCK_LOST`; the failure of a single point is in its result.
   */
  undo(): Promise<RecoveryOutcome[]> {
    return this.#inTurn('undo in', '', async () => {
      await this.#context.lock.check()
      const { outcomes, left } = await undoAll(this.#points, this.#context)
      this.#points = left
      return outcomes
    })
  }

  /**
   * Keeps all files as they are now: no point counts any more, also those of an earlier manager. All of them in one
   * step, or none.
   */
  commit(): Promise<void> {
    return this.#inTurn('commit in', '', async () => {
      await this.#context.lock.check()
      const points = this.#points
      if (points.length === 0) return
      const time = this.#context.now()
      // one record for all points: with one for each, a crash in between would leave some that count
      const commit = await this.#context.store.add(this.#number++, async () => ({ kind: 'commit', time }))
      this.#points = []
      try {
        for (const point of points) await this.#context.store.remove(point)
        await this.#context.store.remove(commit)
      } catch {
        // they do not count any more: the next manager removes their files
      }
    })
  }

  /**
   * Releases the lock and closes the folder. Points that were neither undone nor committed stay for the next manager.
   */
  close(): Promise<void> {
    this.#closing ??= this.#turn.catch(() => {}).then(this.#context.close)
    return this.#closing
  }

  /**
   * Undoes what was not committed, and closes. Never rejects: points that could not be undone stay for the next
   * manager.
   */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closing && this.#points.length > 0) await this.undo().catch(() => {})
    await this.close().catch(() => {})
  }

  /** @param keep keeps the content at `where` */
  async #add(
    kind: RecoveryKind,
    path: string,
    keep: (where: string) => Promise<Partial<PointRecord>>,
  ): Promise<RecoveryPoint> {
    checkLocalPath('path', path)
    const { tree, lock, store, now } = this.#context
    checkBelow(path, tree.root, tree.fs.platform, 'open a manager there')
    checkNotReserved(path, isOwnName)
    await lock.check()
    await endUnfinished(this.#context, path)
    const time = now()
    const point = await store.add(this.#number, async (where) => ({
      kind,
      path,
      time,
      ...(await keep(where)),
    }))
    this.#number++
    this.#points.push(point)
    return point
  }

  #inTurn<T>(what: string, path: string, act: () => Promise<T>): Promise<T> {
    if (this.#closing) return Promise.reject(new SluiceError('ERR_STATE', 'the recovery manager is closed'))
    const turn = this.#turn
      .catch(() => {})
      .then(act)
      .catch((error: unknown) => {
        throw diskError(error, what, path === '' ? this.#context.tree.root : path)
      })
    this.#turn = turn
    return turn
  }
}
