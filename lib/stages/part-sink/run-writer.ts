import { Limiter } from '../../async.js'
import { isSluiceError, printable, SluiceError } from '../../errors.js'
import { diskError } from '../../files/disk/disk-error.js'
import { type Range, Ranges } from '../../ranges.js'
import type { Claim } from '../../stores/parts.js'
import type { Entry } from '../../wire/entry.js'
import { type Run, sliceRun } from '../../wire/run.js'
import { type AnsweredPlan, type DigestsItem, isLastWord, type StoredRun } from '../river/items.js'
import { endsTransfer } from '../river/placements.js'
import type { StoreCalls } from '../river/store-calls.js'
import { isWhole, type OpenFile, OpenFiles } from './open-files.js'
import { WriteBehind } from './write-behind.js'
import { writeUnequal } from './write-unequal.js'
import { byFile, type FileWrite, outOfOrder, storedRun, writesOf } from './writes.js'

interface WriterOptions {
  concurrency: number
  /** Gets back what was written. */
  memory?: { used(bytes: Buffer): void } | undefined
}

/**
 * Puts runs into a store: folders before their files, small whole files all at once where the store has a way, others
 * one by one, several at a time, the bytes of one file in order. What fails for one file is its outcome; what would
 * fail for all is thrown.
 */
