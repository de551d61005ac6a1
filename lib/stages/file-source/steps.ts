import { blockSizeOf } from '../../digest/blocks.js'
import type { EntryBytes } from '../../transfer/plan/byte-states.js'
import type { Plan } from '../../transfer/plan.js'
import type { Entry } from '../../wire/entry.js'

/**
 * What is read without looking at the plan again: whole small entries that follow each other in the stream, and which
 * of them are files; such files only for their digests; some blocks of one file, or what is wanted of them; or a stream
 * to its end.
 */
export type Step =
  | { kind: 'small'; entries: Entry[]; files: Entry[]; length: number }
  | ProofStep
  | BlockStep
  | { kind: 'stream'; entry: Entry }

/** Files of one block, which the receiver has and which have only folders and links between them. */
export interface ProofStep {
  kind: 'proof'
  files: Entry[]
  length: number
}

/**
 * What is sent is up to 1 MiB, or a larger block: each block goes from its beginning to its end, so that its digest can
 * be taken on the way. What is only read for its digests is one item.
 */
export interface BlockStep {
  kind: 'block'
  entry: Entry
  start: number
  end: number
  /** Bytes that are read at once. */
  chunk: number
  /** Whether something else of the file, or nothing, follows. */
  isLast: boolean
  /** Whether it is read only for its digest: the receiver has it. */
  isProof: boolean
}

/** What {@link nextStep} depends on. */
export interface StepRules {
  /** Bytes of a run at most. */
  maxRun: number
  /** Whether a file can be read in chunks; if not, it is a stream. */
  isRereadable: (entry: Entry) => boolean
  /**
   * Whether the bytes of a file are read in order, since its digest needs that. What is to be proved is then read
   * between what is to be sent of the same file; else, as of other files, later.
   */
  isInOrder: boolean
  /** The file that was read last. */
  current?: number | undefined
  /** How far each file has been read in order. */
  inOrder?: { end(index: number): number }
}

/** Bytes, and entries, that are read together at most. */
const SLAB = 512 * 1024
const MOST_ENTRIES = 512

const KIB = 1024
const SMALLEST = 64 * KIB
const LARGEST = 1024 * KIB

/** Bytes of an item of which only the digests of blocks travel: with fewer, the items cost as much as the digests. */
const PROVED = 4096 * KIB

/**
 * What of the plan is to be read next; undefined if nothing more is to come of what was decided until now. What is to
 * be sent goes before what is to be proved. Pure.
 */
export function nextStep(plan: Plan, rules: StepRules): Step | undefined {
  const { maxRun, isRereadable, current } = rules
  const coming = plan.coming()
  if (!coming) return proof(plan, rules)
  const left = current === undefined ? undefined : claimedBefore(plan, rules, current, coming)
  if (left) return large(plan, left, rules, true)
  const slab = Math.min(SLAB, maxRun)
  const entries: Entry[] = []
  const files: Entry[] = []
  let length = 0
  for (let next = plan.coming(); next; next = plan.coming(next.entry.index + 1)) {
    const { entry, start, end } = next
    const { type, size } = entry
    // what was lost behind its record goes alone: its digest is not said again
    const isReadTogether = type !== 'file' || (isRereadable(entry) && plan.isOpen(entry.index))
    const isSmall = start === 0 && end === size && size <= slab && isReadTogether
    if (!isSmall) {
      // the run of a large file owns the folders and links before it; a file must be looked at, be it empty
      const before = readBefore(plan, rules, next)
      if (files.length > 0 || (before && entries.length > 0)) break
      return before ? large(plan, before.bytes, rules, before.isProof) : large(plan, next, rules, false)
    }
    const isNext = entries.length === 0 || entries[0]!.start + length === entry.start
    if (!isNext || length + size > slab || entries.length === MOST_ENTRIES) break
    entries.push(entry)
    length += size
    if (type === 'file') files.push(entry)
  }
  return entries.length > 0 ? { kind: 'small', entries, files, length } : undefined
}

/** Whether bytes stand before others in the stream. */
function isBefore(one: EntryBytes, other: EntryBytes): boolean {
  if (one.entry !== other.entry) return one.entry.index < other.entry.index
  return one.start < other.start
}

