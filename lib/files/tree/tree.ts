import { printable, SluiceError } from '../../errors.js'
import { checkChoice } from '../../options.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import { type FileStats, type FileSystem, OPEN } from '../disk/fs.js'
import { checkName } from '../disk/names.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { isOutOfHandles } from '../disk/out-of-handles.js'
import { sameInode } from '../disk/stats.js'
import { type Directory, FolderHandle, hold, Lease, pathIn } from './directory.js'
import { HandleBudget } from './handle-budget.js'
import { makeFolders } from './make-folders.js'

export type { Directory } from './directory.js'

/** Options of {@link Tree.open}. */
export interface TreeOptions {
  fs?: FileSystem
  /** Make the root, and the folders above it, where they are missing. */
  create?: boolean
  /** With 'power' the names of the folders that were made so are synced. Default 'crash'. */
  durability?: 'crash' | 'power'
  /**
   * How many of its folders and part files are open at once, those aside that are in use; or the budget that it shares
   * with others. Default 64.
   */
  handles?: number | HandleBudget
}

/**
 * The folders below one root, each entered without following a link. On Linux every step goes through the handle of
 * the folder above, so that a folder swapped for a link at any moment leads nowhere. Elsewhere each folder is looked
 * at before and compared after it was opened, every time that it is asked for: that leaves a window between the
 * look and the use, in which somebody who may write to the tree can redirect one call.
 */
export class Tree {
  readonly root: string
  readonly fs: FileSystem
  /** What its folders and part files share. */
  readonly handles: HandleBudget
  readonly #top: FolderHandle
  readonly #open = new Map<string, FolderHandle>()
  readonly #closing = new Set<Promise<void>>()
  #closed = false

  private constructor(fs: FileSystem, root: string, fd: number, handles: HandleBudget) {
    this.fs = fs
    this.root = root
    this.#top = this.#handleOf('', fd)
    this.handles = handles
  }

  /**
   * Opens `root`, which may itself be reached through links: it is resolved once, here. Close it afterwards.
   * Fails with `ERR_WRITE` (cause ENOENT, ENOTDIR, …), `ERR_PERMISSION`, `ERR_READ_ONLY`.
   */
  static async open(root: string, options: TreeOptions = {}): Promise<Tree> {
    const { fs = nodeFileSystem, create = false, durability = 'crash', handles } = options
    const budget = handles instanceof HandleBudget ? handles : new HandleBudget(handles)
    checkChoice('durability', durability, ['crash', 'power'])
    try {
      if (create) await makeFolders(fs, root, durability === 'power')
      const resolved = await fs.realpath(root)
      const fd = await fs.open(resolved, OPEN.directory)
      return new Tree(fs, resolved, fd, budget)
    } catch (error) {
      throw diskError(error, 'open the folder', root)
    }
  }

