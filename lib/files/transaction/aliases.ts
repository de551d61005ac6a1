import { printable, SluiceError } from '../../errors.js'
import type { FileStats } from '../disk/fs.js'
import { foldName, nameOf } from '../disk/names.js'
import { sameInode } from '../disk/stats.js'
import { inFolder } from '../intent/staging.js'
import type { Tree } from '../tree/tree.js'

/** The files that a transaction has named, to detect two spellings of one name: where case is ignored, for instance. */
export class Aliases {
  readonly #tree: Tree
  readonly #named = new Map<string, { path: string; there: FileStats }[]>()

  constructor(tree: Tree) {
    this.#tree = tree
  }

  /**
   * Fails with `ERR_TRANSACTION` for the second spelling of a file: a change under one name would undo that under the
   * other.
   */
  async check(path: string, there: FileStats): Promise<void> {
    const folded = foldName(path)
    const others = this.#named.get(folded) ?? []
    this.#named.set(folded, [...others, { path, there }])
    for (const other of others) {
      if (!sameInode(other.there, there) || !(await this.#isOneName(path, other.path))) continue
      const message = `${printable(path)} and ${printable(other.path)} are one file; name it in one way (renameAtomic changes how it is spelled)`
      throw new SluiceError('ERR_TRANSACTION', message, { path })
    }
  }

  /** Whether both are one name: two hard links to a file are both in the list of names of the folder. */
  async #isOneName(one: string, other: string): Promise<boolean> {
    const look = (path: string) =>
      inFolder(this.#tree, path, async (_where, folder) => ({
        stats: await this.#tree.fs.fstat(folder.fd),
        names: (await folder.list()).map(String),
      }))
    const [first, second] = [await look(one), await look(other)]
    if (!sameInode(first.stats, second.stats)) return false
    if (nameOf(one) === nameOf(other)) return true
    return !(first.names.includes(nameOf(one)) && first.names.includes(nameOf(other)))
  }
}
