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
  /** The folders that go, the inner ones first: nothing of the plan is left in them. */
  emptied: string[]
}

/** What is planned below a folder, by path. */
export interface PlannedTree {
  /** With the folder itself, the outer ones first. */
  folders: string[]
  files: string[]
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
  /** Folders that are made as such, also without a file in them (true), and those that go (false). */
  readonly #folders = new Map<string, boolean>()
  /** How many planned files, and folders that are made as such, are below a folder. */
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
    if (this.isFolder(path))
      throw contradiction(path, 'is a folder; name the files in it, or delete it with recursive: true')
    const gone = this.#now.has(path) || this.#folders.get(path) === false
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

  /** The path becomes a folder; nothing may have it. */
  makeFolder(path: string): void {
    if (this.isFolder(path)) throw contradiction(path, 'is a folder already; delete it first')
    if (this.#content(path)) throw contradiction(path, 'is a file; delete it first')
    this.#checkAbove(path)
    this.#setFolder(path, true)
  }

  /** Whether the path is by now one of {@link makeFolder}. */
  isMade(path: string): boolean {
    return this.#folders.get(path) === true
  }

  /** The folder goes, unless something is planned in it in the end. All files in it must have been moved or deleted. */
  removeFolder(path: string): void {
    this.#setFolder(path, false)
  }

  /** What is in a folder by now. Everything below it must have been learned. */
  tree(path: string): PlannedTree {
    const all = new Set([path])
    for (const paths of [this.#kinds, this.#now, this.#folders])
      for (const one of paths.keys()) if (one.startsWith(`${path}/`)) all.add(one)
    // folders that only files are in were never learned
    for (const one of [...all])
      for (const above of foldersAbove(one)) if (above.length > path.length) all.add(above)
    const folders = [...all].filter((one) => this.isFolder(one)).sort(outerFirst)
    return { folders, files: [...all].filter((one) => this.#content(one)) }
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
    const emptied: string[] = []
    for (const [path, made] of this.#folders) {
      if (made)
        for (const one of [...foldersAbove(path), path]) if (this.known(one) !== 'folder') folders.add(one)
      if (!made && this.known(path) === 'folder' && !this.isFolder(path)) emptied.push(path)
    }
    // first the files that a folder replaces; the other removals last, so that a moved file always has a name
    const first = removes.filter(({ path }) => folders.has(path))
    const last = removes.filter(({ path }) => !folders.has(path))
    return {
      actions: [...first, ...puts, ...last],
      folders: [...folders].sort(outerFirst),
      emptied: emptied.sort(outerFirst).reverse(),
    }
  }

  #content(path: string): Content | null {
    const planned = this.#now.get(path)
    if (planned !== undefined) return planned
    return this.known(path) === 'file' ? { from: 'old', path } : null
  }

  /** Whether a folder has the path by now. */
  isFolder(path: string): boolean {
    if ((this.#below.get(path) ?? 0) > 0) return true
    return this.#folders.get(path) ?? this.known(path) === 'folder'
  }

  #checkTarget(path: string): void {
    if (this.isFolder(path)) throw contradiction(path, 'is a folder; a file cannot have its name')
    if (this.known(path) === 'folder')
      throw contradiction(
        path,
        'is a folder until the commit; give a file its name in a transaction of its own',
      )
    this.#checkAbove(path)
  }

  #checkAbove(path: string): void {
    for (const above of foldersAbove(path)) {
      if (this.#content(above))
        throw contradiction(above, `is a file, so that ${printable(path)} cannot be in it`)
    }
  }

  #set(path: string, content: Content | null): void {
    const change = (content ? 1 : 0) - (this.#now.get(path) ? 1 : 0)
    this.#now.set(path, content)
    this.#count(path, change)
  }

  #setFolder(path: string, made: boolean): void {
    const change = (made ? 1 : 0) - (this.#folders.get(path) ? 1 : 0)
    this.#folders.set(path, made)
    this.#count(path, change)
  }

  #count(path: string, change: number): void {
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

/** `ERR_USAGE` if something is to be copied or moved to where it is. */
export function checkDifferent(from: string, to: string): void {
  // a path that is no string is refused by the check of each path
  if (from === to && typeof from === 'string')
    throw new SluiceError('ERR_USAGE', `from and to are the same path, ${printable(from)}`, { path: from })
}

function outerFirst(a: string, b: string): number {
  return a.split('/').length - b.split('/').length || (a < b ? -1 : 1)
}

function contradiction(path: string, why: string): SluiceError {
  return new SluiceError('ERR_TRANSACTION', `${printable(path)} ${why}`, { path })
}
