import type { FileStats } from '../disk/fs.js'
import { isOfUser, sameInode } from '../disk/stats.js'
import type { Intent, IntentAction } from '../intent/intent.js'
import { digestOfFileAt, inFolder } from '../intent/staging.js'
import type { Tree } from '../tree/tree.js'
import { unlessMissing } from './folder.js'

/** Whether a step was done, is still to be done, or cannot be done because somebody else's file is at the path. */
export type StepState = 'done' | 'todo' | 'conflict'

/** What a process knows, or wants, when it looks. */
export interface Knowledge {
  /** In the process that prepared it the stats of each path at that time: then no content is read. */
  known?: Map<string, FileStats> | undefined
  /** Stops the reading of a large file, with its reason. */
  signal?: AbortSignal | undefined
}

/** Looks at the disk, and tells for each step of an intent how far it is. Changes nothing. */
export class StepStates {
  readonly #tree: Tree
  readonly #folders: Set<string>
  readonly #known: Map<string, FileStats> | undefined
  readonly #signal: AbortSignal | undefined

  constructor(tree: Tree, { folders }: Intent, { known, signal }: Knowledge = {}) {
    this.#tree = tree
    this.#folders = new Set(folders)
    this.#known = known
    this.#signal = signal
  }

  /** Whether anything has the path. */
  async stands(path: string): Promise<boolean> {
    return (await this.#look(path)) !== undefined
  }

  /** Whether the folder at the path belongs to another user than the one who runs, or the one who is to have it. */
  async isOthers(path: string, owner: number | undefined): Promise<boolean> {
    const there = await this.#look(path)
    return there?.isDirectory() === true && !isOfUser(this.#tree.fs, there) && there.uid !== owner
  }

  /** Whether the path can get its new content. */
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

  /** Whether the path can get its old content back. */
  async undo({ path, temporary, digest, old, backup }: IntentAction): Promise<StepState> {
    const there = await this.#look(path)
    if (temporary !== undefined) {
      const staged = await this.#look(temporary)
      // the staged file does not have the path yet
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
      if (!there || this.#isMade(path, there) || (await isNew())) {
        // in the process that made it, it is a second name of the old file
        return this.#known || (await this.#holds(backup, saved, old)) ? 'todo' : 'conflict'
      }
      return (await this.#holds(path, there, old)) ? 'done' : 'conflict'
    }
    return this.#doneBefore(path, there, old, digest)
  }

  /**
   * The staged file is missing: it did get the path, and any change since then is the user's. Unless there is nothing
   * at the path, or still the old file: then the new content is lost.
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

  /** The stats of what is at the path; undefined also if a folder above it is missing. */
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
    return (await digestOfFileAt(this.#tree, path, { signal: this.#signal })) === digest
  }
}
