import { isSluiceError, printable, SluiceError } from '../../errors.js'
import { moveOver } from '../claim.js'
import { diskError, errorCode } from '../disk-error.js'
import { type FileStats, sameInode } from '../fs.js'
import type { Intent, IntentAction } from '../intent/intent.js'
import { parentOf } from '../names.js'
import type { Tree } from '../tree.js'
import type { AtOnce } from './at-once.js'
import { digestAt, inFolder } from './staging.js'

/** Whether a step is done, is still to be done, or cannot be, because what stands there is none of ours. */
export type Verdict = 'done' | 'todo' | 'conflict'

/** Who wants to know of each action that it begins and that it is done. */
export interface Watch {
  touch?: (action: IntentAction) => void
  done?: (action: IntentAction) => void
}

/** Where a transaction is carried out. */
export interface Ground {
  tree: Tree
  atOnce: AtOnce
}

/**
 * The steps of an intent, forward and back. Each looks first at what stands there, so that it can be done again after
 * any interruption, and so that nothing is overwritten that neither the transaction wrote nor knew.
 */
export class Steps {
  readonly #ground: Ground
  readonly #intent: Intent
  readonly #folders: Set<string>
  /** Who stood at a path when it was prepared, for the process that prepared it: then no content has to be read. */
  readonly #known: Map<string, FileStats> | undefined

  constructor(ground: Ground, intent: Intent, known?: Map<string, FileStats>) {
    this.#ground = ground
    this.#intent = intent
    this.#folders = new Set(intent.folders)
    this.#known = known
  }

