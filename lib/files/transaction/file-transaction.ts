import { printable, SluiceError } from '../../errors.js'
import { UNRECORDED } from '../audit/audited.js'
import { getDefaultAudit } from '../audit/default-audit.js'
import { encodeValue, type Format } from '../content/formats.js'
import { checkSchema } from '../content/schema.js'
import { diskError } from '../disk-error.js'
import { nodeFileSystem } from '../fs.js'
import { type Intent, makeId } from '../intent/intent.js'
import { DirectoryLock } from '../lock/directory-lock.js'
import { processSystem, thisOwner } from '../owner.js'
import { Tree } from '../tree.js'
import { AtOnce } from './at-once.js'
import { Blocked } from './blocked.js'
import { Commit } from './commit.js'
import { Draft } from './draft.js'
import { type Ground, removeAll } from './ground.js'
import {
  checkOptions,
  piecesOf,
  type TransactionData,
  type TransactionOptions,
  type TransactionValueOptions,
  type TransactionWriteOptions,
} from './options.js'
import { isEnded, LOCK_NAME, MOST_AT_ONCE, type RecoveredTransaction, recoverIntents } from './recover.js'
import type { Place } from './staging.js'

/** What a transaction did. */
export interface TransactionResult {
  id: string
  /** Every path that changed, with what became of it. */
  files: { path: string; how: 'created' | 'replaced' | 'deleted' }[]
  /** Folders that were made. */
  folders: string[]
  /** What did not go as it should after everything was in place: leftovers, which a recovery removes. */
  warnings: SluiceError[]
}

/** What a transaction works with, from `begin` to its end. */
interface Scene {
  id: string
  place: Place
  ground: Ground
  lock: DirectoryLock
  blocked: Blocked
  recovered: readonly RecoveredTransaction[]
}

/**
 * Changes several files below one folder, all of them or none, as seen after success, failure, the death of the
 * process and (with durability 'power', the default) a loss of power: CRASH-SAFETY.md, "Transaction".
 *
 * ```ts
 * await using transaction = await FileTransaction.begin('config')
 * await transaction.write('app.txt', 'text')
 * await transaction.move('old.json', 'archive/old.json')
 * await transaction.commit()
 * ```
 *
 * Each operation sees what those before it planned; on the disk nothing changes before {@link commit}, besides
 * temporary files. Paths are relative, with `/`, to regular files; no link is followed. Existing files that are
 * written keep their mode and owner, moved ones are the same files still. After a crash the next `begin` in the
 * folder ends what was left, or {@link recoverTransactions} does.
 *
 * An operation that fails makes the whole transaction fail: all that is left then is {@link rollback}.
 *
 * While files get their names another process can see some of them new and some old: all or nothing holds for what is
 * found afterwards. Files that are changed by others in the very moment between the last look and the rename are
 * replaced; a transaction in a folder knows nothing of one in a folder above or below it.
 */
export class FileTransaction implements AsyncDisposable {
  readonly id: string
  /** What `begin` found of earlier transactions, and what became of them. */
  readonly recovered: readonly RecoveredTransaction[]
  readonly #scene: Scene
  readonly #options: TransactionOptions
  readonly #draft: Draft
  readonly #running = new Set<Promise<void>>()
  readonly #began = performance.now()
  #failure: SluiceError | undefined
  #ending: Promise<unknown> | undefined

  private constructor(scene: Scene, options: TransactionOptions) {
    this.id = scene.id
    this.recovered = scene.recovered
    this.#scene = scene
    this.#options = options
    const { place, ground, blocked } = scene
    this.#draft = new Draft(place, ground, blocked, (progress) => options.progress?.(progress))
  }

