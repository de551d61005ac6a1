import { isWrittenAsRead } from './numbers.js'

/**
 * How many keys stand in a text that is JSON. More than its value has ({@link keysOf}) means that an object has two
 * equal ones, of which `JSON.parse` keeps the last. To count costs less than to parse, and far less than a parser of
 * our own.
 */
export function keysInJson(text: string): number {
  let keys = 0
  for (let at = text.indexOf('"'); at !== -1; at = text.indexOf('"', at)) {
    at = endOfString(text, at)
    if (isKey(text, at)) keys++
  }
  return keys
}

/** Whether the string that ends before the index is a key. */
function isKey(text: string, end: number): boolean {
  SPACE.lastIndex = end
  SPACE.test(text)
  return text[SPACE.lastIndex] === ':'
}

/** The index behind the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  for (let at = start + 1; ; at++) {
    at = text.indexOf('"', at)
    let escapes = 0
    while (text[at - 1 - escapes] === '\\') escapes++
    if (escapes % 2 === 0) return at + 1
  }
}

/** How many keys all the objects in a value of `JSON.parse` have, however deep they lie. */
export function keysOf(value: unknown): number {
  let keys = 0
  const left = [value]
  for (let one = left.pop(); one !== undefined; one = left.pop()) {
    if (typeof one !== 'object' || one === null) continue
    const inside = Array.isArray(one) ? one : Object.values(one)
    if (inside !== one) keys += inside.length
    for (const item of inside) if (typeof item === 'object') left.push(item)
  }
  return keys
}

// The message of JSON.parse says only sometimes where the error is, and differently in each version of the engine.

const SPACE = /[ \t\n\r]*/y
const SCALAR =
  /"(?:[ !#-[\]-\u{10ffff}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/uy
const STRING = /"(?:[ !#-[\]-\u{10ffff}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy

/**
 * The place of the first token that JSON.parse does not accept, or of a key that its object has already; lines and
 * columns are counted from 1. Undefined where a token is too long for the patterns.
 */
export function faultInJson(text: string): TextPlace | undefined {
  try {
    return placeOf(text, indexOfFault(text))
  } catch {
    return undefined
  }
}

/** Line and column, counted from 1. */
export interface TextPlace {
  line: number
  col: number
}

function placeOf(text: string, index: number): TextPlace {
  const before = text.slice(0, index)
  return { line: before.split('\n').length, col: before.length - before.lastIndexOf('\n') }
}

/** What may be a number that is not written as it was read; any other has few digits, and no exponent. */
const LONG_NUMBER = /[\d.]{16}|\d[eE]/
const TOKEN = /["{}[\],]|-?\d[\d.eE+-]*/g

/** A number in a text that is JSON, and the pointer to it. */
interface NumberInJson {
  number: string
  pointer: string
  place: TextPlace
}

/** The first number of a text that is JSON which would be written as another one. */
export function changedNumberIn(text: string): NumberInJson | undefined {
  if (!LONG_NUMBER.test(text)) return undefined
  /** Of each object and list around a token the key, in quotes, or the index of what is there. */
  const around: (string | number)[] = []
  TOKEN.lastIndex = 0
  for (let found = TOKEN.exec(text); found; found = TOKEN.exec(text)) {
    const [token] = found
    const last = around.length - 1
    if (token === '"') {
      const end = endOfString(text, found.index)
      TOKEN.lastIndex = end
      if (isKey(text, end)) around[last] = text.slice(found.index, end)
    } else if (token === '{' || token === '[') around.push(token === '{' ? '""' : 0)
    else if (token === '}' || token === ']') around.pop()
    else if (token === ',') around[last] = typeof around[last] === 'number' ? around[last] + 1 : ''
    else if (!isWrittenAsRead(token, Number(token))) {
      const pointer = around.map((at) => `/${typeof at === 'number' ? at : JSON.parse(at)}`).join('')
      return { number: token, pointer, place: placeOf(text, found.index) }
    }
  }
  return undefined
}

/** The index of the first token that is wrong; the length of the text if it ends too early. */
function indexOfFault(text: string): number {
  let at = 0
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    at += found?.length ?? 0
    return found
  }
  const open: { closes: string; keys: Set<unknown> }[] = []
  let wants: 'value' | 'value or end' | 'key' | 'key or end' | 'comma or end' = 'value'
  for (;;) {
    take(SPACE)
    const next = text[at]
    const inside = open.at(-1)
    const closes = inside?.closes
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
      const begin = at
      const key = take(STRING)
      if (key === undefined) return at
      if (inside!.keys.size === inside!.keys.add(JSON.parse(key)).size) return begin
      take(SPACE)
      if (text[at] !== ':') return at
      at++
      wants = 'value'
    } else if (next === '[' || next === '{') {
      open.push({ closes: next === '[' ? ']' : '}', keys: new Set() })
      at++
      wants = next === '[' ? 'value or end' : 'key or end'
    } else {
      if (take(SCALAR) === undefined) return at
      wants = 'comma or end'
    }
  }
}
