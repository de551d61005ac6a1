import { foldName, partCandidate } from '../../files/disk/names.js'

/** Names for what is ours in a destination, none of those that an offer brings. */
export class OurNames {
  /** Names of the offer that could be mistaken for ours, folded: parts by their path, folders at the top. */
  readonly #parts = new Set<string>()
  readonly #tops = new Set<string>()

  /** Learns a path of the offer. */
  avoid(path: string): void {
    if (/\.part$/i.test(path)) this.#parts.add(foldName(path))
    if (path[0] === '.') this.#tops.add(foldName(path.split('/', 1)[0]!))
  }

  /** Whether the offer has something of this folded name at its top. */
  isTop(name: string): boolean {
    return this.#tops.has(name)
  }

  /** Whether the first name that comes to mind for the part of the file at `path` is none of the offer's. */
  isPlain(path: string): boolean {
    return this.#parts.size === 0 || this.part(path, 0).tries === 1
  }

  /** A name for the part of the file at `path`, after `tries` that were taken; and how many have been tried then. */
  part(path: string, tries: number): { name: string; tries: number } {
    const slash = path.lastIndexOf('/') + 1
    for (;;) {
      const name = partCandidate(path.slice(slash), tries++)
      if (!this.#parts.has(foldName(path.slice(0, slash) + name))) return { name, tries }
    }
  }
}
