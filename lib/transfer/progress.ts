/** How far a transfer is. A snapshot: it does not change any more. */
export interface Progress {
  /** Files, folders and links of the plan that ended, whatever their outcome. */
  readonly files: number
  /** Those that the plan contains; 0 before there is a plan. */
  readonly totalFiles: number
  /** Bytes sent or received. */
  readonly bytes: number
  /** Bytes of the plan; `null` while a file of unknown size is among them. */
  readonly totalBytes: number | null
  /** Bytes that did not have to travel, since the receiver had them. */
  readonly resumedBytes: number
  /** Bytes per second over the last seconds. */
  readonly rate: number
  /** Milliseconds that are left at this rate; `null` if it cannot be told. */
  readonly eta: number | null
  /** The file that is running, or ran last; `null` before the first. */
  readonly current: CurrentFile | null
}

/** One file on its way. */
export interface CurrentFile {
  readonly path: string
  /** Its bytes so far. */
  readonly bytes: number
  /** Its bytes in all; `null` if not known yet. */
  readonly size: number | null
}

/** How many milliseconds the rate looks back. */
const WINDOW = 5_000

/** Counts what passes and makes {@link Progress} of it. Pure but for the clock (milliseconds, monotonic). */
export class ProgressMeter {
  files = 0
  totalFiles = 0
  bytes = 0
  totalBytes: number | null = 0
  resumedBytes = 0
  current: CurrentFile | null = null
  readonly #now: () => number
  readonly #samples: { time: number; bytes: number }[] = []

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Counts `length` more bytes, the last of them in `current`. */
  add(length: number, current: CurrentFile | null): void {
    const time = this.#now()
    const last = this.#samples.at(-1)
    // Samples are a tenth of a second apart at least, so that there are never more than some fifty.
    if (last === undefined || time - last.time >= 100) this.#samples.push({ time, bytes: this.bytes })
    while (this.#samples.length > 2 && time - this.#samples[0]!.time > WINDOW) this.#samples.shift()
    this.bytes += length
    this.current = current
  }

  snapshot(): Progress {
    const rate = this.#rate()
    const left = this.totalBytes === null ? null : Math.max(0, this.totalBytes - this.bytes)
    return {
      files: this.files,
      totalFiles: this.totalFiles,
      bytes: this.bytes,
      totalBytes: this.totalBytes,
      resumedBytes: this.resumedBytes,
      rate,
      eta: left === null || rate === 0 ? null : (left / rate) * 1000,
      current: this.current,
    }
  }

  #rate(): number {
    const first = this.#samples[0]
    if (first === undefined) return 0
    const elapsed = this.#now() - first.time
    return elapsed < 1 ? 0 : ((this.bytes - first.bytes) / elapsed) * 1000
  }
}
