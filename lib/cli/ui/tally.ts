import { counted } from '../../errors.js'
import type { Entry } from '../../wire/entry.js'
import { type Outcome, type OutcomeRange, unusualIn } from '../../wire/outcome.js'

/** Links that are named of those that were not made. */
const MOST_LINKS = 3

/** What became of the entries of a transfer, in the numbers that people are told. */
export class Tally {
  /** Those that got another name. */
  readonly renamed: Outcome[] = []
  /** Published, by what they are. */
  readonly #published = { file: 0, directory: 0, symlink: 0, unreadable: 0 }
  /** They stand there already. */
  there = 0
  /** Bytes of what has its outcome, but for what nobody asked for. */
  bytes = 0
  /** Nobody asked for them: links, pipes, what a policy leaves out. */
  leftOut: number
  /** Links among them that the receiver did not make: the first ones, and how many. */
  readonly links: Outcome[] = []
  linksLeft = 0
  /** The sender could not read them. */
  unreadable = 0
  /** They failed for another reason. */
  failed = 0

  /** @param leftOut what the sender has left out already */
  constructor(leftOut = 0) {
    this.leftOut = leftOut
  }

  /** Takes in what became of consecutive entries. */
  add(range: OutcomeRange, entries: readonly Entry[]): void {
    for (let index = range.first; index <= range.last; index++) {
      this.#published[entries[index]!.type]++
      this.bytes += entries[index]!.size ?? 0
    }
    for (const outcome of unusualIn(range, entries)) {
      if (outcome.name !== undefined) this.renamed.push(outcome)
      if (outcome.status === 'published') continue
      this.#published[outcome.entry.type]--
      this.#count(outcome)
    }
  }

  /**
   * Those that were published, such as '2 files, 1 folder'; undefined if there are none. Where something was there already,
   * folders are left out: nobody is told which of them were.
   */
  get published(): string | undefined {
    const { file, directory, symlink } = this.#published
    return kinds({ file, directory: this.there > 0 ? 0 : directory, symlink })
  }

  /** The others; '' if there are none. */
  get others(): string {
    const { there, leftOut, unreadable, failed } = this
    const numbers: [number, string][] = [
      [there, 'there already'],
      [leftOut, 'left out'],
      [unreadable, 'could not be read'],
      [failed, 'failed'],
    ]
    return joined(numbers.map(([number, what]) => (number === 0 ? undefined : `${number} ${what}`))) ?? ''
  }

  #count(outcome: Outcome): void {
    const { entry, status, code, reason } = outcome
    if (status === 'skipped' && (code === 'ERR_SKIPPED' || code === 'ERR_REJECTED')) {
      this.leftOut++
      this.bytes -= entry.size ?? 0
      // the sender is told no reason
      if (entry.type !== 'symlink' || (reason !== undefined && reason !== 'symlink')) return
      this.linksLeft++
      if (this.links.length < MOST_LINKS) this.links.push(outcome)
    } else if (status === 'skipped') this.there++
    else if (UNREADABLE.has(code)) this.unreadable++
    else this.failed++
  }
}

const UNREADABLE = new Set<Outcome['code']>(['ERR_SOURCE_READ', 'ERR_SOURCE_CHANGED', 'ERR_UNSENDABLE'])

/** Entries by what they are; as a text '2 files, 1 folder', or 'nothing'. */
export class Kinds {
  readonly #numbers = { file: 0, directory: 0, symlink: 0, unreadable: 0 }

  add(type: Entry['type']): void {
    this.#numbers[type]++
  }

  toString(): string {
    return kinds(this.#numbers) ?? 'nothing'
  }
}

/** {@link Kinds} of entries. */
export function kindsOf(entries: readonly Entry[]): string {
  const kinds = new Kinds()
  for (const { type } of entries) kinds.add(type)
  return `${kinds}`
}

function kinds({ file, directory, symlink }: Record<Exclude<Entry['type'], 'unreadable'>, number>) {
  return amounts([file, 'file'], [directory, 'folder'], [symlink, 'link'])
}

/** What there is how often, such as '2 files, 1 folder'; undefined if there is nothing. */
export function amounts(...numbers: [number: number, what: string][]): string | undefined {
  return joined(numbers.map(([number, what]) => (number === 0 ? undefined : counted(number, what))))
}

function joined(parts: readonly (string | undefined)[]): string | undefined {
  return parts.filter((part) => part !== undefined).join(', ') || undefined
}
