import { type Clock, systemClock } from '../clock.js'
import { printable } from '../errors.js'
import { checkKeys, checkText } from '../options.js'
import { drawsOn, liveLines } from './live-lines.js'
import { fittedLine, size, widthOf } from './text.js'

/** What a bar shows of a transaction: as `FileTransaction` says it. */
export interface FilesDone {
  phase: string
  files: number
  totalFiles: number
  bytes: number
}

/** Options of {@link progressBar}. */
export interface ProgressBarOptions {
  /** What stands before the bar. */
  name?: string
  /** Where it is drawn, if that is a terminal. Default: standard error. */
  stream?: NodeJS.WriteStream
  clock?: Clock
}

/** A line on a terminal that says how far something is. */
export interface ProgressBar {
  /** To be given as the option `progress` of a write or a transaction. */
  progress: (done: number | FilesDone, total?: number) => void
  /** Leaves the line as it is. What is written afterwards stands below it. */
  stop(): void
  /** {@link ProgressBar.stop}, for `using`. */
  [Symbol.dispose](): void
}

/** Milliseconds between two drawings: more often than that nobody reads it. */
const INTERVAL = 100

/** Characters of the bar itself. */
const WIDTH = 20

/**
 * A bar for long writes and transactions. Where there is no terminal (a file, a pipe, `TERM=dumb`) nothing is drawn.
 *
 * ```ts
 * import { writeFileAtomic } from 'sluice/files'
 * import { progressBar } from 'sluice/terminal'
 *
 * using bar = progressBar({ name: 'report.csv' })
 * await writeFileAtomic('report.csv', 'a,b\n', { progress: bar.progress })
 * ```
 */
export function progressBar(options: ProgressBarOptions = {}): ProgressBar {
  checkKeys('options', options, { name: true, stream: true, clock: true })
  const { name = '', stream = process.stderr, clock = systemClock } = options
  checkText('name', name)
  const draws = drawsOn(stream)
  const before = name === '' ? '' : `${printable(name, 60)}  `
  let drawn = Number.NEGATIVE_INFINITY
  /** What is not drawn yet. */
  let waiting: { bar: string; text: string } | undefined
  let isThere = false
  const draw = ({ bar, text }: { bar: string; text: string }) => {
    waiting = undefined
    isThere = true
    const columns = stream.columns || 80
    // where there is no room for both, the numbers say more
    const isWide = widthOf(before + bar + text) <= columns
    stream.write(liveLines([fittedLine(`${before}${isWide ? bar : ''}${text}`, columns)]))
  }
  const stop = () => {
    if (waiting !== undefined) draw(waiting)
    if (isThere) stream.write('\n')
    isThere = false
  }
  const progress = (done: number | FilesDone, total?: number) => {
    if (!draws) return
    const [part, whole] = typeof done === 'number' ? [done, total] : [done.files, done.totalFiles]
    waiting = { bar: whole === undefined ? '' : `${barFor(part, whole)}  `, text: said(done, total) }
    const now = clock.now()
    if (now - drawn < INTERVAL && part !== whole) return
    drawn = now
    draw(waiting)
  }
  return { progress, stop, [Symbol.dispose]: stop }
}

function barFor(part: number, whole: number): string {
  const full = whole === 0 ? WIDTH : Math.floor((WIDTH * Math.min(part, whole)) / whole)
  return `[${'#'.repeat(full)}${'.'.repeat(WIDTH - full)}]`
}

function said(done: number | FilesDone, total: number | undefined): string {
  if (typeof done !== 'number')
    return `${done.phase} ${done.files}/${done.totalFiles} files  ${size(done.bytes)}`
  return total === undefined ? size(done) : `${size(done)} of ${size(total)}`
}
