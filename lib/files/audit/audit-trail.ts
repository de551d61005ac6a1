import { randomBytes } from 'node:crypto'
import { basename, dirname, resolve } from 'node:path'
import { coalesce } from '../../async.js'
import { SluiceError } from '../../errors.js'
import { checkChoice, checkLocalPath, checkNumber, checkOption, checkWhole } from '../../options.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import { blockingFileSystem, nodeFileSystem } from '../disk/node-fs.js'
import { lstatIfThere } from '../disk/stats.js'
import { syncFolder } from '../disk/sync.js'
import type { Durability } from '../publish/publish.js'
import { AuditFile } from './audit-file.js'
import { type Audit, type AuditEntry, type AuditRecord, encodeRecord } from './audit-record.js'
import { type ReadAuditOptions, readAudit } from './read-audit.js'
import { LONGEST_TRAIL_NAME, listRotated, nextRotated, removeOldest } from './rotated-names.js'
import { type AuditSummary, auditTable, summarizeAudit } from './summary.js'

/** Options of {@link AuditTrail.open}. */
export interface AuditTrailOptions {
  /**
   * Default: this machine's, by calls that block for the few microseconds of an append. With one that does not
   * block, a record counts only once it was awaited.
   */
  fs?: FileSystem
  /** Bytes after which a file is rotated; it grows beyond by what is given meanwhile. Default 10 MiB. */
  maxBytes?: number
  /** How many rotated files are kept, from 1. Default 5. */
  keep?: number
  /** 'power' syncs each record (those given together at once) before it resolves. Default 'crash'. */
  durability?: Durability
  /** Whose records these are. Default: random, new for each trail. */
  session?: string
  /** Milliseconds since 1970. */
  now?: () => number
}

/** A sync can take long: that one call does not block. */
const APPENDING: FileSystem = { ...blockingFileSystem, fsync: nodeFileSystem.fsync }

/** How often a record is written again because its file was removed meanwhile. */
const MOST_TRIES = 16

/**
 * A log of operations, one JSON record a line, that any number of processes append to. A record is on its way to the
 * file before `record()` returns, so that none is lost at exit, awaited or not; and once it resolves it stands, after a
 * power loss too with `durability: 'power'`. Lines are appended whole, by one write each (not on NFS, which has no such
 * thing). A line that a crash left torn is closed by the next record and skipped by readers.
 *
 * At `maxBytes` the file is renamed to `NAME.NUMBER-RANDOM`; records that others write to it at that moment stay in
 * it. All but the newest `keep` of these are removed. Delete or rename the file at any time: the next record makes it.
 */
