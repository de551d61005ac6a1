import { overSlices } from '../../async.js'
import type { Clock } from '../../clock.js'
import { isSluiceError, SluiceError } from '../../errors.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import { OPEN, type SyncCalls } from '../disk/fs.js'
import { lstatIfThere, sameInode } from '../disk/stats.js'
import { backgroundClock, Renewal } from '../own/lease.js'
import { journalName, releasedName } from '../own/names.js'
import { makeInOwnFolder, removeOwnFolder } from '../own/own-folder.js'
import { type Owner, thisOwner } from '../own/owner.js'
import type { Durability } from '../publish/publish.js'
import type { OpenFolder, Tree } from '../tree/tree.js'
import { BatchWriter } from './batch-writer.js'
import {
  endRecord,
  idOf,
  JOURNAL_VERSION,
  type JournalEnd,
  type JournalFile,
  type JournalRecord,
  type KnownFile,
  type Prefix,
} from './journal-records.js'
import { type RunIds, runRecords } from './run-records.js'

/** What {@link Journal.create} takes. */
export interface JournalOptions {
  durability: Durability
  owner?: Owner
  clock?: Clock
  /** For tests: when the owner shows that it lives. */
  renewals?: Clock | undefined
}

/**
 * What is known on disk about the files of one running transfer: append-only, one owner, in `.sluice/` of the
 * destination. It says which parts are ours, so that after a crash they can be gone on with, or removed. What it says
 * of their content is a hint, never a proof.
 */
export class Journal {
  readonly #folder: OpenFolder
  readonly #tree: Tree
  #name: string
  readonly #fd: number
  readonly #power: boolean
  readonly #clock: Clock
  /** What the disk's clock, by which files have their times, says more than ours. */
  #ahead = 0
  #count = 0
  #unfinished = 0
  readonly #records: BatchWriter
  readonly #renewal: Renewal

  private constructor(tree: Tree, folder: OpenFolder, name: string, fd: number, options: JournalOptions) {
    const { durability, clock = backgroundClock, renewals } = options
    this.#tree = tree
    this.#folder = folder
    this.#name = name
    this.#fd = fd
    this.#power = durability === 'power'
    this.#clock = clock
    this.#records = new BatchWriter({ fs: tree.fs, fd, path: this.#path, durability, clock })
    // those see it who cannot look at this process; the content stays as it is
    const renew = () => tree.fs.futimes(fd, Date.now() / 1000, Date.now() / 1000)
    this.#renewal = new Renewal(renew, renewals)
  }

  /**
   * Makes the journal of a transfer, and our folder around it.
   * Fails with `ERR_DISK_FULL`, `ERR_READ_ONLY`, `ERR_PERMISSION`, `ERR_WRITE`.
   */
  static async create(tree: Tree, transfer: string, options: JournalOptions): Promise<Journal> {
    const open = async (folder: OpenFolder) => {
      for (let n = 0; ; n++) {
        const name = journalName(transfer, n)
        try {
          const fd = await tree.fs.open(folder.at(name), OPEN.create, 0o600)
          return new Journal(tree, folder, name, fd, options)
        } catch (error) {
          if (errorCode(error) !== 'EEXIST') throw diskError(error, 'make the journal in', folder.path)
        }
      }
    }
    const journal = await makeInOwnFolder(tree, open)
    try {
      const owner = options.owner ?? thisOwner()
      const id = idOf(await tree.fs.fstat(journal.#fd))
      await journal.#records.append([
        { kind: 'owner', version: JOURNAL_VERSION, transfer, owner, journal: id },
      ])
      journal.#ahead = (await tree.fs.fstat(journal.#fd)).mtimeMs - journal.#clock.now()
      if (journal.#power) {
        await journal.#folder.sync()
        await tree.sync('')
      }
      return journal
    } catch (error) {
      await journal.finish().catch(() => {})
      throw diskError(error, 'make the journal', journal.#path)
    }
  }

  /**
   * Takes down files whose parts will be made, or taken from another journal, after this has resolved; gives their
   * numbers. With 'power' one sync: a part that nobody knew of after a power cut would never be collected.
   */
  async begin(files: readonly JournalFile[]): Promise<number[]> {
    await this.hold()
    const at = this.#now()
    const first = this.#count
    this.#count += files.length
    this.#unfinished += files.length
    await overSlices(0, files.length, (from, end) =>
      this.#records.append(
        files.slice(from, end).map((file, i) => ({ kind: 'begin', n: first + from + i, at, ...file })),
      ),
    )
    await this.#records.appendLasting([])
    return files.map((_, i) => first + i)
  }

