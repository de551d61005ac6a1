import { printable, SluiceError } from '../../errors.js'
import type { Entry } from '../../wire/entry.js'
import { digestIn, endsIn, lengthIn, type Run, RunReader } from '../../wire/run.js'
import type { StoredRun } from '../river/items.js'

/** What a run brings of one entry: bytes that are written together. */
export interface FileWrite {
  entry: Entry
  offset: number
  length: number
  /** Without empty ones. */
  buffers: Buffer[]
  /** Whether it reaches the end of the entry. */
  last: boolean
  digest?: Buffer
}

/**
 * What a run brings, entry by entry; cuts that follow each other in one entry are one write. An entry may be a copy.
 */
export function writesOf(run: Run): FileWrite[] {
  return run.cuts ? ofCuts(run.cuts) : ofColumns(run)
}

function ofColumns(run: Run): FileWrite[] {
  const reader = new RunReader(run.buffers)
  const writes: FileWrite[] = []
  for (let index = run.first; index <= run.last; index++) {
    const length = lengthIn(run, index)
    const last = endsIn(run, index)
    const digest = last ? digestIn(run.digests, index) : undefined
    const offset = index === run.first ? run.offset : 0
    const buffers = reader.take(length)
    writes.push({ entry: run.entries[index]!, offset, length, buffers, last, ...(digest && { digest }) })
  }
  return writes
}

function ofCuts(cuts: NonNullable<Run['cuts']>): FileWrite[] {
  const writes: FileWrite[] = []
  for (const { entry, offset, bytes, last, digest } of cuts) {
    let write = writes.at(-1)
    if (write === undefined || write.entry.index !== entry.index || write.offset + write.length !== offset) {
      write = { entry, offset, length: 0, buffers: [], last: false }
      writes.push(write)
    }
    if (bytes.length > 0) write.buffers.push(bytes)
    write.length += bytes.length
    write.last = last
    if (digest) write.digest = digest
  }
  return writes
}

/** Writes of one file go one after the other: a stage of a user's may have put others between its cuts. */
export function byFile(writes: readonly FileWrite[]): FileWrite[][] {
  const files = new Map<number, FileWrite[]>()
  for (const write of writes) {
    const ofFile = files.get(write.entry.index)
    if (ofFile) ofFile.push(write)
    else files.set(write.entry.index, [write])
  }
  return [...files.values()]
}

/** A single entry that is stored, or failed. */
export function storedRun(entry: Entry, more: Partial<StoredRun> = {}): StoredRun {
  return { entries: [], first: entry.index, last: entry.index, entry, ...more }
}

/** The failure of a write where the store takes the bytes of a file in order, and did up to `end`. */
export function outOfOrder({ path }: Entry, offset: number, end: number): SluiceError {
  const message = `${printable(path)} goes on at byte ${offset} instead of ${end}: the store takes the bytes of a file in ascending order only`
  return new SluiceError('ERR_UNSUPPORTED', message, { path, saysPath: true, expected: end, found: offset })
}
