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
 * Gathers changes until they are due. Pure: it is told the time, which never goes back. What it keeps is bounded,
 * however many there are: what changes again is one, and where there are too many paths, all count as changed.
 */
export class Gathering {
  readonly #rules: GatheringRules
  /** When each path changed first, in this order. */
  readonly #firsts = new Map<string, number>()
  /** When each path changed last, in this order. */
  readonly #lasts = new Map<string, number>()
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
    else if (!this.#lasts.has(path) && this.#lasts.size >= this.#rules.most) {
      this.#all = { first: earliest(this.#firsts) ?? now, last: now }
      this.#forgetPaths()
    } else {
      if (!this.#firsts.has(path)) this.#firsts.set(path, now)
      this.#lasts.delete(path)
      this.#lasts.set(path, now)
    }
  }

  #forgetPaths(): void {
    this.#firsts.clear()
    this.#lasts.clear()
  }

  /** Whether it is known that something changed at this path. */
  has(path: string): boolean {
    return this.#all !== undefined || this.#lasts.has(path)
  }

  /** When something is due; undefined if nothing has changed. */
  get due(): number | undefined {
    if (this.#all) return this.#dueOf(this.#all)
    const first = earliest(this.#firsts)
    const last = earliest(this.#lasts)
    return first === undefined || last === undefined ? undefined : this.#dueOf({ first, last })
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
      this.#forgetPaths()
      return 'all'
    }
    const { quiet, longest } = this.#rules
    const due = [...this.#takeUpTo(now - quiet, this.#lasts), ...this.#takeUpTo(now - longest, this.#firsts)]
    return due.length > 0 ? due : undefined
  }

  *#takeUpTo(latest: number, times: ReadonlyMap<string, number>): Generator<string> {
    for (const [path, time] of times) {
      if (time > latest) return
      this.#firsts.delete(path)
      this.#lasts.delete(path)
      yield path
    }
  }
}

/** The time that stands first. */
function earliest(times: ReadonlyMap<string, number>): number | undefined {
  return times.values().next().value
}
