import { type Code, isSluiceError, printable, SluiceError } from '../../errors.js'
import { diskError } from '../disk/disk-error.js'
import type { FileStats } from '../disk/fs.js'
import type { Intent, IntentAction } from '../intent/intent.js'
import { IntentFile } from '../intent/intent-file.js'
import { Renewal } from '../own/lease.js'
import type { TransactionContext } from './context.js'
import type { Draft } from './draft.js'
import { removeAll } from './folder.js'
import type { TransactionProgress } from './options.js'
import { Steps } from './steps.js'

/**
 * The commit of a transaction: writes the intent durably, marks it as committed by a rename, applies its actions, and
 * removes it. A crash before the mark leaves everything old; after it a recovery makes everything new.
 */
class Commit {
  /** The intent still exists, and so do the temporary files that a recovery needs. */
  isKept = false
  readonly #context: TransactionContext
  readonly #intent: Intent
  readonly #steps: Steps

  /** @param stats those of each path when it was prepared */
  constructor(context: TransactionContext, intent: Intent, stats: Map<string, FileStats>) {
    this.#context = context
    this.#intent = intent
    const known = { stats, taken: context.taken }
    this.#steps = new Steps(context.tree, intent, () => context.lock.check(), { known })
  }

  /**
   * When it rejects, everything is as before, unless {@link isKept}: then a recovery decides, and the code is
   * `ERR_OUTCOME_UNKNOWN` if nobody knows how.
   * @param done called after each action
   */
  async run(done: () => void): Promise<void> {
    await this.#steps.syncAll()
    const file = await IntentFile.create(this.#context, this.#intent)
    const renewal = new Renewal(() => file.renew(), this.#context.renewals)
    try {
      await this.#apply(file, done)
    } finally {
      await renewal.stop()
    }
  }

  async #apply(file: IntentFile, done: () => void): Promise<void> {
    const { lock } = this.#context
    const touched = new Set<IntentAction>()
    try {
      await lock.check()
      await file.advance('committed')
    } catch (error) {
      await this.#checkStillOurs()
      await this.#notCommitted(file, error)
      throw error
    }
    try {
      await this.#steps.forward((action) => touched.add(action), done)
    } catch (error) {
      await this.#checkStillOurs()
      await this.#abort(file, touched, error)
      throw error
    }
    try {
      await this.#steps.sync()
    } catch (error) {
      const why = 'everything is in place, but the disk failed to make it last'
      throw await this.#keep(file, 'ERR_OUTCOME_UNKNOWN', why, error)
    }
    await this.#checkStillOurs()
    await this.#end(file)
  }

  /**
   * Throws `ERR_LOCK_LOST` if another process took over the lock while this one was suspended: it found the intent, and
   * ends it, so that nothing may be undone or removed here any more.
   */
  async #checkStillOurs(): Promise<void> {
    const lost = await lossOf(this.#context)
    if (!lost) return
    this.isKept = true
    throw lost
  }

  /** The intent could not be marked as committed, or it is unknown whether it was. */
  async #notCommitted(file: IntentFile, error: unknown): Promise<void> {
    const state = await file.look().catch(() => undefined)
    if (state !== 'prepared')
      throw await this.#keep(file, 'ERR_OUTCOME_UNKNOWN', 'the disk failed while it was committed', error)
    // if this fails, the next recovery does it: a prepared transaction is discarded
    await file.discard()
  }

  async #abort(file: IntentFile, touched: Set<IntentAction>, error: unknown): Promise<void> {
    try {
      await file.advance('aborting')
    } catch {
      const why = 'it failed in the middle, and that could not be written down'
      throw await this.#keep(file, 'ERR_OUTCOME_UNKNOWN', why, error)
    }
    try {
      await this.#steps.undo(touched)
      await this.#steps.sync()
    } catch {
      const why = 'it failed in the middle, and could not be undone: its paths are blocked until then'
      throw await this.#keep(file, 'ERR_TRANSACTION', why, error)
    }
    await file.remove().catch(() => this.#keep(file, 'ERR_TRANSACTION', '', error))
  }

