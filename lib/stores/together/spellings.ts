import { below, foldName } from '../../files/disk/names.js'

/**
 * Finds the paths of what is staged by what they are asked for as: a file that was found to be there already is told
 * under its own spelling, which on some disks is not the one that stands there. Where two spellings stand side by side
 * they are two names; else any of them is the one.
 */
export class Spellings {
  /** Keys of names that stand there in several spellings. */
  readonly #several = new Set<string>()

  /** Takes in the names in a folder; those of the folders above it were taken in before. */
  add(folder: string, names: readonly string[]): void {
    const key = this.keyOf(folder)
    const seen = new Set<string>()
    for (const name of names) {
      const folded = below(key, foldName(name))
      if (seen.has(folded)) this.#several.add(folded)
      seen.add(folded)
    }
  }

  /** The same for all spellings of one path. */
  keyOf(path: string): string {
    let key = ''
    for (const name of path === '' ? [] : path.split('/')) {
      const folded = below(key, foldName(name))
      key = this.#several.has(folded) ? below(key, name) : folded
    }
    return key
  }
}
