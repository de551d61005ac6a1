import { type FileStats, type FileSystem, OPEN } from '../disk/fs.js'
import { sameInode } from '../disk/stats.js'
import { shareSyncs } from '../disk/sync.js'

/** An open folder, for all who hold it at the same time. */
export interface SharedFolder {
  readonly fd: number
  /**
   * Syncs the names in it. Who calls while a sync runs shares the next one, which begins after all of them have called
   * and fails for all of them. Once one has failed, all fail for those who hold the folder: what they have put there
   * before may be lost. Whoever comes later opens it anew.
   */
  sync(): Promise<void>
  /** To be called once. Closes the handle if nobody holds it any more; never fails. */
  release(): Promise<void>
}

const ofFileSystem = new WeakMap<FileSystem, OpenByPath>()

/**
 * Opens the folder at `path`; a link to a folder is followed. If somebody has the same folder open by that path, it is
 * theirs that is held: many writes into one folder have one handle, and share its syncs. Throws system errors.
 */
export function shareFolder(fs: FileSystem, path: string): Promise<SharedFolder> {
  let folders = ofFileSystem.get(fs)
  if (!folders) {
    folders = new OpenByPath(fs)
    ofFileSystem.set(fs, folders)
  }
  return folders.share(path)
}

/** Syncs the names in the folder at `path`, together with all who have it open; a link to a folder is followed. */
export async function syncFolder(fs: FileSystem, path: string): Promise<void> {
  const folder = await shareFolder(fs, path)
  try {
    await folder.sync()
  } finally {
    await folder.release()
  }
}

/** A folder that was opened, or is on the way to be. */
interface Held {
  readonly fd: Promise<number>
  /** Asked when a second one wants to hold it. */
  stats?: Promise<FileStats>
  sync(): Promise<void>
  holders: number
}

class OpenByPath {
  readonly #fs: FileSystem
  /** The one that was opened last by each path. */
  readonly #folders = new Map<string, Held>()

  constructor(fs: FileSystem) {
    this.#fs = fs
  }

  async share(path: string): Promise<SharedFolder> {
    const open = this.#folders.get(path)
    const held = open && (await this.#isHeld(path, open)) ? open : this.#open(path)
    const release = () => this.#leave(path, held)
    try {
      return { fd: await held.fd, sync: held.sync, release }
    } catch (error) {
      await release()
      throw error
    }
  }

  /** Holds what is open, unless another folder has the path by now. */
  async #isHeld(path: string, held: Held): Promise<boolean> {
    held.holders++
    try {
      const fd = await held.fd
      held.stats ??= this.#fs.fstat(fd)
      if (sameInode(await held.stats, await this.#fs.stat(path))) return true
    } catch {
      // the folder is opened, which fails with the reason if there is still one
    }
    await this.#leave(path, held)
    return false
  }

  #open(path: string): Held {
    const fs = this.#fs
    const fd = fs.open(path, OPEN.anyFolder)
    const syncs = shareSyncs(fs, () => fd)
    const sync = () =>
      syncs().catch((error) => {
        this.#forget(path, held)
        throw error
      })
    const held: Held = { fd, sync, holders: 1 }
    this.#folders.set(path, held)
    return held
  }

  async #leave(path: string, held: Held): Promise<void> {
    if (--held.holders > 0) return
    this.#forget(path, held)
    // nothing is written through the handle of a folder, so that nothing is lost
    await held.fd.then((fd) => this.#fs.close(fd)).catch(() => {})
  }

  /** Whoever comes from now on opens the folder anew. */
  #forget(path: string, held: Held): void {
    if (this.#folders.get(path) === held) this.#folders.delete(path)
  }
}
