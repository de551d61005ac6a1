import { dirname, sep } from 'node:path'
import { isSluiceError } from '../../errors.js'
import type { FileSystem } from '../disk/fs.js'
import { type Owner, textOfOwner } from '../own/owner.js'
import { Tree } from '../tree/tree.js'
import { findIntents, readIntent } from './find-intents.js'

/** By folder: the paths that its intents need; null where one cannot be read, and may need any. */
type ByFolder = Map<string, Promise<Set<string> | null>>

/**
 * The temporary files that transactions need which are not finished: whoever removed one would make it impossible
 * to complete or to undo them. Their intents are looked for in every folder above the file.
 *
 * They are read after the process that made the file was seen to be gone, never before. That order is enough: an
 * intent names only files that its own process made, and a dead process writes none any more. So what is read then is
 * all that there will ever be; and who carries it out removes the intent only when the file is not needed any more.
 * What was read before that moment says nothing, since the process may have committed in between, and died.
 */
export class NeededFiles {
  readonly #fs: FileSystem
  /** What was read since the death of a process was seen, by process. */
  readonly #known = new Map<string, ByFolder>()

  constructor(fs: FileSystem) {
    this.#fs = fs
  }

  /**
   * Whether the file `name` in `folder` is needed.
   * @param owner who made it, and was seen to be gone
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

  /** What was read for this process, which is kept: it stays dead. */
  #knownSince(owner: Owner): ByFolder {
    // where its start is not known, another process may get its number, and die as well: nothing is kept
    if (owner.start === '') return new Map()
    const process = textOfOwner({ ...owner, token: '' })
    const known = this.#known.get(process) ?? new Map()
    this.#known.set(process, known)
    return known
  }

  async #neededBelow(root: string): Promise<Set<string> | null> {
    const needed = new Set<string>()
    const top = below(root)
    const tree = await Tree.open(root, { fs: this.#fs }).catch((error: unknown) => {
      // whoever may not look into a folder has no transaction there
      if (isSluiceError(error, 'ERR_PERMISSION')) return undefined
      throw error
    })
    if (!tree) return needed
    try {
      for (const found of await findIntents(tree)) {
        const intent = await readIntent(tree, found)
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

/** What the paths below a folder begin with, with `/` on any platform, as in intents. */
function below(folder: string): string {
  const path = sep === '/' ? folder : folder.replaceAll(sep, '/')
  return path.endsWith('/') ? path : `${path}/`
}
