import { printable, SluiceError } from '../../errors.js'
import { errorCode } from '../disk/disk-error.js'
import type { FileStats } from '../disk/fs.js'
import { moveOver } from '../disk/move-file.js'
import { foldName } from '../disk/names.js'
import type { Intent, IntentAction } from '../intent/intent.js'
import { inFolder } from '../intent/staging.js'
import { removeAll, removeFile, syncFoldersOf, type TransactionFolder, unlessMissing } from './folder.js'
import { foldersAbove } from './plan.js'
import { type StepState, StepStates } from './step-state.js'

/** Who wants to know of each action that it begins and that it is done. */
export interface StepObserver {
  touch?: (action: IntentAction) => void
  done?: (action: IntentAction) => void
}

/** The actions of an intent by when they are done: those of one list at once. */
interface Order {
  /** Files that are removed since a folder gets their name. */
  cleared: IntentAction[]
  puts: IntentAction[]
  /** Whether these may be done at once: no two of them may be one name on some disk. */
  apart: boolean
  /** Last, so that a file that moves never has no name. */
  removes: IntentAction[]
}

/**
 * The steps of an intent, forward and back. Each looks first at what is there, so that it can be done again after
 * any interruption, and so that nothing is overwritten that neither the transaction wrote nor knew.
 */
export class Steps {
  readonly #folder: TransactionFolder
  readonly #intent: Intent
  readonly #order: Order
  readonly #states: StepStates

  /** @param known the stats of each path at prepare time, in the process that prepared it */
  constructor(folder: TransactionFolder, intent: Intent, known?: Map<string, FileStats>) {
    this.#folder = folder
    this.#intent = intent
    this.#order = orderOf(intent)
    this.#states = new StepStates(folder.tree, intent, known)
  }

  /** Does everything. */
  async forward({ touch, done }: StepObserver = {}): Promise<void> {
    const forward = async (action: IntentAction) => {
      if (isTodo(action, await this.#states.forward(action))) {
        touch?.(action)
        await this.#put(action.temporary, action.path)
      }
      done?.(action)
    }
    const { cleared, puts, removes } = this.#order
    await this.#each(cleared, forward)
    await this.#makeFolders()
    await this.#each(puts, forward)
    await this.#each(removes, forward)
  }

  /** Undoes everything, or only what was touched. */
  async undo(touched: { has(action: IntentAction): boolean } = { has: () => true }): Promise<void> {
    const undo = async (action: IntentAction) => {
      if (!touched.has(action) || !isTodo(action, await this.#states.undo(action))) return
      await this.#put(action.backup, action.path)
    }
    const { cleared, puts, removes } = this.#order
    await this.#each(removes, undo)
    await this.#each(puts, undo)
    for (const folder of this.#intent.folders.toReversed()) await this.#removeFolder(folder)
    await this.#each(cleared, undo)
  }

  /** The paths whose steps cannot be done. */
  async conflicts(direction: 'forward' | 'undo'): Promise<string[]> {
    const found: string[] = []
    await this.#folder.limiter.each(this.#intent.actions, async (action) => {
      if ((await this.#states[direction](action)) === 'conflict') found.push(action.path)
    })
    return found.sort()
  }

  /** Makes the names in every folder last that has to do with it, each once. */
  async sync(): Promise<void> {
    await this.#syncFoldersOf(this.#paths())
  }

  /**
   * The same before it is committed, and the names of the folders above, up to the root: whoever made one
   * of them may not have synced it yet, or was killed before it, and everything in it would be lost with it. The names in the root
   * itself last once the intent does.
   */
  async syncAll(): Promise<void> {
    const paths = this.#paths()
    const above = paths.flatMap((path) => (path === undefined ? [] : foldersAbove(path).slice(1)))
    await this.#syncFoldersOf([...paths, ...above])
  }

  /** Removes temporary files and backups. Goes on after an error, and throws the first one. */
  async clean(): Promise<void> {
    const paths = this.#intent.actions.flatMap(({ temporary, backup }) => [temporary, backup])
    await removeAll(this.#folder, paths)
  }

  #paths(): (string | undefined)[] {
    const { actions, folders } = this.#intent
    return [...actions.flatMap(({ path, temporary, backup }) => [path, temporary, backup]), ...folders]
  }

  async #makeFolders(): Promise<void> {
    const { folders } = this.#intent
    for (const folder of folders) await this.#folder.tree.makeDirectory(folder)
    // were a folder lost that a file was moved into, the file would be lost with it
    await this.#syncFoldersOf(folders)
  }

  async #syncFoldersOf(paths: readonly (string | undefined)[]): Promise<void> {
    if (this.#intent.durability === 'power') await syncFoldersOf(this.#folder, paths)
  }

  /** Several at once, unless they may meet; after an error none is begun any more. */
  async #each(actions: readonly IntentAction[], act: (action: IntentAction) => Promise<void>): Promise<void> {
    if (!this.#order.apart) {
      for (const action of actions) await act(action)
      return
    }
    let failed = false
    await this.#folder.limiter.each(actions, async (action) => {
      if (failed) return
      try {
        await act(action)
      } catch (error) {
        failed = true
        throw error
      }
    })
  }

  /** Puts the file at `from` in place of what is at `to`; without one only removes that. */
  async #put(from: string | undefined, to: string): Promise<void> {
    const { tree } = this.#folder
    if (from === undefined) return removeFile(tree, to)
    await inFolder(tree, from, (source) => inFolder(tree, to, (target) => moveOver(tree.fs, source, target)))
  }

  async #removeFolder(path: string): Promise<void> {
    const { tree } = this.#folder
    try {
      await inFolder(tree, path, (where) => tree.fs.rmdir(where))
    } catch (error) {
      const code = errorCode(error) ?? ''
      // somebody put something into it, or it was not made yet, or was removed by a call whose answer was lost
      if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(code)) unlessMissing(error)
    }
  }
}

function orderOf({ actions, folders }: Intent): Order {
  const made = new Set(folders)
  const puts = actions.filter(({ temporary }) => temporary !== undefined)
  const others = actions.filter(({ temporary }) => temporary === undefined)
  return {
    cleared: others.filter(({ path }) => made.has(path)),
    puts,
    apart: new Set(puts.map(({ path }) => foldName(path))).size === puts.length,
    removes: others.filter(({ path }) => !made.has(path)),
  }
}

/** Whether there is something to do; throws where it cannot be done. */
function isTodo({ path }: IntentAction, state: StepState): boolean {
  if (state !== 'conflict') return state === 'todo'
  const message = `${printable(path)} is neither what the transaction found nor what it wrote: it is left as it is`
  throw new SluiceError('ERR_TRANSACTION', message, { path })
}
