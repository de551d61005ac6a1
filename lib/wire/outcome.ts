import {
  type Code,
  type FileOutcome,
  type OutcomeStatus,
  printable,
  SluiceError,
  sentenceOf,
} from '../errors.js'
import type { Entry } from './entry.js'
import { DEFAULT_LIMITS } from './limits.js'
import type { OutcomeRecord } from './messages.js'
import { type Packed, shortened } from './msgpack.js'
import { type DigestColumn, digestIn, hasDigest } from './run.js'
import { STATUSES } from './schemas.js'

export type { OutcomeStatus } from '../errors.js'

/** Each {@link SkipReason}. */
export const SKIP_REASONS = [
  'identical',
  'unchanged',
  'newer',
  'conflict',
  'unwanted',
  'symlink',
  'filtered',
  'rejected',
] as const

/**
 * Why an entry was skipped: the same content, link or folder stands there ('identical'), or what `unless` says
 * ('unchanged', 'newer'); other content has the name ('conflict'); the receiver did not want it ('unwanted'); it is a
 * symbolic link, and nobody asked for those ('symlink'); a file stage took it away ('filtered'); the offer that it was
 * attached with was rejected ('rejected').
 */
export type SkipReason = (typeof SKIP_REASONS)[number]

/** What became of one entry: the same on both sides, as far as it is told. */
export interface Outcome extends FileOutcome {
  entry: Entry
  /** Why it was skipped; at the receiver only. */
  reason?: SkipReason
  /** The digest of the content, by the algorithm of the offer; at the receiver only. */
  digest?: Buffer
}

/** An outcome as it is told to programs: what both sides know of it. */
export type ToldOutcome = Omit<FileOutcome, 'error'>

/** An outcome without what only one side knows. */
export function told({ path, status, name, code }: ToldOutcome): ToldOutcome {
  return { path, status, ...(name !== undefined && { name }), ...(code !== undefined && { code }) }
}

/** The whole result of a transfer, the same on both sides. */
export interface TransferResult {
  id: string
  /** One record per entry, in the order of the offer. */
  readonly files: Outcome[]
  published: number
  skipped: number
  failed: number
  /** Bytes of content that travelled. */
  bytes: number
  /** Bytes of content that did not have to, since they were there from an earlier transfer, and were proved. */
  resumedBytes: number
}

/**
 * Why an entry failed, by a code, and in the words of that if there are no others. Without a stack, which costs time: a
 * peer can cause a million of them.
 */
export function failureOf({ path }: Entry, code: Code, why = sentenceOf(code)): SluiceError {
  const error = new SluiceError(code, `${printable(path)}: ${why}`, { path, saysPath: true })
  error.stack = `${error.name}: ${error.message}`
  return error
}

/** The outcome of an entry that failed. */
export function failed(entry: Entry, error: SluiceError): Outcome {
  return { entry, path: entry.path, status: 'failed', code: error.code, error }
}

/** The reasons that leave out what does not stand there; the others say that it does. Told as `ERR_SKIPPED`. */
const LEFT_OUT: readonly SkipReason[] = ['conflict', 'unwanted', 'symlink', 'filtered']

/** The outcome of an entry that was skipped; with an error that says more than the reason. */
export function skipped(entry: Entry, reason: SkipReason, error?: SluiceError): Outcome {
  const outcome: Outcome = { entry, path: entry.path, status: 'skipped', reason }
  if (LEFT_OUT.includes(reason)) outcome.code = 'ERR_SKIPPED'
  return error ? { ...outcome, code: error.code, error } : outcome
}

/** The outcome of an entry that the sender could not read when it was listed. */
export function unreadable(entry: Entry): Outcome {
  return failed(entry, failureOf(entry, entry.code!))
}

/** Why an entry failed, and which: what its error says, or else its code. */
export function reasonOf({ path, code, error }: Outcome): string {
  const why = error?.message || sentenceOf(code!)
  return error?.saysPath && error.path === path ? why : `${printable(path)}: ${why}`
}

/** The error of a transfer of `count` entries of which files failed: the first of them says what it was. */
export function filesFailed(outcomes: readonly Outcome[], count: number): SluiceError | undefined {
  const failures = outcomes.filter(({ status }) => status === 'failed')
  // one that only waited for others is not to blame
  const first = failures.find(({ code }) => code !== 'ERR_TOGETHER') ?? failures[0]
  if (!first) return undefined
  const message = `${failures.length} of ${count} entries failed; the first: ${reasonOf(first)}`
  return new SluiceError('ERR_FILES_FAILED', message, { outcomes, cause: first.error })
}

/** What became of consecutive entries: the same of all, but for the exceptions. */
export interface OutcomeRange {
  /** Indices of the first and of the last entry. */
  first: number
  last: number
  status: OutcomeStatus
  reason?: SkipReason
  code?: Code
  /** By the index of the entry. */
  except?: ReadonlyMap<number, Outcome>
  /** The digests of the content; at the receiver only. */
  digests?: DigestColumn
}