  /**
   * Begins a transaction in `directory`, which must be there; at first it ends what dead processes left there. Fails
   * with `ERR_LOCKED` (another transaction runs there), `ERR_CANCELLED`, `ERR_USAGE`, `ERR_TRANSACTION` (an earlier
   * one with this id, or one that cannot be read, is still there; with `unfinished: 'refuse'` any that was left), and
   * as the disk fails: `ERR_WRITE`, `ERR_PERMISSION`, `ERR_READ_ONLY`, `ERR_DISK_FULL`.
   */
  static async begin(directory: string, options: TransactionOptions = {}): Promise<FileTransaction> {
    checkOptions(options)
    const { id = makeId(), durability = 'power', fs = nodeFileSystem, system = processSystem } = options
    const tree = await Tree.open(directory, { fs })
    let lock: DirectoryLock | undefined
    try {
      lock = await DirectoryLock.acquire(tree.root, {
        ...options.lock,
        name: LOCK_NAME,
        fs,
        system,
        audit: UNRECORDED,
      })
      const ground = { tree, atOnce: new AtOnce(MOST_AT_ONCE) }
      const place = { tree, durability, owner: thisOwner(system), taken: new Set<string>(), warnings: [] }
      const dryRun = options.unfinished === 'refuse'
      const recovered = await recoverIntents(ground, { dryRun, system })
      const blocked = new Blocked(dryRun ? recovered : recovered.filter((one) => !isEnded(one)), tree.root)
      blocked.checkBegin(id, dryRun)
      return new FileTransaction({ id, place, ground, lock, blocked, recovered }, options)
    } catch (error) {
      await lock?.release().catch(() => {})
      await tree.close()
      throw diskError(error, 'begin a transaction in', directory)
    }
  }