export class AuditTrail implements Audit, AsyncDisposable {
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
    const { fs = APPENDING, maxBytes = 10 << 20, keep = 5, durability = 'crash', now = Date.now } = options
    this.path = path
    this.session = options.session ?? randomBytes(8).toString('hex')
    this.#options = { fs, maxBytes, keep, durability, now }
    this.#reading = options.fs ?? nodeFileSystem
    this.#file = file
    this.#settle = coalesce(() => this.#look())
  }

  /**
   * Opens the trail at `path`, or makes it (mode 0600). Its folder must be there; a symbolic link is refused. Fails
   * with `ERR_USAGE`, `ERR_WRITE`, `ERR_PERMISSION`, `ERR_READ_ONLY`, `ERR_DISK_FULL`, `ERR_UNSAFE_LINK`.
   */
  static async open(path: string, options: AuditTrailOptions = {}): Promise<AuditTrail> {
    check(path, options)
    const full = resolve(path)
    try {
      const file = await AuditFile.open(options.fs ?? APPENDING, full, options.durability === 'power')
      return new AuditTrail(full, file, options)
    } catch (error) {
      throw diskError(error, 'open the audit trail', path)
    }
  }

  /**
   * Appends one record. Await it to know that it stands; a failure that nobody awaits does not crash the process, but
   * is what {@link AuditTrail.flush} and {@link AuditTrail.close} fail with. Fails with `ERR_USAGE` (what is no record),
   * `ERR_STATE` (closed), `ERR_DISK_FULL`, `ERR_WRITE`.
   */
  record(entry: AuditEntry): Promise<void> {
    const done = this.#given(entry)
    this.#pending.add(done)
    done.catch((error: SluiceError) => this.#failed(error)).finally(() => this.#pending.delete(done))
    return done
  }

  /** Waits for all that was given. Fails with the first failure of a record or of a rotation, and forgets it. */
  async flush(): Promise<void> {
    await Promise.allSettled(this.#pending)
    const failure = this.#failure
    this.#failure = undefined
    if (failure) throw failure
  }

  /** Ends the trail after all that was given; fails as {@link AuditTrail.flush} does. The second time does nothing. */
  async close(): Promise<void> {
    if (this.#closing) return this.#closing.catch(() => {})
    this.#closing = this.#finish()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** All that stands, file by file, the oldest first: what other processes wrote, too. */
  read(options: Pick<ReadAuditOptions, 'onTorn'> = {}): AsyncGenerator<AuditRecord, void, void> {
    return readAudit(this.path, { ...options, fs: this.#reading })
  }

  /** What was done, how often, and how it went. */
  async summary(): Promise<AuditSummary> {
    let torn = 0
    const onTorn = () => {
      torn++
    }
    return { ...(await summarizeAudit(this.read({ onTorn }))), torn }
  }

  /** The summary as a table for people; safe to print, whatever the records hold. */
  async table(): Promise<string> {
    return auditTable(await this.summary())
  }

  async #given(entry: AuditEntry): Promise<void> {
    if (this.#closing) throw new SluiceError('ERR_STATE', 'the audit trail is closed', { path: this.path })
    const time = new Date(this.#options.now()).toISOString()
    const line = encodeRecord({ ...entry, time, session: this.session })
    try {
      for (let tries = 0; tries < MOST_TRIES; tries++) {
        // nothing is awaited before the first write: a process may end right after the call
        if (await this.#append(line)) return
      }
    } catch (error) {
      throw diskError(error, 'append to the audit trail', this.path)
    }
    throw new SluiceError('ERR_WRITE', 'the audit trail is removed again and again', { path: this.path })
  }

  /** Gives false if the file was removed: then the record is to be written once more. */
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

  /** After records were written: is the file still the one that has the name, and is it full? */
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
      // the records stand nevertheless, unless their file is gone
      if (this.#file.removed) throw error
      this.#failed(diskError(error, 'rotate the audit trail', this.path))
    }
  }

  async #rotate(): Promise<void> {
    const { fs, keep, durability } = this.#options
    const name = basename(this.path)
    const next = nextRotated(this.path, await listRotated(fs, this.path, name))
    try {
      // while the folder was listed somebody may have been faster: a file that is not full must not be rotated
      const named = await lstatIfThere(fs, this.path)
      if (named && this.#file.isSame(named)) await fs.rename(this.path, next.path)
    } catch (error) {
      // somebody else was faster
      if (errorCode(error) !== 'ENOENT') throw error
    }
    // were a new file on the disk before this, a power cut could take the old one
    if (durability === 'power') await syncFolder(fs, dirname(this.path))
    await this.#reopen()
    await removeOldest(fs, this.path, name, keep)
  }

  async #reopen(): Promise<void> {
    const old = this.#file
    const { fs, durability } = this.#options
    this.#file = await AuditFile.open(fs, this.path, durability === 'power')
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

function check(path: string, { maxBytes, keep, durability, session }: AuditTrailOptions): void {
  checkLocalPath('path', path)
  const name = basename(path)
  const fits = Buffer.byteLength(name) <= LONGEST_TRAIL_NAME
  checkOption('the name of an audit trail', name, fits, `of at most ${LONGEST_TRAIL_NAME} bytes`)
  checkNumber('maxBytes', maxBytes, 1)
  checkWhole('keep', keep, 1)
  checkChoice('durability', durability, ['crash', 'power'])
  checkOption('session', session, session === undefined || typeof session === 'string', 'a text')
}
