import { type Clock, systemClock } from '../disk/clock.js'
import { errorCode } from '../disk/disk-error.js'
import { type Audit, type AuditEntry, checkAudit } from './audit-record.js'

/** The batch that an operation belongs to, as it is in the metadata of its record. */
export interface Batch {
  name: string
  id: string
}

/** Options of {@link Recorder}. */
export interface RecorderOptions {
  /** Default: the default audit that the process has when the operation ends, if any. */
  audit?: Audit
  /** Told of a record that could not be written. Default: a warning of the process. */
  onAuditError?: (error: unknown) => void
  clock?: Clock
}

/** What the result of an operation says that belongs into its record. */
const TOLD = ['bytes', 'count', 'how', 'ok', 'copied', 'rotated', 'to', 'backup']

type Metadata = Record<string, unknown>

/**
 * Runs operations and takes each down, also when it fails. That a record could not be written is told, but does not
 * make the operation fail: it was done, and whoever thought otherwise would do it again.
 */
export class Recorder implements Audit {
  /** Operations that began, and those of them that failed. */
  ran = 0
  failed = 0
  readonly #options: RecorderOptions
  readonly #batch: Batch | undefined
  readonly #running = new Set<Promise<unknown>>()

  constructor(options: RecorderOptions, batch?: Batch) {
    this.#options = options
    this.#batch = batch
  }

  /**
   * Does one operation and takes it down, before it gives back the result or the error, as they are.
   * @param more for the record: known beforehand, or once it has ended
   */
  run<T>(operation: string, path: unknown, act: () => Promise<T>, more?: () => Metadata): Promise<T> {
    return this.wait(this.#run({ operation, path: typeof path === 'string' ? path : '' }, act, more))
  }

  /** Counts it among what {@link Recorder.settled} waits for. */
  wait<T>(running: Promise<T>): Promise<T> {
    this.#running.add(running)
    // who waits for all of them learns of it by the number
    running.catch(() => {}).finally(() => this.#running.delete(running))
    return running
  }

  /** Takes down what takes itself down when it ends: a transaction. */
  async record({ metadata, ...entry }: AuditEntry): Promise<void> {
    this.ran++
    if (entry.status === 'failed') this.failed++
    await this.#record(entry, metadata ?? {})
  }

  /** Waits for the operations that nobody waited for. */
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
    const duration = () => Math.round((clock.now() - began) * 1000) / 1000
    let result: T
    try {
      result = await act()
    } catch (error) {
      this.failed++
      await this.#record(
        { ...what, status: 'failed', duration: duration(), code: codeForRecord(error) },
        more(),
      )
      throw error
    }
    await this.#record(
      { ...what, status: 'ok', duration: duration() },
      { ...more(), ...toldBy(result, what.path) },
    )
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

/** What a record says of a failure: not all that fails is an error of ours. */
export function codeForRecord(error: unknown): string {
  return errorCode(error) ?? (error instanceof Error ? error.name : typeof error)
}

/** Texts, numbers and flags only: a result may hold anything. */
function toldBy(result: unknown, path: string): Metadata {
  if (result instanceof Uint8Array) return { bytes: result.length }
  if (Array.isArray(result)) return { count: result.length }
  if (typeof result !== 'object' || result === null) return {}
  const found: Metadata = {}
  for (const [key, value] of Object.entries(result)) {
    if (TOLD.includes(key) && ['string', 'number', 'boolean'].includes(typeof value)) found[key] = value
    // it is under another name: a link was followed, or a suffix was taken
    if (key === 'path' && typeof value === 'string' && value !== path) found.to = value
  }
  return found
}

function warn(error: unknown): void {
  process.emitWarning(error instanceof Error ? error : String(error))
}

let standard: Audit | undefined

/**
 * Sets the trail of this process, which operations use that were given none, bound or not; `undefined` takes it away.
 * Gives the one that was set before. `ERR_USAGE` for what is no trail.
 */
export function setDefaultAudit(audit: Audit | undefined): Audit | undefined {
  checkAudit(audit)
  const before = standard
  standard = audit
  return before
}

/** The trail of this process, if one was set. */
export function getDefaultAudit(): Audit | undefined {
  return standard
}
