import { printable, SluiceError } from '../../errors.js'
import { parentOf } from '../disk/names.js'

/** What is at a path before the transaction. */
export type PathKind = 'file' | 'folder' | 'missing'

/**
 * The content of a path in the end: the file that is at `path` before the transaction, or new content by its number.
 */
export type Content = { from: 'old'; path: string } | { from: 'new'; staged: number }

/** The final change of one path. */
export interface PlannedAction {
  path: string
  /** null: the file is removed. */
  content: Content | null
}

/** All changes of a transaction, in an order in which they can be applied. */
export interface TransactionPlan {
  actions: PlannedAction[]
  /** The folders to make before the first file is put in place, the outer ones first. */
  folders: string[]
}

/**
 * Computes the final state of each path from the operations of a transaction: the last one counts. Pure: {@link
 * learn} tells it what is on the disk. An operation that contradicts the plan, or what is on the disk, throws
 * `ERR_TRANSACTION` and changes nothing.
 */
export class Planner {
  readonly #kinds = new Map<string, PathKind>([['', 'folder']])
  /** The planned content of each path; null: no file. */
  readonly #now = new Map<string, Content | null>()
  /** How many planned files are below a folder. */
  readonly #below = new Map<string, number>()

  /** Tells what is at `path`. To be called for a path and all folders above it before an operation names it. */
  learn(path: string, kind: PathKind): void {
    this.#kinds.set(path, kind)
  }

  /** What was learned. Everything below something that is no folder is missing. */
  known(path: string): PathKind | undefined {
    const here = this.#kinds.get(path)
    if (here) return here
    const above = this.known(parentOf(path))
    return above === undefined || above === 'folder' ? undefined : 'missing'
  }

  /** The planned content of `path`. Throws if that is no file. */
  source(path: string): Content {
    const content = this.#content(path)
    if (content) return content
    if (this.#isFolder(path)) throw contradiction(path, 'is a folder; name the files in it')
    const gone = this.#now.has(path)
    throw contradiction(path, gone ? 'was deleted or moved by this transaction' : 'does not exist')
  }

  write(path: string, staged: number): void {
    this.#checkTarget(path)
    this.#set(path, { from: 'new', staged })
  }

  move(from: string, to: string): void {
    const content = this.source(from)
    this.#set(from, null)
    try {
      this.#checkTarget(to)
    } catch (error) {
      this.#set(from, content)
      throw error
    }
    this.#set(to, content)
  }

  delete(path: string): void {
    this.source(path)
    this.#set(path, null)
  }

  /** The final plan. */
  plan(): TransactionPlan {
    const puts: PlannedAction[] = []
    const removes: PlannedAction[] = []
    const folders = new Set<string>()
    for (const [path, content] of this.#now) {
      if (content === null) {
        if (this.known(path) === 'file') removes.push({ path, content })
        continue
      }
      if (content.from === 'old' && content.path === path) continue
      puts.push({ path, content })
      for (const above of foldersAbove(path)) if (this.known(above) !== 'folder') folders.add(above)
    }
    // first the files that a folder replaces; the other removals last, so that a moved file always has a name
    const first = removes.filter(({ path }) => folders.has(path))
    const last = removes.filter(({ path }) => !folders.has(path))
    return { actions: [...first, ...puts, ...last], folders: [...folders].sort(outerFirst) }
  }

  #content(path: string): Content | null {
    const planned = this.#now.get(path)
    if (planned !== undefined) return planned
    return this.known(path) === 'file' ? { from: 'old', path } : null
  }

  #isFolder(path: string): boolean {
    return this.known(path) === 'folder' || (this.#below.get(path) ?? 0) > 0
  }

  #checkTarget(path: string): void {
    if (this.#isFolder(path)) throw contradiction(path, 'is a folder; a file cannot have its name')
    for (const above of foldersAbove(path)) {
      if (this.#content(above))
        throw contradiction(above, `is a file, so that ${printable(path)} cannot be in it`)
    }
  }

  #set(path: string, content: Content | null): void {
    const change = (content ? 1 : 0) - (this.#now.get(path) ? 1 : 0)
    this.#now.set(path, content)
    if (change === 0) return
    for (const above of foldersAbove(path)) this.#below.set(above, (this.#below.get(above) ?? 0) + change)
  }
}

/** The folders above a path, the outer ones first, without the root. */
export function foldersAbove(path: string): string[] {
  const names = path.split('/')
  return names.slice(1).map((_, i) => names.slice(0, i + 1).join('/'))
}

/** Whether the paths are equal, or one is inside the other. */
export function areInLine(one: string, other: string): boolean {
  const [a, b] = [`${one}/`, `${other}/`]
  return a.startsWith(b) || b.startsWith(a)
}

function outerFirst(a: string, b: string): number {
  return a.split('/').length - b.split('/').length || (a < b ? -1 : 1)
}

function contradiction(path: string, why: string): SluiceError {
  return new SluiceError('ERR_TRANSACTION', `${printable(path)} ${why}`, { path })
}
