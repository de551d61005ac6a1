import { randomBytes } from 'node:crypto'
import { EventEmitter } from 'node:events'
import { basename, dirname } from 'node:path'
import { coalesce } from '../../async.js'
import { SluiceError } from '../../errors.js'
import { checkChoice, checkKeys, checkNumber, checkOption, checkText, checkWhole } from '../../options.js'
import { diskError } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import { localTarget, type PathLike } from '../disk/names.js'
import { blockingFileSystem, nodeFileSystem } from '../disk/node-fs.js'
import { ifThere, lstatIfThere } from '../disk/stats.js'
import type { Durability } from '../publish/publish.js'
import { handlesOf } from '../tree/handle-budget.js'
import { syncFolder } from '../tree/shared-folder.js'
import { AuditFile, LONGEST_TRAIL_NAME, listRotated, nextRotated, removeOldest } from './audit-file.js'
import { type Audit, type AuditEntry, type AuditRecord, decodeLine, encodeRecord } from './audit-record.js'
import { type ReadAuditOptions, readAudit } from './read-audit.js'
import {
  type AuditSummary,
  type AuditTableOptions,
  auditTable,
  keepingLast,
  summarizeAudit,
} from './summary.js'

/** Options of {@link AuditTrail.open}. */
export interface AuditTrailOptions {
  /**
   * Default: the file system of this machine with synchronous appends, which block for a few microseconds. With an
   * asynchronous one a record is safe only once it was awaited.
   */
  fs?: FileSystem
  /** Size in bytes from which on a file is rotated; records given meanwhile still go into it. Default 10 MiB. */
  maxBytes?: number
  /** How many rotated files are kept, from 1. Default 5. */
  keep?: number
  /** 'power' syncs each record before it resolves; records given together share a sync. Default 'crash'. */
  durability?: Durability
  /** The session in the records. Default: random, another one for each opening. */
  session?: string
  /** Milliseconds since 1970. */
  now?: () => number
}

/** Events of an {@link AuditTrail}. */
export interface AuditTrailEvents {
  /** A record was written by this trail; once it is in the file, and with 'power' on the disk. */
  record: [record: AuditRecord]
}

/** Synchronous calls, except for a sync, which can take long. */
const APPENDING: FileSystem = { ...blockingFileSystem, fsync: nodeFileSystem.fsync }

/** How often a record is written again because its file was deleted meanwhile. */
const MOST_ROTATION_TRIES = 16

/**
 * A log of operations, one JSON record a line, to which any number of processes append. The write of a record begins
 * before `record()` returns, so that none is lost when the process exits, awaited or not; once it resolves the record
 * is in the file, and with `durability: 'power'` it survives a power loss. Each line is appended by one atomic write
 * (except on NFS, which has none). A line that a crash left incomplete is ended by the next record, and readers skip
 * it.
 *
 * At `maxBytes` the file is renamed to `NAME.NUMBER-RANDOM`; records that other processes write to it at that moment
 * stay in it. All but the newest `keep` of these are removed; what another user has put among them counts for nothing.
 * The file may be deleted or renamed at any time: the next record makes a new one. All trails of a process into one
 * file have it open once.
 *
 * Each record that this trail has written is an event, too: `trail.on('record', …)`, or one after the other with
 * `for await (const [record] of on(trail, 'record'))` of `node:events`. Those of other trails and processes are not:
 * see {@link AuditTrail.read}.
 */
export class AuditTrail extends EventEmitter<AuditTrailEvents> implements Audit, AsyncDisposable {
  /** Absolute. */
  readonly path: string
  readonly session: string
  readonly #options: Required<Omit<AuditTrailOptions, 'session'>>
  readonly #reading: FileSystem
  readonly #settle: () => Promise<void>
  readonly #pending = new Set<Promise<void>>()
  #file: AuditFile
  #failure: SluiceError | undefined
  #closing: Promise<void> | undefined

  private constructor(path: string, file: AuditFile, options: AuditTrailOptions) {
    super()
    const { fs = APPENDING, maxBytes = 10 << 20, keep = 5, durability = 'crash', now = Date.now } = options
    this.path = path
    this.session = options.session ?? randomBytes(8).toString('hex')
    this.#options = { fs, maxBytes, keep, durability, now }
    this.#reading = options.fs ?? nodeFileSystem
    this.#file = file
    this.#settle = coalesce(() => this.#look())
  }

  /**
   * Opens the trail at `path`, or makes it (mode 0600). Its folder must exist; a symbolic link is refused, and in a
   * folder such as /tmp a file of another user, or one with a second name (`ERR_PERMISSION`). Fails with `ERR_USAGE`,
   * `ERR_WRITE`, `ERR_PERMISSION`, `ERR_READ_ONLY`, `ERR_DISK_FULL`, `ERR_UNSAFE_LINK`.
   */
  static async open(path: PathLike, options: AuditTrailOptions = {}): Promise<AuditTrail> {
    checkKeys('options', options, {
      fs: true,
      maxBytes: true,
      keep: true,
      durability: true,
      session: true,
      now: true,
    })
    const full = localTarget('path', path)
    const { maxBytes, keep, durability, session } = options
    const name = basename(full)
    const fits = Buffer.byteLength(name) <= LONGEST_TRAIL_NAME
    checkOption('the name of an audit trail', name, fits, `of at most ${LONGEST_TRAIL_NAME} bytes`)
    checkNumber('maxBytes', maxBytes, 1)
    checkWhole('keep', keep, 1)
    checkChoice('durability', durability, ['crash', 'power'])
    if (session !== undefined) checkText('session', session)
    try {
      const handles = handlesOf(options.fs ?? nodeFileSystem)
      const file = await AuditFile.open(options.fs ?? APPENDING, full, durability === 'power', handles)
      return new AuditTrail(full, file, options)
    } catch (error) {
      throw diskError(error, 'open the audit trail', full)
    }
  }