  /**
   * The same for files that have plain part names, by as few records as go; gives the number of the first, which the
   * others follow.
   * @param targetOf the path that a file is to get
   */
  async beginRun(
    files: readonly Omit<JournalFile, 'part' | 'target'>[],
    targetOf: (path: string) => string,
  ): Promise<number> {
    await this.hold()
    const first = this.#count
    const records = runRecords(files, targetOf, first, this.#now())
    this.#count += files.length
    this.#unfinished += files.length
    await this.#records.appendLasting(records)
    return first
  }

  /** The part of file `n` will have another name, because the first was taken. */
  rename(n: number, part: string): Promise<void> {
    return this.#records.appendLasting([{ kind: 'part', n, part, at: this.#now() }])
  }

  /**
   * The part of file `n` was made, as this very file: nothing else that has its name will ever be taken for it.
   * @param last it is complete and ends soon: this may wait for the next batch
   */
  async made(n: number, file: KnownFile, last: boolean): Promise<void> {
    const record: JournalRecord = { kind: 'made', n, ...idOf(file), at: this.#now() }
    if (!last) return this.#records.append([record])
    this.#records.add(record)
  }

  /** The same for the parts of a run, of which all is written: with the next batch, at no call of its own. */
  madeRun(ids: RunIds): void {
    const at = this.#now()
    for (const record of ids.records) this.#records.add({ ...record, at })
  }

  /** Says what stands in the part of file `n`. */
  prefix(n: number, prefix: Prefix): Promise<void> {
    return this.#records.append([{ kind: 'prefix', n, ...prefix }])
  }

  /** Data is about to be written: says from time to time that the parts may have changed until now. */
  async alive(): Promise<void> {
    await this.hold()
    if (this.#records.isIdle) await this.#records.append([{ kind: 'alive', at: this.#now() }])
  }

  /** Records that `count` files from file `n` on were published under their own names. */
  endRun(n: number, count: number): void {
    this.#records.add({ kind: 'completed', n, ...(count > 1 && { count }) })
    this.#unfinished -= count
  }

  /** Records what became of file `n`: at once in memory, on disk with the next batch. */
  end(n: number, end: JournalEnd): void {
    // published, but the part's name could not be removed: a later run does it
    if (end.state === 'completed' && end.part === 'kept') return
    this.#records.add(endRecord(n, end))
    if (end.state === 'completed' || end.part === 'gone') this.#unfinished--
  }

  /** Writes the batch; with 'power' it is on the disk when this resolves: then what it says may be acknowledged. */
  async flush(): Promise<void> {
    await this.#records.appendLasting([])
  }

  /**
   * {@link check}, where this process did not show for long that it lives. To be called before anything is written: a
   * part that was taken over must not get what belongs to nobody any more, and none be made that no journal knows.
   */
  async hold(): Promise<void> {
    if (!this.#renewal.isDoubtful) return
    await this.check()
    this.#renewal.confirm()
  }

  /**
   * Fails with `ERR_LOCK_LOST` if another process has taken the journal over, because this one did not show for 10
   * seconds that it lives: the parts belong to that one now. To be called before a file is published.
   */
  async check(): Promise<void> {
    const { fs } = this.#tree
    const there = await lstatIfThere(fs, this.#folder.at(this.#name))
    if (there && sameInode(there, await fs.fstat(this.#fd))) return
    const why =
      'somebody removed it by hand, or took it over since this process was suspended or blocked for long'
    const message = `the journal ${this.#path} is gone: ${why}; begin the transfer anew`
    throw new SluiceError('ERR_LOCK_LOST', message, { path: this.#path })
  }

  /** Whether {@link check} would find it, by calls that are made at once. */
  isOurs({ lstat, fstat }: Pick<SyncCalls, 'lstat' | 'fstat'>): boolean {
    try {
      return sameInode(lstat(this.#folder.at(this.#name)), fstat(this.#fd))
    } catch {
      return false
    }
  }

  /** Ends it: where nothing is left to go on with, it goes, and our folder with it; else it stays for a later run. */
  async finish(): Promise<void> {
    if (this.#unfinished > 0) return this.close()
    this.#records.drop()
    await this.#records.idle
    await this.#renewal.stop()
    const { fs } = this.#tree
    const lost = await this.check().catch((error: unknown) => error)
    try {
      // under its name may stand the journal of whoever took it over
      if (isSluiceError(lost, 'ERR_LOCK_LOST')) return await fs.close(this.#fd).catch(() => {})
      await fs.close(this.#fd).catch(() => {})
      await fs.unlink(this.#folder.at(this.#name))
    } catch (error) {
      await this.#letGo()
      throw diskError(error, 'remove the journal', this.#path)
    } finally {
      await removeOwnFolder(this.#tree, this.#folder)
    }
  }

  /** Lets go of it: a later run may go on with the parts, or remove them. */
  async close(): Promise<void> {
    try {
      await this.#records.append([{ kind: 'released', at: this.#now() }])
    } catch (error) {
      await this.#letGo()
      throw error
    } finally {
      this.#records.drop()
      await this.#renewal.stop()
      this.#folder.release()
      await this.#tree.fs.close(this.#fd).catch(() => {})
    }
  }

  /** Milliseconds since 1970 by the clock of the disk: a later process compares them with the times of the parts. */
  #now(): number {
    return Math.floor(this.#clock.now() + this.#ahead)
  }

  /** Its name in our folder. */
  get name(): string {
    return this.#name
  }

  get #path(): string {
    return `${this.#folder.path}/${this.#name}`
  }

  async #letGo(): Promise<void> {
    const { fs } = this.#tree
    const released = releasedName(this.#name)
    await fs.rename(this.#folder.at(this.#name), this.#folder.at(released)).then(
      () => {
        this.#name = released
      },
      () => {},
    )
  }
}
