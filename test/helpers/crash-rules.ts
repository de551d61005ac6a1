// What a power cut may leave, said a second time: not as the disk in memory does it, but as a list of all that is
// allowed, which is only possible for short histories. crash-rules.test.ts compares the two.

export const SECTOR = 512

/** What one sector, or the size, may be, and whether the next sync would write it. */
interface Cell<T> {
  possible: T[]
  dirty: boolean
}

/** The rules for the content of one file. */
export class ContentRules {
  readonly #sectors: Cell<string>[]
  readonly #size: Cell<number> = { possible: [0], dirty: false }
  #now = ''

  constructor(readonly sectors: number) {
    const zeros = '\0'.repeat(SECTOR)
    this.#sectors = Array.from({ length: sectors }, () => ({ possible: [zeros], dirty: false }))
  }

  write(at: number, text: string): void {
    const padded = this.#now.padEnd(at, '\0')
    this.#set(padded.slice(0, at) + text + padded.slice(at + text.length), at, at + text.length)
  }

  truncate(length: number): void {
    this.#set(this.#now.slice(0, length).padEnd(length, '\0'), length, this.sectors * SECTOR)
  }

  sync(works: boolean): void {
    for (const cell of [...this.#sectors, this.#size]) {
      if (works && cell.dirty) cell.possible.splice(0, cell.possible.length - 1)
      cell.dirty = false
    }
  }

  /** Every content that may be found. */
  all(): Set<string> {
    let texts = ['']
    for (const { possible } of this.#sectors)
      texts = texts.flatMap((text) => [...new Set(possible)].map((sector) => text + sector))
    const { possible } = this.#size
    const [least, most] = [Math.min(...possible), Math.max(...possible)]
    const ends = this.#sectors.map((_, i) => i * SECTOR).filter((end) => end > least && end < most)
    return new Set([...possible, ...ends].flatMap((size) => texts.map((text) => text.slice(0, size))))
  }

  #set(now: string, from: number, to: number): void {
    const padded = now.padEnd(this.sectors * SECTOR, '\0')
    for (const [i, cell] of this.#sectors.entries()) {
      const [start, end] = [i * SECTOR, (i + 1) * SECTOR]
      if (end <= from || start >= to) continue
      cell.possible.push(padded.slice(start, end))
      cell.dirty = true
    }
    this.#size.possible.push(now.length)
    this.#size.dirty = true
    this.#now = now
  }
}

/** One call on names: what each of them leads to afterwards, '' for nothing. It is kept whole, or not at all. */
interface Step {
  names: Record<string, string>
  /** A sync said that it lasts. */
  sure: boolean
  /** A sync that should have said so failed. */
  doubtful: boolean
}

const folderOf = (path: string) => path.slice(0, path.lastIndexOf('/'))

/** The rules for names; those of folders never change. */
export class NameRules {
  readonly #steps: Step[] = []

  step(names: Record<string, string>): void {
    this.#steps.push({ names, sure: false, doubtful: false })
  }

  /** A sync of a folder lasts for each step in it, and for what the same names were before. */
  sync(folder: string, works: boolean): void {
    const needed = new Set<string>()
    for (const step of this.#steps.toReversed()) {
      const names = Object.keys(step.names)
      if (step.sure || step.doubtful) continue
      if (!names.some((name) => folderOf(name) === folder || needed.has(name))) continue
      for (const name of names) needed.add(name)
      if (works) step.sure = true
      else step.doubtful = true
    }
  }

  get unsure(): number {
    return this.#steps.filter(({ sure }) => !sure).length
  }

  /** Every set of names that may be found, with what they lead to. */
  all(): Set<string> {
    const unsure = this.#steps.filter(({ sure }) => !sure)
    const found = new Set<string>()
    for (let bits = 0; bits < 2 ** unsure.length; bits++) {
      const names: Record<string, string> = {}
      for (const step of this.#steps) {
        if (step.sure || (bits >> unsure.indexOf(step)) & 1) Object.assign(names, step.names)
      }
      found.add(shownNames(Object.entries(names)))
    }
    return found
  }
}

/** Names with what they lead to; a name below a folder that is not there is not there. */
export function shownNames(names: [path: string, leadsTo: string][]): string {
  const there = new Map(names.filter(([, leadsTo]) => leadsTo !== ''))
  const isReachable = (path: string): boolean =>
    folderOf(path) === '' || (there.has(folderOf(path)) && isReachable(folderOf(path)))
  return [...there]
    .filter(([path]) => isReachable(path))
    .map(([path, leadsTo]) => `${path}=${leadsTo}`)
    .sort()
    .join(' ')
}
