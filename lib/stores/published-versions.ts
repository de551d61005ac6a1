import type { FileStats } from '../files/disk/fs.js'
import { nameOf, suffixed } from '../files/disk/names.js'

/** Paths that are remembered, at most: of more, those are forgotten that came first. */
const MOST_PATHS = 1_000_000

/** Which file has got a name, and what it was then. */
type Version = { name: string } & Pick<FileStats, 'dev' | 'ino' | 'size' | 'mtimeMs'>

/**
 * The files that several transfers of one sender, one after the other, have put into a folder, or have found there with
 * the content that was sent. Given to each of them, a newer version of a file takes the place of the one before under
 * any conflict policy. One that somebody has changed or moved since is nobody's old version: the policy decides.
 */
export class PublishedVersions {
  /** By the path of the entry. */
  readonly #versions = new Map<string, Version>()
  readonly #most: number

  /** @param most paths that are remembered; of more, those are forgotten that came first */
  constructor(most = MOST_PATHS) {
    this.#most = most
  }

  /** The entry of a path has got a name: what has it now is its version. */
  note(path: string, name: string, { dev, ino, size, mtimeMs }: Omit<Version, 'name'>): void {
    this.#versions.delete(path)
    this.#versions.set(path, { name, dev, ino, size, mtimeMs })
    const [first] = this.#versions.keys()
    if (this.#versions.size > this.#most) this.#versions.delete(first!)
  }

  /** The suffix that the version of a path got, if it got one: the next one is to have the same. */
  suffixOf(path: string): number | undefined {
    const version = this.#versions.get(path)
    if (!version || version.name === path) return undefined
    const numbers = [...nameOf(version.name).matchAll(/_(\d+)/g)].map(([, digits]) => Number(digits))
    return numbers.find((n) => suffixed(nameOf(path), n) === nameOf(version.name))
  }

  /** Adds those that were staged, under the names that they have got by now; those without one were not put there. */
  adopt(staged: PublishedVersions, nameFor: (path: string) => string | undefined): void {
    for (const [path, version] of staged.#versions) {
      const name = nameFor(path)
      if (name !== undefined) this.note(path, name, version)
    }
  }

  /**
   * Whether what has a name now is the version that the entry of a path had there before, and nobody has changed it.
   */
  isUntouched(path: string, name: string, now: FileStats): boolean {
    const before = this.#versions.get(path)
    return (
      before !== undefined &&
      now.isFile() &&
      before.name === name &&
      before.ino === now.ino &&
      before.dev === now.dev &&
      before.size === now.size &&
      before.mtimeMs === now.mtimeMs
    )
  }
}
