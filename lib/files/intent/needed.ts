import { dirname, sep } from 'node:path'
import { isSluiceError } from '../../errors.js'
import type { FileSystem } from '../fs.js'
import { Tree } from '../tree.js'
import { findIntents, readIntent } from './find-intents.js'

/**
 * The temporary files that transactions need which are not at their end: whoever removed one would make it impossible
 * to complete or to undo them. Their intents are looked for in every folder above the file.
 */
export class NeededFiles {
  readonly #fs: FileSystem
  /** By folder: the paths that its intents need; null where one cannot be read, and may need any. */
  readonly #known = new Map<string, Promise<Set<string> | null>>()

  constructor(fs: FileSystem) {
    this.#fs = fs
  }

  /** Whether the file `name` in `folder` is needed. */
  async has(folder: string, name: string): Promise<boolean> {
    const start = await this.#fs.realpath(folder)
    const path = below(start) + name
    for (let above = start; ; above = dirname(above)) {
      if (!this.#known.has(above)) this.#known.set(above, this.#neededBelow(above))
      const needed = await this.#known.get(above)!
      if (needed === null || needed.has(path)) return true
      if (dirname(above) === above) return false
    }
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
