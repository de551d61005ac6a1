import { type Code, hasForeignWords, printable, SluiceError } from '../errors.js'
import type { Entry } from '../wire/entry.js'
import { DEFAULT_LIMITS, type Limits } from '../wire/limits.js'
import type { OutcomeRecord, OutcomesMessage } from '../wire/messages.js'
import {
  type Outcome,
  type OutcomeRange,
  type OutcomeStatus,
  outcomesOf,
  rangesOf,
  type SkipReason,
  type TransferResult,
  told,
} from '../wire/outcome.js'
import { digestIn } from '../wire/run.js'

/** What very many entries may have in common, as a byte; 0 for one that has no outcome yet. */
const PLAIN: readonly ({ status: OutcomeStatus; reason?: SkipReason } | undefined)[] = [
  undefined,
  { status: 'published' },
  { status: 'skipped' },
  { status: 'failed' },
  { status: 'skipped', reason: 'identical' },
  { status: 'skipped', reason: 'unchanged' },
  { status: 'skipped', reason: 'newer' },
]

/** Why an entry may be skipped that is there already. */
const THERE: readonly (SkipReason | undefined)[] = ['identical', 'unchanged', 'newer']

function byteOf(status: OutcomeStatus, reason?: SkipReason): number {
  return PLAIN.findIndex((plain) => plain?.status === status && plain.reason === reason)
}

/**
 * The outcome of every entry of a transfer: a byte for each that has no more to say than its status, since there may be
 * a million of them.
 */
export class OutcomeTable {
  #status = new Uint8Array(0)
  readonly #unusual = new Map<number, Outcome>()
  /** Ranges of which the digests are known; at the receiver only. */
  readonly #digested: Pick<OutcomeRange, 'first' | 'last' | 'digests'>[] = []

