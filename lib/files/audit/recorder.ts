import { type Clock, systemClock } from '../../clock.js'
import { isError } from '../../errors.js'
import { checkObject, isBytes, type Keys } from '../../options.js'
import { errorCode } from '../disk/disk-error.js'
import { textOfPath } from '../disk/names.js'
import { type Audit, type AuditEntry, checkAudit } from './audit-record.js'

/** Options of {@link Recorder}. */
export interface RecorderOptions {
  /** Default: the default trail of the process when the operation ends, if any. */
  audit?: Audit
  /** Called if a record could not be written. Default: emits a warning of the process. */
  onAuditError?: (error: unknown) => void
  clock?: Clock
}

/** Fields of results that are copied into the record. */
const TOLD = ['bytes', 'count', 'how', 'ok', 'state', 'copied', 'rotated', 'to', 'from', 'backup']

type Metadata = Record<string, unknown>

/**
 * Runs operations and records each of them, also failed ones. If a record cannot be written, that is reported, but
 * the operation does not fail: it was done, and the caller must not repeat it.
 */
export class Recorder implements Audit {
  /** How many operations began, and how many of them failed. */
  ran = 0
  failed = 0
  readonly #options: RecorderOptions
  readonly #batch: { name: string; id: string } | undefined
  readonly #running = new Set<Promise<unknown>>()

  /** @param batch written into the metadata of each record */
  constructor(options: RecorderOptions, batch?: { name: string; id: string }) {
    this.#options = options
    this.#batch = batch
  }

  /**
   * Runs an operation and records it, before the result is returned or the error is thrown, both unchanged.
   * @param more metadata for the record; called once the operation has ended
   */
  run<T>(operation: string, path: unknown, act: () => Promise<T>, more?: () => Metadata): Promise<T> {
    return this.wait(this.#run({ operation, path: shownPath(path) }, act, more))
  }

  /** {@link Recorder.run} for what begins at once, or fails to, and has its result later. */
  watch<T extends { result: Promise<unknown> }>(operation: string, path: unknown, begin: () => T): T {
    const record = (result: Promise<unknown>) => {
      this.run(operation, path, () => result).catch(() => {})
    }
    try {
      const begun = begin()
      record(begun.result)
      return begun
    } catch (error) {
      record(Promise.reject(error))
      throw error
    }
  }

  /** Lets {@link Recorder.settled} wait for this too. */
  wait<T>(running: Promise<T>): Promise<T> {
    this.#running.add(running)
    // a failure is counted for the batch; here it only must not be unhandled
    running.catch(() => {}).finally(() => this.#running.delete(running))
    return running
  }

  /** Writes a record that the caller made itself: that of a transaction, for instance. */
  async record({ metadata, ...entry }: AuditEntry): Promise<void> {
    this.ran++
    if (entry.status === 'failed') this.failed++
    await this.#record(entry, metadata ?? {})
  }

  /** Waits for the operations that nobody awaited. */
  async settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.allSettled(this.#running)
  }

  async #run<T>(
    what: Pick<AuditEntry, 'operation' | 'path'>,
    act: () => Promise<T>,
    more: () => Metadata = () => ({}),
  ): Promise<T> {
    const { clock = systemClock } = this.#options
    const began = clock.now()
    this.ran++
    const end = (entry: Pick<AuditEntry, 'status' | 'code'>, told: Metadata = {}) => {
      const duration = Math.round((clock.now() - began) * 1000) / 1000
      return this.#record({ ...what, ...entry, duration }, { ...more(), ...told })
    }
    let result: T
    try {
      result = await act()
    } catch (error) {
      this.failed++
      await end({ status: 'failed', code: codeForRecord(error) })
      throw error
    }
    await end({ status: 'ok' }, (OF_RESULT[what.operation] ?? toldBy)(result, what.path))
    return result
  }

  async #record(entry: AuditEntry, more: Metadata): Promise<void> {
    const { audit = getDefaultAudit(), onAuditError = warn } = this.#options
    const metadata = { ...more, ...(this.#batch && { batch: { ...this.#batch } }) }
    try {
      await audit?.record({ ...entry, ...(Object.keys(metadata).length > 0 && { metadata }) })
    } catch (error) {
      onAuditError(error)
    }
  }
}

/** The code of an error for its record: not every error is a {@link SluiceError}. */
export function codeForRecord(error: unknown): string {
  return errorCode(error) ?? (isError(error) ? error.name : typeof error)
}

const nothing = () => ({})

/** What is told of operations whose result is no report of theirs: a value of the user's belongs in no trail. */
const OF_RESULT: Record<string, typeof toldBy> = {
  readJson: nothing,
  readYaml: nothing,
  readConfig: nothing,
  tryLock: (lock) => ({ taken: lock !== null }),
}

/** The path that is recorded; '' for what is none, of which the operation complains. */
function shownPath(path: unknown): string {
  try {
    return textOfPath('path', path)
  } catch {
    return typeof path === 'string' ? path : ''
  }
}

/** Only texts, numbers and flags: a result may contain anything. */
function toldBy(result: unknown, path: string): Metadata {
  if (isBytes(result)) return { bytes: result.length }
  if (Array.isArray(result)) return { count: result.length }
  if (typeof result !== 'object' || result === null) return {}
  const found: Metadata = {}
  for (const [key, value] of Object.entries(result)) {
    if (TOLD.includes(key) && ['string', 'number', 'boolean'].includes(typeof value)) found[key] = value
    // the file has another path: a link was followed, or a suffix was added
    if (key === 'path' && typeof value === 'string' && value !== path) found.to = value
  }
  return found
}

function warn(error: unknown): void {
  process.emitWarning(isError(error) ? error : String(error))
}

let standard: Audit | undefined

/**
 * Sets the default trail of this process, for operations without one; `undefined` removes it. Returns the one before.
 * `ERR_USAGE` for what is no trail.
 */
export function setDefaultAudit(audit: Audit | undefined): Audit | undefined {
  checkAudit(audit)
  const before = standard
  standard = audit
  return before
}

/** The default trail of this process, if one was set. */
export function getDefaultAudit(): Audit | undefined {
  return standard
}

/** The option that each operation takes. */
export interface Audited {
  /** Gets one record when the operation has ended. Default: the trail set by `setDefaultAudit`, if any. */
  audit?: Audit
}

/** Its names. */
export const AUDITED: Keys<Audited> = { audit: true }

/** For an operation that is a part of another one: only the other one leaves a record. */
export const UNRECORDED: Audit = { record() {} }

/** Runs an operation and records it in the trail of its options, else in the default one. */
export async function audited<T>(
  operation: string,
  path: unknown,
  options: Audited,
  act: () => Promise<T>,
): Promise<T> {
  return recorderOf(options).run(operation, path, act)
}

/** Checks the options and their `audit`: `ERR_USAGE`. */
export function recorderOf(options: Audited): Recorder {
  checkObject('options', options)
  const { audit } = options
  checkAudit(audit)
  return new Recorder({ audit })
}
