import type { FileStats } from '../disk/fs.js'
import { sameInode } from '../disk/stats.js'
import type { Intent, IntentAction } from '../intent/intent.js'
import { digestOfFileAt, inFolder } from '../intent/staging.js'
import type { Tree } from '../tree/tree.js'
import { unlessMissing } from './folder.js'

/** Whether a step is done, is still to be done, or cannot be, because what is there is none of ours. */
export type StepState = 'done' | 'todo' | 'conflict'

/** Looks at what is on the disk, and says of each step of an intent how far it is. Changes nothing. */
export class StepStates {
  readonly #tree: Tree
  readonly #folders: Set<string>
  readonly #known: Map<string, FileStats> | undefined

  /** @param known the stats of each path at prepare time, in the process that prepared it: then no content is read */
  constructor(tree: Tree, { folders }: Intent, known?: Map<string, FileStats>) {
    this.#tree = tree
    this.#folders = new Set(folders)
    this.#known = known
  }

  /** Whether the path can get what it is to hold. */
  async forward({ path, temporary, digest, old }: IntentAction): Promise<StepState> {
    const there = await this.#look(path)
    if (temporary === undefined) {
      if (!there || this.#isMade(path, there)) return 'done'
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

  /** Whether the path can get back what it held before. */
  async undo({ path, temporary, digest, old, backup }: IntentAction): Promise<StepState> {
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
      if (!there || this.#isMade(path, there) || (await isNew())) return 'todo'
      return (await this.#holds(path, there, old)) ? 'done' : 'conflict'
    }
    return this.#doneBefore(path, there, old, digest)
  }

  /**
   * The file that was to take the path is there no more: it did take it, and what became of the path since then is
   * the user's. Unless nothing is there, or still what was to be replaced: then the content is lost.
   */
  async #doneBefore(
    path: string,
    there: FileStats | undefined,
    wanted?: string,
    other?: string,
  ): Promise<StepState> {
    if (!there) return 'conflict'
    if (await this.#holds(path, there, wanted)) return 'done'
    return (await this.#holds(path, there, other)) ? 'conflict' : 'done'
  }

  /** What is at the path, if the folders above it are there. */
  async #look(path: string): Promise<FileStats | undefined> {
    return inFolder(this.#tree, path, (where) => this.#tree.fs.lstat(where)).catch(unlessMissing)
  }

  /** Whether it is a folder that the transaction makes. */
  #isMade(path: string, there: FileStats): boolean {
    return there.isDirectory() && this.#folders.has(path)
  }

  async #isOld(path: string, there: FileStats, old: string | undefined): Promise<boolean> {
    const known = this.#known?.get(path)
    if (known) return sameInode(known, there) && known.size === there.size && known.mtimeMs === there.mtimeMs
    return this.#holds(path, there, old)
  }

  async #holds(path: string, there: FileStats | undefined, digest: string | undefined): Promise<boolean> {
    if (!there?.isFile() || digest === undefined) return false
    return (await digestOfFileAt(this.#tree, path)) === digest
  }
}
