import { parentOf } from '../../../files/disk/names.js'
import type { OpenFolder } from '../../../files/tree/tree.js'

/** What is used of a store. */
interface Place {
  readonly folders: { folderOf(path: string): string | undefined }
  folder(path: string): Promise<OpenFolder>
}

/** The folder in which a loop over small files is at work: held until another one is entered. */
export class HeldFolder {
  readonly #store: Place
  #folder: OpenFolder | undefined
  /** Its path in the offer. */
  #path = ''

  constructor(store: Place) {
    this.#store = store
  }

  /** The folder of the file at `path` of the offer, if it is the one that is held. */
  of(path: string): OpenFolder | undefined {
    return this.#folder && isIn(this.#path, path) ? this.#folder : undefined
  }

  /** Enters the folder of the file at `path`; undefined where that cannot be. */
  async enter(path: string): Promise<OpenFolder | undefined> {
    this.leave()
    try {
      this.#folder = await this.#store.folder(this.#store.folders.folderOf(parentOf(path))!)
      this.#path = parentOf(path)
    } catch {
      // the file goes its own way, and fails there with the reason
    }
    return this.#folder
  }

  /** Whether it has the name that the offer gives it: else its files are told by other names. */
  get hasOwnName(): boolean {
    return this.#folder?.path === this.#path
  }

  leave(): void {
    this.#folder?.release()
    this.#folder = undefined
  }
}

/** Whether a file is directly in a folder, and in none below it. */
export function isIn(folder: string, path: string): boolean {
  const { length } = folder
  return path.lastIndexOf('/') === length - (length === 0 ? 1 : 0) && path.startsWith(folder)
}
