import { systemClock } from '../clock.js'
import type { Run } from '../wire/run.js'
import type { Plan } from './plan.js'

/** How far a transfer is. A snapshot: it does not change any more. */
export interface Progress {
  /** Files, folders and links of the plan that ended, whatever their outcome. */
  readonly files: number
  /** Those that the plan contains; 0 before there is a plan. */
  readonly totalFiles: number
  /** Those of {@link Progress.files} that are no files: folders and links. */
  readonly others: number
  /** Those of {@link Progress.totalFiles}. */
  readonly totalOthers: number
  /**
   * Bytes sent or received; those that came again, too, but for those that are sent again over another connection:
   * after a loss it stands still until what was lost is there again.
   */
  readonly bytes: number
  /** Bytes of the plan; `null` while a file of unknown size is among them. */
  readonly totalBytes: number | null
  /** Bytes that did not have to travel, since the receiver had them, and they were proved. */
  readonly resumedBytes: number
  /**
   * Bytes of the plan that are still to travel; `null` while a file of unknown size is among them. What the receiver
   * has already is not among them, proved or not: what turns out to differ is added again.
   */
  readonly left: number | null
  /** Bytes per second over the last seconds. */
  readonly rate: number
  /** Milliseconds until nothing is left to travel at this rate; `null` if it cannot be told. */
  readonly eta: number | null
  /** The file that is running, or ran last; `null` before the first. */
  readonly current: CurrentFile | null
}

/** One file on its way. */
export interface CurrentFile {
  readonly path: string
  /** Its bytes that need not travel any more. */
  readonly bytes: number
  /** Its bytes in all; `null` if not known yet. */
  readonly size: number | null
}

/** How many milliseconds the rate looks back. */
const WINDOW = 5_000

/** What is asked of a {@link Plan}. */
type Measured = Pick<Plan, 'wanted' | 'cameBytes' | 'wantedBytes' | 'provedBytes' | 'left'>

/** Makes {@link Progress} of a plan, and of when its bytes passed. Pure but for the clock (milliseconds, monotonic). */
export class ProgressMeter {
  current: CurrentFile | null = null
  /** Bytes that did so over connections before this one; those that came again, too. */
  travelled = 0
  #plan: Measured
  /** What it was when the connection before was lost. */
  #before: Progress | undefined
  /** Bytes of what was finished before. */
  #finished = 0
  /** The plan of a further connection, until it says what was. */
  #unsaid: Plan | undefined
  readonly #now: () => number
  readonly #samples: { time: number; bytes: number }[] = []
  #isPaused = false

  constructor(plan: Measured, now: () => number = systemClock.now) {
    this.#plan = plan
    this.#now = now
  }

  /** The transfer goes on over another connection, with a plan of its own. */
  follow(plan: Plan): void {
    const before = this.snapshot()
    this.travelled += this.#plan.cameBytes
    this.#plan = plan
    this.#samples.length = 0
    if (before.totalFiles === 0) return
    this.#before = before
    this.#finished = 0
    this.#unsaid = plan
  }

  /** The plan says by now what was finished before, and what is wanted; nothing came yet. */
  decided(): void {
    if (this.#unsaid) this.#finished = finishedBytes(this.#unsaid)
    this.#unsaid = undefined
  }

  /** A run has passed, of which the plan knows already. */
  passed(run: Run): void {
    const time = this.#now()
    const { index, path, size, start, type } = run.entries[run.last]!
    const bytes = size === null ? run.position + run.length - start : size - this.#plan.left(index)
    if (type === 'file') this.current = { path, bytes, size }
    if (this.#isPaused) return
    const last = this.#samples.at(-1)
    // Samples are a tenth of a second apart at least, so that there are never more than some fifty.
    if (last === undefined || time - last.time >= 100)
      this.#samples.push({ time, bytes: this.#plan.cameBytes - run.length })
    while (this.#samples.length > 2 && time - this.#samples[0]!.time > WINDOW) this.#samples.shift()
  }

  /** The time of a pause counts for no rate: it is 0 meanwhile, and begins anew. */
  pause(isPaused: boolean): void {
    this.#isPaused = isPaused
    this.#samples.length = 0
  }

  snapshot(): Progress {
    const { wanted, wantedBytes, cameBytes, provedBytes } = this.#plan
    const before = this.#before
    const finished = this.#finished
    const done = finished + cameBytes + provedBytes
    // what is proved of what came over another connection did travel
    const known = Math.max(0, this.travelled + (before?.resumedBytes ?? 0) - finished)
    const resumedBytes = (before?.resumedBytes ?? 0) + Math.max(0, provedBytes - known)
    // the plan of another connection begins with nothing
    const totalBytes =
      wantedBytes === null ? (before?.totalBytes ?? null) : Math.max(before?.totalBytes ?? 0, wantedBytes)
    const bytes = Math.max(before?.bytes ?? 0, done - resumedBytes)
    const rate = this.#rate()
    const left = totalBytes === null ? null : this.#unsaid ? before!.left : this.#plan.left()
    return {
      files: Math.max(before?.files ?? 0, wanted.closed),
      totalFiles: Math.max(before?.totalFiles ?? 0, wanted.entries),
      others: Math.max(before?.others ?? 0, wanted.closedOthers),
      totalOthers: Math.max(before?.totalOthers ?? 0, wanted.others),
      bytes,
      totalBytes,
      resumedBytes,
      left,
      rate,
      eta: left === null || rate === 0 ? null : (left / rate) * 1000,
      current: this.current,
    }
  }

  #rate(): number {
    const first = this.#samples[0]
    if (first === undefined) return 0
    const elapsed = this.#now() - first.time
    return elapsed < 1 ? 0 : ((this.#plan.cameBytes - first.bytes) / elapsed) * 1000
  }
}

/** Bytes of the wanted entries of a plan that have their outcome. */
function finishedBytes(plan: Plan): number {
  let bytes = 0
  for (const { index, size } of plan.entries)
    if (plan.isClosed(index) && plan.isWanted(index)) bytes += size ?? 0
  return bytes
}
