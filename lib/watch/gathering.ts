/** How changes are gathered; times in milliseconds. */
export interface GatheringRules {
  /** For so long nothing has to change at a path until it counts as written. */
  quiet: number
  /** A path that goes on changing is due all the same so long after its first change. */
  longest: number
  /** Paths that are kept; of more changes it is only known that there were some. */
  most: number
}

/** Paths that have changed, or that any may have. */
export type Changed = readonly string[] | 'all'

/** When something has changed first, and last. */
interface Change {
  first: number
  last: number
}

/**
 * Gathers changes until they are due. Pure: it is told the time. What it keeps is bounded, however many there are: what
 * changes again is one, and where there are too many paths, all count as changed.
 */
export class Gathering {
  readonly #rules: GatheringRules
  readonly #changes = new Map<string, Change>()
  #all: Change | undefined

  constructor(rules: GatheringRules) {
    this.#rules = rules
  }

  /** Something changed at these paths, or anywhere. */
  add(changed: Changed, now: number): void {
    if (changed === 'all') this.#all = { first: this.#all?.first ?? now, last: now }
    else for (const path of changed) this.#note(path, now)
  }

  #note(path: string, now: number): void {
    if (this.#all) this.#all.last = now
    else if (!this.#changes.has(path) && this.#changes.size >= this.#rules.most) {
      const first = Math.min(now, ...Array.from(this.#changes.values(), (change) => change.first))
      this.#changes.clear()
      this.#all = { first, last: now }
    } else this.#changes.set(path, { first: this.#changes.get(path)?.first ?? now, last: now })
  }

  /** When something is due; undefined if nothing has changed. */
  get due(): number | undefined {
    if (this.#all) return this.#dueOf(this.#all)
    let due: number | undefined
    for (const change of this.#changes.values()) due = Math.min(due ?? Infinity, this.#dueOf(change))
    return due
  }

  #dueOf({ first, last }: Change): number {
    return Math.min(last + this.#rules.quiet, first + this.#rules.longest)
  }

  /** Takes out what is due by now, or, without a time, all that has changed; undefined if there is nothing. */
  take(now = Number.POSITIVE_INFINITY): Changed | undefined {
    if (this.#all) {
      if (this.#dueOf(this.#all) > now) return undefined
      this.#all = undefined
      // what was known by its path is among all
      this.#changes.clear()
      return 'all'
    }
    const due = [...this.#changes].filter(([, change]) => this.#dueOf(change) <= now).map(([path]) => path)
    for (const path of due) this.#changes.delete(path)
    return due.length > 0 ? due : undefined
  }
}
