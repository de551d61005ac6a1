import { printable, SluiceError } from '../../errors.js'
import type { FileSystem } from '../disk/fs.js'
import { checkName } from '../disk/names.js'
import { syncDirectory } from '../disk/sync.js'

/** A folder of a tree, held open until it is released. */
export interface Directory {
  /** Relative to the root, with `/`; '' for the root itself. */
  readonly path: string
  /** The open folder: for its mode and times. */
  readonly fd: number
  /**
   * The path to give to the file system for `name` in this folder. On Linux it leads into this very folder, whatever
   * is done to the folders above it; elsewhere it is an ordinary path. Throws `ERR_PATH` for what is not one name.
   */
  at(name: string): string
  /** The names in the folder, as bytes. */
  list(): Promise<Buffer[]>
  /** Makes the names in this folder last. Calls that come while one runs share the next one. */
  sync(): Promise<void>
  /** Gives the folder back; the second time does nothing. */
  release(): void
}

/** Where the folders are. */
export interface TreeRoot {
  readonly fs: FileSystem
  readonly root: string
}

/** A folder that is open, with those who use it. */
export class Handle {
  users = 0
  /** When it was entered last, counted in entries. */
  used = 0
  /** The sync that runs, and the one that waits for it. */
  running?: Promise<void>
  waiting?: Promise<void>

  constructor(
    readonly path: string,
    readonly fd: number,
  ) {}
}

/** One user's hold on a handle. */
export class Lease implements Directory {
  readonly #tree: TreeRoot
  readonly #handle: Handle
  readonly #leave: (handle: Handle) => void
  #released = false

  constructor(tree: TreeRoot, handle: Handle, leave: (handle: Handle) => void) {
    this.#tree = tree
    this.#handle = handle
    this.#leave = leave
  }

  get path(): string {
    return this.#handle.path
  }

  get fd(): number {
    // its number may belong to another file by now
    if (this.#released) throw new SluiceError('ERR_STATE', `the folder ${printable(this.path)} was released`)
    return this.#handle.fd
  }

  at(name: string): string {
    checkName(name, this.#tree.fs.platform, name)
    return pathIn(this.#tree, this, name)
  }

  list(): Promise<Buffer[]> {
    return this.#tree.fs.readdir(pathIn(this.#tree, this, '.'))
  }

  async sync(): Promise<void> {
    const handle = this.#handle
    const { fd } = this
    hold(handle)
    // the sync that runs may have begun before the caller's change: only the next one covers it
    handle.waiting ??= (handle.running ?? Promise.resolve())
      .catch(() => {})
      .then(() => {
        handle.running = handle.waiting
        handle.waiting = undefined
        return syncDirectory(this.#tree.fs, fd)
      })
    try {
      await handle.waiting
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

/** Counts one more user. */
export function hold(handle: Handle): Handle {
  handle.users++
  return handle
}
