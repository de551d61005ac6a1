import size from 'pretty-bytes'
import prettyMilliseconds from 'pretty-ms'
import { printable } from '../../errors.js'
import type { Progress } from '../../transfer/progress.js'

/** Bytes for people, such as 1.5 GB. */
export { size }

/** A number of things for people: 1 file, 2 files; 1 entry, 2 entries. */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`
}

/** A duration for people. */
export function duration(milliseconds: number): string {
  return prettyMilliseconds(milliseconds, { compact: milliseconds >= 1000, secondsDecimalDigits: 0 })
}

/** The lines for a running transfer: its present file, and the total. At most `columns` wide. */
export function progressLines(progress: Progress, columns: number): string[] {
  const { files, totalFiles, bytes, totalBytes, rate, eta, current } = progress
  const total = [
    `${files}/${totalFiles} files`,
    totalBytes === null ? size(bytes) : `${size(bytes)} of ${size(totalBytes)}${percent(bytes, totalBytes)}`,
    `${size(rate)}/s`,
    ...(eta === null ? [] : [`${duration(eta)} left`]),
  ].join('  ')
  if (current === null) return [fittedLine(total, columns)]
  const state =
    current.size === null
      ? size(current.bytes)
      : `${size(current.size)}${percent(current.bytes, current.size)}`
  return [
    fittedLine(`${shownPath(current.path, columns - state.length - 2)}  ${state}`, columns),
    fittedLine(total, columns),
  ]
}

function percent(part: number, whole: number): string {
  return whole === 0 ? '' : ` (${Math.floor((100 * part) / whole)} %)`
}

/** A path escaped; its beginning is cut off if it is too long. */
export function shownPath(path: string, columns: number): string {
  const shown = printable(path)
  if (widthOf(shown) <= columns) return shown
  return `…${fitting(Array.from(shown).reverse(), Math.max(columns - 1, 1))
    .reverse()
    .join('')}`
}

function fittedLine(line: string, columns: number): string {
  if (widthOf(line) <= columns) return line
  return `${fitting(Array.from(line), Math.max(columns - 1, 0)).join('')}…`
}

/** As many of the first characters as fit into the columns. */
function fitting(characters: string[], columns: number): string[] {
  let room = columns
  const end = characters.findIndex((character) => {
    room -= widthOf(character)
    return room < 0
  })
  return end === -1 ? characters : characters.slice(0, end)
}

/** Characters that may take two columns of a terminal: East Asian ones and emoji. */
const WIDE =
  /[\p{Extended_Pictographic}\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6\u{20000}-\u{3fffd}]/gu
const COMBINING_MARK = /\p{M}/gu

/** Columns of a text, at most. */
function widthOf(text: string): number {
  const amount = (pattern: RegExp) => text.match(pattern)?.length ?? 0
  return Array.from(text).length + amount(WIDE) - amount(COMBINING_MARK)
}
