import { counted } from '../../../errors.js'
import { shownPath } from '../../../terminal/text.js'
import type { Entry } from '../../../wire/entry.js'
import type { Outcome, OutcomeRange } from '../../../wire/outcome.js'
import { shownName } from './shown-name.js'

/** Links that are named of those that were not made. */
const MOST_LINKS = 3

/** Entries that are named of those that got another name. */
const MOST_RENAMED = 20

/** Of more that has changed people read only how much it was. */
const MOST_NAMED = 3

/** Columns of each. */
const LONGEST_NAMED = 60

/** Entries by what they are: files, folders and links are told apart; as a text '2 files, 1 folder', or 'nothing'. */
export class Kinds {
  readonly #numbers = { file: 0, directory: 0, symlink: 0, unreadable: 0 }

  add(type: Entry['type']): void {
    this.#numbers[type]++
  }

  /** How many there are, of all kinds. */
  get count(): number {
    return Object.values(this.#numbers).reduce((sum, number) => sum + number)
  }

  get withoutFolders(): Kinds {
    const rest = new Kinds()
    Object.assign(rest.#numbers, this.#numbers, { directory: 0 })
    return rest
  }

  toString(): string {
    const { file, directory, symlink } = this.#numbers
    return amounts([file, 'file'], [directory, 'folder'], [symlink, 'link']) ?? 'nothing'
  }
}

/** What became of the entries of a transfer, in the numbers that people are told. */
export class Tally {
  /** Those that got another name: the first ones, and how many. */
  readonly renamed: Outcome[] = []
  renamedCount = 0
  readonly published = new Kinds()
  /** They stand there already. */
  readonly there = new Kinds()
  /** They failed; but for those that the sender could not read. */
  readonly #failed = new Kinds()
  /** The sender could not read them, so that it may not know what they are. */
  #unreadable = 0
  /** Bytes of what has its outcome, but for what nobody asked for. */
  bytes = 0
  #leftOut = 0
  /** Links among them that the receiver did not make: the first ones, and how many. */
  readonly links: Pick<Outcome, 'entry' | 'error'>[] = []
  linksLeft = 0

  readonly #leftOutBefore: () => number
  readonly #isNext: boolean
  /** What has changed, of a watch: some more than are named. */
  readonly #changed: Record<'files' | 'folders', Entry[]> = { files: [], folders: [] }

  /**
   * @param leftOutBefore what the sender has left out already
   * @param isNext of a watch, and not its first transfer: the folders of what has changed are there, as nobody doubts
   */
  constructor(leftOutBefore = () => 0, isNext = false) {
    this.#leftOutBefore = leftOutBefore
    this.#isNext = isNext
  }

  /** Nobody asked for them: links, pipes, what a policy leaves out. */
  get leftOut(): number {
    return this.#leftOutBefore() + this.#leftOut
  }

  /** Whether there is anything to tell. */
  get hasNews(): boolean {
    return !this.#isNext || this.published.count > 0 || this.others !== undefined
  }

  /** What has changed, by name: of a watch, but for its first transfer, and if it is little. */
  get names(): string | undefined {
    const { files, folders } = this.#changed
    // those that lead to the files were made for them
    const named = files.length > 0 ? files : folders
    if (named.length === 0 || named.length > MOST_NAMED) return undefined
    return named.map((entry) => shownPath(shownName(entry), LONGEST_NAMED)).join(', ')
  }

  /** Takes in what became of consecutive entries. */
  add(range: OutcomeRange, entries: readonly Entry[]): void {
    for (let index = range.first; index <= range.last; index++) {
      const outcome = range.except?.get(index)
      this.#count(entries[index]!, outcome ?? range)
      if (outcome?.name === undefined) continue
      this.renamedCount++
      if (this.renamed.length < MOST_RENAMED) this.renamed.push(outcome)
    }
  }

  /** What was not published, such as '1 file there already; 2 left out'; undefined if all was. */
  get others(): string | undefined {
    const there = this.#isNext ? this.there.withoutFolders : this.there
    const numbers: [number, string][] = [
      [there.count, `${there} there already`],
      [this.leftOut, `${this.leftOut} left out`],
      [this.#unreadable, `${this.#unreadable} could not be read`],
      [this.#failed.count, `${this.#failed} failed`],
    ]
    return joined(numbers, '; ')
  }

  #count(entry: Entry, { status, code, reason, error }: Omit<Outcome, 'entry' | 'path'>): void {
    this.bytes += entry.size ?? 0
    if (status === 'published') this.#publish(entry)
    else if (status === 'skipped' && (code === 'ERR_SKIPPED' || code === 'ERR_REJECTED')) {
      this.#leftOut++
      this.bytes -= entry.size ?? 0
      // the sender is told no reason
      if (entry.type !== 'symlink' || (reason !== undefined && reason !== 'symlink')) return
      this.linksLeft++
      if (this.links.length < MOST_LINKS) this.links.push({ entry, ...(error && { error }) })
    } else if (status === 'skipped') this.there.add(entry.type)
    else if (entry.type === 'unreadable' || UNREADABLE.has(code)) this.#unreadable++
    else this.#failed.add(entry.type)
  }

  #publish(entry: Entry): void {
    this.published.add(entry.type)
    if (!this.#isNext) return
    const changed = this.#changed[entry.type === 'directory' ? 'folders' : 'files']
    if (changed.length <= MOST_NAMED) changed.push(entry)
  }
}

const UNREADABLE = new Set<Outcome['code']>(['ERR_SOURCE_READ', 'ERR_SOURCE_CHANGED', 'ERR_UNSENDABLE'])

/** {@link Kinds} of entries. */
export function kindsOf(entries: readonly Entry[]): string {
  const kinds = new Kinds()
  for (const { type } of entries) kinds.add(type)
  return `${kinds}`
}

/** What there is how often, such as '2 files, 1 folder'; undefined if there is nothing. */
export function amounts(...numbers: [number: number, what: string][]): string | undefined {
  return joined(numbers.map(([number, what]) => [number, counted(number, what)]))
}

/** The texts of which there is something, one behind the other; undefined if there are none. */
function joined(texts: readonly [number: number, text: string][], by = ', '): string | undefined {
  const there = texts.filter(([number]) => number > 0).map(([, text]) => text)
  return there.join(by) || undefined
}