  /** The actions in the order of their undoing: those that make room for folders after the folders are gone. */
  get #making(): { room: IntentAction[]; rest: IntentAction[] } {
    const isRoom = ({ path, temporary }: IntentAction) => temporary === undefined && this.#folders.has(path)
    const { actions } = this.#intent
    return { room: actions.filter(isRoom), rest: actions.filter((action) => !isRoom(action)) }
  }

  /** Does everything. */
  async forward(watch: Watch = {}): Promise<void> {
    const { room, rest } = this.#making
    for (const action of room) await this.#forward(action, watch)
    await this.#makeFolders()
    for (const action of rest) await this.#forward(action, watch)
  }

  /** Undoes everything, or only what was touched. */
  async undo(touched: { has(action: IntentAction): boolean } = { has: () => true }): Promise<void> {
    const { room, rest } = this.#making
    for (const action of rest.reverse()) if (touched.has(action)) await this.#undo(action)
    for (const folder of [...this.#intent.folders].reverse()) await this.#removeFolder(folder)
    for (const action of room.reverse()) if (touched.has(action)) await this.#undo(action)
  }

  /** The paths whose steps cannot be done. */
  async conflicts(direction: 'forward' | 'undo'): Promise<string[]> {
    const found: string[] = []
    await this.#ground.atOnce.each(this.#intent.actions, async (action) => {
      const verdict = await (direction === 'forward' ? this.#canForward(action) : this.#canUndo(action))
      if (verdict === 'conflict') found.push(action.path)
    })
    return found.sort()
  }

  /** Makes the names in every folder last that has to do with it, each once. */
  async sync(): Promise<void> {
    const paths = this.#intent.actions.flatMap(({ path, temporary, backup }) => [path, temporary, backup])
    await this.#syncAbove([...paths, ...this.#intent.folders])
  }

  /** Removes temporary files and backups. Goes on after an error, and throws the first one. */
  async clean(): Promise<void> {
    const paths = this.#intent.actions.flatMap(({ temporary, backup }) => [temporary, backup])
    await removeAll(this.#ground, paths)
  }

  async #makeFolders(): Promise<void> {
    const { folders } = this.#intent
    for (const folder of folders) await this.#ground.tree.makeDirectory(folder)
    // were a folder lost that a file was moved into, the file would be lost with it
    await this.#syncAbove(folders)
  }

  async #syncAbove(paths: readonly (string | undefined)[]): Promise<void> {
    if (this.#intent.durability !== 'power') return
    const folders = new Set(paths.flatMap((path) => (path === undefined ? [] : [parentOf(path)])))
    await this.#ground.atOnce.each(folders, async (path) => {
      const folder = await this.#ground.tree.directory(path).catch(unlessMissing)
      if (!folder) return
      try {
        await folder.sync()
      } catch (error) {
        throw diskError(error, 'sync the folder', path)
      } finally {
        folder.release()
      }
    })
  }

  async #forward(action: IntentAction, { touch, done }: Watch): Promise<void> {
    const { path, temporary } = action
    const verdict = await this.#canForward(action)
    if (verdict === 'conflict') throw conflict(path)
    if (verdict === 'todo') {
      touch?.(action)
      if (temporary === undefined) await this.#unlink(path)
      else await this.#rename(temporary, path)
    }
    done?.(action)
  }

  async #canForward(action: IntentAction): Promise<Verdict> {
    const { path, temporary, digest, old } = action
    const there = await this.#look(path)
    if (temporary === undefined) {
      if (!there || (there.isDirectory() && this.#folders.has(path))) return 'done'
      return (await this.#isOld(path, there, old)) ? 'todo' : 'conflict'
    }
    const staged = await this.#look(temporary)
    if (!staged) return this.#doneBefore(path, there, digest, old)
    if (there && sameInode(there, staged)) return 'done'
    if (there && !(await this.#isOld(path, there, old)) && !(await this.#holds(path, there, digest)))
      return 'conflict'
    if (!this.#known && !(await this.#holds(temporary, staged, digest))) return 'conflict'
    return 'todo'
  }

  async #undo(action: IntentAction): Promise<void> {
    const { path, backup } = action
    const verdict = await this.#canUndo(action)
    if (verdict === 'conflict') throw conflict(path)
    if (verdict === 'done') return
    if (backup === undefined) return this.#unlink(path)
    await this.#rename(backup, path)
  }

  async #canUndo({ path, temporary, digest, old, backup }: IntentAction): Promise<Verdict> {
    const there = await this.#look(path)
    if (temporary !== undefined) {
      const staged = await this.#look(temporary)
      // what is staged still has not got the path
      if (staged && !(there && sameInode(there, staged))) return 'done'
    }
    const isNew = () => this.#holds(path, there, digest)
    if (backup === undefined) {
      if (!there) return 'done'
      return (await isNew()) ? 'todo' : 'conflict'
    }
    const saved = await this.#look(backup)
    if (saved) {
      if (there && sameInode(there, saved)) return 'done'
      if (!there || (there.isDirectory() && this.#folders.has(path)) || (await isNew())) return 'todo'
      return (await this.#holds(path, there, old)) ? 'done' : 'conflict'
    }
    return this.#doneBefore(path, there, old, digest)
  }

  /**
   * The file that was to take the path is there no more: it did take it, and what became of the path since then is
   * the user's. Unless nothing stands there, or still what was to be replaced: then the content is lost.
   */
  async #doneBefore(
    path: string,
    there: FileStats | undefined,
    wanted?: string,
    other?: string,
  ): Promise<Verdict> {
    if (!there) return 'conflict'
    if (await this.#holds(path, there, wanted)) return 'done'
    return (await this.#holds(path, there, other)) ? 'conflict' : 'done'
  }

  /** What stands at the path, if the folders above it are there. */
  async #look(path: string): Promise<FileStats | undefined> {
    try {
      return await inFolder(this.#ground.tree, path, (where) => this.#ground.tree.fs.lstat(where))
    } catch (error) {
      return unlessMissing(error)
    }
  }

  async #isOld(path: string, there: FileStats, old: string | undefined): Promise<boolean> {
    const known = this.#known?.get(path)
    if (known) return sameInode(known, there) && known.size === there.size && known.mtimeMs === there.mtimeMs
    return this.#holds(path, there, old)
  }

  async #holds(path: string, there: FileStats | undefined, digest: string | undefined): Promise<boolean> {
    if (!there?.isFile() || digest === undefined) return false
    return (await digestAt(this.#ground.tree, path)) === digest
  }

  async #rename(from: string, to: string): Promise<void> {
    const tree = this.#ground.tree
    await inFolder(tree, from, (source) => inFolder(tree, to, (target) => moveOver(tree.fs, source, target)))
  }

  async #unlink(path: string): Promise<void> {
    await removeAll(this.#ground, [path])
  }

  async #removeFolder(path: string): Promise<void> {
    try {
      await inFolder(this.#ground.tree, path, (where) => this.#ground.tree.fs.rmdir(where))
    } catch (error) {
      const code = errorCode(error) ?? ''
      // somebody put something into it, or it was not made yet, or was removed by a call whose answer was lost
      if (!['ENOTEMPTY', 'EEXIST', 'ENOTDIR'].includes(code)) unlessMissing(error)
    }
  }
}

/** Removes files; one that is not there is fine. Goes on after an error, and throws the first one. */
export async function removeAll(
  { tree, atOnce }: Ground,
  paths: Iterable<string | undefined>,
): Promise<void> {
  await atOnce.each(paths, async (path) => {
    if (path === undefined) return
    try {
      await inFolder(tree, path, (where) => tree.fs.unlink(where))
    } catch (error) {
      try {
        unlessMissing(error)
      } catch {
        throw diskError(error, 'remove', path)
      }
    }
  })
}

/** Undefined for the error that says that something is not there, or not below a folder; throws any other. */
function unlessMissing(error: unknown): undefined {
  const code = errorCode(isSluiceError(error) ? error.cause : error)
  if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
  throw error
}

function conflict(path: string): SluiceError {
  const message = `${printable(path)} is neither what the transaction found nor what it wrote: it is left as it is`
  return new SluiceError('ERR_TRANSACTION', message, { path })
}
