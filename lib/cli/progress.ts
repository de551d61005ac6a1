import prettyBytes from 'pretty-bytes'
import prettyMilliseconds from 'pretty-ms'
import { printable } from '../errors.js'
import type { Progress } from '../transfer/progress.js'

/** Bytes for people: 1.5 GB. */
export function size(bytes: number): string {
  return prettyBytes(bytes)
}

/** A duration for people. */
export function duration(milliseconds: number): string {
  return prettyMilliseconds(milliseconds, { compact: milliseconds >= 1000, secondsDecimalDigits: 0 })
}

/** The lines that show a running transfer: the file that is under way, and the total. At most `columns` wide. */
export function progressLines(progress: Progress, columns: number): string[] {
  const { files, totalFiles, bytes, totalBytes, rate, eta, current } = progress
  const total = [
    `${files}/${totalFiles} files`,
    totalBytes === null ? size(bytes) : `${size(bytes)} of ${size(totalBytes)}${percent(bytes, totalBytes)}`,
    `${size(rate)}/s`,
    ...(eta === null ? [] : [`${duration(eta)} left`]),
  ].join('  ')
  if (current === null) return [fitted(total, columns)]
  const state =
    current.size === null
      ? size(current.bytes)
      : `${size(current.size)}${percent(current.bytes, current.size)}`
  return [
    fitted(`${named(current.path, columns - state.length - 2)}  ${state}`, columns),
    fitted(total, columns),
  ]
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '' : ` (${Math.floor((100 * part) / whole)} %)`
}

/** A path escaped, its beginning cut away where there is no room. */
export function named(path: string, columns: number): string {
  const shown = printable(path)
  return shown.length <= columns ? shown : `…${shown.slice(shown.length - Math.max(columns - 1, 1))}`
}

function fitted(line: string, columns: number): string {
  return line.length <= columns ? line : `${line.slice(0, Math.max(columns - 1, 0))}…`
}
