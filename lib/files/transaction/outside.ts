import { basename, dirname, sep } from 'node:path'
import { printable, SluiceError } from '../../errors.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import type { FileStats } from '../disk/fs.js'
import { lstatIfThere, sameContent, sameInode } from '../disk/stats.js'
import { inFolder } from '../intent/staging.js'
import { handlesOf } from '../tree/handle-budget.js'
import { Tree } from '../tree/tree.js'
import { fewAtOnce, syncFoldersOf, unlessMissing } from './folder.js'
import { type Listed, listTree } from './list-tree.js'

/** A file or folder that comes from outside the folder of a transaction, and all that is in it. */
export class Outside {
  /** The folder that it is in. */
  readonly tree: Tree
  /** Its path in there: one name. */
  readonly name: string
  readonly listed: Listed
  readonly #shown: string
  /** The files as they were when they were read. */
  readonly #read = new Map<string, FileStats>()

  private constructor(tree: Tree, name: string, listed: Listed, shown: string) {
    this.tree = tree
    this.name = name
    this.listed = listed
    this.#shown = shown
  }

  /**
   * Opens what is at `path`, which may be reached through links, but is none itself. Fails with `ERR_UNSAFE_LINK`,
   * `ERR_NO_SUCH_FILE`, `ERR_USAGE` (it is in the folder of the transaction, or that is in it), and as {@link listTree}.
   */
  static async open({ fs, root }: Tree, path: string): Promise<Outside> {
    if (basename(path) === '')
      throw new SluiceError('ERR_USAGE', `${printable(path)} has no name of its own; name what is in it`, {
        path,
      })
    const tree = await Tree.open(dirname(path), { fs, handles: handlesOf(fs) })
    try {
      const name = basename(path)
      if (!(await inFolder(tree, name, (where) => lstatIfThere(fs, where))))
        throw new SluiceError('ERR_NO_SUCH_FILE', `${printable(path)} does not exist`, { path })
      // by what the paths lead to: a folder may have several
      const real = await fs.realpath(path)
      if (isIn(real, root) || isIn(root, real)) {
        const message = `${printable(path)} and the folder of the transaction, ${printable(root)}, lie one inside the other; copy and move take what is in it`
        throw new SluiceError('ERR_USAGE', message, { path })
      }
      return new Outside(tree, name, await listTree(tree, name), path)
    } catch (error) {
      await tree.close()
      throw error
    }
  }

  /** Remembers what a file was like when it was read. */
  remember(path: string, stats: FileStats): void {
    this.#read.set(path, stats)
  }

  /**
   * Removes all that was read, and the folders that are empty then. What somebody has changed or added since stays. Gives
   * a warning for the first thing that is left.
   */
  async remove(power: boolean): Promise<SluiceError | undefined> {
    let left: unknown
    const attempt = (act: () => Promise<void>) =>
      act().catch((error: unknown) => {
        left ??= error
      })
    await fewAtOnce().each(this.#read, ([path, stats]) => attempt(() => this.#removeFile(path, stats)))
    const folders = [...this.listed].flatMap(([path, stats]) => (stats.isDirectory() ? [path] : []))
    for (const path of folders.reverse()) await attempt(() => this.#removeFolder(path))
    if (power) await attempt(() => syncFoldersOf(this.tree, [...this.listed.keys()]))
    return left === undefined ? undefined : this.#isLeft(left)
  }

  close(): Promise<void> {
    return this.tree.close()
  }

  async #removeFile(path: string, read: FileStats): Promise<void> {
    const { fs } = this.tree
    await inFolder(this.tree, path, async (where) => {
      const now = await lstatIfThere(fs, where)
      if (!now) return
      if (sameInode(now, read) && sameContent(now, read)) return fs.unlink(where)
      const message = `${printable(path)} was changed since it was read`
      throw new SluiceError('ERR_SOURCE_CHANGED', message, { path })
    })
  }

  async #removeFolder(path: string): Promise<void> {
    // somebody was faster, or it was moved in twice
    await inFolder(this.tree, path, (where) => this.tree.fs.rmdir(where)).catch(unlessMissing)
  }

  #isLeft(cause: unknown): SluiceError {
    const isNotEmpty = ['ENOTEMPTY', 'EEXIST'].includes(errorCode(cause) ?? '')
    const { code, message: why } = isNotEmpty
      ? { code: 'ERR_SOURCE_CHANGED' as const, message: 'something else is in it' }
      : diskError(cause, 'remove', this.#shown)
    const message = `${printable(this.#shown)} was copied, and what is left of it must be removed by hand: ${why}`
    return new SluiceError(code, message, { path: this.#shown, cause })
  }
}

/** Whether the paths are equal, or the first one is below the other; both are resolved. */
function isIn(path: string, folder: string): boolean {
  return `${path}${sep}`.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`)
}