  /**
   * Appends one record, and resolves when it is in the file. A failure that nobody awaits does not crash the process;
   * {@link AuditTrail.flush} and {@link AuditTrail.close} fail with it. Fails with `ERR_USAGE` (not a record),
   * `ERR_STATE` (closed), `ERR_DISK_FULL`, `ERR_WRITE`.
   */
  record(entry: AuditEntry): Promise<void> {
    const done = this.#given(entry)
    this.#pending.add(done)
    done.catch((error: SluiceError) => this.#failed(error)).finally(() => this.#pending.delete(done))
    return done
  }

  /**
   * Waits for all records given so far. Fails with the first failure of a record or of a rotation since the last
   * flush.
   */
  async flush(): Promise<void> {
    await Promise.allSettled(this.#pending)
    const failure = this.#failure
    this.#failure = undefined
    if (failure) throw failure
  }

  /**
   * Closes the trail after all records given so far; fails as {@link AuditTrail.flush} does. Does nothing the second
   * time.
   */
  async close(): Promise<void> {
    if (this.#closing) return this.#closing.catch(() => {})
    this.#closing = this.#finish()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** All records, file by file, the oldest first, including those of other processes. */
  read(
    options: Pick<ReadAuditOptions, 'onTorn' | 'onPassedOver'> = {},
  ): AsyncGenerator<AuditRecord, void, void> {
    checkKeys('options', options, { onTorn: true, onPassedOver: true })
    return readAudit(this.path, { ...options, fs: this.#reading })
  }

  /** How often each operation was done, and how it went. */
  async summary(): Promise<AuditSummary> {
    let torn = 0
    const summary = await summarizeAudit(this.read({ onTorn: () => void torn++ }))
    return { ...summary, torn }
  }

  /**
   * The newest records, one a row, and below them the summary, as a table for people. Texts in it are escaped, so that
   * it is safe to print. `ERR_USAGE` for a wrong option.
   */
  async table(options: AuditTableOptions = {}): Promise<string> {
    checkKeys('options', options, { last: true })
    const { last = 20 } = options
    checkWhole('last', last, 0)
    let torn = 0
    const newest: AuditRecord[] = []
    const records = keepingLast(this.read({ onTorn: () => void torn++ }), last, newest)
    return auditTable({ ...(await summarizeAudit(records)), torn }, newest)
  }

  async #given(entry: AuditEntry): Promise<void> {
    if (this.#closing) throw new SluiceError('ERR_STATE', 'the audit trail is closed', { path: this.path })
    const time = new Date(this.#options.now()).toISOString()
    const line = encodeRecord({ ...entry, time, session: this.session })
    try {
      for (let tries = 0; tries < MOST_ROTATION_TRIES; tries++) {
        // no await before the first write: the process may end right after the call
        if (await this.#append(line)) return this.#tell(line)
      }
    } catch (error) {
      throw diskError(error, 'append to the audit trail', this.path)
    }
    throw new SluiceError('ERR_WRITE', 'the audit trail is removed again and again', { path: this.path })
  }

  /** In a turn of its own: what a listener throws is no failure of the record. */
  #tell(line: Buffer): void {
    if (this.listenerCount('record') === 0) return
    const { record } = decodeLine(line.toString())
    process.nextTick(() => this.emit('record', record!))
  }

  /** Returns false if the file was deleted: then the record has to be written again. */
  async #append(line: Buffer): Promise<boolean> {
    const file = this.#file.hold()
    try {
      await file.append(line)
      await this.#settle()
      if (file.removed) return false
      if (this.#options.durability === 'power') await file.sync()
      return true
    } finally {
      await file.leave()
    }
  }

  /** Called after records were written: checks whether the file still has its name, and whether it is full. */
  async #look(): Promise<void> {
    const { fs, maxBytes } = this.#options
    try {
      const named = await lstatIfThere(fs, this.path)
      if (named && this.#file.isSame(named)) {
        if (named.size >= maxBytes) await this.#rotate()
        return
      }
      await this.#file.lookForName()
      await this.#reopen()
    } catch (error) {
      // the records are in the file nevertheless, unless it was deleted
      if (this.#file.removed) throw error
      this.#failed(diskError(error, 'rotate the audit trail', this.path))
    }
  }

  async #rotate(): Promise<void> {
    const { fs, keep, durability } = this.#options
    const name = basename(this.path)
    const next = nextRotated(this.path, await listRotated(fs, this.path, name))
    // another process may have rotated meanwhile: a file that is not full must not be rotated
    const named = await lstatIfThere(fs, this.path)
    if (named && this.#file.isSame(named)) await ifThere(fs.rename(this.path, next.path))
    // before a new file is made: else a power cut could lose the old one
    if (durability === 'power') await syncFolder(fs, dirname(this.path))
    await this.#reopen()
    await removeOldest(fs, this.path, name, keep)
  }

  async #reopen(): Promise<void> {
    const old = this.#file
    const { fs, durability } = this.#options
    this.#file = await AuditFile.open(fs, this.path, durability === 'power', handlesOf(this.#reading))
    await old.leave()
  }

  #failed(error: SluiceError): void {
    this.#failure ??= error
  }

  async #finish(): Promise<void> {
    await Promise.allSettled(this.#pending)
    await this.#file.leave().catch((error) => this.#failed(diskError(error, 'close', this.path)))
    await this.flush()
  }
}
