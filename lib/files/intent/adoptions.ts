import { printable, SluiceError } from '../../errors.js'
import { diskError, errorCode, SystemError, systemCode } from '../disk/disk-error.js'
import type { FileStats } from '../disk/fs.js'
import { moveOver, moveWritten } from '../disk/move-file.js'
import { parentOf } from '../disk/names.js'
import { isOfUser, lstatIfThere, unlinkIfThere } from '../disk/stats.js'
import { isLinkRefusal } from '../publish/take-name.js'
import type { Tree } from '../tree/tree.js'
import type { Adopted, Intent } from './intent.js'
import { inFolder, type StagingArea, stageLink } from './staging.js'

/** The mode of the empty folder that keeps a name free of others, for the moment before a folder takes its place. */
const PLACEHOLDER = 0o700

/**
 * Says what is to be adopted: the file, link or folder at `from` gets the path `to`, where nothing stands, or a file or
 * a link that makes room. The folder above `to` must be there. Fails with `ERR_TRANSACTION` where a folder has the
 * path.
 */
export async function adoption(area: StagingArea, from: string, to: string): Promise<Adopted> {
  const { tree } = area
  const look = (path: string) => inFolder(tree, path, (where) => lstatIfThere(tree.fs, where))
  const staged = await look(from)
  if (!staged) throw new SystemError('ENOENT', 'lstat', 'it is not there any more')
  const there = await look(to)
  const adopted = { path: to, from, ino: String(staged.ino) }
  if (!there) return adopted
  if (there.isDirectory() || staged.isDirectory()) throw changed(to)
  return { ...adopted, old: String(there.ino), backup: (await stageLink(area, to, parentOf(to), there)).path }
}

/**
 * The steps of an intent that adopt something. Each first looks at what is there, so that it can be repeated after any
 * interruption. What is adopted is known by its inode: its content is not read.
 */
export class Adoptions {
  readonly #tree: Tree
  readonly #adopted: readonly Adopted[]
  readonly #guard: () => Promise<void>
  readonly #isFirst: boolean
  readonly #taken: StagingArea['taken'] | undefined
  /** In the process that prepared it: what was begun. */
  readonly #touched = new Set<Adopted>()
  /** And the placeholders that it made. */
  readonly #made = new Set<Adopted>()

  /**
   * @param taken in the process that prepared it, which undoes only what it began: what it put under temporary names
   */
  constructor(
    tree: Tree,
    { adopted = [] }: Intent,
    guard: () => Promise<void>,
    taken: StagingArea['taken'] | undefined,
  ) {
    this.#tree = tree
    this.#adopted = adopted
    this.#guard = guard
    this.#isFirst = taken !== undefined
    this.#taken = taken
  }

  /** Gives all of them their names, one after the other. */
  async forward(done?: () => void): Promise<void> {
    for (const one of this.#adopted) {
      try {
        const state = await this.#state(one)
        if (state === 'conflict') throw changed(one.path)
        if (state !== 'done') {
          this.#touched.add(one)
          await this.#guard()
          await this.#place(one, state)
        }
      } catch (error) {
        throw diskError(error, 'commit', one.path)
      }
      done?.()
    }
  }

