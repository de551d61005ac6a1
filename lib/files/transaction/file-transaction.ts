import { printable, SluiceError } from '../../errors.js'
import { checkKeys } from '../../options.js'
import { reading } from '../atomic/pieces.js'
import { codeForRecord, getDefaultAudit } from '../audit/recorder.js'
import { ENCODE_OPTIONS, type Format } from '../content/formats.js'
import { plainValue } from '../content/plain-value.js'
import { encodeChecked } from '../content/schema.js'
import { callProgress } from '../disk/call-progress.js'
import { diskError } from '../disk/disk-error.js'
import { localPath, type PathLike } from '../disk/names.js'
import { type ChangedFiles, runTransaction, shownPaths, type TransactionResult } from './commit.js'
import { closeContext, openContext, type TransactionContext } from './context.js'
import { Draft } from './draft.js'
import { Failure } from './failure.js'
import { removeAll } from './folder.js'
import {
  checkOfCopy,
  checkTransactionOptions,
  isRecursive,
  newContentOf,
  TRANSACTION_WRITE_OPTIONS,
  type TransactionCopyOptions,
  type TransactionData,
  type TransactionDeleteOptions,
  type TransactionOptions,
  type TransactionProgress,
  type TransactionValueOptions,
  type TransactionWriteOptions,
} from './options.js'
import type { RecoveredTransaction } from './recover.js'

/**
 * Changes several files below one folder, all of them or none, even after a failure, the death of the process and (with
 * durability 'power', the default) a loss of power: new content is written under temporary names, a durable record of
 * the changes (the intent) is committed by one rename, and only then the files get their names.
 *
 * ```ts
 * await using transaction = await FileTransaction.begin('config')
 * await transaction.write('app.txt', 'text')
 * await transaction.move('old.json', 'archive/old.json')
 * await transaction.commit()
 * ```
 *
 * Each operation sees what the earlier ones planned; on the disk nothing changes before {@link commit}, except for
 * temporary files. Paths are relative, with `/`, and name regular files and folders; no link is followed. Existing
 * files that are written keep their mode and owner, moved files stay the same files. After a crash the next `begin` in
 * the folder completes or undoes what was left, or {@link recoverTransactions} does.
 *
 * A failed operation makes the whole transaction fail: only {@link rollback} is possible then. Writes that still wait
 * for their source fail too (`ERR_CANCELLED`, with that failure as the cause), and their streams are destroyed.
 *
 * While files get their names another process may see some of them new and some old: all or none holds for what is
 * found afterwards. What others write into a file before {@link commit} looks at it is replaced, as by any write; only
 * a file that they make or remove meanwhile is an error. Transactions in different folders are independent, even if one
 * folder is inside the other.
 */
