import type { Entry } from './entry.js'

/**
 * The digests of consecutive entries in one buffer, a slot for each. The slots of folders, of links, and of files whose
 * digest is not known are zero.
 */
export interface DigestColumn {
  /** Index of the first entry. */
  first: number
  /** How many entries. */
  count: number
  /** `count` slots of equal length. */
  bytes: Buffer
}

/**
 * One contiguous piece of the stream: its bytes, and the entries that it covers as columns. All entries from `first` to
 * `last` belong to it: those in between with all of their bytes. Hundreds of small files are one run, and none of
 * them costs an object. Whether a file is complete is the plan's to say: bytes may come in any order.
 */
export interface Run {
  kind: 'run'
  /** Where its bytes stand in the stream of the transfer. */
  position: number
  /** Bytes in all. */
  length: number
  /** The bytes, in order, in pieces that have nothing to do with files. None is empty. */
  buffers: readonly Buffer[]
  /** All entries of the transfer so far; the index of an entry is its place. */
  entries: readonly Entry[]
  /** Indices of the first and of the last entry. */
  first: number
  last: number
  /** Where the run begins within the first entry, in bytes. */
  offset: number
  /** Whether it reaches the end of the last entry. */
  ends: boolean
  /** At a sender: read only for its digests, since the receiver says that it has it. Its bytes are never sent. */
  isProof?: boolean
  /** With `isProof`: not the digests of its blocks are said, but its chunks. */
  byChunks?: boolean
  /** Put there by a tap: of the files that end in this run and that it saw from their first byte on, without a gap. */
  digests?: DigestColumn
  /**
   * Where a stage of a user's made the run, it may have renamed, dropped or changed files: then these say what
   * belongs to which entry, and the columns only where the run came from. See {@link runOf}.
   */
  cuts?: readonly Cut[]
}

/** A piece of one entry. Its bytes are a view, never a copy: nobody changes what was passed on. */
export interface Cut {
  entry: Entry
  /** Where `bytes` begin within the file. */
  offset: number
  bytes: Buffer
  /** Whether it reaches the end of the entry. Folders, links and empty files are one cut of no bytes. */
  last: boolean
  /** The digest of the whole file, where it ends here and is known. */
  digest?: Buffer
}

const NOTHING = Buffer.alloc(0)

/** The cuts of a run, one by one: a file may have several, since bytes come in several buffers. */
export function* cutsOf(run: Run): Generator<Cut, void> {
  if (run.cuts) {
    yield* run.cuts
    return
  }
  const reader = new RunReader(run.buffers)
  for (let index = run.first; index <= run.last; index++) {
    const entry = run.entries[index]!
    let offset = index === run.first ? run.offset : 0
    let left = lengthIn(run, index)
    const ends = endsIn(run, index)
    const digest = ends ? digestIn(run.digests, index) : undefined
    do {
      const bytes = reader.next(left)
      left -= bytes.length
      const last = ends && left === 0
      yield { entry, offset, bytes, last, ...(last && digest && { digest }) }
      offset += bytes.length
    } while (left > 0)
  }
}

/**
 * A run that holds these cuts instead of its own: what a stage of a user's gives out. The entry of a cut may be a copy
 * with another path or size, but keeps its index.
 */
export function runOf(run: Run, cuts: readonly Cut[]): Run {
  const length = cuts.reduce((sum, { bytes }) => sum + bytes.length, 0)
  return { ...run, length, buffers: cuts.map(({ bytes }) => bytes).filter(({ length }) => length > 0), cuts }
}

/** How many bytes of an entry are in a run. */
export function lengthIn({ first, last, offset, length, entries, position }: Run, index: number): number {
  const { start, size } = entries[index]!
  const from = index === first ? start + offset : start
  const to = index === last ? position + length : start + size!
  return to - from
}

/** Whether a run reaches the end of an entry that is in it. */
export function endsIn({ last, ends }: Run, index: number): boolean {
  return index < last || ends
}

/** Whether the column knows the digest of an entry. */
export function hasDigest({ first, count, bytes }: DigestColumn, index: number): boolean {
  if (index < first || index >= first + count) return false
  const length = bytes.length / count
  let at = (index - first) * length
  const end = at + length
  // a digest of zeros is no less likely than any other, and never comes
  while (at < end && bytes[at] === 0) at++
  return at < end
}

/** The digest of an entry, if the column knows it: a view. */
export function digestIn(column: DigestColumn | undefined, index: number): Buffer | undefined {
  if (column === undefined || !hasDigest(column, index)) return undefined
  const length = column.bytes.length / column.count
  const at = (index - column.first) * length
  return column.bytes.subarray(at, at + length)
}

/** Reads bytes that lie in several buffers one after the other, as views. */
export class RunReader {
  readonly #buffers: readonly Buffer[]
  #index = 0
  #used = 0

  constructor(buffers: readonly Buffer[]) {
    this.#buffers = buffers
  }

  /** The next bytes, at most `most` of them: as many as lie together. */
  next(most: number): Buffer {
    const buffer = this.#buffers[this.#index]
    if (buffer === undefined || most === 0) return NOTHING
    const left = buffer.length - this.#used
    const bytes =
      this.#used === 0 && left <= most
        ? buffer
        : buffer.subarray(this.#used, this.#used + Math.min(most, left))
    this.#used += bytes.length
    if (this.#used === buffer.length) {
      this.#index++
      this.#used = 0
    }
    return bytes
  }

  /** The next `length` bytes in as many buffers as they lie in; throws if there are fewer. */
  take(length: number): Buffer[] {
    const buffers: Buffer[] = []
    for (let left = length; left > 0; ) {
      const bytes = this.next(left)
      // else the search for them would never end
      if (bytes.length === 0) throw new RangeError('the run has fewer bytes than it says')
      buffers.push(bytes)
      left -= bytes.length
    }
    return buffers
  }
}

/** The part of a run that has the entries from `first` to `last`; its digests stay those of the whole run. */
export function sliceRun(run: Run, first: number, last: number): Run {
  if (first === run.first && last === run.last) return run
  const { entries, position } = run
  const from = first === run.first ? position : entries[first]!.start
  const to = last === run.last ? position + run.length : entries[last]!.start + entries[last]!.size!
  const reader = new RunReader(run.buffers)
  reader.take(from - position)
  return {
    ...run,
    position: from,
    length: to - from,
    buffers: reader.take(to - from),
    first,
    last,
    offset: first === run.first ? run.offset : 0,
    ends: endsIn(run, last),
  }
}

/** One run of two that follow each other, the first of them with bytes of a single entry. */
export function joinRuns(head: Run, run: Run): Run {
  const { position, offset } = head
  const buffers = [...head.buffers, ...run.buffers]
  return { ...run, position, offset, length: head.length + run.length, buffers }
}
