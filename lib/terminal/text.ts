import size from 'pretty-bytes'
import prettyMilliseconds from 'pretty-ms'
import { printable } from '../errors.js'

/** Bytes for people, such as 1.5 GB. */
export { size }

/** A duration for people. */
export function duration(milliseconds: number): string {
  return prettyMilliseconds(milliseconds, { compact: milliseconds >= 1000, secondsDecimalDigits: 0 })
}

/**
 * A name escaped and in quotes, so that nobody takes a part of it for what stands around it; at most `max` characters.
 */
export function quoted(name: string, max?: number): string {
  return `"${printable(name, max).replaceAll('"', '\\"')}"`
}

/** A path escaped; its beginning is cut off if it is too long. */
export function shownPath(path: string, columns: number): string {
  const shown = printable(path)
  if (widthOf(shown) <= columns) return shown
  return `…${fitting(Array.from(shown).reverse(), Math.max(columns - 1, 1))
    .reverse()
    .join('')}`
}

/** A line of which the end is cut off if it is too long. */
export function fittedLine(line: string, columns: number): string {
  if (widthOf(line) <= columns) return line
  return `${fitting(Array.from(line), Math.max(columns - 1, 0)).join('')}…`
}

/**
 * Lines broken between words where they are too long, and indented from there on. A word that is wider than a row is
 * broken, too: else the terminal would do that, and what is behind it would stand at the beginning of a row like a line
 * of ours.
 */
export function wrapped(text: string, columns: number): string {
  return text
    .split('\n')
    .flatMap((line) => wrappedLine(line, columns, `${/^ */.exec(line)![0]}  `))
    .join('\n')
}

/** A text beside what it begins with, in a column of its own. */
export function hanging(begin: string, text: string, columns: number): string {
  const indent = ' '.repeat(widthOf(begin.split('\n').at(-1)!))
  return wrappedLine(indent + text, columns, indent)
    .join('\n')
    .replace(indent, begin)
}

/** With the spaces before it, of which there may be several; a number of bytes is one word. */
const WORD = / *(?:\(?[\d.]+ (?=[kMGTPE]?B\b))?[^ ]+(?: free\))?/g

function wrappedLine(line: string, columns: number, indent: string): string[] {
  if (widthOf(line) <= columns) return [line]
  const lines: string[] = []
  let last = ''
  for (const word of line.match(WORD) ?? []) {
    if (last === '' || widthOf(last) + widthOf(word) <= columns) last += word
    else {
      lines.push(last)
      last = indent + word.trimStart()
    }
    while (widthOf(last) > columns && columns > indent.length + 1) {
      const row = fitting(Array.from(last), columns).join('')
      lines.push(row)
      last = indent + last.slice(row.length)
    }
  }
  return [...lines, last]
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
export function widthOf(text: string): number {
  const amount = (pattern: RegExp) => text.match(pattern)?.length ?? 0
  return Array.from(text).length + amount(WIDE) - amount(COMBINING_MARK)
}

/** The local time with the year first: 2026-01-02 03:04:05. */
export function localTime(time: Date): string {
  // as that country writes it
  return time.toLocaleString('sv')
}
