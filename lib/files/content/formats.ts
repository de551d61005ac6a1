import { isDeepStrictEqual } from 'node:util'
import type { Document, Node, Scalar, ToStringOptions, YAMLMap } from 'yaml'
import { messageOf, printable, SluiceError } from '../../errors.js'
import { checkChoice, checkKeys, checkText, checkWhole, type Keys } from '../../options.js'
import { tooLongForText } from './encodings.js'
import { changedNumberIn, faultInJson, keysInJson, keysOf, type TextPlace } from './json-text.js'
import { isWrittenAsRead } from './numbers.js'
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
 * take for something else (`yes`, `on`); all are where one would not be read as it is without. Fails with `ERR_USAGE`
 * for what the format cannot hold: undefined, bigint, functions, symbols, instances of classes without `toJSON`,
 * cycles; in JSON also NaN and infinities. A key with the value undefined is left out.
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
  try {
    return format === 'yaml' ? await yamlOf(plain, indent) : `${JSON.stringify(plain, null, indent)}\n`
  } catch (cause) {
    // the value itself was looked through before
    throw tooLongForText(`the value has, as ${format.toUpperCase()},`, undefined, cause)
  }
}

const IN_QUOTES: ToStringOptions = {
  defaultStringType: 'QUOTE_DOUBLE',
  defaultKeyType: 'QUOTE_DOUBLE',
  blockQuote: false,
}

/** The package makes blocks of texts of several lines, and not all of those are read as they were written. */
async function yamlOf(plain: unknown, indent: number): Promise<string> {
  const { parse, stringify } = await import('yaml')
  const write = (options?: ToStringOptions) =>
    stringify(plain, { indent: Math.max(1, indent), lineWidth: 0, compat: 'yaml-1.1', ...options })
  const text = write()
  try {
    if (isDeepStrictEqual(parse(text, { logLevel: 'error', maxAliasCount: 0 }), plain)) return text
  } catch {
    // it is not even YAML
  }
  return write(IN_QUOTES)
}

/**
 * The value in a text. A byte order mark at the beginning is ignored; an empty YAML text is null. The key `__proto__`
 * is an ordinary key. A number, true or false as a key of a YAML map becomes its text. Fails with `ERR_PARSE`, whose
 * message says line and column; also for keys of one object or map that are equal as texts, for YAML keys of which the
 * text would be another one than is written (`null`, `~`, `0x10`, `1.0`, lists), for several documents, and for tags
 * and types that JSON does not have (dates, sets, binary).
 * @param path for the message
 */
export async function parseText(format: Format, text: string, path: string): Promise<unknown> {
  checkChoice('format', format, ['json', 'yaml'])
  checkText('text', text)
  checkText('path', path)
  return parse(format, text, path, 'read')
}

/**
 * {@link parseText} of what goes into another file: a number that would be written as another one is refused, and so is
 * the merge key `<<` of YAML, which would be written as an ordinary key. Both with `ERR_PARSE`.
 */
export async function parseToCopy(format: Format, text: string, path: string): Promise<unknown> {
  return parse(format, text, path, 'copy')
}

/**
 * {@link parseToCopy} of a file that is to be written anew: no key but a text is taken, since it would be written as
 * one, and be another key for other programs.
 */
export async function parseToRewrite(format: Format, text: string, path: string): Promise<unknown> {
  return parse(format, text, path, 'rewrite')
}

/** What becomes of the value: only read, written into another file, or into the same. */
type Use = 'read' | 'copy' | 'rewrite'

function parse(format: Format, text: string, path: string, use: Use): unknown {
  const bare = text.startsWith('\ufeff') ? text.slice(1) : text
  return format === 'json' ? parseJson(bare, path, use) : parseYaml(bare, path, use)
}

function parseJson(text: string, path: string, use: Use): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    const why = 'this does not belong here, or the text ends too early'
    throw unparsable(path, 'JSON', why, faultInJson(text), cause)
  }
  if (keysInJson(text) !== keysOf(value)) {
    const why =
      'this object has an equal key already, and only one of the two values would be seen; remove one'
    throw unparsable(path, 'JSON', why, faultInJson(text), undefined)
  }
  const changed = use === 'read' ? undefined : changedNumberIn(text)
  if (!changed) return value
  const { number, pointer, place } = changed
  throw unparsable(path, `JSON ${AS_IT_IS}`, changedNumber(number, Number(number), pointer), place, undefined)
}

