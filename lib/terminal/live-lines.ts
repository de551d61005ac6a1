const ERASE_LINE = '\u001b[K'
const ERASE_BELOW = '\u001b[J'
const WRAP_OFF = '\u001b[?7l'
const WRAP_ON = '\u001b[?7h'
const up = (lines: number) => (lines === 0 ? '' : `\u001b[${lines}A`)

/** Whether it is a terminal that does what {@link liveLines} asks for. */
export function drawsOn({ isTTY }: { isTTY?: boolean }): boolean {
  return isTTY === true && process.env.TERM !== 'dumb'
}

/** Erases the live lines. */
export const ERASE = `\r${ERASE_BELOW}`

/** Columns that each line but the first may take, where the terminal has as many. */
export const MOST_BELOW = 40

/**
 * What puts lines at the end of a terminal that are drawn again and again. The cursor rests on the first of them: so
 * they are all that is from the cursor on, whatever became of them when the terminal was made narrower or wider; some
 * flow their lines anew then, and others do not. Some of the former (xterm.js) move the cursor by each row that lines
 * below it take more: these are short. Without wrapping each line is one row, also where a character is wider than was
 * thought; and behind a line that fills its row the cursor stays on the last character, so that what is below is erased
 * before.
 */
export function liveLines(lines: readonly string[]): string {
  const last = lines.length - 1
  const rows = lines.map((line, n) => `${n === last ? ERASE_BELOW : ERASE_LINE}${line}`).join('\r\n')
  return `\r${WRAP_OFF}${rows}${WRAP_ON}${up(last)}\r`
}