  /** Takes in the outcomes of consecutive entries. */
  add(range: OutcomeRange, entries: readonly Entry[]): void {
    const { first, last, status, code, reason, except, digests } = range
    if (this.#status.length < entries.length) {
      const longer = new Uint8Array(entries.length)
      longer.set(this.#status)
      this.#status = longer
    }
    const isPlain = code === undefined && byteOf(status, reason) > 0
    this.#status.fill(byteOf(status, isPlain ? reason : undefined), first, last + 1)
    if (digests) this.#digested.push({ first, last, digests })
    for (const outcome of isPlain ? (except?.values() ?? []) : outcomesOf(range, entries)) {
      this.#status[outcome.entry.index] = byteOf(outcome.status)
      this.#unusual.set(outcome.entry.index, outcome)
    }
  }

  /**
   * The result of a transfer. The list of its outcomes is made when somebody looks at it for the first time: it may be
   * long, and mostly nobody does.
   */
  result(id: string, entries: readonly Entry[], bytes: number, resumedBytes = 0): TransferResult {
    const counts = { published: 0, skipped: 0, failed: 0 }
    for (const byte of this.#status) if (byte > 0) counts[PLAIN[byte]!.status]++
    const list = () => this.toArray(entries)
    return {
      id,
      get files() {
        const files = list()
        Object.defineProperty(this, 'files', { value: files })
        return files
      },
      ...counts,
      bytes,
      resumedBytes,
    }
  }

  /** The entries from `first` on are offered no more. */
  forgetFrom(first: number): void {
    this.#status.fill(0, first)
    for (const index of this.#unusual.keys()) if (index >= first) this.#unusual.delete(index)
    for (const range of this.#digested) if (range.last >= first) range.last = first - 1
  }

  has(index: number): boolean {
    return (this.#status[index] ?? 0) > 0
  }

  /**
   * Takes in what is news of a range that another connection tells, and gives it: what is known already is not told
   * twice. What was published stays so, although a receiver that has forgotten it says that it stands there.
   */
  addNews(range: OutcomeRange, entries: readonly Entry[]): OutcomeRange[] {
    const news: Outcome[] = []
    for (const outcome of outcomesOf(range, entries)) {
      const { index } = outcome.entry
      const known = this.#plain(index)?.status
      if (known === outcome.status || (known === 'published' && outcome.status === 'skipped')) continue
      this.#unusual.delete(index)
      news.push(outcome)
    }
    const ranges = rangesOf(news)
    for (const one of ranges) this.add(one, entries)
    return ranges
  }

  /** What is known of the entries from `first` up to `end`, as few ranges as it takes; without digests. */
  *ranges(first: number, end: number): Generator<OutcomeRange, void> {
    let range: (OutcomeRange & { except: Map<number, Outcome> }) | undefined
    for (let index = first; index <= end; index++) {
      const plain = index < end ? this.#plain(index) : undefined
      const unusual = this.#unusual.get(index)
      const goesOn = unusual || (plain?.status === range?.status && plain?.reason === range?.reason)
      if (range && !(plain && goesOn)) {
        yield range
        range = undefined
      }
      if (plain === undefined) continue
      range ??= { first: index, last: index, ...plain, except: new Map() }
      range.last = index
      if (unusual) range.except.set(index, unusual)
    }
  }

  /** The paths of what was published, or found to be there already. */
  *acknowledged(entries: readonly Entry[]): Generator<string, void> {
    // at the first connection nobody goes through a million of them in vain
    if (this.#status.length === 0) return
    for (const entry of entries) {
      const outcome = this.#outcome(entry)
      const isThere = outcome?.status === 'published' || THERE.includes(outcome?.reason)
      if (outcome && isThere) yield outcome.name ?? outcome.path
    }
  }

  #outcome(entry: Entry): Outcome | undefined {
    const plain = this.#plain(entry.index)
    return plain && (this.#unusual.get(entry.index) ?? { entry, path: entry.path, ...plain })
  }

  #plain(index: number): (typeof PLAIN)[number] {
    return PLAIN[this.#status[index] ?? 0]
  }

  /** One record per entry that has an outcome, in the order of the offers. */
  toArray(entries: readonly Entry[]): Outcome[] {
    const outcomes = entries.map((entry) => this.#outcome(entry))
    for (const { first, last, digests } of this.#digested)
      for (let index = first; index <= last; index++) {
        const digest = this.#unusual.has(index) ? undefined : digestIn(digests, index)
        if (digest) outcomes[index]!.digest = digest
      }
    return outcomes.filter((outcome) => outcome !== undefined)
  }
}

/** Entries of a message at most, so that whoever hears it takes them in within a few milliseconds. */
const MOST_RECORDS = 4096

/** Bytes of the texts that are said of failures in all of a transfer: of a million of them, the first ones explain. */
export const MOST_TEXT = 1024 * 1024

/** What a text costs whoever keeps it, however short it is: an error around it. */
const BYTES_OF_AN_ERROR = 512

/** What is left of them. */
export interface TextsLeft {
  bytes: number
}

/** Whether there is room for a text; then it is taken. */
export function takeText(text: string, left: TextsLeft): boolean {
  const bytes = BYTES_OF_AN_ERROR + Buffer.byteLength(text)
  if (bytes > left.bytes) return false
  left.bytes -= bytes
  return true
}

/** Bytes of a payload without its exceptions at most, and of one exception without its texts. */
const HEAD_BYTES = 160
const RECORD_BYTES = 20

/**
 * The messages that tell the sender of a range, with at most `message` bytes of payload and `list` exceptions in each;
 * but for a single record that is larger, which has a message of its own. With each comes the part of the range that
 * it tells of.
 */
export function* messagesOf(
  range: OutcomeRange,
  limits: Pick<Limits, 'message' | 'list'>,
  texts: TextsLeft = { bytes: MOST_TEXT },
): Generator<{ message: OutcomesMessage; part: OutcomeRange }, void> {
  const { status, code } = range
  const room = limits.message - HEAD_BYTES
  let { first } = range
  let except: OutcomeRecord[] = []
  let outcomes = new Map<number, Outcome>()
  let bytes = 0
  const upTo = (end: number) => {
    const message = { first, count: end - first, status, code, except }
    const part = { ...range, first, last: end - 1, except: outcomes }
    first = end
    except = []
    outcomes = new Map()
    bytes = 0
    return { message, part }
  }
  for (const [index, outcome] of range.except ?? []) {
    while (index >= first + MOST_RECORDS) yield upTo(first + MOST_RECORDS)
    const { status, name, code } = outcome
    const text = textOf(outcome)?.slice(0, DEFAULT_LIMITS.errorText)
    const record: OutcomeRecord = { index, status, name, code }
    if (text !== undefined && takeText(text, texts)) record.text = text
    const size =
      RECORD_BYTES +
      Buffer.byteLength(name ?? '') +
      (code?.length ?? 0) +
      Buffer.byteLength(record.text ?? '')
    if (except.length > 0 && (except.length >= limits.list || bytes + size > room)) yield upTo(index)
    except.push(record)
    outcomes.set(index, outcome)
    bytes += size
  }
  while (first <= range.last) yield upTo(Math.min(first + MOST_RECORDS, range.last + 1))
}

/** Failures of which the sender knows more than the receiver. */
const OF_SENDER: readonly (Code | undefined)[] = ['ERR_SOURCE_READ', 'ERR_SOURCE_CHANGED', 'ERR_UNSENDABLE']

/** What the sender is told of a failure: foreign words stay here. */
function textOf({ status, code, error }: Outcome): string | undefined {
  if (status !== 'failed' || error === undefined || OF_SENDER.includes(code)) return undefined
  return hasForeignWords(error) ? undefined : error.message
}

/** A record of the receiver, as an outcome. `text` is what it says of a failure. */
export function outcomeOfRecord(
  entry: Entry,
  record: Pick<Outcome, 'status' | 'name' | 'code'>,
  text?: string,
): Outcome {
  const outcome: Outcome = { entry, ...told({ path: entry.path, ...record }) }
  if (!text || outcome.code === undefined) return outcome
  const { path } = entry
  // without a stack, which costs time and memory: a peer can cause many of them
  const error = new SluiceError(outcome.code, `the receiver says: ${printable(text, 1024)}`, { path })
  error.stack = `${error.name}: ${error.message}`
  return { ...outcome, error }
}
