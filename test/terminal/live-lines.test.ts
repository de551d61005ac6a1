import test from 'ava'
import { liveLines } from '../../lib/terminal/live-lines.js'

// CSI K and CSI J, behind the escape
const ERASING = /\[[JK]/

test('nothing is erased behind a line that may fill its row: many terminals would take its last character away', (t) => {
  for (const lines of [['one'], ['one', 'two'], ['one', 'two', 'three']]) {
    const drawn = liveLines(lines)
    for (const line of lines) t.regex(drawn, new RegExp(`${ERASING.source}${line}`))
    t.notRegex(drawn.slice(drawn.indexOf(lines.at(-1)!)), ERASING)
  }
})
