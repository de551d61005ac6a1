import { below, foldName, nameOf, parentOf, partCandidate } from '../../files/disk/names.js'
import { isReservedName } from '../../files/own/reserved.js'

/** Names for the parts of a transfer, none of those that its offers bring. */
export class PartNames {
  /** Paths of the offers that could be those of parts, folded. */
  readonly #paths = new Set<string>()

  /** Learns a path of the offer. */
  avoid(path: string): void {
    if (/\.part$/i.test(path)) this.#paths.add(foldName(path))
  }

  /** Whether an offer brings something under this path. */
  has(path: string): boolean {
    return this.#paths.size > 0 && this.#paths.has(foldName(path))
  }

  /**
   * Whether the part of the file at `path` of the offer may have the first name that comes to mind: the file itself
   * keeps its name, and nothing of the offer is called like the part.
   */
  isPlain(path: string): boolean {
    const name = nameOf(path)
    return !isReservedName(name) && (this.#paths.size === 0 || this.part(parentOf(path), name, 0).tries === 1)
  }

  /**
   * A name for the part of the file that is called `name` on disk, after `tries` that were taken; and how many have
   * been tried then.
   * @param folder its path in the offer
   */
  part(folder: string, name: string, tries: number): { name: string; tries: number } {
    for (;;) {
      const part = partCandidate(name, tries++)
      if (!this.has(below(folder, part))) return { name: part, tries }
    }
  }
}
