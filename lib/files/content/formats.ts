import type { Document, Node, YAMLMap } from 'yaml'
import { messageOf, printable, SluiceError } from '../../errors.js'
import { checkKeys, checkWhole, type Keys } from '../../options.js'
import { tooLongForText } from './encodings.js'
import { plainValue } from './plain-value.js'

/** How a value is encoded in a file. */
export type Format = 'json' | 'yaml'

/** The format that the ending of the name says: `.json`, `.yaml`, `.yml`, in upper or lower case. */
export function formatOf(path: string): Format | undefined {
  const ending = /\.(json|ya?ml)$/i.exec(path)?.[1]
  if (ending === undefined) return undefined
  return ending.toLowerCase() === 'json' ? 'json' : 'yaml'
}

/**
 * {@link formatOf}, or `ERR_USAGE`.
 * @param argument for the message: which argument it is, if there is an option for the format
 */
export function knownFormat(path: string, argument?: string): Format {
  const format = formatOf(path)
  if (format) return format
  const [which, or] = argument === undefined ? ['', ''] : [`the ${argument} `, ', or set format']
  const message = `the format of ${which}${printable(path)} is not known: its name must end with .json, .yaml or .yml${or}`
  throw new SluiceError('ERR_USAGE', message, { path })
}

/** How a value is encoded. */
export interface EncodeOptions {
  /** Spaces per level, from 0 (JSON: one line) to 10. Default 2. YAML has at least 1. */
  indent?: number
}

/** Their names. */
export const ENCODE_OPTIONS: Keys<EncodeOptions> = { indent: true }

/**
 * A value as text that ends with a line feed. YAML is version 1.2, and strings are quoted that older readers would
 * take for something else (`yes`, `on`). Fails with `ERR_USAGE` for what the format cannot hold: undefined, bigint,
 * functions, symbols, instances of classes without `toJSON`, cycles; in JSON also NaN and infinities. A key with the
 * value undefined is left out.
 */
export async function encodeValue(
  format: Format,
  value: unknown,
  options: EncodeOptions = {},
): Promise<string> {
  checkKeys('options', options, ENCODE_OPTIONS)
  const { indent = 2 } = options
  checkWhole('indent', indent, 0, 10)
  const plain = plainValue(value, format)
  const stringify = format === 'yaml' ? (await import('yaml')).stringify : undefined
  try {
    if (!stringify) return `${JSON.stringify(plain, null, indent)}\n`
    return stringify(plain, { indent: Math.max(1, indent), lineWidth: 0, compat: 'yaml-1.1' })
  } catch (cause) {
    // the value itself was looked through before
    throw tooLongForText(`the value has, as ${format.toUpperCase()},`, undefined, cause)
  }
}

/**
 * The value in a text. A byte order mark at the beginning is ignored; an empty YAML text is null. The key `__proto__`
 * is an ordinary key. Fails with `ERR_PARSE`, whose message says line and column; also for keys of a YAML map
 * that are equal as texts, or no texts, for several documents, and for tags and types that JSON does not have (dates, sets, binary).
 * @param path for the message
 */
export async function parseText(format: Format, text: string, path: string): Promise<unknown> {
  const bare = text.startsWith('\ufeff') ? text.slice(1) : text
  return format === 'json' ? parseJson(bare, path) : parseYaml(bare, path)
}

function parseJson(text: string, path: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const why = 'this does not belong here, or the text ends too early'
    throw unparsable(path, 'JSON', why, placeIn(text), cause)
  }
}

async function parseYaml(text: string, path: string): Promise<unknown> {
  const { isMap, isNode, LineCounter, parseDocument, visit } = await import('yaml')
  const lines = new LineCounter()
  const document = deepest(path, () =>
    parseDocument(text, { logLevel: 'error', prettyErrors: true, lineCounter: lines }),
  )
  const wrong = document.errors[0] ?? document.warnings[0]
  if (wrong) throw unparsable(path, 'YAML', wrong.message.split('\n')[0]!, wrong.linePos?.[0], wrong)
  const refuse = (node: Node, why: string) => {
    const place = node.range ? lines.linePos(node.range[0]) : undefined
    throw unparsable(path, 'YAML', why, place, undefined)
  }
  visit(document, (_, node) => {
    if (!isNode(node)) return
    if (isBeyondJson(node)) refuse(node, 'a type that JSON does not have; write it as text, list or map')
    if (isMap(node)) checkMapKeys(node, document, refuse)
  })
  try {
    return document.toJS() as unknown
  } catch (cause) {
    // an alias without an anchor, or far more aliases than anybody writes by hand
    throw unparsable(path, 'YAML', messageOf(cause), undefined, cause)
  }
}

/** What `parse` gives; a text so deep that it needs more of the stack than there is fails with `ERR_PARSE`. */
function deepest<T>(path: string, parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    throw unparsable(path, 'YAML', messageOf(cause), undefined, cause)
  }
}

/**
 * Keys become texts: refuses two that become the same one, of which the first would be lost, and those that no text says
 * as they are.
 */
function checkMapKeys(map: YAMLMap, document: Document, refuse: (key: Node, why: string) => void): void {
  const texts = new Set<string>()
  for (const { key } of map.items as { key: Node }[]) {
    const named = 'resolve' in key ? (key.resolve(document) as Node | undefined) : key
    // an alias without an anchor is found with the values
    if (named === undefined) continue
    if (!('value' in named)) return refuse(key, 'a key that is a list or a map; write it as text')
    const { value } = named
    // `<<` below %YAML 1.1 stands for keys of its own
    if (typeof value === 'symbol') continue
    if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value))
      return refuse(key, 'a number beyond 2^53 as a key, which would lose digits; put it in quotes')
    const text = value === null ? '' : String(value)
    if (texts.has(text))
      return refuse(key, `two keys of one map that both become the text ${JSON.stringify(text)}; remove one`)
    texts.add(text)
  }
}

/** The tags of the types that JSON has, and `!` for "no tag". */
const JSON_TAG = /^(!|tag:yaml\.org,2002:(null|bool|int|float|str|seq|map))$/

/** Whether the node would become a Date, Set, Map or Uint8Array, which a merge or a copy would lose. */
function isBeyondJson(node: Node): boolean {
  if ('value' in node && typeof node.value === 'object' && node.value !== null) return true
  return node.tag !== undefined && !JSON_TAG.test(node.tag)
}

function unparsable(
  path: string,
  what: string,
  why: string,
  place: { line: number; col: number } | undefined,
  cause: unknown,
): SluiceError {
  const where = place ? `, line ${place.line}, column ${place.col}` : ''
  const reason = printable(why.replace(/ at line \d+, column \d+:?$/, ''), 200)
  return new SluiceError('ERR_PARSE', `${printable(path)} is not ${what}${where}: ${reason}`, { path, cause })
}

// The message of JSON.parse says only sometimes where the error is, and differently in each version of the engine.

const SPACE = /[ \t\n\r]*/y
const SCALAR =
  /"(?:[ !#-[\]-\u{10ffff}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null/uy
const STRING = /"(?:[ !#-[\]-\u{10ffff}]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/uy

/** {@link jsonErrorAt}; undefined where a token is too long for the patterns. */
function placeIn(text: string): ReturnType<typeof jsonErrorAt> | undefined {
  try {
    return jsonErrorAt(text)
  } catch {
    return undefined
  }
}

/** The place of the first token that JSON.parse does not accept; lines and columns are counted from 1. */
function jsonErrorAt(text: string): { line: number; col: number } {
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
