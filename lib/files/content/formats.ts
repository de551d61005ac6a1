import type { Node } from 'yaml'
import { printable, SluiceError } from '../../errors.js'
import { checkWhole } from '../../options.js'
import { jsonErrorAt } from './json-position.js'
import { plainValue } from './plain-value.js'

/** How a value is kept in a file. */
export type Format = 'json' | 'yaml'

/** Which format a file has by the ending of its name: `.json`, `.yaml`, `.yml`, in any case of letters. */
export function formatOf(path: string): Format | undefined {
  const ending = /\.(json|ya?ml)$/i.exec(path)?.[1]
  if (ending === undefined) return undefined
  return ending.toLowerCase() === 'json' ? 'json' : 'yaml'
}

/**
 * The format that a file has by its name, or `ERR_USAGE`.
 * @param argument which one it is, where the format can be said otherwise: for the message
 */
export function knownFormat(path: string, argument?: string): Format {
  const format = formatOf(path)
  if (format) return format
  const [which, or] = argument === undefined ? ['', ''] : [`the ${argument} `, ', or set format']
  const message = `the format of ${which}${printable(path)} is not known: its name must end with .json, .yaml or .yml${or}`
  throw new SluiceError('ERR_USAGE', message, { path })
}

/** How a value is written. */
export interface EncodeOptions {
  /** Spaces per level, from 0 (JSON: one line) to 10. Default 2. YAML has at least 1. */
  indent?: number
}

/**
 * A value as text that ends with a line feed. YAML is 1.2, and quotes what older readers would take for something
 * else (`yes`, `on`). Fails with `ERR_USAGE` for what the format cannot hold: undefined, bigint, functions, symbols,
 * instances of classes without `toJSON`, cycles; JSON also NaN and infinities. A key whose value is undefined is left
 * out.
 */
export async function encodeValue(
  format: Format,
  value: unknown,
  { indent = 2 }: EncodeOptions = {},
): Promise<string> {
  checkWhole('indent', indent, 0, 10)
  const plain = plainValue(value, format)
  if (format === 'json') return `${JSON.stringify(plain, null, indent)}\n`
  const { stringify } = await import('yaml')
  return stringify(plain, { indent: Math.max(1, indent), lineWidth: 0, compat: 'yaml-1.1' })
}

/**
 * The value in a text. A byte order mark at its beginning is passed over; an empty YAML text is null. The key
 * `__proto__` is a key like any other. Fails with `ERR_PARSE`, whose message says line and column: also for two equal
 * keys in one YAML map, for several documents, and for tags and types that JSON does not have (dates, sets, binary).
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
    const { line, column } = jsonErrorAt(text)
    throw unparsable(
      path,
      'JSON',
      'this does not belong here, or the text ends too early',
      { line, col: column },
      cause,
    )
  }
}

async function parseYaml(text: string, path: string): Promise<unknown> {
  const { isNode, LineCounter, parseDocument, visit } = await import('yaml')
  const lines = new LineCounter()
  const document = parseDocument(text, { logLevel: 'error', prettyErrors: true, lineCounter: lines })
  const wrong = document.errors[0] ?? document.warnings[0]
  if (wrong) throw unparsable(path, 'YAML', wrong.message.split('\n')[0]!, wrong.linePos?.[0], wrong)
  visit(document, (_, node) => {
    if (!isNode(node) || !isBeyondJson(node)) return
    const place = node.range ? lines.linePos(node.range[0]) : undefined
    const why = 'a type that JSON does not have; write it as text, list or map'
    throw unparsable(path, 'YAML', why, place, undefined)
  })
  try {
    return document.toJS() as unknown
  } catch (cause) {
    // an alias without anchor, or more aliases than anybody writes by hand
    throw unparsable(
      path,
      'YAML',
      cause instanceof Error ? cause.message : 'it cannot be read',
      undefined,
      cause,
    )
  }
}

/** The tags of what JSON has, too, and the mark for "no tag". */
const JSON_TAG = /^(!|tag:yaml\.org,2002:(null|bool|int|float|str|seq|map))$/

/** What would come out as an instance of Date, Set, Map or Uint8Array, of which a merge or a copy would keep nothing. */
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
