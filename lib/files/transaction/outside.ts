import { basename, dirname, sep } from 'node:path'
import { printable, SluiceError } from '../../errors.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import type { FileStats, FileSystem } from '../disk/fs.js'
import { inside } from '../disk/names.js'
import { lstatIfThere, sameContent, sameInode } from '../disk/stats.js'
import { inFolder } from '../intent/staging.js'
import { isOwnName } from '../own/reserved.js'
import { handlesOf } from '../tree/handle-budget.js'
import { Tree } from '../tree/tree.js'
import { fewAtOnce, syncFoldersOf, unlessMissing } from './folder.js'
import { type Listed, listTree } from './list-tree.js'

/**
 * A file or folder that comes from outside the folder of a transaction, and all that is in it. The folder around it is
 * open only while something is read or removed: a transaction may take in more of them than there are handles.
 */
export class Outside {
  /** Its path in the folder around it: one name. */
  readonly name: string
  readonly listed: Listed
  /** What is in it under names of ours, with the paths that the user has for it. */
  readonly leftOut: readonly string[]
  readonly #fs: FileSystem
  readonly #shown: string
  readonly #around: Around
  /** The folder around it, while somebody uses it. */
  #tree: Promise<Tree> | undefined
  #users = 0
  /** The files as they were when they were read. */
  readonly #read = new Map<string, FileStats>()

  private constructor(
    fs: FileSystem,
    shown: string,
    around: Around,
    { listed, leftOut }: Awaited<ReturnType<typeof listTree>>,
  ) {
    this.#fs = fs
    this.#shown = shown
    this.#around = around
    this.name = basename(shown)
    this.listed = listed
    this.leftOut = leftOut.map((path) => inside(dirname(shown), path))
  }

  /**
   * Looks at what is at `path`, which may be reached through links, but is none itself. Fails with `ERR_UNSAFE_LINK`,
   * `ERR_NO_SUCH_FILE`, `ERR_USAGE` (it is in the folder of the transaction, or that is in it), and as
   * {@link listTree}.
   */
  static async find({ fs, root }: Tree, path: string): Promise<Outside> {
    const name = basename(path)
    if (name === '' || name === '.' || name === '..') {
      const message = `${printable(path)} has no name of its own; name it without . and .. at the end, or what is in it`
      throw new SluiceError('ERR_USAGE', message, { path })
    }
    const tree = await openAround(fs, dirname(path))
    try {
      if (!(await inFolder(tree, name, (where) => lstatIfThere(fs, where))))
        throw new SluiceError('ERR_NO_SUCH_FILE', `${printable(path)} does not exist`, { path })
      // by what the paths lead to: a folder may have several
      const real = await fs.realpath(path)
      if (isAtOrBelow(real, root) || isAtOrBelow(root, real)) {
        const message = `${printable(path)} and the folder of the transaction, ${printable(root)}, lie one inside the other; copy and move take what is in it`
        throw new SluiceError('ERR_USAGE', message, { path })
      }
      const around = { path: tree.root, found: await statsOf(tree) }
      return new Outside(fs, path, around, await listTree(tree, name, isOwnName))
    } finally {
      await tree.close()
    }
  }

  /**
   * Calls `act` with the folder around it. Fails with `ERR_SOURCE_CHANGED` if another one has its path by now, and as
   * `act` does.
   */
  async within<T>(act: (tree: Tree) => Promise<T>): Promise<T> {
    this.#users++
    this.#tree ??= this.#enter()
    const entered = this.#tree
    try {
      return await act(await entered)
    } finally {
      if (--this.#users === 0) {
        this.#tree = undefined
        await entered.then((tree) => tree.close()).catch(() => {})
      }
    }
  }

  async #enter(): Promise<Tree> {
    const { path, found } = this.#around
    const tree = await openAround(this.#fs, path)
    try {
      if (sameInode(await statsOf(tree), found)) return tree
      const message = `${printable(path)} was exchanged since ${printable(this.name)} was found in it`
      throw new SluiceError('ERR_SOURCE_CHANGED', message, { path: this.#shown })
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
   * Removes all that was read, and the folders that are empty then. What somebody has changed or added since stays.
   * Gives a warning for the first thing that is left.
   */
  async remove(power: boolean): Promise<SluiceError | undefined> {
    let left: unknown
    const attempt = (act: () => Promise<void>) =>
      act().catch((error: unknown) => {
        left ??= error
      })
    await attempt(() =>
      this.within(async (tree) => {
        await fewAtOnce().each(this.#read, ([path, stats]) =>
          attempt(() => removeUnchanged(tree, path, stats)),
        )
        const folders = [...this.listed].flatMap(([path, stats]) => (stats.isDirectory() ? [path] : []))
        for (const path of folders.reverse()) await attempt(() => removeEmpty(tree, path))
        if (power) await syncFoldersOf(tree, [...this.listed.keys()])
      }),
    )
    return left === undefined ? undefined : this.#isLeft(left)
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

/** The folder that it is in. */
interface Around {
  /** Without links. */
  path: string
  /** What it was when the source was found in it. */
  found: FileStats
}

const openAround = (fs: FileSystem, path: string) => Tree.open(path, { fs, handles: handlesOf(fs) })

const statsOf = (tree: Tree) => tree.within('', ({ fd }) => tree.fs.fstat(fd))

/** Removes a file if it is as it was read. One that is gone is fine: somebody was faster, or it was moved in twice. */
async function removeUnchanged(tree: Tree, path: string, read: FileStats): Promise<void> {
  const remove = async (where: string) => {
    const now = await tree.fs.lstat(where)
    if (sameInode(now, read) && sameContent(now, read)) return tree.fs.unlink(where)
    const message = `${printable(path)} was changed since it was read`
    throw new SluiceError('ERR_SOURCE_CHANGED', message, { path })
  }
  await inFolder(tree, path, remove).catch(unlessMissing)
}

async function removeEmpty(tree: Tree, path: string): Promise<void> {
  await inFolder(tree, path, (where) => tree.fs.rmdir(where)).catch(unlessMissing)
}

/** Whether the paths are equal, or the first one is below the other; both are resolved. */
function isAtOrBelow(path: string, folder: string): boolean {
  return `${path}${sep}`.startsWith(folder.endsWith(sep) ? folder : `${folder}${sep}`)
}