export class RunWriter {
  readonly #store: StoreCalls
  readonly #limiter: Limiter
  readonly #memory: WriterOptions['memory']
  readonly #files = new OpenFiles()
  /** Files that failed, and of which more may come. */
  readonly #failed = new Set<number>()
  /** Bytes from the middle of a file. */
  readonly #behind = new WriteBehind(async (write) => {
    await this.#store.alive()
    return this.#writeOn(write)
  })
  readonly #stopping = new AbortController()
  /** What was left of files that come as a whole, and did not begin yet, by the index of the entry. */
  readonly #left = new Map<number, Claim & { entry: Entry }>()

  constructor(store: StoreCalls, { concurrency, memory }: WriterOptions) {
    this.#store = store
    this.#memory = memory
    this.#limiter = new Limiter(concurrency)
  }

  /** An offer came, of which this is the plan. */
  follow(plan: AnsweredPlan): void {
    this.#files.follow(plan)
  }

  /**
   * Goes on with what is there of a file; gives it if nothing is to come.
   * @param proved the bytes that do not come. Left out: all of it comes, and what is there is not written again
   */
  goOn(entry: Entry, left: Claim, proved?: readonly Range[]): StoredRun[] {
    if (proved === undefined) {
      this.#left.set(entry.index, { entry, ...left })
      return []
    }
    const file = this.#files.begin(entry, left.part, proved)
    // an empty file has nothing to be proved: it ends when it comes
    return entry.size !== 0 && isWhole(file) ? [this.#end(file)] : []
  }

  /** Begins files of which all is claimed, since they are filled from what stands here; gives each, or its failure. */
  async fill(entries: readonly Entry[]): Promise<StoredRun[]> {
    const parts = entries.length === 0 ? undefined : await this.#store.begin(entries)
    return entries.flatMap((entry) => {
      const part = parts!.get(entry.index)!
      if (isSluiceError(part)) return this.#failedRun(entry, part)
      return this.goOn(entry, { part, ranges: [] }, [{ start: 0, end: entry.size! }])
    })
  }

  /** The first file that began and did not end. */
  get unfinished(): Entry | undefined {
    return this.#files.first?.entry
  }

  /** Writes a run; gives what ended with it. Bytes in the middle of a file are written while more may be given. */
  async write(run: Run): Promise<StoredRun[]> {
    if (run.cuts || run.first === run.last) return this.#writePieces(run)
    const stored = await this.settle()
    // the files at its ends may be there only in part
    const first = run.offset > 0 || this.#files.get(run.first) ? run.first + 1 : run.first
    const last = run.ends ? run.last : run.last - 1
    // all of them now: once something of the run is written, its memory may be gone, and the places of the rest with it
    const head = first > run.first ? sliceRun(run, run.first, run.first) : undefined
    const whole = first <= last ? sliceRun(run, first, last) : undefined
    const tail = last < run.last ? sliceRun(run, run.last, run.last) : undefined
    if (head) stored.push(...(await this.#writePieces(head)))
    if (whole) stored.push(...(await this.#writeWhole(whole)))
    if (tail) stored.push(...(await this.#writePieces(tail)))
    return stored
  }

  async #writePieces(run: Run): Promise<StoredRun[]> {
    const writes = writesOf(run)
    const [only] = writes
    return writes.length === 1 && this.#isMiddle(only!) ? this.#behind.add(only!) : this.#writeAll(writes)
  }

  /** Whether it is bytes from the middle of a file: they are written while more may come. */
  #isMiddle({ last, entry }: FileWrite): boolean {
    return !last && this.#files.get(entry.index) !== undefined
  }

  /** Takes a run over at once, if it is bytes from the middle of a file, and nothing is to be told first. */
  takesOver(run: Run): boolean {
    const [write] = run.cuts || run.first !== run.last ? [] : writesOf(run)
    return write !== undefined && this.#isMiddle(write) && this.#behind.takesOver(write)
  }

  /** Waits for what is still being written; gives the entries that failed. */
  settle(): Promise<StoredRun[]> {
    return this.#behind.settle()
  }

  /** Begins no write any more; {@link settle} waits for those that run. */
  stop(): void {
    this.#stopping.abort(new SluiceError('ERR_DESTROYED', 'the files were destroyed while they were written'))
    this.#behind.stop()
  }

  /** The sender said what these files are, or that they fail: those that began and did not end will never end. */
  async giveUp(said: DigestsItem): Promise<StoredRun[]> {
    const stored = await this.settle()
    for (let index = said.first; index < said.first + said.count; index++) {
      const file = this.#files.get(index)
      if (file === undefined && !this.#failed.has(index)) continue
      // nothing was said of it: the rest may come
      if (!isLastWord(said, index)) continue
      this.#failed.delete(index)
      if (file === undefined) continue
      stored.push(this.#end(file))
    }
    return stored
  }

  /** Files that are there from their first byte to their last. */
  async #writeWhole(run: Run): Promise<StoredRun[]> {
    const { entries, first, last, digests } = run
    const write = this.#isFresh(run) ? this.#store.writeRun : undefined
    if (!write) return this.#writeAll(writesOf(run))
    const failures = new Map<number, SluiceError>()
    await this.#makeFolders(run, failures)
    const written = await write(run, this.#stopping.signal)
    for (const bytes of run.buffers) this.#memory?.used(bytes)
    for (const [index, error] of written.failures)
      failures.set(index, this.#fail(diskError(error, 'write', entries[index]!.path), index))
    return [{ entries, first, last, run: written, failures, ...(digests && { digests }) }]
  }

  async #makeFolders({ entries, first, last }: Run, failures: Map<number, SluiceError>): Promise<void> {
    for (let index = first; index <= last; index++) {
      const entry = entries[index]!
      if (entry.type !== 'directory') continue
      try {
        await this.#store.makeFolder(entry)
      } catch (error) {
        failures.set(index, this.#fail(error as SluiceError, index))
      }
    }
  }

  /** Whether nothing of these files was begun, and there is more than one. */
  #isFresh(run: Run): boolean {
    let files = 0
    for (let index = run.first; index <= run.last; index++) {
      if (this.#files.get(index) || this.#files.hasEnded(index)) return false
      if (this.#failed.has(index) || this.#left.has(index)) return false
      if (run.entries[index]!.type === 'file') files++
    }
    return files > 1
  }

  async #writeAll(writes: readonly FileWrite[]): Promise<StoredRun[]> {
    const stored = await this.settle()
    const ended = new Map<FileWrite, StoredRun>()
    for (const write of writes) {
      const { entry } = write
      if (entry.type === 'file') continue
      try {
        if (entry.type === 'directory') await this.#store.makeFolder(entry)
        ended.set(write, storedRun(entry))
      } catch (error) {
        ended.set(write, this.#failedRun(entry, error as SluiceError))
      }
    }
    await this.#begin(writes, ended)
    await this.#limiter.each(
      byFile(writes.filter(({ entry }) => this.#files.get(entry.index))),
      async (ofFile) => {
        for (const write of ofFile) {
          const file = await this.#writeOn(write)
          if (file) ended.set(write, file)
        }
      },
      { failFast: true, isStopped: () => this.#stopping.signal.aborted },
    )
    for (const write of writes) {
      const run = ended.get(write)
      if (run) stored.push(run)
    }
    return stored
  }

  /** Makes parts for the files of which nothing came before. */
  async #begin(writes: readonly FileWrite[], ended: Map<FileWrite, StoredRun>): Promise<void> {
    const isFresh = ({ entry, entry: { type, index } }: FileWrite) =>
      type === 'file' && !this.#files.get(index) && !this.#failed.has(index) && !this.#again(entry)
    const isNew = (write: FileWrite) => isFresh(write) && !this.#goOnWithLeft(write)
    const fresh = byFile(writes.filter(isNew)).map(([write]) => write!)
    if (fresh.length === 0) return this.#store.alive()
    const parts = await this.#store.begin(fresh.map(({ entry }) => entry))
    for (const write of fresh) {
      const part = parts.get(write.entry.index)!
      const { entry } = write
      if (isSluiceError(part)) ended.set(write, this.#failedRun(entry, part))
      else this.#files.begin(entry, part)
    }
  }

  /** Begins a file with what was left of it; not one that a stage of a user's has changed: that is another one. */
  #goOnWithLeft({ entry }: FileWrite): boolean {
    const left = this.#left.get(entry.index)
    if (left?.entry !== entry) return false
    this.#left.delete(entry.index)
    this.#files.begin(entry, left.part).left = Ranges.from(left.ranges)
    return true
  }

  #end(file: OpenFile, more: Partial<StoredRun> = {}): StoredRun {
    this.#files.end(file)
    return storedRun(file.entry, { part: file.part, isWhole: isWhole(file), ...more })
  }

  /** Begins a file again that has ended, if its part is to be gone on with; or one that was begun elsewhere. */
  #again(entry: Entry): OpenFile | undefined {
    const { index } = entry
    const again = this.#files.beginAgain(index, (part) => this.#store.isDiscarded(part))
    if (again) return again
    const claim = this.#store.standing?.handedOn(index)
    return claim && this.#files.begin(entry, claim.part, claim.ranges)
  }

  /** Nothing more of a file that failed while the write waited. */
  async #writeOn(write: FileWrite): Promise<StoredRun | undefined> {
    const { index, path } = write.entry
    if (this.#files.get(index) ?? this.#again(write.entry)) return this.#write(write)
    if (this.#failed.has(index)) return undefined
    throw new SluiceError('ERR_STATE', `bytes of ${printable(path)} came when nobody waited for them`, {
      path,
    })
  }

  async #write({ entry, offset, length, buffers, last, digest }: FileWrite): Promise<StoredRun | undefined> {
    const file = this.#files.get(entry.index)!
    const { part, written } = file
    const end = offset + length
    // its bytes may come in any order: it has ended when all of them are there
    const ends = entry.size === null ? last : this.#files.endsWith(file, offset, end)
    try {
      if (this.#store.order === 'ascending' && offset !== file.end) throw outOfOrder(entry, offset, file.end)
      // with a digest nothing is left to do on the file but to give it its name
      const isLast = ends && digest !== undefined
      await this.#store.pending.of('write', entry.path, () =>
        file.left
          ? writeUnequal(part, file.left, { offset, buffers, length }, isLast)
          : part.write(offset, buffers, isLast),
      )
      for (const bytes of buffers) this.#memory?.used(bytes)
    } catch (error) {
      // the write before this one failed as well, and has said so
      if (!this.#files.get(entry.index)) return undefined
      this.#files.delete(entry.index)
      const failure = diskError(error, 'write', entry.path)
      await this.#store.keep(part, entry, failure)
      return this.#failedRun(entry, failure)
    }
    file.end = end
    written.add(offset, end)
    if (!ends) return undefined
    return this.#end(file, digest && { digests: { first: entry.index, count: 1, bytes: digest } })
  }

  #failedRun(entry: Entry, error: SluiceError): StoredRun {
    return storedRun(entry, { failures: new Map([[entry.index, this.#fail(error, entry.index)]]) })
  }

  /** One file failed; or all, then it throws. */
  #fail(error: SluiceError, index: number): SluiceError {
    if (endsTransfer(error)) throw error
    this.#failed.add(index)
    return error
  }
}