async function parseYaml(text: string, path: string, use: Use): Promise<unknown> {
  const { isMap, isNode, LineCounter, parseDocument, visit } = await import('yaml')
  const lines = new LineCounter()
  const document = deepest(path, () =>
    parseDocument(text, { logLevel: 'error', prettyErrors: true, lineCounter: lines }),
  )
  const wrong = document.errors[0] ?? document.warnings[0]
  if (wrong) throw unparsable(path, 'YAML', wrong.message.split('\n')[0]!, wrong.linePos?.[0], wrong)
  const refuse = (node: Node, why: string, what = 'YAML') => {
    const place = node.range ? lines.linePos(node.range[0]) : undefined
    throw unparsable(path, what, why, place, undefined)
  }
  visit(document, (key, node, above) => {
    if (!isNode(node)) return
    if (isBeyondJson(node)) refuse(node, 'a type that JSON does not have; write it as text, list or map')
    if (isMap(node)) checkMapKeys(node, document, use === 'rewrite', refuse)
    const changes = use === 'read' ? undefined : whatChanges(key, node, above)
    if (changes) refuse(node, changes, `YAML ${AS_IT_IS}`)
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
 * Keys become texts: refuses two that become the same one, of which the first would be lost, and those that no text
 * says as they are.
 */
function checkMapKeys(
  map: YAMLMap,
  document: Document,
  rewrite: boolean,
  refuse: (key: Node, why: string) => void,
): void {
  const texts = new Set<string>()
  for (const { key } of map.items as { key: Node }[]) {
    const named = 'resolve' in key ? (key.resolve(document) as Node | undefined) : key
    // an alias without an anchor is found with the values
    if (named === undefined) continue
    if (!('value' in named)) return refuse(key, 'a key that is a list or a map; write it as text')
    const { value, source } = named as Scalar
    // `<<` below %YAML 1.1 stands for keys of its own
    if (typeof value === 'symbol') continue
    const text = String(value)
    if (typeof value !== 'string' && (rewrite || value === null || text !== source))
      return refuse(key, `a key that is no text, and would become ${JSON.stringify(text)}; put it in quotes`)
    if (texts.has(text))
      return refuse(key, `two keys of one map that both become the text ${JSON.stringify(text)}; remove one`)
    texts.add(text)
  }
}

const AS_IT_IS = 'that could be written as it is'

function changedNumber(source: string, value: number, at: string): string {
  return `the number ${source} (${at === '' ? 'the value' : at}) would become ${value}; write it as text, in quotes`
}

/** Why a node of YAML would be written as another one: a number of too many digits, or a merge key. */
function whatChanges(key: unknown, node: Node, above: readonly unknown[]): string | undefined {
  if (!('value' in node)) return undefined
  const { value, source, type } = node as Scalar
  if (key === 'key') {
    const isMerge = value === '<<' && type === 'PLAIN'
    return isMerge ? 'a merge key; write out the keys that it stands for, or put it in quotes' : undefined
  }
  if (typeof value !== 'number' || source === undefined || isWrittenAsRead(source, value)) return undefined
  return changedNumber(source, value, pointerTo(node, above))
}

/** The pointer to a node of YAML, by all that it is in. */
function pointerTo(node: Node, above: readonly unknown[]): string {
  return [...above, node]
    .map((one, i, all) => {
      const around = all[i - 1] as { items?: unknown[]; key?: Scalar } | undefined
      if (around?.key) return `/${around.key.value}`
      const isInList = around?.items && !(one as { key?: unknown }).key
      return isInList ? `/${around.items!.indexOf(one)}` : ''
    })
    .join('')
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
  place: TextPlace | undefined,
  cause: unknown,
): SluiceError {
  const where = place ? `, line ${place.line}, column ${place.col}` : ''
  const reason = printable(why.replace(/ at line \d+, column \d+:?$/, ''), 200)
  return new SluiceError('ERR_PARSE', `${printable(path)} is not ${what}${where}: ${reason}`, { path, cause })
}
