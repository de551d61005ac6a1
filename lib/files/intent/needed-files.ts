import { dirname, sep } from 'node:path'
import { isSluiceError } from '../../errors.js'
import type { FileSystem } from '../disk/fs.js'
import { type Owner, textOfOwner } from '../own/owner.js'
import { Tree } from '../tree/tree.js'
import { IntentFile } from './intent-file.js'

/**
 * For each folder the paths that its intents need; null if one of them cannot be read, so that it may need any path.
 */
type ByFolder = Map<string, Promise<Set<string> | null>>

/**
 * The temporary files that unfinished transactions need: without them these could neither be completed nor undone.
 * Intents are looked for in every folder above a file.
 *
 * The intents are read after the process that made the file was seen to be dead, never before. That is enough: an
 * intent names only files of its own process, and a dead process writes no new intent; a recovery of the
 * transaction removes the intent only when its files are not needed any more. An intent that was read before proves
 * nothing, because the process could have committed in between, and died.
 */
export class NeededFiles {
  readonly #fs: FileSystem
  /** For each dead process what was read after its death was seen. */
  readonly #known = new Map<string, ByFolder>()

  constructor(fs: FileSystem) {
    this.#fs = fs
  }

  /**
   * Whether the file `name` in `folder` is needed.
   * @param owner the process that made it, which was seen to be dead
   */
  async has(folder: string, name: string, owner: Owner): Promise<boolean> {
    const start = await this.#fs.realpath(folder)
    const path = below(start) + name
    const known = this.#knownSince(owner)
    for (let above = start; ; above = dirname(above)) {
      if (!known.has(above)) known.set(above, this.#neededBelow(above))
      const needed = await known.get(above)!
      if (needed === null || needed.has(path)) return true
      if (dirname(above) === above) return false
    }
  }

  /** What was read for this process. It may be kept, because the process stays dead. */
  #knownSince(owner: Owner): ByFolder {
    // without its start time, a later process may have had the same number: nothing is kept
    if (owner.start === '') return new Map()
    const process = processOf(owner)
    const known = this.#known.get(process) ?? new Map()
    this.#known.set(process, known)
    return known
  }

  async #neededBelow(root: string): Promise<Set<string> | null> {
    const needed = new Set<string>()
    const top = below(root)
    const tree = await Tree.open(root, { fs: this.#fs }).catch((error: unknown) => {
      // a user who may not read a folder has no transaction there
      if (isSluiceError(error, 'ERR_PERMISSION')) return undefined
      throw error
    })
    if (!tree) return needed
    try {
      for (const file of await IntentFile.find(tree)) {
        const intent = await file.read().catch((error: unknown) => {
          // that of a newer Sluice may need any path, too
          if (!isSluiceError(error, 'ERR_TRANSACTION')) throw error
        })
        if (!intent) return null
        for (const { temporary, backup } of intent.actions)
          for (const path of [temporary, backup]) if (path !== undefined) needed.add(top + path)
      }
      return needed
    } finally {
      await tree.close()
    }
  }
}

/** What is the same for all that one process owns. */
export function processOf(owner: Owner): string {
  return textOfOwner({ ...owner, token: '' })
}

/** The prefix of paths below a folder, with `/` on any platform, as in intents. */
function below(folder: string): string {
  const path = sep === '/' ? folder : folder.replaceAll(sep, '/')
  return path.endsWith('/') ? path : `${path}/`
}