  /** What was adopted stands where it was. */
  async undo(): Promise<void> {
    for (const one of this.#adopted.toReversed()) {
      if (this.#isFirst && !this.#touched.has(one)) continue
      await this.#guard()
      await this.#takeBack(one)
    }
  }

  /** The paths that cannot be given. */
  async conflicts(): Promise<string[]> {
    const found: string[] = []
    for (const one of this.#adopted) if ((await this.#state(one)) === 'conflict') found.push(one.path)
    return found
  }

  /** What is still to be placed; or that it is done, or that something else is there. */
  async #state(one: Adopted): Promise<'done' | 'conflict' | FileStats> {
    const there = await this.#look(one.path)
    if (isIt(there, one.ino)) return 'done'
    const staged = await this.#look(one.from)
    if (!staged || !isIt(staged, one.ino)) return 'conflict'
    if (!there) return one.old === undefined ? staged : 'conflict'
    if (one.old !== undefined) return isIt(there, one.old) ? staged : 'conflict'
    if (staged.isSymbolicLink() && (await this.#leadsThere(one, there))) return 'done'
    return staged.isDirectory() && (await this.#isPlaceholder(one, there)) ? staged : 'conflict'
  }

  async #place(one: Adopted, staged: FileStats): Promise<void> {
    const { fs } = this.#tree
    await this.#within(one, async (from, to) => {
      if (staged.isDirectory()) return this.#placeFolder(one, from, to)
      // there is no moment in which nothing has the name
      if (one.old !== undefined) return moveOver(fs, from, to, staged)
      if (staged.isSymbolicLink()) return fs.symlink(await fs.readlink(from), to)
      try {
        await fs.link(from, to)
      } catch (error) {
        // the answer of a link that was made may have been lost
        if (isIt(await lstatIfThere(fs, to), one.ino)) return
        if (!isLinkRefusal(error)) throw error
        if (await lstatIfThere(fs, to)) throw changed(one.path)
        await moveOver(fs, from, to, staged)
      }
    })
    this.#tree.forget(one.from)
  }

  /**
   * By one rename. That would silently take the place of an empty folder of somebody else's: so the name is taken by an
   * empty one of ours first, which is the only one that makes room. Windows renames over none.
   */
  async #placeFolder(one: Adopted, from: string, to: string): Promise<void> {
    const { fs } = this.#tree
    if (fs.platform !== 'win32') {
      try {
        // before: it may be made although the answer is an error
        this.#made.add(one)
        await fs.mkdir(to, PLACEHOLDER)
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error
        if (this.#isFirst) this.#made.delete(one)
        if (!(await this.#isPlaceholder(one, await fs.lstat(to)))) throw changed(one.path)
      }
    }
    await moveOver(fs, from, to)
  }

  async #takeBack(one: Adopted): Promise<void> {
    const { fs } = this.#tree
    const there = await this.#look(one.path)
    const isOurs = isIt(there, one.ino)
    const staged = await this.#look(one.from)
    if (!there) return
    await this.#within(one, async (from, to) => {
      if (!isOurs) {
        if (staged?.isDirectory() && (await this.#isPlaceholder(one, there))) await fs.rmdir(to)
        else if (staged?.isSymbolicLink() && (await this.#leadsThere(one, there))) await unlinkIfThere(fs, to)
        return
      }
      const { backup } = one
      if (backup === undefined) {
        if (staged) await unlinkIfThere(fs, to)
        else await moveOver(fs, to, from, there)
        return
      }
      if (!staged && !there.isSymbolicLink())
        await fs.link(to, from).catch((error: unknown) => {
          // it is lost from the staged folder, and comes again
          if (!isLinkRefusal(error)) throw error
        })
      const written = this.#taken?.get(backup)
      const move = (saved: string) =>
        written ? moveWritten(fs, saved, to, written) : moveOver(fs, saved, to)
      await inFolder(this.#tree, backup, move)
    })
    this.#tree.forget(one.path)
  }

  /** Whether the folder is the empty one that was made for this: by this process, or by the one that died. */
  async #isPlaceholder(one: Adopted, there: FileStats): Promise<boolean> {
    const { fs } = this.#tree
    if (!there.isDirectory() || !isOfUser(fs, there)) return false
    if (this.#isFirst && !this.#made.has(one)) return false
    if (fs.platform !== 'win32' && (there.mode & 0o777) !== PLACEHOLDER) return false
    return (await inFolder(this.#tree, one.path, (where) => fs.readdir(where))).length === 0
  }

  async #leadsThere(one: Adopted, there: FileStats): Promise<boolean> {
    if (!there.isSymbolicLink()) return false
    const { fs } = this.#tree
    return this.#within(one, async (from, to) => (await fs.readlink(from)) === (await fs.readlink(to)))
  }

  #within<T>({ path, from }: Adopted, act: (from: string, to: string) => Promise<T>): Promise<T> {
    return inFolder(this.#tree, from, (source) => inFolder(this.#tree, path, (target) => act(source, target)))
  }

  /** undefined also if a folder above it is missing. */
  #look(path: string): Promise<FileStats | undefined> {
    const { fs } = this.#tree
    return inFolder(this.#tree, path, (where) => fs.lstat(where)).catch((error: unknown) => {
      const code = systemCode(error)
      if (code !== 'ENOENT' && code !== 'ENOTDIR') throw error
      return undefined
    })
  }
}

function isIt(there: FileStats | undefined, ino: string): boolean {
  return there !== undefined && String(there.ino) === ino
}

function changed(path: string): SluiceError {
  const message = `something else has the path ${printable(path)} by now: it is left as it is`
  return new SluiceError('ERR_TRANSACTION', message, { path })
}