  /**
   * The path is to hold `data`; a stream is read now, into a temporary file. Fails with `ERR_TRANSACTION` (a folder
   * has this path, or a file stands where a folder would have to be, or an unfinished transaction needs the path),
   * `ERR_PATH`, `ERR_UNSAFE_LINK`, `ERR_USAGE`, `ERR_PARSE` and `ERR_SCHEMA` (with a schema), and as the disk or the
   * stream fails.
   */
  write(path: string, data: TransactionData, options: TransactionWriteOptions = {}): Promise<void> {
    return this.#operation('write', path, () =>
      this.#draft.write(path, () => piecesOf(data, options, path), options.mode),
    )
  }

  /** The path is to hold the value as JSON. Fails as {@link write}, with `ERR_USAGE` for what JSON cannot hold. */
  writeJson(path: string, value: unknown, options: TransactionValueOptions = {}): Promise<void> {
    return this.#writeValue('json', path, value, options)
  }

  /** The path is to hold the value as YAML. Fails as {@link write}, with `ERR_USAGE` for what YAML cannot hold. */
  writeYaml(path: string, value: unknown, options: TransactionValueOptions = {}): Promise<void> {
    return this.#writeValue('yaml', path, value, options)
  }

  /**
   * `to` is to hold what `from` holds now, or what was planned for it. Mode and owner are those of `to` if it stands,
   * else the mode of `from`. Fails as {@link write}, and with `ERR_TRANSACTION` where there is no file to copy.
   */
  copy(from: string, to: string): Promise<void> {
    return this.#operation('copy', from, () => this.#draft.copy(from, to))
  }

  /**
   * `to` is to be the file that `from` is, and `from` no more. Fails as {@link write}, and with `ERR_TRANSACTION`
   * where there is no file to move.
   */
  move(from: string, to: string): Promise<void> {
    return this.#operation('move', from, () => this.#draft.move(from, to))
  }

  /** The file is to be no more. Fails as {@link write}, and with `ERR_TRANSACTION` where there is none. */
  delete(path: string): Promise<void> {
    return this.#operation('delete', path, () => this.#draft.delete(path))
  }

  /**
   * Does it all. When it resolves, everything is new, and stays so. When it rejects, everything is as it was, unless
   * the code is `ERR_OUTCOME_UNKNOWN` (a recovery decides), or the message says that it could not be undone yet
   * (`ERR_TRANSACTION`: a recovery does it, and until then the paths are blocked). Fails with `ERR_TRANSACTION` also
   * where an operation had failed (the `cause`) or somebody else changed a file meanwhile; with `ERR_LOCK_LOST`; and
   * as the disk fails: `ERR_DISK_FULL`, `ERR_WRITE`, `ERR_PERMISSION`, `ERR_READ_ONLY`.
   */
  async commit(): Promise<TransactionResult> {
    this.#checkOpen()
    const ending = this.#commit()
    this.#ending = ending.catch(() => {})
    return ending
  }

  /**
   * Gives up: everything stays as it is, and the temporary files are removed. Does nothing after a commit, or the
   * second time. Fails as the disk does, where a temporary file could not be removed.
   */
  async rollback(): Promise<void> {
    if (!this.#ending) {
      const ending = this.#rollback()
      this.#ending = ending.catch(() => {})
      await ending
    }
    await this.#ending
  }

  /** Rolls back what was not committed. Never rejects: it would hide why the block was left. */
  async [Symbol.asyncDispose](): Promise<void> {
    // what could not be removed is collected by a recovery
    await this.rollback().catch(() => {})
  }

  #writeValue(format: Format, path: string, value: unknown, options: TransactionValueOptions): Promise<void> {
    const { schema, mode, ...encode } = options
    return this.#operation(`write as ${format.toUpperCase()}`, path, () => {
      const content = async () => {
        const text = await encodeValue(format, value, encode)
        if (schema !== undefined) await checkSchema(value, schema, path)
        return piecesOf(text, { mode }, path)
      }
      return this.#draft.write(path, content, mode)
    })
  }

  #checkOpen(): void {
    if (!this.#ending) return
    throw new SluiceError('ERR_STATE', `transaction ${printable(this.id)} is over; begin another one`)
  }

  /** One that fails makes the transaction fail: who does not look at an operation is not to commit half of them. */
  async #operation(verb: string, path: string, act: () => Promise<void>): Promise<void> {
    this.#checkOpen()
    const running = act().catch((error: unknown) => {
      const failure = diskError(error, verb, path)
      this.#failure ??= failure
      throw failure
    })
    const settled = running.catch(() => {})
    this.#running.add(settled)
    await running.finally(() => this.#running.delete(settled))
  }

  async #commit(): Promise<TransactionResult> {
    const { place, ground, lock, id } = this.#scene
    let commit: Commit | undefined
    try {
      await Promise.all(this.#running)
      if (this.#failure) {
        const message = `transaction ${printable(id)} is not committed, since an operation failed: ${this.#failure.message}`
        throw new SluiceError('ERR_TRANSACTION', message, { path: this.#failure.path, cause: this.#failure })
      }
      const { plan, prepared } = await this.#draft.prepare()
      const { actions, standing } = prepared
      const { owner, durability } = place
      const intent: Intent = { id, owner, durability, time: Date.now(), folders: plan.folders, actions }
      let files = 0
      const done = () =>
        this.#options.progress?.({
          phase: 'applying',
          files: ++files,
          totalFiles: actions.length,
          bytes: this.#draft.bytes,
        })
      if (actions.length > 0) {
        commit = new Commit({ place, ground, intent, standing, check: () => lock.check(), done })
        await commit.run()
      }
      const warnings = [...place.warnings, ...(commit?.warnings ?? [])]
      await this.#close(warnings)
      await this.#record('ok', actions.length).catch((error: unknown) => {
        warnings.push(diskError(error, 'record in the audit', id))
      })
      return resultOf(intent, warnings)
    } catch (error) {
      const failure = diskError(error, 'commit in', place.tree.root)
      // what cannot be removed now is collected by a recovery
      if (!commit?.isKept) await removeAll(ground, place.taken).catch(() => {})
      await this.#close()
      // the failure counts, not that of the audit
      await this.#record('failed', 0, failure).catch(() => {})
      throw failure
    }
  }

  async #rollback(): Promise<void> {
    const { place, ground } = this.#scene
    await Promise.all(this.#running)
    try {
      await removeAll(ground, place.taken)
    } finally {
      await this.#close()
      await this.#record('failed', 0, this.#failure)
    }
  }

  /** @param warnings where a lock that cannot be given back is told; it is free once the process ends */
  async #close(warnings: SluiceError[] = []): Promise<void> {
    const { lock, place } = this.#scene
    await lock.release().catch((error: SluiceError) => warnings.push(error))
    await place.tree.close()
  }

  async #record(status: 'ok' | 'failed', files: number, error?: SluiceError): Promise<void> {
    const { place, id } = this.#scene
    const { audit = getDefaultAudit() } = this.#options
    await audit?.record({
      operation: 'transaction',
      path: place.tree.root,
      status,
      duration: performance.now() - this.#began,
      metadata: { id, files, bytes: this.#draft.bytes },
      ...(error ? { code: error.code } : {}),
    })
  }
}

function resultOf({ id, folders, actions }: Intent, warnings: SluiceError[]): TransactionResult {
  const files = actions.map(({ path, temporary, old }) => ({
    path,
    how:
      temporary === undefined
        ? ('deleted' as const)
        : old === undefined
          ? ('created' as const)
          : ('replaced' as const),
  }))
  return { id, files, folders, warnings }
}
