import { printable, SluiceError } from '../../errors.js'
import { checkChoice, checkFunction, checkLocalPath, checkObject, checkWhole } from '../../options.js'
import { checkAudit } from '../audit/audit-record.js'
import { diskError } from '../disk/disk-error.js'
import { checkBelow } from '../disk/names.js'
import { OWN_FOLDERS } from '../own/own-folder.js'
import { openRecovery, type RecoveryContext } from './context.js'
import { keepContent } from './keep-content.js'
import type { RecoveryManagerOptions, RecoveryOutcome } from './options.js'
import { Point, type RecoveryPoint } from './point.js'
import type { RecoveryKind } from './record.js'
import { undoAll } from './undo-all.js'
import { digestOf, look } from './undo-point.js'

/**
 * Takes files back to what they were, whoever changed them and however: before each change it is told of it, and keeps
 * what stands there, durably. It survives the death of the process: the next manager of the folder finds the points.
 *
 * Beside `FileTransaction`: a transaction makes the changes itself, all at the end, and nobody ever sees a half of them;
 * use it where it fits. This is for what changes files on its own, in place or one after the other: other programs,
 * migrations, installers. In between the changes can be seen; and they are undone only when somebody says so.
 *
 * Before it looks at a file that transactions in its folder need which dead processes left, it ends them, as the next
 * transaction there would (`FileTransaction.begin`): a committed one would change the file yet. Where one that needs the
 * file cannot be ended, or the intent of one cannot be read, that is `ERR_TRANSACTION`, and says how to go on;
 * `ERR_LOCKED` where one that works there meanwhile takes too long. Those that do not need the file are left alone, as
 * are transactions in folders above and below.
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
    this.#points = context.found.map((stored) => new Point(stored, true))
    this.#number = (context.found.at(-1)?.number ?? 0) + 1
  }

  /**
   * Opens the folder, which must be there, and finds the points that an earlier manager left. Fails with `ERR_USAGE`,
   * `ERR_LOCKED` (another manager works there), `ERR_CANCELLED`, and as the disk fails: `ERR_WRITE`, `ERR_PERMISSION`,
   * `ERR_READ_ONLY`, `ERR_DISK_FULL`.
   */
  static async open(directory: string, options: RecoveryManagerOptions = {}): Promise<RecoveryManager> {
    checkLocalPath('directory', directory)
    checkObject('options', options)
    checkAudit(options.audit)
    checkChoice('durability', options.durability, ['crash', 'power'])
    checkWhole('attempts', options.attempts, 1, 100)
    try {
      return new RecoveryManager(await openRecovery(directory, options))
    } catch (error) {
      throw diskError(error, 'open for recovery', directory)
    }
  }

  /** The points that count, the oldest first; those of an earlier manager, too. */
  get points(): readonly RecoveryPoint[] {
    return [...this.#points]
  }

  /**
   * Makes a point before a file is changed; when it resolves, the point and what it kept last. 'write': the file is
   * written, or made if it is missing. 'create': it is made, and nothing may have its name (`ERR_CONFLICT`). 'delete':
   * it is removed. Call {@link RecoveryManager.after} when that is done.
   *
   * What is to be written is copied: it may be written in place. What is to be deleted gets a second name.
   *
   * Fails with `ERR_PATH` (not a path below the folder), `ERR_UNSAFE_LINK`, `ERR_CONFLICT`, `ERR_NO_SUCH_FILE` (nothing
   * to delete), `ERR_SOURCE_CHANGED` (it was written to meanwhile), `ERR_TRANSACTION`, `ERR_LOCKED` (see above),
   * `ERR_STATE` (closed), `ERR_LOCK_LOST`, and as the disk fails; no point is made then.
   */
  before(kind: RecoveryKind, path: string): Promise<RecoveryPoint> {
    return this.#inTurn('make a recovery point for', path, async () => {
      checkChoice('kind', kind, ['write', 'create', 'delete'])
      checkLocalPath('path', path)
      const { root, fs } = this.#context.tree
      checkBelow(path, root, fs.platform, 'open a manager there')
      checkNotOurs(path)
      await this.#context.lock.check()
      await this.#context.unfinished.end(path)
      const time = this.#context.now()
      const stored = await this.#context.store.add(this.#number, async (where) => ({
        kind,
        path,
        time,
        ...(await keepContent(this.#context, kind, path, where)),
      }))
      this.#number++
      const point = new Point(stored, false)
      this.#points.push(point)
      return point
    })
  }

  /**
   * Says that the change is done: takes down what stands there now, so that a later change by somebody else is noticed
   * and not undone. Without it, whatever stands there is taken for the change, perhaps half done; undoing it keeps that
   * as a backup. Fails with `ERR_STATE` (the point does not count any more, or a file that was to be deleted is there),
   * `ERR_TRANSACTION`, `ERR_LOCKED`, and as the disk fails.
   */
  async after(point: RecoveryPoint): Promise<void> {
    checkObject('point', point)
    return this.#inTurn('look after the change of', point.path, async () => {
      const mine = this.#points.find((one) => one === point)
      if (!mine?.record)
        throw new SluiceError('ERR_STATE', 'the point does not count any more', { path: point.path })
      await this.#context.unfinished.end(point.path)
      const after = digestOf(await look(this.#context, point.path))
      if (after === undefined || (point.kind === 'delete' && after !== null)) {
        const message = `${printable(point.path)} is not what a ${point.kind} leaves: do it, or undo the point`
        throw new SluiceError('ERR_STATE', message, { path: point.path })
      }
      await this.#context.store.update(mine.stored, { ...mine.record, after })
    })
  }

  /** {@link before}, `change`, {@link after}. What `change` throws comes out as it is; the point stays then. */
  async run<T>(kind: RecoveryKind, path: string, change: () => T | Promise<T>): Promise<T> {
    checkFunction('change', change)
    const point = await this.before(kind, path)
    const result = await change()
    await this.after(point)
    return result
  }

  /**
   * Takes all files back, the last change first, and says of each point what became of it. Never overwrites what
   * somebody else has changed since ('conflict'). Points that were undone count no more; the others stay, so that it
   * can be called again. May be stopped at any moment and called again by the next manager. Fails with `ERR_STATE`
   * and `ERR_LOCK_LOST`; what fails with one point is told in its place.
   */
  undo(): Promise<RecoveryOutcome[]> {
    return this.#inTurn('undo in', '', async () => {
      await this.#context.lock.check()
      const { outcomes, left } = await undoAll(this.#points, this.#context)
      this.#points = left
      return outcomes
    })
  }

  /** All is to stay as it is now: the points count no more, also those of an earlier manager. One step, or none. */
  commit(): Promise<void> {
    return this.#inTurn('commit in', '', async () => {
      await this.#context.lock.check()
      const points = this.#points
      if (points.length === 0) return
      const time = this.#context.now()
      // one record for all: else a crash between two of them would leave some that count
      const commit = await this.#context.store.add(this.#number++, async () => ({ kind: 'commit', time }))
      this.#points = []
      try {
        for (const { stored } of points) await this.#context.store.remove(stored)
        await this.#context.store.remove(commit)
      } catch {
        // they count no more: the next manager removes them
      }
    })
  }

  /** Gives the folder back. Points that were neither undone nor committed stay for the next manager. */
  close(): Promise<void> {
    this.#closing ??= this.#turn
      .catch(() => {})
      .then(() => this.#context.lock.release())
      .finally(() => this.#context.tree.close())
    return this.#closing
  }

  /** Undoes what was not committed, and closes. Never rejects: what could not be undone stays for the next manager. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#closing && this.#points.length > 0) await this.undo().catch(() => {})
    await this.close().catch(() => {})
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

function checkNotOurs(path: string): void {
  const [top] = path.split('/')
  if (!(OWN_FOLDERS as readonly string[]).includes(top!)) return
  throw new SluiceError('ERR_PATH', `${printable(path)} is in our own folder`, { path })
}