export class FileTransaction implements AsyncDisposable {
  readonly id: string
  /** The earlier transactions that `begin` found, and what was done with them. */
  readonly recovered: readonly RecoveredTransaction[]
  readonly #context: TransactionContext
  readonly #options: TransactionOptions
  readonly #draft: Draft
  readonly #running = new Set<Promise<void>>()
  readonly #began = performance.now()
  readonly #report = (progress: TransactionProgress): void =>
    callProgress(() => this.#options.progress?.(progress))
  readonly #failure: Failure
  #ending: Promise<unknown> | undefined

  private constructor(context: TransactionContext, options: TransactionOptions) {
    this.id = context.id
    this.recovered = context.recovered
    this.#context = context
    this.#options = options
    this.#failure = new Failure(context.id, options.signal)
    this.#draft = new Draft(context, this.#report)
  }

  /**
   * Begins a transaction in `folder`, which must exist; first it recovers transactions of dead processes there.
   * Fails with `ERR_LOCKED` (another transaction runs there), `ERR_CANCELLED`, `ERR_USAGE`, `ERR_TRANSACTION` (an
   * earlier one with this id, or one that cannot be read, is still there; with `unfinished: 'refuse'` any that was
   * left), and for failures of the disk with `ERR_WRITE`, `ERR_PERMISSION`, `ERR_READ_ONLY`, `ERR_DISK_FULL`.
   */
  static async begin(path: PathLike, options: TransactionOptions = {}): Promise<FileTransaction> {
    const folder = localPath('folder', path)
    checkTransactionOptions(options)
    return new FileTransaction(await openContext(folder, options), options)
  }

  /**
   * The path gets `data` as its content. It is read now, into a temporary file: until this resolves, bytes must not
   * change. Fails with `ERR_TRANSACTION` (a folder has this path, a file has the path of a folder above it, it is
   * another spelling of a file that was named, or an unfinished transaction needs it), `ERR_PATH`, `ERR_UNSAFE_LINK`,
   * `ERR_USAGE`, `ERR_PARSE` and `ERR_SCHEMA` (with a schema), `ERR_SOURCE_READ` if the stream fails, and with the
   * codes of disk failures.
   */
  write(path: string, data: TransactionData, options: TransactionWriteOptions = {}): Promise<void> {
    const write = (begun: TransactionData) => {
      // now, so that wrong data is refused at once, and what the schema checks cannot change any more
      const content = newContentOf(begun, options, path, this.#failure.unwanted)
      content.catch(() => {})
      return this.#draft.write(path, () => content, options.mode)
    }
    const written = reading(data, (begun) => this.#operation('write', path, () => write(begun)))
    written.catch(() => {})
    return written
  }

  /** The path gets the value as JSON. Fails as {@link write}, with `ERR_USAGE` for what JSON cannot hold. */
  writeJson(path: string, value: unknown, options: TransactionValueOptions = {}): Promise<void> {
    return this.#writeValue('json', path, value, options)
  }

  /** The path gets the value as YAML. Fails as {@link write}, with `ERR_USAGE` for what YAML cannot hold. */
  writeYaml(path: string, value: unknown, options: TransactionValueOptions = {}): Promise<void> {
    return this.#writeValue('yaml', path, value, options)
  }

  /**
   * `to` gets the content that `from` has now, or that was planned for it. Mode and owner are those of an existing
   * `to`; else the mode is that of `from`. If `from` is a folder, so does all that is in it; then `to` must not exist.
   * Fails as {@link write}, with `ERR_TRANSACTION` if there is nothing to copy, a folder stands at `to` or would be
   * copied into itself, with `ERR_UNSAFE_LINK` if a symbolic link is in the folder, and with `ERR_SOURCE_CHANGED` if
   * somebody wrote to a file meanwhile.
   */
  copy(from: string, to: string, options: TransactionCopyOptions = {}): Promise<void> {
    const copy = async () => this.#draft.copy(from, to, checkOfCopy(options, to))
    return this.#operation('copy', from, copy)
  }

  /**
   * The file or folder `from` gets the path `to`. A moved file stays the same one; a folder is made anew, with the mode
   * and, as far as the system allows it, the owner that it had, and all that is in it is moved. Fails as {@link copy}.
   */
  move(from: string, to: string): Promise<void> {
    return this.#operation('move', from, () => this.#draft.move(from, to))
  }

  /**
   * {@link copy} of a file or folder that is not below the folder of the transaction. `source` is any path; links on
   * the way are followed, but it must be none itself. What is in a folder under a name of ours (`.sluice`, locks,
   * temporary files) is left out, with a warning in the result. Fails also with `ERR_NO_SUCH_FILE`, and with
   * `ERR_USAGE` if it is in the folder of the transaction, or that is in it.
   */
  copyIn(source: string, to: string): Promise<void> {
    const copy = async () => this.#draft.bring(localPath('source', source), to, false)
    return this.#operation('copy in', source, copy)
  }

  /**
   * {@link copyIn}, and once everything is committed the source is removed. So its content is there, or here, or, if
   * the process dies right after the commit, in both places; it is never in none. What somebody has changed or added
   * there since it was read is left, with a warning in the result. Mode, time and, as far as the system allows it, the
   * owner are kept.
   */
  moveIn(source: string, to: string): Promise<void> {
    const move = async () => this.#draft.bring(localPath('source', source), to, true)
    return this.#operation('move in', source, move)
  }

  /**
   * The file is removed; with `recursive` a folder, too, with all that is in it. Fails as {@link write}, and with
   * `ERR_TRANSACTION` if there is none.
   */
  delete(path: string, options: TransactionDeleteOptions = {}): Promise<void> {
    return this.#operation('delete', path, async () => this.#draft.delete(path, isRecursive(options)))
  }

  /**
   * Applies all operations. When it resolves, everything is new, durably. When it rejects, everything is as it was,
   * unless the code is `ERR_OUTCOME_UNKNOWN` (a recovery decides), or the message says that it could not be undone
   * yet (`ERR_TRANSACTION`: a recovery does it, and until then no transaction may name these paths). Also fails with
   * `ERR_TRANSACTION` if an operation had failed (the `cause`), or if somebody else made, removed or, during the
   * commit, changed a file, or made a folder; with `ERR_SOURCE_CHANGED` if there are no hard links, and a file changed
   * while it was copied; with `ERR_LOCK_LOST`; with `ERR_CANCELLED`; and for failures of the disk with `ERR_DISK_FULL`,
   * `ERR_WRITE`, `ERR_PERMISSION`, `ERR_READ_ONLY`.
   */
  async commit(): Promise<TransactionResult> {
    this.#checkOpen()
    const ending = this.#commit()
    this.#ending = ending.catch(() => {})
    return ending
  }

  /**
   * Gives up: everything stays as it is, and the temporary files are removed. Running writes fail (`ERR_CANCELLED`),
   * and their streams are destroyed. Does nothing after a commit, or the second time. Fails with the codes of disk
   * failures if a temporary file could not be removed.
   */
  async rollback(): Promise<void> {
    if (!this.#ending) {
      const ending = this.#rollback()
      this.#ending = ending.catch(() => {})
      await ending
    }
    await this.#ending
  }

  /** Rolls back unless it was committed. Never rejects: that would hide the error with which the block was left. */
  async [Symbol.asyncDispose](): Promise<void> {
    // what could not be removed is removed by a recovery
    await this.rollback().catch(() => {})
  }

  #writeValue(format: Format, path: string, value: unknown, options: TransactionValueOptions): Promise<void> {
    const write = async () => {
      checkKeys('options', options, { ...TRANSACTION_WRITE_OPTIONS, ...ENCODE_OPTIONS })
      // a copy, so that the caller cannot change it between the check and the write
      const plain = plainValue(value, format)
      const { mode } = options
      const text = () => encodeChecked(format, plain, options, path)
      return this.#draft.write(path, async () => newContentOf(await text(), { mode }, path), mode)
    }
    return this.#operation(`write as ${format.toUpperCase()}`, path, write)
  }

  #checkOpen(): void {
    if (!this.#ending) return
    throw new SluiceError('ERR_STATE', `transaction ${printable(this.id)} is over; begin another one`)
  }

  /**
   * A failed operation makes the whole transaction fail, so that a caller who ignores its result does not commit a
   * part.
   */
  #operation(verb: string, path: string, act: () => Promise<void>): Promise<void> {
    const running = this.#run(verb, path, act)
    // not an unhandled rejection: the commit reports it
    const settled = running.catch(() => {})
    this.#running.add(settled)
    void settled.then(() => this.#running.delete(settled))
    return running
  }

  async #run(verb: string, path: string, act: () => Promise<void>): Promise<void> {
    this.#checkOpen()
    this.#failure.checkWanted()
    try {
      await act()
    } catch (error) {
      const failure = diskError(error, verb, path)
      this.#failure.fail(failure, path)
      throw failure
    }
  }

  async #commit(): Promise<TransactionResult> {
    const { tree, warnings, id } = this.#context
    let result: TransactionResult
    try {
      const ready = () => this.#failure.settled(this.#running)
      result = await runTransaction(this.#context, this.#draft, ready, this.#report)
    } catch (error) {
      const failure = diskError(error, 'commit in', tree.root)
      this.#failure.fail(failure)
      // the failure of the transaction is reported, not that of the audit
      await this.#end('failed', [], failure).catch(() => {})
      throw failure
    }
    await this.#end('ok', result.files).catch((error: unknown) => {
      warnings.push(diskError(error, 'record in the audit', id))
    })
    return result
  }

  async #rollback(): Promise<void> {
    // a write whose source stalls would never end
    this.#failure.stop(new SluiceError('ERR_STATE', `transaction ${printable(this.id)} was rolled back`))
    await Promise.all(this.#running)
    try {
      const { tree, taken } = this.#context
      await removeAll(tree, taken.keys(), taken)
    } finally {
      await this.#end('failed', [], this.#failure.error)
    }
  }

  /** Closes everything, and records how it ended. */
  async #end(status: 'ok' | 'failed', files: ChangedFiles, error?: Error): Promise<void> {
    await closeContext(this.#context)
    this.#failure.end()
    const { tree, id } = this.#context
    const { audit = getDefaultAudit() } = this.#options
    const { path: failedPath } = this.#failure
    const failed = status === 'failed' && failedPath !== undefined && { failedPath }
    await audit?.record({
      operation: 'transaction',
      path: tree.root,
      status,
      duration: performance.now() - this.#began,
      metadata: { id, files: files.length, bytes: this.#draft.bytes, ...shownPaths(files), ...failed },
      ...(error ? { code: codeForRecord(error) } : {}),
    })
  }
}
