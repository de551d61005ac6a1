import { printable, SluiceError } from '../../errors.js'
import { checkChoice, checkFunction, checkLocalPath, checkObject, checkWhole } from '../../options.js'
import { checkAudit } from '../audit/audit-record.js'
import { UNRECORDED } from '../audit/audited.js'
import { Recorder } from '../audit/recorder.js'
import { systemClock } from '../disk/clock.js'
import { diskError } from '../disk/disk-error.js'
import { checkBelow } from '../disk/names.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import type { StagingArea } from '../intent/staging.js'
import { DirectoryLock } from '../lock/directory-lock.js'
import { OWN_FOLDERS } from '../own/own-folder.js'
import { processSystem, thisOwner } from '../own/owner.js'
import { Tree } from '../tree/tree.js'
import { keepContent } from './keep-content.js'
import type { RecoveryManagerOptions, RecoveryOutcome } from './options.js'
import { Point, type RecoveryPoint } from './point.js'
import type { RecoveryKind } from './record.js'
import { RecoveryStore, type Stored } from './store.js'
import { type UndoContext, undoAll } from './undo-all.js'
import { digestOf, look } from './undo-point.js'
import { UnfinishedTransactions } from './unfinished-transactions.js'

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
  readonly #area: StagingArea
  readonly #store: RecoveryStore
  readonly #lock: DirectoryLock
  readonly #unfinished: UnfinishedTransactions
  readonly #options: Pick<UndoContext, 'attempts' | 'clock' | 'now' | 'recorder'>
  /** The oldest first. */
  #points: Point[]
  #number: number
  #turn: Promise<unknown> = Promise.resolve()
  #closing: Promise<void> | undefined

  private constructor(context: RecoveryContext, options: RecoveryManagerOptions) {
    const { attempts = 3, clock = systemClock, now = Date.now, audit } = options
    this.#options = { attempts, clock, now, recorder: new Recorder({ audit, clock }) }
    this.#area = context.area
    this.#store = context.store
    this.#lock = context.lock
    this.#unfinished = new UnfinishedTransactions(
      context.area.tree,
      options.lock,
      options.system ?? processSystem,
    )
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
    const { fs = nodeFileSystem, durability = 'power', system = processSystem } = options
    checkAudit(options.audit)
    checkChoice('durability', options.durability, ['crash', 'power'])
    checkWhole('attempts', options.attempts, 1, 100)
    const tree = await Tree.open(directory, { fs })
    try {
      const lock = await DirectoryLock.acquire(tree.root, {
        ...options.lock,
        name: 'recovery',
        fs,
        system,
        audit: UNRECORDED,
      })
      try {
        const area = { tree, durability, owner: thisOwner(system), taken: new Set<string>(), warnings: [] }
        const store = new RecoveryStore(area)
        const found = await withoutCommitted(store, await store.find(system))
        return new RecoveryManager({ area, store, lock, found }, options)
      } catch (error) {
        await lock.release().catch(() => {})
        throw error
      }
    } catch (error) {
      await tree.close()
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
      const { root, fs } = this.#area.tree
      checkBelow(path, root, fs.platform, 'open a manager there')
      checkNotOurs(path)
      await this.#lock.check()
      await this.#unfinished.end(path)
      const time = this.#options.now()
      const stored = await this.#store.add(this.#number, async (where) => ({
        kind,
        path,
        time,
        ...(await keepContent(this.#area, kind, path, where)),
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
      await this.#unfinished.end(point.path)
      const after = digestOf(await look(this.#area, point.path))
      if (after === undefined || (point.kind === 'delete' && after !== null)) {
        const message = `${printable(point.path)} is not what a ${point.kind} leaves: do it, or undo the point`
        throw new SluiceError('ERR_STATE', message, { path: point.path })
      }
      await this.#store.update(mine.stored, { ...mine.record, after })
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
      await this.#lock.check()
      const { outcomes, left } = await undoAll(this.#points, {
        area: this.#area,
        store: this.#store,
        unfinished: this.#unfinished,
        ...this.#options,
      })
      this.#points = left
      return outcomes
    })
  }

  /** All is to stay as it is now: the points count no more, also those of an earlier manager. One step, or none. */
  commit(): Promise<void> {
    return this.#inTurn('commit in', '', async () => {
      await this.#lock.check()
      const points = this.#points
      if (points.length === 0) return
      const time = this.#options.now()
      // one record for all: else a crash between two of them would leave some that count
      const commit = await this.#store.add(this.#number++, async () => ({ kind: 'commit', time }))
      this.#points = []
      try {
        for (const { stored } of points) await this.#store.remove(stored)
        await this.#store.remove(commit)
      } catch {
        // they count no more: the next manager removes them
      }
    })
  }

  /** Gives the folder back. Points that were neither undone nor committed stay for the next manager. */
  close(): Promise<void> {
    this.#closing ??= this.#turn
      .catch(() => {})
      .then(() => this.#lock.release())
      .finally(() => this.#area.tree.close())
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
        throw diskError(error, what, path === '' ? this.#area.tree.root : path)
      })
    this.#turn = turn
    return turn
  }
}

interface RecoveryContext {
  area: StagingArea
  store: RecoveryStore
  lock: DirectoryLock
  found: Stored[]
}

/** Ends a commit that a crash interrupted: points before it count no more. */
async function withoutCommitted(store: RecoveryStore, found: Stored[]): Promise<Stored[]> {
  const commit = found.findLast(({ record }) => record?.kind === 'commit')
  if (!commit) return found
  const older = found.filter(({ number }) => number < commit.number)
  for (const stored of [...older, commit]) await store.remove(stored)
  return found.filter(({ number }) => number > commit.number)
}

function checkNotOurs(path: string): void {
  const [top] = path.split('/')
  if (!(OWN_FOLDERS as readonly string[]).includes(top!)) return
  throw new SluiceError('ERR_PATH', `${printable(path)} is in our own folder`, { path })
}
