import { digestFileAt } from '../disk/digest-file.js'
import type { FileStats } from '../disk/fs.js'
import { isOfUser, isStillWritten, sameInode, type WrittenFile } from '../disk/stats.js'
import type { Intent, IntentAction } from '../intent/intent.js'
import { inFolder, type StagingArea } from '../intent/staging.js'
import type { Tree } from '../tree/tree.js'
import { unlessMissing } from './folder.js'

/** Whether a step was done, is still to be done, or cannot be done because somebody else's file is at the path. */
export type StepState = 'done' | 'todo' | 'conflict'

/** What a process knows, or wants, when it looks. */
export interface Knowledge {
  /** In the process that prepared the intent: then no content is read. */
  known?: PreparedState | undefined
  /** Stops the reading of a large file, with its reason. */
  signal?: AbortSignal | undefined
}

/** What the process knows that prepared an intent. */
export interface PreparedState {
  /** The stats of each path at that time. */
  stats: ReadonlyMap<string, FileStats>
  /** What it wrote under its temporary paths. */
  taken: StagingArea['taken']
}

/** Looks at the disk, and tells for each step of an intent how far it is. Changes nothing. */
export class StepStates {
  readonly #tree: Tree
  readonly #folders: Set<string>
  readonly #known: PreparedState | undefined
  readonly #signal: AbortSignal | undefined
  /** In a recovery the files whose content was found to be right. */
  readonly #held = new Map<string, FileStats>()

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

  /** What stands at a temporary path of which a step is to be done. Nothing else gets a name. */
  verified(path: string): WrittenFile {
    return this.#known?.taken.get(path) ?? this.#held.get(path)!
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
    const isOurs = await this.#isOurs(temporary, staged, digest)
    if (isOurs && there && sameInode(there, staged)) return 'done'
    if (there && !(await this.#isOld(path, there, old)) && !(await this.#holds(path, there, digest)))
      return 'conflict'
    // in the process that made it, the last look before the rename says what is wrong
    return isOurs || this.#known ? 'todo' : 'conflict'
  }

  /** Whether the path can get its old content back. */
  async undo({ path, temporary, digest, old, backup }: IntentAction): Promise<StepState> {
    const there = await this.#look(path)
    if (temporary !== undefined) {
      const staged = await this.#look(temporary)
      // the staged file does not have the path yet
      const isElsewhere = staged && !(there && sameInode(there, staged))
      if (isElsewhere && (await this.#isOurs(temporary, staged, digest))) return 'done'
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
    const known = this.#known?.stats.get(path)
    if (known) return sameInode(known, there) && known.size === there.size && known.mtimeMs === there.mtimeMs
    return this.#holds(path, there, old)
  }

  /** Whether what stands at a temporary path is what was put there: by what is known of it, else by its content. */
  async #isOurs(path: string, there: FileStats, digest: string | undefined): Promise<boolean> {
    const written = this.#known?.taken.get(path)
    return written ? isStillWritten(there, written) : this.#holds(path, there, digest)
  }

  async #holds(path: string, there: FileStats | undefined, digest: string | undefined): Promise<boolean> {
    if (!there?.isFile() || digest === undefined) return false
    const { fs } = this.#tree
    const options = { signal: this.#signal }
    const found = await inFolder(this.#tree, path, (where) => digestFileAt(fs, where, options))
    if (found.digest !== digest) return false
    this.#held.set(path, found.stats)
    return true
  }
}
