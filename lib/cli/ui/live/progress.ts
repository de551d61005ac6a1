import { counted } from '../../../errors.js'
import { duration, fittedLine, shownPath, size, widthOf } from '../../../terminal/text.js'
import type { Progress } from '../../../transfer/progress.js'
import type { Transfer } from '../../../transfer/transfer.js'

/** Milliseconds in which a rate means nothing yet. */
const TOO_SOON = 1000

/** What else is shown of something that runs. */
export interface Aside {
  /** In the place of its rate, if nothing moves. */
  paused?: () => string | undefined
  /** The bytes per second that it may have, if they are limited. */
  limit?: () => number | null
}

/** How a running transfer is shown. */
export class ProgressView {
  readonly #now: () => number
  readonly #aside: Aside
  readonly #began: number
  #progress: Progress | undefined
  /** When it will be over, as it was said. */
  #end: number | undefined

  constructor(now: () => number, aside: Aside = {}) {
    this.#now = now
    this.#aside = aside
    this.#began = now()
  }

  update(progress: Progress): void {
    this.#progress = progress
    if (progress.eta === null || this.#now() - this.#began < TOO_SOON) return
    const end = this.#now() + progress.eta
    // The rate is never twice the same. What was said counts down, until it is wrong by more than people put up with:
    // less, the less is left.
    const isOff = this.#end === undefined || Math.abs(end - this.#end) > Math.max(500, progress.eta / 5)
    if (isOff) this.#end = end
  }

  /** The total, and below it the present file. See `Drawn`. */
  lines(columns: number, others: number): string[] {
    if (this.#progress === undefined) return []
    const { current } = this.#progress
    const total = fittedLine(this.#total(this.#progress, columns), columns)
    if (current === null) return [total]
    const share = current.size === null ? '' : percent(current.bytes, current.size)
    const state = `${size(current.size ?? current.bytes)}${share && ` (${share})`}`
    return [total, fittedLine(`${shownPath(current.path, others - state.length - 2)}  ${state}`, others)]
  }

  /** The most that has room: the rate and the time left stay to the last, the limit until then. */
  #total(progress: Progress, columns: number): string {
    const { totalBytes } = progress
    const { bytes, what } = thereOf(progress)
    const share = totalBytes === null ? '' : percent(bytes, totalBytes)
    const speeds = this.#speeds(progress)
    const { ended, total } = fileCounts(progress)
    const count = total === 0 ? [] : [`${ended}/${counted(total, 'file')}`]
    const of = totalBytes === null ? size(bytes) : `${size(bytes)} of ${size(totalBytes)}`
    const short = `${what}${share || size(bytes)}`
    const forms = [[...count, `${what}${of}${share && ` (${share})`}`], [...count, short], [short]]
    const lines = speeds.flatMap((speed) => forms.map((form) => [...form, ...speed].join('  ')))
    return lines.find((line) => widthOf(line) <= columns) ?? speeds.at(-1)!.join('  ')
  }

  /** With the limit, if there is one, and without. Nothing of what is only checked travels. */
  #speeds(progress: Progress): string[][] {
    const paused = this.#aside.paused?.()
    const limit = this.#aside.limit?.() ?? null
    if (paused !== undefined)
      return limit === null ? [[paused]] : [[paused, `limit ${size(limit)}/s`], [paused]]
    if (isChecking(progress)) return [[]]
    const rate = `${size(progress.rate)}/s`
    const rates = limit === null ? [rate] : [`${rate} of ${size(limit)}/s`, rate]
    return rates.map((one) => [one, ...this.#timeLeft(progress)])
  }

  #timeLeft({ eta }: Progress): string[] {
    if (eta === null || this.#end === undefined) return []
    // to the nearest second: a duration is cut off
    const seconds = Math.max(Math.round((this.#end - this.#now()) / 1000), 1)
    return [`${duration(seconds * 1000)} left`]
  }
}

/** That a transfer is paused, and by whom; undefined if it is not. */
export function pausedText(
  { state, pausedBy, direction }: Pick<Transfer, 'state' | 'pausedBy' | 'direction'>,
  hasKey: boolean,
): string | undefined {
  if (state !== 'paused') return undefined
  const peer = direction === 'send' ? 'receiver' : 'sender'
  if (pausedBy === 'peer') return `paused by the ${peer}`
  const also = pausedBy === 'both' ? `, and by the ${peer}` : ''
  return `paused${also}${hasKey ? '; p goes on' : ''}`
}

/** For how long something ran, its pauses left out. */
export class RunningTime {
  readonly #now: () => number
  #since: number | undefined
  #before = 0
  hasBegun = false

  constructor(now: () => number) {
    this.#now = now
  }

  get isRunning(): boolean {
    return this.#since !== undefined
  }

  /** Milliseconds. */
  get took(): number {
    return this.#before + (this.#since === undefined ? 0 : this.#now() - this.#since)
  }

  run(): void {
    this.hasBegun = true
    this.#since ??= this.#now()
  }

  pause(): void {
    this.#before = this.took
    this.#since = undefined
  }
}

/** How many files have ended, and are planned; without folders and links. */
export function fileCounts({ files, others, totalFiles, totalOthers }: Progress) {
  return { ended: files - others, total: totalFiles - totalOthers }
}

/** Whether nothing is left to travel, but what was there is not all proved yet. */
function isChecking({ left, bytes, resumedBytes, totalBytes }: Progress): boolean {
  return left === 0 && totalBytes !== null && bytes + resumedBytes < totalBytes
}

/** How much is there: what came and what was there before; while that is checked, how much was. */
function thereOf(progress: Progress): { bytes: number; what: string } {
  const { left, bytes, resumedBytes, totalBytes } = progress
  if (isChecking(progress)) return { bytes: bytes + resumedBytes, what: 'checked ' }
  return { bytes: left === null || totalBytes === null ? bytes : totalBytes - left, what: '' }
}

/** '' if there is nothing to share. */
function percent(part: number, whole: number): string {
  return whole === 0 ? '' : `${Math.floor((100 * part) / whole)} %`
}
