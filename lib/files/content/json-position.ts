// The message of JSON.parse says only sometimes where the error is, and differently in each version of the engine.

const SPACE = /[ \t\n\r]*/y
const SCALAR =
  /"(?:[ !#-[\]-\u{10ffff}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/uy
const STRING = /"(?:[ !#-[\]-\u{10ffff}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy

/** The place of the first token that JSON.parse does not accept; lines and columns are counted from 1. */
export function jsonErrorAt(text: string): { line: number; col: number } {
  const index = indexOfError(text)
  const before = text.slice(0, index)
  return { line: before.split('\n').length, col: index - before.lastIndexOf('\n') }
}

/** The index of the first token that is wrong; the length of the text if it ends too early. */
function indexOfError(text: string): number {
  let at = 0
  const take = (pattern: RegExp): boolean => {
    pattern.lastIndex = at
    const found = pattern.exec(text)
    if (found) at += found[0].length
    return found !== null
  }
  const open: string[] = []
  let wants: 'value' | 'value or end' | 'key' | 'key or end' | 'comma or end' = 'value'
  for (;;) {
    take(SPACE)
    const next = text[at]
    const closes = open.at(-1)
    if (closes === undefined && wants === 'comma or end') return at
    if (next === closes && wants.endsWith('end')) {
      open.pop()
      at++
      wants = 'comma or end'
    } else if (wants === 'comma or end') {
      if (next !== ',') return at
      at++
      wants = closes === '}' ? 'key' : 'value'
    } else if (wants.startsWith('key')) {
      if (!take(STRING)) return at
      take(SPACE)
      if (text[at] !== ':') return at
      at++
      wants = 'value'
    } else if (next === '[' || next === '{') {
      open.push(next === '[' ? ']' : '}')
      at++
      wants = next === '[' ? 'value or end' : 'key or end'
    } else {
      if (!take(SCALAR)) return at
      wants = 'comma or end'
    }
  }
}