/** The outcomes of a range, one by one. */
export function* outcomesOf(range: OutcomeRange, entries: readonly Entry[]): Generator<Outcome, void> {
  const { first, last, status, reason, code, except, digests } = range
  for (let index = first; index <= last; index++) {
    const entry = entries[index]!
    const digest = digestIn(digests, index)
    yield except?.get(index) ?? {
      entry,
      path: entry.path,
      status,
      ...(reason && { reason }),
      ...(code && { code }),
      ...(digest && { digest }),
    }
  }
}

/** The outcomes of a range that say more than that their entry was published. */
export function unusualIn(range: OutcomeRange, entries: readonly Entry[]): Iterable<Outcome> {
  const isPlainOutcome = range.status === 'published' && range.code === undefined
  return isPlainOutcome ? (range.except?.values() ?? []) : outcomesOf(range, entries)
}

/** The outcomes of a range that say that something failed. */
export function failuresIn(range: OutcomeRange, entries: readonly Entry[]): Outcome[] {
  const outcomes = range.status === 'failed' ? outcomesOf(range, entries) : (range.except?.values() ?? [])
  return Array.from(outcomes).filter(({ status }) => status === 'failed')
}

/** Those outcomes of ranges that say that something was published. */
export function publishedIn(ranges: readonly OutcomeRange[], entries: readonly Entry[]): OutcomeRange[] {
  const outcomes = ranges.flatMap((range) => [...outcomesOf(range, entries)])
  return rangesOf(outcomes.filter(({ status }) => status === 'published'))
}

/** A range that grows. */
type Growing = OutcomeRange & { except: Map<number, Outcome> }

/** Outcomes in the order of their entries as ranges: those that are plainly published need no record of their own. */
export function rangesOf(outcomes: readonly Outcome[]): OutcomeRange[] {
  const ranges: Growing[] = []
  for (const outcome of outcomes) {
    const { except } = rangeAt(ranges, outcome.entry.index)
    if (!isPlainOutcome(outcome)) except.set(outcome.entry.index, outcome)
  }
  return ranges
}

/** Outcomes that very many entries may have, as a byte. */
export const PUBLISHED = 1
export const IDENTICAL = 2

/**
 * The outcomes of entries that have a place in a column of digests, as ranges.
 * @param plain {@link PUBLISHED} or {@link IDENTICAL} at the place of each entry of which nothing else is to be said;
 *   or 0
 * @param outcomes others, by the index of their entry
 */
export function rangesIn(
  digests: DigestColumn,
  plain: Uint8Array,
  outcomes: ReadonlyMap<number, Outcome>,
): OutcomeRange[] {
  const ranges: Growing[] = []
  for (let place = 0; place < digests.count; place++) {
    const index = digests.first + place
    const outcome = plain[place] ? undefined : outcomes.get(index)
    if (!plain[place] && !outcome) continue
    const { except } = rangeAt(ranges, index, digests, plain[place] === IDENTICAL)
    if (outcome && !isPlainOutcome(outcome, digests)) except.set(index, outcome)
  }
  return ranges
}

/** The last range, if it can hold this entry as its next; or a new one. */
function rangeAt(ranges: Growing[], index: number, digests?: DigestColumn, isIdentical = false): Growing {
  const last = ranges.at(-1)
  if (last?.last === index - 1 && (last.status === 'skipped') === isIdentical) {
    last.last = index
    return last
  }
  const range: Growing = { first: index, last: index, status: 'published', except: new Map() }
  if (isIdentical) Object.assign(range, { status: 'skipped', reason: 'identical' })
  if (digests) range.digests = digests
  ranges.push(range)
  return range
}

function isPlainOutcome(
  { entry, status, name, code, error, digest }: Outcome,
  digests?: DigestColumn,
): boolean {
  if (status !== 'published' || name !== undefined || code !== undefined || error) return false
  return digest === undefined || (digests !== undefined && hasDigest(digests, entry.index))
}

/** What is said of an outcome, as it stands in a message. */
export type OutcomeTuple = [index: number, status: number, name?: string | null, code?: string, text?: string]

export function outcomeRecordOf([index, status, name, code, text]: OutcomeTuple): OutcomeRecord {
  const record: OutcomeRecord = { index, status: STATUSES[status]! }
  if (name != null) record.name = name
  if (code !== undefined) record.code = code
  if (text !== undefined) record.text = text
  return record
}

export function outcomeTuple({ index, status, name, code, text }: OutcomeRecord): Packed[] {
  const tuple: Packed[] = [index, STATUSES.indexOf(status)]
  if (name !== undefined || code !== undefined) tuple.push(name ?? null)
  if (code === undefined) return tuple
  tuple.push(code)
  if (text !== undefined) tuple.push(shortened(text, DEFAULT_LIMITS.errorText))
  return tuple
}