  /**
   * The folder at `path` ('' is the root). Release it after use. Fails with `ERR_PATH` (not a relative path of plain
   * names), `ERR_UNSAFE_LINK` (a link on the way), `ERR_WRITE` (cause ENOENT, ENOTDIR), `ERR_PERMISSION`.
   */
  async directory(path: string): Promise<Directory> {
    if (this.#closed) throw new SluiceError('ERR_STATE', 'the tree is closed')
    this.#check(path)
    const handle = await this.#enter(path)
    return new Lease(this, handle, (held) => this.#leave(held))
  }

  /** Makes the names in the folder at `path` last. Fails as {@link Tree.directory} does, and with system errors. */
  async sync(path: string): Promise<void> {
    const directory = await this.directory(path)
    try {
      await directory.sync()
    } finally {
      directory.release()
    }
  }

  /**
   * Makes one folder; the one above must be there. A folder that is there already is fine. Fails as
   * {@link Tree.directory} does, and with cause EEXIST where something else has the name. Its name lasts once the
   * folder above was synced.
   * @param mode of a new folder, before the umask
   */
  async makeDirectory(path: string, mode = 0o777): Promise<'created' | 'there'> {
    if (path === '') return 'there'
    this.#check(path)
    const [above, name] = split(path)
    const parent = await this.directory(above)
    try {
      const where = parent.at(name)
      try {
        await this.fs.mkdir(where, mode)
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error
        const standing = await this.fs.lstat(where)
        if (standing.isDirectory()) return 'there'
        throw standing.isSymbolicLink() ? unsafeLink(path, error) : error
      }
      // what was open under this name is another folder, which somebody took away
      this.forget(path)
      return 'created'
    } catch (error) {
      throw diskError(error, 'make the folder', path)
    } finally {
      parent.release()
    }
  }

  /**
   * Lets go of the folder at `path` and of those below it: others may take it away and make another one of the same
   * name, and who enters it next is to see that one. Who is in it stays there until it is released.
   */
  forget(path: string): void {
    for (const [key, handle] of this.#open) {
      if (key !== path && !key.startsWith(`${path}/`)) continue
      this.#open.delete(key)
      if (handle.users === 0) this.#close(handle)
    }
  }

  /** Closes what nobody uses, and what is still in use as soon as it is released. */
  async close(): Promise<void> {
    if (!this.#closed) {
      this.#closed = true
      for (const handle of [...this.#open.values(), this.#top]) {
        if (handle.users > 0) continue
        this.#open.delete(handle.path)
        this.#close(handle)
      }
    }
    await Promise.all(this.#closing)
  }

  #check(path: string): void {
    if (path !== '') for (const name of path.split('/')) checkName(name, this.fs.platform, path)
  }

  async #enter(path: string): Promise<FolderHandle> {
    if (path === '') return hold(this.#top)
    const known = this.#open.get(path)
    if (known && this.fs.at(known.fd, '.') !== null) return this.#use(known)
    const [above, name] = split(path)
    const parent = await this.#enter(above)
    try {
      return await this.#step(parent, name, path)
    } catch (error) {
      throw diskError(error, 'enter the folder', path)
    } finally {
      this.#leave(parent)
    }
  }

  async #step(parent: FolderHandle, name: string, path: string): Promise<FolderHandle> {
    const where = pathIn(this, parent, name)
    // where a path is only a path, what stands there is compared with what is open, each time
    const seen = this.fs.at(parent.fd, name) === null ? await this.fs.lstat(where) : undefined
    if (seen?.isSymbolicLink()) throw unsafeLink(path)
    const known = seen && this.#open.get(path)
    if (known && (await this.#isStill(known, seen))) return known
    if (known) this.forget(path)
    const fd = await this.#openFolder(where, path)
    try {
      if (seen && !sameInode(await this.fs.fstat(fd), seen)) throw unsafeLink(path)
    } catch (error) {
      await this.fs.close(fd).catch(() => {})
      throw error
    }
    return this.#add(this.#handleOf(path, fd))
  }

  /** Whether an open folder is the one that was seen, and then it stays held. Without that it could be closed meanwhile. */
  async #isStill(known: FolderHandle, seen: FileStats): Promise<boolean> {
    this.#use(known)
    let same = false
    try {
      same = sameInode(await this.fs.fstat(known.fd), seen)
    } finally {
      if (!same) this.#leave(known)
    }
    return same
  }

  async #openFolder(where: string, path: string): Promise<number> {
    try {
      return await this.fs.open(where, OPEN.directory)
    } catch (error) {
      if (isOutOfHandles(error)) {
        await this.handles.evictIdle()
        return this.fs.open(where, OPEN.directory)
      }
      const code = errorCode(error)
      // Linux says ENOTDIR of a link too, as soon as a folder is asked for
      if (code !== 'ENOTDIR' && code !== 'ELOOP') throw error
      const standing = await this.fs.lstat(where)
      throw code === 'ELOOP' || standing.isSymbolicLink() ? unsafeLink(path, error) : error
    }
  }

  #handleOf(path: string, fd: number): FolderHandle {
    return new FolderHandle(this.fs, path, fd, (handle) => {
      this.#open.delete(handle.path)
      return this.#close(handle)
    })
  }

  #add(handle: FolderHandle): FolderHandle {
    this.handles.entered()
    const other = this.#open.get(handle.path)
    if (other) {
      // somebody else opened the same folder meanwhile
      this.#close(handle)
      return this.#use(other)
    }
    this.#open.set(handle.path, handle)
    return hold(handle)
  }

  #use(handle: FolderHandle): FolderHandle {
    if (handle.users === 0) this.handles.take(handle)
    return hold(handle)
  }

  #leave(handle: FolderHandle): void {
    handle.users--
    if (handle.users > 0) return
    const isKnown = handle === this.#top || this.#open.get(handle.path) === handle
    if (this.#closed || !isKnown) {
      if (isKnown) this.#open.delete(handle.path)
      this.#close(handle)
    } else if (handle !== this.#top) this.handles.keep(handle)
  }

  #close(handle: FolderHandle): Promise<void> {
    if (handle !== this.#top) this.handles.left(handle)
    // nothing was written through a folder's handle, so that a failing close loses nothing
    const closing = this.fs.close(handle.fd).catch(() => {})
    this.#closing.add(closing)
    closing.then(() => this.#closing.delete(closing))
    return closing
  }
}

function split(path: string): [above: string, name: string] {
  const slash = path.lastIndexOf('/')
  return slash === -1 ? ['', path] : [path.slice(0, slash), path.slice(slash + 1)]
}

function unsafeLink(path: string, cause?: unknown): SluiceError {
  const message = `${printable(path)} is a symbolic link, or became one: nothing is written through it; remove the link`
  return new SluiceError('ERR_UNSAFE_LINK', message, { path, cause })
}
