import { printable, SluiceError } from '../../errors.js'
import { type FileSystem, OPEN } from '../disk/fs.js'
import { checkName, inside } from '../disk/names.js'
import { shareSyncs, syncOpenFolder } from '../disk/sync.js'
import type { IdleHandle } from './handle-budget.js'
import { type SharedFolder, shareFolder } from './shared-folder.js'
import type { Tree } from './tree.js'

/** A folder of a tree, held open until it is released. */
export interface OpenFolder {
  /** Relative to the root, with `/`; '' for the root itself. */
  readonly path: string
  /** The open folder: for its mode and times. */
  readonly fd: number
  /**
   * The path of `name` in this folder, to give to the file system. On Linux it leads into this very folder even if
   * the folders above are moved or replaced; elsewhere it is an ordinary path. Throws `ERR_PATH` for what is not one
   * name.
   */
  at(name: string): string
  /** The names in the folder, as bytes. */
  list(): Promise<Buffer[]>
  /** Syncs the names in this folder. Calls that come while a sync runs share the next one; once one failed, all do. */
  sync(): Promise<void>
  /** Releases the folder; the second time does nothing. */
  release(): void
}

/** The root of a tree, and the file system that it is on. */
type TreeRoot = Pick<Tree, 'fs' | 'root'>

/** An open folder, shared by all who use it. */
export class FolderHandle implements IdleHandle {
  users = 0
  readonly path: string
  readonly fd: number
  /** Syncs the names in it, as {@link shareSyncs} does. */
  readonly sync: () => Promise<void>
  readonly evict: () => Promise<void>
  /** What stands before a name in its path: see {@link OpenFolder.at}. */
  readonly prefix: string

  /** @param evict closes it while nobody uses it */
  constructor(tree: TreeRoot, path: string, fd: number, evict: (handle: FolderHandle) => Promise<void>) {
    const { fs } = tree
    this.prefix = pathIn(tree, { path, fd }, '')
    this.path = path
    this.fd = fd
    this.sync = shareSyncs(fs, () => fd)
    this.evict = () => evict(this)
  }
}

/** The use of a folder handle by one caller, until it is released. */
export class FolderUse implements OpenFolder {
  readonly #fs: FileSystem
  readonly #handle: FolderHandle
  readonly #leave: (handle: FolderHandle) => void
  #released = false

  constructor(fs: FileSystem, handle: FolderHandle, leave: (handle: FolderHandle) => void) {
    this.#fs = fs
    this.#handle = handle
    this.#leave = leave
  }

  get path(): string {
    return this.#handle.path
  }

  get fd(): number {
    return this.#held.fd
  }

  /** The handle. After the release its number may belong to another file. */
  get #held(): FolderHandle {
    if (!this.#released) return this.#handle
    throw new SluiceError('ERR_STATE', `the folder ${printable(this.path)} was released`)
  }

  at(name: string): string {
    checkName(name, this.#fs.platform, name)
    return this.#held.prefix + name
  }

  async list(): Promise<Buffer[]> {
    return this.#fs.readdir(`${this.#held.prefix}.`)
  }

  async sync(): Promise<void> {
    const handle = hold(this.#held)
    try {
      await handle.sync()
    } finally {
      this.#leave(handle)
    }
  }

  release(): void {
    if (this.#released) return
    this.#released = true
    this.#leave(this.#handle)
  }
}

/** The path of `name` in an open folder of the tree. */
export function pathIn({ fs, root }: TreeRoot, folder: { path: string; fd: number }, name: string): string {
  const anchored = fs.at(folder.fd, name)
  if (anchored !== null) return anchored
  const top = root.endsWith('/') ? root : `${root}/`
  return top + (folder.path === '' ? name : `${folder.path}/${name}`)
}

/** Adds one user. */
export function hold(handle: FolderHandle): FolderHandle {
  handle.users++
  return handle
}

/**
 * The folder at `path`, which may lead through links, since the user gave it. It is held open until it is closed, so
 * that everything happens in one and the same folder (on Linux; elsewhere by its path).
 */
export class Folder implements OpenFolder {
  readonly path: string
  readonly fd: number
  readonly #fs: FileSystem
  readonly #handle: SharedFolder
  #closing: Promise<void> | undefined

  private constructor(fs: FileSystem, path: string, handle: SharedFolder) {
    this.#fs = fs
    this.path = path
    this.fd = handle.fd
    this.#handle = handle
  }

  /**
   * Opens the folder at `path`, together with all who have it open. Throws system errors (ENOENT, ENOTDIR, EACCES, …).
   */
  static async open(fs: FileSystem, path: string): Promise<Folder> {
    return new Folder(fs, path, await shareFolder(fs, path))
  }

  /** The same for a folder that no link leads to; the handle is its own. */
  static async openReal(fs: FileSystem, path: string): Promise<Folder> {
    return Folder.#ownedAt(fs, path, path)
  }

  /** Opens a folder in this one, not through a link. Throws system errors. */
  enter(name: string): Promise<Folder> {
    return Folder.#ownedAt(this.#fs, inside(this.path, name), this.at(name))
  }

  static async #ownedAt(fs: FileSystem, path: string, at: string): Promise<Folder> {
    const fd = await fs.open(at, OPEN.folder)
    const sync = () => syncOpenFolder(fs, fd)
    return new Folder(fs, path, { fd, sync, release: () => fs.close(fd).catch(() => {}) })
  }

  at(name: string): string {
    checkName(name, this.#fs.platform, name)
    return this.#fs.at(this.fd, name) ?? inside(this.path, name)
  }

  list(): Promise<Buffer[]> {
    return this.#fs.readdir(this.#fs.at(this.fd, '.') ?? this.path)
  }

  sync(): Promise<void> {
    return this.#handle.sync()
  }

  release(): void {
    this.close()
  }

  /**
   * Resolves when it is closed. Never fails: nothing is written through the handle of a folder, so that nothing is
   * lost.
   */
  close(): Promise<void> {
    this.#closing ??= this.#handle.release()
    return this.#closing
  }
}
