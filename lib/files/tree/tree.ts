import { printable, SluiceError } from '../../errors.js'
import { checkChoice, checkKeys } from '../../options.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import { type FileStats, type FileSystem, OPEN } from '../disk/fs.js'
import {
  checkName,
  folderOfProcess,
  isOfProcess,
  localPath,
  nameOf,
  type PathLike,
  parentOf,
} from '../disk/names.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { isOutOfHandles } from '../disk/retry.js'
import { lstatIfThere, sameInode } from '../disk/stats.js'
import { HandleBudget, handlesOf } from './handle-budget.js'
import { makeFolders, syncNames } from './make-folders.js'
import { FolderHandle, FolderUse, hold, type OpenFolder, pathIn } from './open-folder.js'

export type { OpenFolder } from './open-folder.js'

/** Options of {@link Tree.open}. */
export interface TreeOptions {
  fs?: FileSystem
  /** Make the root and the folders above it if they are missing. */
  create?: boolean
  /** With 'power' the names of the root and of all folders above it are synced. Default 'crash'. */
  durability?: 'crash' | 'power'
  /**
   * How many folders and part files are kept open at once, not counting the root; or a budget that is shared with
   * other trees. Default 64.
   */
  handles?: number | HandleBudget
}

/**
 * The folders below one root, each entered without following a link. On Linux every step goes through the handle of
 * the folder above, so that a folder that is swapped for a link at any moment leads nowhere. On other systems each
 * folder is checked before and compared after it is opened, every time that it is asked for: between that check and
 * the use, somebody who may write to the tree can redirect one call.
 */
export class Tree {
  readonly root: string
  readonly fs: FileSystem
  /** The budget for its folders and the parts in them. */
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
   * Opens `root`, which may itself be reached through links: it is resolved once, here. Close the tree afterwards.
   * Fails with `ERR_WRITE` (cause ENOENT, ENOTDIR, …), `ERR_PERMISSION`, `ERR_READ_ONLY`.
   */
  static async open(root: PathLike, options: TreeOptions = {}): Promise<Tree> {
    checkKeys('options', options, { fs: true, create: true, durability: true, handles: true })
    const { fs = nodeFileSystem, create = false, durability = 'crash', handles } = options
    const budget = handles instanceof HandleBudget ? handles : new HandleBudget(handles)
    checkChoice('durability', durability, ['crash', 'power'])
    const path = localPath('root', root)
    if (isOfProcess(`${path}/in it`)) throw folderOfProcess(path)
    try {
      const power = durability === 'power'
      if (create) await makeFolders(fs, path, power)
      // an earlier run may have made several of them, and synced none
      if (create && power) await syncNames(fs, path)
      const resolved = await fs.realpath(path)
      if (isOfProcess(resolved)) throw folderOfProcess(path)
      const fd = await handlesOf(fs).retry(() => fs.open(resolved, OPEN.folder))
      return new Tree(fs, resolved, fd, budget)
    } catch (error) {
      throw diskError(error, 'open the folder', path)
    }
  }

