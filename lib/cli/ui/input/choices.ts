import { inSlices } from '../../../async.js'
import type { DescribedEntry } from '../words/describe.js'
import { shownName } from '../words/shown-name.js'

/** What can be chosen: a file, a link, or a folder as a whole. Its path has slashes, on every system. */
export type Choice = DescribedEntry

/** How many are found at most: whoever looks for one says more of its name. */
export const MOST_FOUND = 1000

/**
 * Choices, and what of them is found by a text. Without one these are those at the top, or in the only folder there. Of
 * a million entries no other list is made.
 */
export class Choices {
  readonly #all: readonly Choice[]
  /** Where those at the top begin in their paths. */
  readonly #top: number
  #last: { search: string; found: readonly Choice[] } | undefined

  constructor(all: readonly Choice[]) {
    this.#all = all
    const tops = all.filter(({ path }) => !path.includes('/'))
    const isOneFolder = tops.length === 1 && tops[0]!.type === 'directory' && all.length > 1
    this.#top = isOneFolder ? tops[0]!.path.length + 1 : 0
  }

  /** Those at the top, or all that have a text in their path, in whatever case. */
  matching(search: string): readonly Choice[] {
    if (search !== this.#last?.search) this.#last = { search, found: this.#find(search.toLowerCase()) }
    return this.#last.found
  }

  #find(search: string): readonly Choice[] {
    const found: Choice[] = []
    for (const choice of this.#all) {
      if (search === '' ? !this.#isAtTop(choice) : !shownName(choice).toLowerCase().includes(search)) continue
      if (found.push(choice) === MOST_FOUND) break
    }
    return found
  }

  #isAtTop({ path }: Choice): boolean {
    return path.length > this.#top && !path.includes('/', this.#top)
  }
}

/** Entries, and the folders that they are in without being offered themselves. */
export async function withFolders(entries: readonly Choice[]): Promise<readonly Choice[]> {
  const known = new Set<string>()
  await inSlices(entries, ({ path, type }) => {
    if (type === 'directory') known.add(path)
  })
  const missing: Choice[] = []
  await inSlices(entries, ({ path }) => {
    for (const folder of foldersAbove(path)) {
      if (known.has(folder)) break
      known.add(folder)
      missing.push({ path: folder, type: 'directory' })
    }
  })
  return [...missing, ...entries]
}

/** Without what is in a folder that was chosen, too. */
export function outermost(paths: readonly string[]): string[] {
  const chosen = new Set(paths)
  return paths.filter((path) => !isBelow(chosen, path))
}

/**
 * Whether an entry was chosen: itself, or a folder that it is in; and, so that they are made as they were offered, the
 * folders above.
 */
export function wasChosen(paths: readonly string[]): (entry: Choice) => boolean {
  const chosen = new Set(paths)
  const above = new Set(paths.flatMap((path) => [...foldersAbove(path)]))
  return ({ path, type }) =>
    chosen.has(path) || (type === 'directory' && above.has(path)) || isBelow(chosen, path)
}

/** The folders that a path is in, the nearest first. */
function* foldersAbove(path: string): Generator<string> {
  for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1))
    yield path.slice(0, slash)
}

function isBelow(folders: ReadonlySet<string>, path: string): boolean {
  for (const folder of foldersAbove(path)) if (folders.has(folder)) return true
  return false
}