/** What is to be proved of a file before others are sent. */
function claimedBefore(
  plan: Plan,
  { isInOrder }: StepRules,
  index: number,
  coming: EntryBytes,
): EntryBytes | undefined {
  const claimed = isInOrder && plan.isOpen(index) ? plan.toProve(index) : undefined
  return claimed?.entry.index === index && isBefore(claimed, coming) ? claimed : undefined
}

/** What is read of a file before some of its bytes are sent, and whether only for its digest. */
function readBefore(
  plan: Plan,
  rules: StepRules,
  next: EntryBytes,
): { bytes: EntryBytes; isProof: boolean } | undefined {
  const { index } = next.entry
  const claimed = claimedBefore(plan, rules, index, next)
  if (claimed) return { bytes: claimed, isProof: true }
  // a digest that needs the bytes in order would end with those that are sent again: first it goes on to its end
  const to = rules.isInOrder && plan.isOpen(index) ? (rules.inOrder?.end(index) ?? 0) : 0
  if (next.start >= to) return undefined
  const ofFile = (bytes?: EntryBytes) => (bytes?.entry === next.entry ? bytes : undefined)
  const [coming, toProve] = [ofFile(plan.coming(index, to)), ofFile(plan.toProve(index, to))]
  if (toProve && (!coming || isBefore(toProve, coming))) return { bytes: toProve, isProof: true }
  return coming && { bytes: coming, isProof: false }
}

/** What is to be proved next. Of a file that failed nothing is, since nobody waits for it. */
function toProve(plan: Plan, index = 0): EntryBytes | undefined {
  let next = plan.toProve(index)
  while (next && !plan.isOpen(next.entry.index)) next = plan.toProve(next.entry.index + 1)
  return next
}

function proof(plan: Plan, rules: StepRules): Step | undefined {
  const first = toProve(plan)
  if (!first || !isProvedAsWhole(plan, first, rules)) return first && large(plan, first, rules, true)
  const files: Entry[] = []
  let length = 0
  for (let next: EntryBytes | undefined = first; next; next = plan.toProve(next.entry.index + 1)) {
    const { entry } = next
    if (!isProvedAsWhole(plan, next, rules)) break
    if (files.length > 0) {
      const isFull = length + entry.size! > Math.min(SLAB, rules.maxRun) || files.length === MOST_ENTRIES
      if (isFull || !follows(plan, files.at(-1)!, entry)) break
    }
    files.push(entry)
    length += entry.size!
  }
  return { kind: 'proof', files, length }
}

/** Whether the digest of a file is all that is asked for: of one of several blocks, those of the blocks are, too. */
function isProvedAsWhole(
  plan: Plan,
  { entry, start, end }: EntryBytes,
  { isRereadable }: StepRules,
): boolean {
  const { index, size } = entry
  if (size === null || start > 0 || end < size || size > blockSizeOf(size)) return false
  return plan.requestsOf(index) === 1 && !plan.isAskedAgain(index) && isRereadable(entry)
}

/** Whether no file lies between two, so that a run may have both. */
function follows({ entries }: Plan, { index }: Entry, next: Entry): boolean {
  for (let at = index + 1; at < next.index; at++) if (entries[at]!.type === 'file') return false
  return true
}

function large(
  { chunked }: Plan,
  { entry, start, end }: EntryBytes,
  { maxRun, isRereadable }: StepRules,
  isProof: boolean,
): Step {
  const { size } = entry
  if (size === null || !isRereadable(entry)) return { kind: 'stream', entry }
  // to cut chunks takes far longer than to digest blocks
  const proved = chunked.has(entry.index) ? LARGEST : PROVED
  const span = isProof ? proved : Math.max(LARGEST, blockSizeOf(size))
  const until = Math.min(end, start - (start % span) + span)
  // what does not travel keeps nobody from talking
  const chunk = isProof ? chunkSize(size) : Math.min(chunkSize(size), maxRun)
  return { kind: 'block', entry, start, end: until, chunk, isLast: until === end, isProof }
}

/**
 * Bytes to read at once of a file: the chunk size follows the file size, from 64 KiB to 1 MiB in powers of two, about
 * a quarter of the file. Large chunks are what makes large files fast; small ones let others have their turn.
 * @param fileSize bytes, or `null` where it is not known
 */
export function chunkSize(fileSize: number | null): number {
  let size = SMALLEST
  while (size < LARGEST && size * 4 < (fileSize ?? 0)) size *= 2
  return size
}
