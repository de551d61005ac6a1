import { printable, SluiceError } from '../../errors.js'
import { errorCode } from '../disk/disk-error.js'
import { type FileStats, moveOver } from '../disk/fs.js'
import { foldName } from '../disk/names.js'
import type { Intent, IntentAction } from '../intent/intent.js'
import { inFolder } from '../intent/staging.js'
import { type Ground, removeAll, removeFile, syncFoldersOf, unlessMissing } from './ground.js'
import { foldersAbove } from './plan.js'
import { type Verdict, Verdicts } from './verdicts.js'

/** Who wants to know of each action that it begins and that it is done. */
export interface Watch {
  touch?: (action: IntentAction) => void
  done?: (action: IntentAction) => void
}

/** The actions of an intent by when they are done: those of one list at once. */
interface Order {
  /** Files that are removed since a folder gets their name. */
  room: IntentAction[]
  puts: IntentAction[]
  /** Whether these may be done at once: no two of them may be one name on some disk. */
  apart: boolean
  /** Last, so that a file that moves never has no name. */
  removes: IntentAction[]
}

/**
 * The steps of an intent, forward and back. Each looks first at what stands there, so that it can be done again after
 * any interruption, and so that nothing is overwritten that neither the transaction wrote nor knew.
 */
export class Steps {
  readonly #ground: Ground
  readonly #intent: Intent
  readonly #order: Order
  readonly #verdicts: Verdicts

  /** @param known who stood at a path when it was prepared, for the process that prepared it */
  constructor(ground: Ground, intent: Intent, known?: Map<string, FileStats>) {
    this.#ground = ground
    this.#intent = intent
    this.#order = orderOf(intent)
    this.#verdicts = new Verdicts(ground.tree, intent, known)
  }

  /** Does everything. */
  async forward({ touch, done }: Watch = {}): Promise<void> {
    const forward = async (action: IntentAction) => {
      if (isTodo(action, await this.#verdicts.forward(action))) {
        touch?.(action)
        await this.#put(action.temporary, action.path)
      }
      done?.(action)
    }
    const { room, puts, removes } = this.#order
    await this.#each(room, forward)
    await this.#makeFolders()
    await this.#each(puts, forward)
    await this.#each(removes, forward)
  }

  /** Undoes everything, or only what was touched. */
  async undo(touched: { has(action: IntentAction): boolean } = { has: () => true }): Promise<void> {
    const undo = async (action: IntentAction) => {
      if (!touched.has(action) || !isTodo(action, await this.#verdicts.undo(action))) return
      await this.#put(action.backup, action.path)
    }
    const { room, puts, removes } = this.#order
    await this.#each(removes, undo)
    await this.#each(puts, undo)
    for (const folder of this.#intent.folders.toReversed()) await this.#removeFolder(folder)
    await this.#each(room, undo)
  }

  /** The paths whose steps cannot be done. */
  async conflicts(direction: 'forward' | 'undo'): Promise<string[]> {
    const found: string[] = []
    await this.#ground.atOnce.each(this.#intent.actions, async (action) => {
      if ((await this.#verdicts[direction](action)) === 'conflict') found.push(action.path)
    })
    return found.sort()
  }

  /** Makes the names in every folder last that has to do with it, each once. */
  async sync(): Promise<void> {
    await this.#syncFoldersOf(this.#paths())
  }

  /**
   * The same before it is committed, and the names of the folders above, up to the root: who made one of them may not
   * be at his sync yet, or was killed before it, and everything in it would be lost with it. The names in the root
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
    await removeAll(this.#ground, paths)
  }

  #paths(): (string | undefined)[] {
    const { actions, folders } = this.#intent
    return [...actions.flatMap(({ path, temporary, backup }) => [path, temporary, backup]), ...folders]
  }

  async #makeFolders(): Promise<void> {
    const { folders } = this.#intent
    for (const folder of folders) await this.#ground.tree.makeDirectory(folder)
    // were a folder lost that a file was moved into, the file would be lost with it
    await this.#syncFoldersOf(folders)
  }

  async #syncFoldersOf(paths: readonly (string | undefined)[]): Promise<void> {
    if (this.#intent.durability === 'power') await syncFoldersOf(this.#ground, paths)
  }

  /** Several at once, unless they may meet; after an error none is begun any more. */
  async #each(actions: readonly IntentAction[], act: (action: IntentAction) => Promise<void>): Promise<void> {
    if (!this.#order.apart) {
      for (const action of actions) await act(action)
      return
    }
    let failed = false
    await this.#ground.atOnce.each(actions, async (action) => {
      if (failed) return
      try {
        await act(action)
      } catch (error) {
        failed = true
        throw error
      }
    })
  }

  /** Puts the file at `from` in place of what stands at `to`; without one only removes that. */
  async #put(from: string | undefined, to: string): Promise<void> {
    const { tree } = this.#ground
    if (from === undefined) return removeFile(tree, to)
    await inFolder(tree, from, (source) => inFolder(tree, to, (target) => moveOver(tree.fs, source, target)))
  }

  async #removeFolder(path: string): Promise<void> {
    const { tree } = this.#ground
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
    room: others.filter(({ path }) => made.has(path)),
    puts,
    apart: new Set(puts.map(({ path }) => foldName(path))).size === puts.length,
    removes: others.filter(({ path }) => !made.has(path)),
  }
}

/** Whether there is something to do; throws where it cannot be done. */
function isTodo({ path }: IntentAction, verdict: Verdict): boolean {
  if (verdict !== 'conflict') return verdict === 'todo'
  const message = `${printable(path)} is neither what the transaction found nor what it wrote: it is left as it is`
  throw new SluiceError('ERR_TRANSACTION', message, { path })
}
