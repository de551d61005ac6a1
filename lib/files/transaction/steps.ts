import { printable, SluiceError } from '../../errors.js'
import { keptMode, newAccessList } from '../disk/access-list.js'
import { setMode, unlessRefused } from '../disk/attributes.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import { moveWritten } from '../disk/move-file.js'
import { foldName, parentOf } from '../disk/names.js'
import { Adoptions } from '../intent/adoptions.js'
import type { FolderRights, Intent, IntentAction } from '../intent/intent.js'
import { inFolder } from '../intent/staging.js'
import type { Tree } from '../tree/tree.js'
import { fewAtOnce, removeAll, removeFile, syncFoldersOf, unlessMissing } from './folder.js'
import { foldersAbove } from './plan.js'
import { type Knowledge, type PreparedState, type StepState, StepStates } from './step-states.js'

/** The actions of an intent in the order in which they are applied; those of one list may run at once. */
interface Order {
  /** Files that are removed because a folder gets their name. */
  cleared: IntentAction[]
  puts: IntentAction[]
  /** Whether these may run at once: only if no two of them could be one name on some disk. */
  apart: boolean
  /** Last, so that a moved file always has a name. */
  removes: IntentAction[]
}

/**
 * Applies or undoes an intent. Each step first looks at what is there, so that it can be repeated after any
 * interruption, and so that no file is overwritten that the transaction neither wrote nor knew.
 */
export class Steps {
  readonly #tree: Tree
  readonly #intent: Intent
  readonly #guard: () => Promise<void>
  readonly #order: Order
  readonly #states: StepStates
  readonly #adoptions: Adoptions
  readonly #isFirst: boolean
  readonly #taken: PreparedState['taken'] | undefined
  readonly #rights: ReadonlyMap<string, FolderRights>
  /** Folders that it was to make, and that stood there already. */
  readonly #found = new Set<string>()

  /**
   * @param guard called before each change, and before what a recovery looks at to plan them; throws once the lock is
   *   lost, and others go on with it, or where the recovery is stopped
   */
  constructor(tree: Tree, intent: Intent, guard: () => Promise<void>, { known, signal }: Knowledge = {}) {
    this.#tree = tree
    this.#intent = intent
    this.#guard = guard
    this.#order = orderOf(intent)
    this.#states = new StepStates(tree, intent, { known, signal })
    this.#isFirst = known !== undefined
    this.#taken = known?.taken
    this.#adoptions = new Adoptions(tree, intent, guard, known?.taken)
    this.#rights = new Map((intent.rights ?? []).map((one) => [one.path, one]))
  }

