import { crc32 } from 'node:zlib'
import type { FileStats } from '../disk/fs.js'
import type { Owner } from '../own/owner.js'
import {
  hasShape,
  isCount,
  isNumber,
  isOwner,
  isText,
  listOf,
  maybe,
  oneOf,
  type RecordShape,
} from '../own/record.js'

/** Version of the journal's format. */
export const JOURNAL_VERSION = 1

/** A file that is about to arrive. */
export interface JournalFile {
  path: string
  /** Bytes; null where it is not known. */
  size: number | null
  /** Milliseconds since 1970. */
  mtime: number
  /** The path that it is to get, where it is another one: a folder above it has a suffix. */
  target?: string
  part: string
  /** The digest that it is to have, hexadecimal, where that is known before. */
  expected?: string
  /** Where its part was taken over: since when that is there, in milliseconds. Left out: it will be made. */
  at?: number
  /** Where its part was taken over: the very file that it is. */
  made?: FileId
}

/** The beginning of a file: with the digest it can be found out whether it stands on a disk. */
export interface Prefix {
  /** Its length in bytes. */
  offset: number
  /** Hexadecimal. */
  digest: string
}

/** What tells a file from all others of its machine. */
export interface FileId {
  /** Device and inode, as texts: they have 64 bits. A disk gives the inode of a file that is gone to a new one. */
  dev: string
  ino: string
  /** When it was made, in milliseconds, where the disk says so: no other file with that inode has the same time. */
  born?: number
}

/** A file of a run: path, size, time of last change, and its target where that is another one than the path. */
export type RunFile = [path: string, size: number | null, mtime: number, target?: string]

/**
 * How much larger the inode of a file is than that of the file before it, and of how many files in a row that holds.
 */
export type IdStep = [more: number, count: number]

/** One line of a journal. Files are referred to by `n`, their number in this journal. */
export type JournalRecord =
  | { kind: 'owner'; version: number; transfer: string; owner: Owner; journal?: FileId }
  /** A file is about to arrive under the part name. Times in milliseconds. */
  | ({ kind: 'begin'; n: number; at: number } & JournalFile)
  /** Files that are about to arrive under their plain part names, numbered from `n` on: path, size, mtime, target. */
  | { kind: 'run'; n: number; files: RunFile[]; at: number }
  /** The part got another name, because the first was taken. */
  | { kind: 'part'; n: number; part: string; at: number }
  /** The part was made by then, as this very file. */
  | ({ kind: 'made'; n: number; at: number } & FileId)
  /** The same for parts in a row, from `n` on: the inode of the first, and the steps to those of the others. */
  | ({ kind: 'ids'; n: number; steps: IdStep[]; at: number } & FileId)
  /** What stood in the part by then: who goes on with it can prove that by the digest. */
  | ({ kind: 'prefix'; n: number } & Prefix)
  /** The part goes on growing: says that the owner lives, and until when its parts may have changed. */
  | { kind: 'alive'; at: number }
  /**
   * The file has ended, or with `count` so many of them in a row; with `part: 'kept'` there is something to resume.
   * With 'suspect' its sync failed: what can be read of it need not be on the disk.
   */
  | { kind: 'completed'; n: number; name?: string; digest?: string; count?: number }
  | { kind: 'failed'; n: number; code: string; part: 'kept' | 'suspect' | 'gone' }
  /** The owner has let go of everything, although it may live. */
  | { kind: 'released'; at: number }

/** What a file came to. `part` says whether there is something left that a later run may go on with. */
export type JournalEnd =
  | { state: 'completed'; name?: string; digest?: Buffer; part: 'kept' | 'gone' }
  | { state: 'failed'; code: string; part: 'kept' | 'suspect' | 'gone' }

/** The record of what file `n` came to. */
export function endRecord(n: number, end: JournalEnd): JournalRecord {
  if (end.state === 'failed') return { kind: 'failed', n, code: end.code, part: end.part }
  return { kind: 'completed', n, name: end.name, digest: end.digest?.toString('hex') }
}

/** What a record says of a file by which it is known again. */
export type KnownFile = Pick<FileStats, 'dev' | 'ino' | 'birthtimeMs'>

/** What tells a file from all others of its machine, as a record says it. */
export function idOf({ dev, ino, birthtimeMs }: KnownFile): FileId {
  return { dev: String(dev), ino: String(ino), ...(birthtimeMs && { born: birthtimeMs }) }
}

