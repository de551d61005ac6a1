import { TimeSlice } from '../../async.js'
import { systemClock } from '../../clock.js'
import type { FileStats, FileSystem } from '../disk/fs.js'
import { nameOf, partCandidate } from '../disk/names.js'
import { withRegular } from '../disk/open-regular.js'
import { readFully, readPieces } from '../disk/read-write.js'
import type { Owner } from '../own/owner.js'
import {
  type FileId,
  type JournalFile,
  type JournalRecord,
  type Prefix,
  RecordReader,
} from './journal-records.js'
import { countOf, filesOf } from './run-records.js'

/** A file that a journal says is not finished. */
export interface UnfinishedFile extends Required<Omit<JournalFile, 'expected' | 'made'>> {
  /** The digest that it is to have, hexadecimal, where that was known. */
  expected?: string | undefined
  /** When the part was announced, in milliseconds: it is not older. */
  at: number
  /** Its number in the journal. */
  n: number
  /** The very file that was made, where the journal says so. */
  made?: FileId
  /** Its sync failed: what can be read of it need not be on the disk. */
  isSuspect?: boolean
  /** What stood in it by the last record that says so. */
  prefix?: Prefix
}

/** What a journal says. */
export interface JournalContent {
  transfer: string
  owner: Owner
  /** The file that the journal was written into: another one is a copy. */
  journal?: FileId | undefined
  /** Whether the owner has let go. */
  isReleased: boolean
  /** The last sign of life, in milliseconds: the parts have not changed since. */
  until: number
  unfinished: UnfinishedFile[]
  stats: FileStats
}

/** Bytes that are read of one journal, and files that are unfinished in it at a time: none of ours comes near. */
const LARGEST_JOURNAL = 512 * 1024 * 1024
const MOST_UNFINISHED = 2_000_000
const JOURNAL_PIECE = 64 * 1024

/**
 * Reads a journal; undefined if it is not one, or not to be trusted: no regular file of its own, too large, garbage.
 * What is read is bounded, too: the file may grow meanwhile.
 * A torn tail and torn lines are dropped.
 */
export async function readJournal(fs: FileSystem, path: string): Promise<JournalContent | undefined> {
  return withRegular(fs, path, async (fd, stats) => {
    if (stats.nlink !== 1 || stats.size > LARGEST_JOURNAL) return undefined
    const reader = new RecordReader()
    const content = new ContentReader()
    const slice = new TimeSlice(systemClock)
    let size = 0
    for await (const piece of readPieces(fs, fd, JOURNAL_PIECE)) {
      size += piece.length
      if (size > LARGEST_JOURNAL || content.unfinished > MOST_UNFINISHED) return undefined
      for (const record of reader.push(piece)) content.take(record)
      // the first line is the owner's; what has none is not read to its end
      if (content.owner === undefined) return undefined
      await slice.yield()
    }
    return content.end(stats)
  })
}

/**
 * Whether the file was never synced, as far as the disk knows, so that nothing relies on it: it is empty, or there are
 * zeros after a power cut where its owner's line should be, with nothing but zeros behind them, or records that did
 * reach the disk.
 */
export async function isUnwritten(fs: FileSystem, path: string): Promise<boolean> {
  return withRegular(fs, path, async (fd, stats) => {
    if (stats.nlink !== 1 || stats.size > JOURNAL_PIECE) return false
    const bytes = Buffer.alloc(stats.size)
    const length = await readFully(fs, fd, bytes, 0)
    if (length < stats.size || (length > 0 && bytes[0] !== 0)) return false
    return bytes.every((byte) => byte === 0) || new RecordReader().push(bytes).length > 0
  })
}

/** Adds up the records to what the journal says. */
class ContentReader {
  owner: Owner | undefined
  #transfer = ''
  #journal: FileId | undefined
  #isReleased = false
  #until = 0
  readonly #files = new Map<number, UnfinishedFile>()
  /** How many more files may end by records that say a count. */
  #endable = 0
  /** Of how many more files records may say which they are. */
  #knowable = 0

  get unfinished(): number {
    return this.#files.size
  }

  take(record: JournalRecord): void {
    if (record.kind === 'owner') {
      if (!this.owner) this.#journal = record.journal
      this.owner ??= record.owner
      this.#transfer ||= record.transfer
      return
    }
    if ('at' in record) this.#until = Math.max(this.#until, record.at)
    if (record.kind === 'released') this.#isReleased = true
    else if (record.kind === 'completed') this.#end(record.n, record.count)
    else if (record.kind === 'failed' && record.part === 'gone') this.#files.delete(record.n)
    else if (record.kind === 'failed' && record.part === 'suspect') {
      const file = this.#files.get(record.n)
      if (file) this.#files.set(record.n, { ...file, isSuspect: true })
    } else if (record.kind === 'begin') {
      const { n, path, target = path, size, mtime, part, expected, at, made } = record
      this.#files.set(n, { n, path, target, size, mtime, part, expected, at, ...(made && { made }) })
    } else if (record.kind === 'run') {
      for (const [i, [path, size, mtime, target = path]] of record.files.entries()) {
        const part = partCandidate(nameOf(target), 0)
        const n = record.n + i
        this.#files.set(n, { n, path, target, size, mtime, part, at: record.at })
      }
      this.#endable += record.files.length
      this.#knowable += record.files.length
    } else if (record.kind === 'part') {
      const file = this.#files.get(record.n)
      if (file) this.#files.set(record.n, { ...file, part: record.part, at: record.at })
    } else if (record.kind === 'made') {
      const { n, dev, ino, born } = record
      const file = this.#files.get(n)
      if (file) this.#files.set(n, { ...file, made: { dev, ino, ...(born !== undefined && { born }) } })
    } else if (record.kind === 'ids') this.#know(record.n, record)
    else if (record.kind === 'prefix') {
      const { n, offset, digest } = record
      const file = this.#files.get(n)
      if (file) this.#files.set(n, { ...file, prefix: { offset, digest } })
    }
  }

  /** In all, no more files of runs end than began: one line could claim thousands, in each of a million lines. */
  #end(n: number, count?: number): void {
    if (count === undefined) this.#files.delete(n)
    else if (count <= this.#endable) {
      this.#endable -= count
      for (let i = 0; i < count; i++) this.#files.delete(n + i)
    }
  }

  /** Which files the parts of a run are: of no more than there are, as for {@link #end}. */
  #know(n: number, ids: Parameters<typeof filesOf>[0]): void {
    const count = countOf(ids.steps)
    if (count > this.#knowable) return
    this.#knowable -= count
    for (const made of filesOf(ids)) {
      const file = this.#files.get(n++)
      if (file) this.#files.set(file.n, { ...file, made })
    }
  }

  end(stats: FileStats): JournalContent | undefined {
    if (!this.owner) return undefined
    return {
      transfer: this.#transfer,
      owner: this.owner,
      journal: this.#journal,
      isReleased: this.#isReleased,
      until: this.#until,
      unfinished: [...this.#files.values()],
      stats,
    }
  }
}
