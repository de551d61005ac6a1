import type { Clock } from '../../clock.js'
import type { SluiceError } from '../../errors.js'
import { diskError } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import { writeFully } from '../disk/read-write.js'
import type { Durability } from '../publish/publish.js'
import { encodeRecords, type JournalRecord } from './journal-records.js'

/** The batch: records, milliseconds. */
const MOST_WAITING = 150
const LONGEST_WAIT = 2000

/** An open file that records are appended to. */
export interface RecordFile {
  fs: FileSystem
  fd: number
  /** For messages. */
  path: string
  durability: Durability
  clock: Clock
}

/**
 * Appends records to a file that is ours alone: one write after the other; those that may wait are written together.
 */
export class BatchWriter {
  readonly #file: RecordFile
  #size = 0
  #waiting: JournalRecord[] = []
  #cancel: (() => void) | undefined
  #last: number
  #tail: Promise<void> = Promise.resolve()
  /** A batch in the background failed; said to the next caller. */
  #error: SluiceError | undefined

  constructor(file: RecordFile) {
    this.#file = file
    this.#last = file.clock.now()
  }

  /** Whether nothing was written for as long as a batch may wait. */
  get isIdle(): boolean {
    return this.#file.clock.now() - this.#last > LONGEST_WAIT
  }

  /** Resolves when all writes that were begun have ended, well or not. */
  get idle(): Promise<void> {
    return this.#tail
  }

  /** Adds a record that may wait for the next batch. */
  add(record: JournalRecord): void {
    this.#waiting.push(record)
    if (this.#waiting.length >= MOST_WAITING) this.#inBackground()
    else this.#cancel ??= this.#file.clock.after(LONGEST_WAIT, () => this.#inBackground())
  }

  /** Writes the records, and before them what waits. Fails also with the error of an earlier batch. */
  append(records: readonly JournalRecord[]): Promise<void> {
    const all = [...this.#waiting, ...records]
    this.drop()
    const before = this.#tail
    const done = (async () => {
      await before
      if (this.#error) throw this.#error
      if (all.length > 0) await this.#write(encodeRecords(all))
    })()
    this.#tail = done.catch(() => {})
    return done
  }

  /** Appends; with 'power' it is on the disk when this resolves. */
  async appendLasting(records: readonly JournalRecord[]): Promise<void> {
    await this.append(records)
    const { fs, fd, path, durability } = this.#file
    if (durability !== 'power') return
    try {
      await fs.fsync(fd)
    } catch (error) {
      throw diskError(error, 'sync the journal', path)
    }
  }

  /** Forgets what waits. */
  drop(): void {
    this.#cancel?.()
    this.#cancel = undefined
    this.#waiting = []
  }

  #inBackground(): void {
    this.append([]).catch((error: SluiceError) => {
      this.#error ??= error
    })
  }

  async #write(bytes: Buffer): Promise<void> {
    const { fs, fd, path, clock } = this.#file
    try {
      await writeFully(fs, fd, [bytes], this.#size)
    } catch (error) {
      throw diskError(error, 'write the journal', path)
    }
    // after a failure the next write goes over what this one left
    this.#size += bytes.length
    this.#last = clock.now()
  }
}