  /**
   * The folder at `path` ('' is the root). Release it after use. Fails with `ERR_PATH` (not a relative path of plain
   * names), `ERR_UNSAFE_LINK` (a link on the way), `ERR_WRITE` (cause ENOENT, ENOTDIR), `ERR_PERMISSION`.
   */
  async folder(path: string): Promise<OpenFolder> {
    if (this.#closed) throw new SluiceError('ERR_STATE', 'the tree is closed')
    this.#check(path)
    const handle = await this.#enter(path)
    return new FolderUse(this.fs, handle, (held) => this.#leave(held))
  }

  /** Calls `act` with the folder at `path`, and releases it afterwards. Fails as {@link Tree.folder} and `act` do. */
  async within<T>(path: string, act: (folder: OpenFolder) => Promise<T>): Promise<T> {
    const folder = await this.folder(path)
    try {
      return await act(folder)
    } finally {
      folder.release()
    }
  }

  /** Syncs the names in the folder at `path`. Fails as {@link Tree.folder} does, and with system errors. */
  sync(path: string): Promise<void> {
    return this.within(path, (folder) => folder.sync())
  }

  /**
   * Makes one folder; the one above must exist. An existing folder is fine. Fails as {@link Tree.folder} does, and
   * with cause EEXIST if something else has the name. The new name is durable once the folder above was synced.
   * @param mode of a new folder, before the umask
   */
  async makeFolder(path: string, mode = 0o777): Promise<'created' | 'there'> {
    if (path === '') return 'there'
    this.#check(path)
    return this.within(parentOf(path), async (parent) => {
      const where = parent.at(nameOf(path))
      try {
        await this.fs.mkdir(where, mode)
      } catch (error) {
        if (errorCode(error) !== 'EEXIST') throw error
        const there = await this.fs.lstat(where)
        if (there.isDirectory()) return 'there'
        throw there.isSymbolicLink() ? unsafeLink(path, error) : error
      }
      // a folder that is still open under this path is another one, which was removed meanwhile
      this.forget(path)
      return 'created'
    }).catch((error: unknown) => {
      throw diskError(error, 'make the folder', path)
    })
  }

  /**
   * Forgets the open folders at `path` and below it: somebody may remove them and make others of the same names,
   * which the next caller must see. Those in use stay open until they are released.
   */
  forget(path: string): void {
    for (const [key, handle] of this.#open) {
      if (key !== path && !key.startsWith(`${path}/`)) continue
      this.#open.delete(key)
      if (handle.users === 0) this.#close(handle)
    }
  }

  /**
   * The folder at `path`, which is in the root, as it stands now: an open one counts only if it still has its path.
   * Fails as {@link Tree.folder} does.
   */
  async folderNow(path: string): Promise<OpenFolder> {
    const known = this.#open.get(path)
    if (known) {
      // in use during the look, so that it cannot be closed meanwhile
      this.#use(known)
      try {
        const there = await lstatIfThere(this.fs, pathIn(this, this.#top, path))
        if (!there || !sameInode(await this.fs.fstat(known.fd), there)) this.forget(path)
      } finally {
        this.#leave(known)
      }
    }
    return this.folder(path)
  }

  /** Closes all folders; those in use are closed when they are released. */
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
    const parent = await this.#enter(parentOf(path))
    try {
      return await this.#step(parent, nameOf(path), path)
    } catch (error) {
      throw diskError(error, 'enter the folder', path)
    } finally {
      this.#leave(parent)
    }
  }

  async #step(parent: FolderHandle, name: string, path: string): Promise<FolderHandle> {
    const where = pathIn(this, parent, name)
    // without handles as anchors, the folder at the path is compared with the open one each time
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

  /**
   * Whether an open folder is still the one at its path; if so, it gets one more user. It is in use during the check,
   * so that it cannot be closed meanwhile.
   */
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
      return await this.fs.open(where, OPEN.folder)
    } catch (error) {
      if (isOutOfHandles(error)) {
        await this.handles.evictIdle()
        return this.fs.open(where, OPEN.folder)
      }
      const code = errorCode(error)
      // with O_DIRECTORY Linux reports ENOTDIR for a link, too
      if (code !== 'ENOTDIR' && code !== 'ELOOP') throw error
      const there = await this.fs.lstat(where)
      throw code === 'ELOOP' || there.isSymbolicLink() ? unsafeLink(path, error) : error
    }
  }

  #handleOf(path: string, fd: number): FolderHandle {
    return new FolderHandle(this, path, fd, (handle) => {
      this.#open.delete(handle.path)
      return this.#close(handle)
    })
  }

  #add(handle: FolderHandle): FolderHandle {
    this.handles.entered()
    const other = this.#open.get(handle.path)
    if (other) {
      // another caller opened the same folder meanwhile
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
    // nothing is written through the handle of a folder, so that a failing close loses nothing
    const closing = this.fs.close(handle.fd).catch(() => {})
    this.#closing.add(closing)
    closing.then(() => this.#closing.delete(closing))
    return closing
  }
}

function unsafeLink(path: string, cause?: unknown): SluiceError {
  const message = `${printable(path)} is a symbolic link, or became one: nothing is written through it; remove the link`
  return new SluiceError('ERR_UNSAFE_LINK', message, { path, cause })
}