/** Files that one record ends at most. */
const MOST_ENDED = 65_536

/** No record is longer: a path has at most 4,096 bytes, and JSON may make six of each. */
const LONGEST_LINE = 64 * 1024

/** The records as lines, each with its own check before it. */
export function encodeRecords(records: readonly JournalRecord[]): Buffer {
  let text = ''
  for (const record of records) {
    const json = JSON.stringify(record)
    text += `${checkOf(json)} ${json}\n`
  }
  return Buffer.from(text)
}

/** Reads records from bytes that come in pieces. A line whose check does not fit is dropped: torn, or not ours. */
export class RecordReader {
  /** Lines that were dropped. */
  dropped = 0
  #rest: Buffer = Buffer.alloc(0)

  /** The records that are complete now. */
  push(piece: Buffer): JournalRecord[] {
    const records: JournalRecord[] = []
    let bytes = this.#rest.length === 0 ? piece : Buffer.concat([this.#rest, piece])
    for (let end = bytes.indexOf(10); end !== -1; end = bytes.indexOf(10)) {
      const record = decode(bytes.subarray(0, end))
      bytes = bytes.subarray(end + 1)
      if (record) records.push(record)
      else this.dropped++
    }
    if (bytes.length > LONGEST_LINE) {
      bytes = Buffer.alloc(0)
      this.dropped++
    }
    this.#rest = Buffer.from(bytes)
    return records
  }
}

function checkOf(json: string): string {
  return crc32(json).toString(16).padStart(8, '0')
}

function decode(line: Buffer): JournalRecord | undefined {
  const json = line.toString('utf8', 9)
  if (line.length < 11 || line[8] !== 32 || line.toString('latin1', 0, 8) !== checkOf(json)) return undefined
  try {
    const value: unknown = JSON.parse(json)
    return isRecord(value) ? value : undefined
  } catch {
    return undefined
  }
}

const FILE_ID: RecordShape = { dev: isText, ino: isText, born: maybe(isNumber) }

/** What the fields of each kind of record must be. */
const RECORDS: Record<JournalRecord['kind'], RecordShape> = {
  owner: {
    version: oneOf(JOURNAL_VERSION),
    transfer: isText,
    owner: isOwner,
    journal: maybe(isFileId),
  },
  begin: {
    n: isCount,
    path: isText,
    size: isSize,
    mtime: isNumber,
    target: maybe(isText),
    part: isText,
    expected: maybe(isText),
    at: isNumber,
    made: maybe(isFileId),
  },
  part: { n: isCount, part: isText, at: isNumber },
  made: { n: isCount, ...FILE_ID, at: isNumber },
  ids: { n: isCount, dev: isText, ino: isInode, steps: listOf(isIdStep), at: isNumber },
  prefix: { n: isCount, offset: isCount, digest: isText },
  alive: { at: isNumber },
  run: { n: isCount, files: listOf(isRunFile), at: isNumber },
  completed: {
    n: isCount,
    name: maybe(isText),
    digest: maybe(isText),
    count: maybe((value) => isCount(value) && (value as number) <= MOST_ENDED),
  },
  failed: { n: isCount, code: isText, part: oneOf('kept', 'suspect', 'gone') },
  released: { at: isNumber },
}

function isFileId(value: unknown): boolean {
  return hasShape(value, FILE_ID)
}

function isInode(value: unknown): boolean {
  return isText(value) && /^\d{1,20}$/.test(value)
}

function isIdStep(value: unknown): boolean {
  if (!Array.isArray(value) || value.length !== 2) return false
  const [more, count] = value
  return Number.isSafeInteger(more) && isCount(count)
}

function isSize(value: unknown): boolean {
  return value === null || isCount(value)
}

function isRunFile(value: unknown): boolean {
  if (!Array.isArray(value) || value.length < 3 || value.length > 4) return false
  const [path, size, mtime, target] = value
  return isText(path) && isSize(size) && isNumber(mtime) && maybe(isText)(target)
}

function isRecord(value: unknown): value is JournalRecord {
  if (!hasShape(value, { kind: oneOf(...Object.keys(RECORDS)) })) return false
  return hasShape(value, RECORDS[value.kind as JournalRecord['kind']])
}
