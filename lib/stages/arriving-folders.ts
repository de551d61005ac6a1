import { isSluiceError } from '../errors.js'
import { errorCode } from '../files/disk-error.js'
import { firstFree } from '../files/first-free.js'
import type { Tree } from '../files/tree.js'

/** Where the folders are made, and how to wait for handles. */
interface Ground {
  tree(): Promise<Tree>
  patiently<T>(work: () => Promise<T>): Promise<T>
}

/**
 * Where the folders of a transfer are on disk: under their own names, merged into those that stand there, or, where
 * something else has the name, with a suffix and all that is below them.
 */
export class ArrivingFolders {
  readonly #ground: Ground
  /** Path in the offer → path on disk. */
  readonly #made = new Map<string, string>([['', '']])
  readonly #making = new Map<string, Promise<string>>()
  /** Folders on disk that have one of ours in them: with 'power' their names are to be synced. */
  readonly #grown = new Set<string>()

  constructor(ground: Ground) {
    this.#ground = ground
  }

  /**
   * Makes the folder at `path` of the offer, and those above it; gives its path on disk.
   * Fails with `ERR_UNSAFE_LINK` where a link stands in its place, and as the disk does.
   */
  async make(path: string, mode = 0o777): Promise<string> {
    const made = this.#made.get(path)
    if (made !== undefined) return made
    let making = this.#making.get(path)
    if (!making) {
      making = this.#make(path, mode)
      this.#making.set(path, making)
    }
    try {
      return await making
    } finally {
      this.#making.delete(path)
    }
  }

  /** The path on disk of an entry whose folder was made. */
  pathOf(path: string): string {
    const slash = path.lastIndexOf('/')
    const folder = this.#made.get(slash === -1 ? '' : path.slice(0, slash))!
    return join(folder, path.slice(slash + 1))
  }

  /** The path on disk of a folder of the offer, if it was made. */
  folderOf(path: string): string | undefined {
    return this.#made.get(path)
  }

  /** Makes the names of new folders last. */
  async sync(): Promise<void> {
    const tree = await this.#ground.tree()
    for (const path of [...this.#grown]) {
      await this.#ground.patiently(() => tree.sync(path))
      this.#grown.delete(path)
    }
  }

  async #make(path: string, mode: number): Promise<string> {
    const slash = path.lastIndexOf('/')
    const above = await this.make(slash === -1 ? '' : path.slice(0, slash))
    const name = path.slice(slash + 1)
    const tree = await this.#ground.tree()
    return firstFree(name, path, async (candidate, n) => {
      const there = join(above, candidate)
      try {
        // its owner must be able to write into it until the end
        await this.#ground.patiently(() => tree.makeDirectory(there, mode | 0o700))
        // also where it was there: who made it may have been killed before his sync, or not be at it yet
        this.#grown.add(above)
        this.#made.set(path, there)
        return there
      } catch (error) {
        // a link under the name itself is no accident: nobody asked for another name then
        const isLink = n > 0 && isSluiceError(error, 'ERR_UNSAFE_LINK')
        const cause = isSluiceError(error) ? errorCode(error.cause) : undefined
        const isTaken = isSluiceError(error, 'ERR_WRITE') && cause === 'EEXIST'
        if (!isLink && !isTaken) throw error
        return undefined
      }
    })
  }
}

function join(folder: string, name: string): string {
  return folder === '' ? name : `${folder}/${name}`
}
