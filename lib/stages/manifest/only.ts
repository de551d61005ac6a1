/** Some paths of an offer, and no others. */
export class Only {
  readonly #paths: ReadonlySet<string>
  /** The folders that lead to them. */
  readonly #above = new Set<string>()

  constructor(paths: Iterable<string>) {
    this.#paths = new Set(paths)
    for (const path of this.#paths)
      for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
        const above = path.slice(0, at)
        if (this.#above.has(above)) break
        this.#above.add(above)
      }
  }

  has(path: string): boolean {
    return this.#paths.has(path)
  }

  /** Whether it is one of them, or a folder in which some of them are. */
  leadsTo(path: string): boolean {
    return this.#paths.has(path) || this.#above.has(path)
  }
}