  /** Everything is applied: removes the intent, and what only it needed. */
  async #end(file: IntentFile): Promise<void> {
    const { warnings } = this.#context
    try {
      warnings.push(...(await this.#steps.finish()))
      await file.remove()
    } catch (error) {
      await this.#checkStillOurs()
      warnings.push(diskError(error, 'end the transaction of', file.path))
      await this.#keep(file, 'ERR_TRANSACTION', '', error)
      return
    }
    await this.#steps.clean().catch((error: unknown) => {
      warnings.push(diskError(error, 'remove the temporary files of', this.#intent.id))
    })
  }

  /** Leaves the rest to a recovery. */
  async #keep(file: IntentFile, code: Code, why: string, cause: unknown): Promise<SluiceError> {
    this.isKept = true
    await file.leave().catch(() => {})
    const { root } = this.#context.tree
    const message = `transaction ${printable(this.#intent.id)}: ${why}; run: sluice recover ${printable(root)}`
    return new SluiceError(code, message, { path: root, cause })
  }
}

/** The error if the lock was lost. A check that fails says nothing: what failed before is reported. */
async function lossOf({ lock }: TransactionContext): Promise<SluiceError | undefined> {
  try {
    await lock.check()
  } catch (error) {
    if (isSluiceError(error, 'ERR_LOCK_LOST')) return error
  }
  return undefined
}

/** What a transaction did. */
export interface TransactionResult {
  id: string
  /** All paths that changed, and how. */
  files: { path: string; how: 'created' | 'replaced' | 'deleted' }[]
  /** Folders that were made. */
  folders: string[]
  /** Folders that are gone, since they were moved or deleted. One that somebody else put something into is left. */
  emptied: string[]
  /** Failures after everything was applied: files were left, which a recovery removes. */
  warnings: SluiceError[]
}

/**
 * Prepares and commits what was drafted. When it rejects, everything is as before and the temporary files are
 * removed, unless a recovery needs them. The warnings are those of the context.
 * @param ready waits for the operations; rejects if one has failed
 */
export async function runTransaction(
  context: TransactionContext,
  draft: Draft,
  ready: () => Promise<void>,
  report: (progress: TransactionProgress) => void,
): Promise<TransactionResult> {
  let commit: Commit | undefined
  try {
    await ready()
    const { actions, stats, folders, rights, emptied } = await draft.prepare()
    const { adopted } = draft
    const { id, owner, durability, warnings } = context
    let done = 0
    const totalFiles = actions.length + adopted.length
    if (totalFiles + folders.length + emptied.length > 0) {
      const more = {
        ...(rights.length > 0 && { rights }),
        ...(emptied.length > 0 && { emptied }),
        ...(adopted.length > 0 && { adopted }),
      }
      const intent = { id, owner, durability, time: Date.now(), folders, ...more, actions }
      commit = new Commit(context, intent, stats)
      await commit.run(() => report({ phase: 'applying', files: ++done, totalFiles, bytes: draft.bytes }))
    }
    await draft.removeSources()
    const files = actions.map(({ path, temporary, old }) => {
      if (temporary === undefined) return { path, how: 'deleted' as const }
      return { path, how: old === undefined ? ('created' as const) : ('replaced' as const) }
    })
    return { id, files, folders, emptied, warnings }
  } catch (error) {
    // what cannot be removed now is removed by a recovery
    const { tree, taken } = context
    if (!commit?.isKept) await removeAll(tree, taken.keys(), taken).catch(() => {})
    // whoever has the lock now may be the reason for what failed
    throw (await lossOf(context)) ?? error
  }
}

/** Characters of paths in one record: a line of the trail has an end. */
const MOST_SHOWN = 128 * 1024

export type ChangedFiles = readonly TransactionResult['files'][number][]

/** What was changed, as far as it fits into a record, and how many more there are. */
export function shownPaths(files: ChangedFiles): { paths?: ChangedFiles; more?: number } {
  let length = 0
  const fits = (one: ChangedFiles[number]) => {
    length += JSON.stringify(one).length
    return length <= MOST_SHOWN
  }
  const paths = files.filter(fits)
  const more = files.length - paths.length
  return { ...(paths.length > 0 && { paths }), ...(more > 0 && { more }) }
}
