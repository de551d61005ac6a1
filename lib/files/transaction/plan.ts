import { printable, SluiceError } from '../../errors.js'
import { parentOf } from '../disk/names.js'

/** What is at a path before the transaction. */
export type PathKind = 'file' | 'folder' | 'missing'

/** What a path is to hold: the file that is at `path` before the transaction, or new content by its number. */
export type Content = { from: 'old'; path: string } | { from: 'new'; staged: number }

/** The one thing that is done with a path in the end. */
export interface PlannedAction {
  path: string
  /** null: the file is removed. */
  content: Content | null
}

/** What a transaction comes to, in an order in which it can be done. */
export interface TransactionPlan {
  actions: PlannedAction[]
  /** The folders that have to be made, the outer ones first; before the first action that gives content. */
  folders: string[]
}

/**
 * From the operations of a transaction, one after the other, to the final state of each path: only the last one
 * counts. Pure: what is on the disk is told by {@link learn}. An operation that contradicts what was planned, or
 * what is there, throws `ERR_TRANSACTION` and changes nothing.
 */
export class Planner {
  readonly #kinds = new Map<string, PathKind>([['', 'folder']])
  /** What was planned so far; null: nothing is there any more. */
  readonly #now = new Map<string, Content | null>()
  /** How many planned files are below a folder. */
  readonly #below = new Map<string, number>()

  /** Says what is at `path`; of the folders above it too, before an operation names it. */
  learn(path: string, kind: PathKind): void {
    this.#kinds.set(path, kind)
  }

  /** What was learned; what is below something that is no folder is missing. */
  known(path: string): PathKind | undefined {
    const here = this.#kinds.get(path)
    if (here) return here
    const above = this.known(parentOf(path))
    return above === undefined || above === 'folder' ? undefined : 'missing'
  }

  /** What `path` holds as planned so far. Throws where that is no file. */
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

  /** What all of it comes to. */
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
    // a file that makes room for a folder goes first; the others last, so that a moved file never has no name
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

function outerFirst(a: string, b: string): number {
  return a.split('/').length - b.split('/').length || (a < b ? -1 : 1)
}

function contradiction(path: string, why: string): SluiceError {
  return new SluiceError('ERR_TRANSACTION', `${printable(path)} ${why}`, { path })
}