  /**
   * Applies everything.
   * @param touch called before each action that changes something
   * @param done called after each
   */
  async forward(touch?: (action: IntentAction) => void, done?: () => void): Promise<void> {
    const forward = async (action: IntentAction) => {
      try {
        if (isTodo(action, await this.#states.forward(action))) {
          touch?.(action)
          await this.#put(action.temporary, action.path)
        }
      } catch (error) {
        throw diskError(error, 'commit', action.path)
      }
      done?.()
    }
    const { cleared, puts, removes } = this.#order
    const { folders } = this.#intent
    await this.#each(cleared, forward)
    await this.#guard()
    for (const folder of folders) await this.#makeFolder(folder)
    // a power cut that loses a new folder would lose the file that was moved into it, too
    await this.#syncFoldersOf(folders)
    await this.#each(puts, forward)
    await this.#each(removes, forward)
    await this.#adoptions.forward(done)
  }

  /** Undoes everything, or only what was touched. */
  async undo(touched: { has(action: IntentAction): boolean } = { has: () => true }): Promise<void> {
    const undo = async (action: IntentAction) => {
      if (!touched.has(action) || !isTodo(action, await this.#states.undo(action))) return
      await this.#put(action.backup, action.path)
    }
    const { cleared, puts, removes } = this.#order
    await this.#adoptions.undo()
    await this.#each(removes, undo)
    await this.#each(puts, undo)
    for (const folder of this.#intent.folders.toReversed())
      if (!(await this.#isTheirs(folder))) await this.#removeFolder(folder)
    await this.#each(cleared, undo)
  }

  /**
   * What comes once everything has its name, and nothing is undone any more: folders that were copied or moved get
   * their rights, and those that are empty now go, with the temporary files in them that an undo would have needed. It
   * can be repeated. Gives what the disk refuses to set.
   */
  async finish(): Promise<SluiceError[]> {
    const { actions, rights = [], emptied = [] } = this.#intent
    const warnings: SluiceError[] = []
    // the inner ones first: the outer one may let nobody in
    for (const one of rights.toReversed()) {
      await this.#guard()
      warnings.push(...(await setRights(this.#tree, one, this.#intent.durability === 'power')))
    }
    if (emptied.length > 0) await this.#guard()
    const gone = new Set(emptied)
    const own = actions.flatMap(({ temporary, backup }) => [temporary, backup])
    await removeAll(
      this.#tree,
      own.filter((path) => path !== undefined && gone.has(parentOf(path))),
      this.#taken,
    )
    for (const folder of emptied) await this.#removeFolder(folder)
    await this.#syncFoldersOf(emptied)
    return warnings
  }

  /** The paths whose steps cannot be done. */
  async conflicts(direction: 'forward' | 'undo'): Promise<string[]> {
    const found: string[] = []
    await this.#look(this.#intent.actions, async (action) => {
      if ((await this.#states[direction](action)) === 'conflict') found.push(action.path)
    })
    if (direction === 'forward') found.push(...(await this.#adoptions.conflicts()))
    if (direction === 'forward')
      for (const path of this.#rights.keys()) if (await this.#isTheirs(path)) found.push(path)
    return found.sort()
  }

  /**
   * The paths that stand now and go: temporary files and backups; files that it deletes, or that it made and that are
   * undone.
   */
  async goes(direction: 'forward' | 'undo' | 'discard'): Promise<string[]> {
    const { actions, emptied = [] } = this.#intent
    const own = this.#temporaries()
    if (direction === 'forward') own.push(...emptied)
    const isRemoved = ({ temporary, backup }: IntentAction) =>
      direction === 'forward' ? temporary === undefined : backup === undefined
    const goes: string[] = []
    await this.#look(own, async (path) => {
      if (path !== undefined && (await this.#states.stands(path))) goes.push(path)
    })
    if (direction === 'discard') return goes.sort()
    await this.#look(actions.filter(isRemoved), async (action) => {
      if ((await this.#states[direction](action)) === 'todo') goes.push(action.path)
    })
    return goes.sort()
  }

  /** Syncs the names in all folders that are concerned, each once. */
  async sync(): Promise<void> {
    await this.#syncFoldersOf(this.#paths())
  }

  /**
   * The same before the commit, and for all folders above up to the root: the creator of one of them may not have
   * synced it yet, or was killed before, and everything in it would be lost with it. The names in the root itself are
   * synced with the intent.
   */
  async syncAll(): Promise<void> {
    const paths = this.#paths()
    const above = paths.flatMap((path) => (path === undefined ? [] : foldersAbove(path).slice(1)))
    await this.#syncFoldersOf([...paths, ...above])
  }

  /** Removes temporary files and backups. Continues after an error, and throws the first one. */
  async clean(): Promise<void> {
    await this.#guard()
    await removeAll(this.#tree, this.#temporaries(), this.#taken)
  }

  /** Looks at all of these. */
  async #look<T>(all: readonly T[], look: (one: T) => Promise<void>): Promise<void> {
    const guarded = async (one: T) => {
      await this.#guard()
      await look(one)
    }
    await fewAtOnce().each(all, guarded, { failFast: true })
  }

  #temporaries(): (string | undefined)[] {
    const { actions, adopted = [] } = this.#intent
    return [
      ...actions.flatMap(({ temporary, backup }) => [temporary, backup]),
      ...adopted.map(({ backup }) => backup),
    ]
  }

  #paths(): (string | undefined)[] {
    const { actions, folders, adopted = [] } = this.#intent
    const ofActions = actions.flatMap(({ path, temporary, backup }) => [path, temporary, backup])
    return [...ofActions, ...folders, ...adopted.flatMap(({ path, from }) => [path, from])]
  }

  async #syncFoldersOf(paths: readonly (string | undefined)[]): Promise<void> {
    if (this.#intent.durability === 'power') await syncFoldersOf(this.#tree, paths)
  }

  /** Runs the actions, several at once if that is allowed. After an error no other one begins. */
  async #each(actions: readonly IntentAction[], act: (action: IntentAction) => Promise<void>): Promise<void> {
    if (!this.#order.apart) for (const action of actions) await act(action)
    else await fewAtOnce().each(actions, act, { failFast: true })
  }

  /** Renames `from` over `to`, if that is still what was written or verified; without `from` removes `to`. */
  async #put(from: string | undefined, to: string): Promise<void> {
    const tree = this.#tree
    await this.#guard()
    if (from === undefined) return removeFile(tree, to)
    const written = this.#states.verified(from)
    await inFolder(tree, from, (source) =>
      inFolder(tree, to, (target) => moveWritten(tree.fs, source, target, written)),
    )
  }

  /** A folder that is to have rights of its own must be ours: whoever made another one could look into it. */
  async #makeFolder(path: string): Promise<void> {
    const rights = this.#rights.get(path)
    // nobody else sees what is in it before it has its own rights
    if ((await this.#tree.makeFolder(path, rights ? 0o700 : 0o777)) === 'created') return
    // in a recovery the process that died may have made it
    if (!this.#isFirst && !(await this.#isTheirs(path))) return
    this.#found.add(path)
    if (!rights) return
    const message = `${printable(path)} was made by somebody else meanwhile: it is left as it is; move it away`
    throw new SluiceError('ERR_TRANSACTION', message, { path })
  }

  /** Whether a folder that it was to make is one that somebody else made. */
  async #isTheirs(path: string): Promise<boolean> {
    return this.#found.has(path) || this.#states.isOthers(path, this.#rights.get(path)?.owner?.uid)
  }

  async #removeFolder(path: string): Promise<void> {
    const { fs } = this.#tree
    await this.#guard()
    await inFolder(this.#tree, path, (where) => fs.rmdir(where)).catch((error: unknown) => {
      // it is not empty, was not made yet, or was removed by a call whose answer was lost
      if (!['ENOTEMPTY', 'EEXIST'].includes(errorCode(error) ?? '')) unlessMissing(error)
    })
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

/** Whether the step is still to be done; throws if it cannot be done. */
function isTodo({ path }: IntentAction, state: StepState): boolean {
  if (state !== 'conflict') return state === 'todo'
  const message = `${printable(path)} is neither what the transaction found nor what it wrote: it is left as it is`
  throw new SluiceError('ERR_TRANSACTION', message, { path })
}

/** Gives a folder the owner and the mode that it is to have, and makes them last. */
function setRights(tree: Tree, rights: FolderRights, power: boolean): Promise<SluiceError[]> {
  const { fs } = tree
  const { path, owner } = rights
  return tree.within(path, async (folder) => {
    const refused: SluiceError[] = []
    const set = async (what: string, act: () => Promise<void>) => {
      const warning = await unlessRefused(what, path, act)
      if (warning) refused.push(warning)
      return warning === undefined
    }
    const there = await fs.fstat(folder.fd)
    const isAnother = owner && (owner.uid !== there.uid || owner.gid !== there.gid)
    const isOwner = !isAnother || (await set('owner', () => fs.fchown(folder.fd, owner.uid, owner.gid)))
    const list = await newAccessList(fs, folder.fd, rights)
    const mode = keptMode(rights, list, !isOwner)
    // a setgid bit would give new files the other group
    await set('mode', () => setMode(fs, folder.fd, isOwner ? mode : mode & 0o1777))
    if (power) await folder.sync()
    return refused
  })
}
