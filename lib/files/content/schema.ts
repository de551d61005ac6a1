import type { Ajv, ValidateFunction } from 'ajv'
import { messageOf, printable, SluiceError } from '../../errors.js'
import { checkOption } from '../../options.js'
import { type EncodeOptions, encodeValue, type Format } from './formats.js'
import { plainValue } from './plain-value.js'

/**
 * A JSON Schema: draft-07 without `$schema`; 2019-09 and 2020-12 are supported too, earlier ones are refused. `format`
 * is checked for the names of the drafts (`date-time`, `email`, `uri`, …) and some more, by ajv-formats; others are
 * ignored.
 */
export type Schema = Record<string, unknown> | boolean

/** What does not match: where (a JSON pointer, '' for the whole value) and why. */
export interface SchemaFailure {
  at: string
  message: string
}

/** How many failures the message lists; all are in `error.found`. */
const MOST_FAILURES = 5

/** Compiled schemas, with the text that they had then: the caller may have changed a schema since. */
const compiled = new WeakMap<object, { text: string; validate: ValidateFunction }>()

/** What ajv says of a failure beside its message, and nowhere in it: which values, which property. */
const TOLD = ['allowedValues', 'allowedValue', 'additionalProperty', 'unevaluatedProperty', 'propertyName']

/** Characters of that. */
const MOST_TOLD = 300

/**
 * Checks a value without changing it. Fails with `ERR_SCHEMA`, which says where and what does not match ({@link
 * SchemaFailure}[] in `error.found`), or with `ERR_USAGE` if the schema itself is wrong, or of a draft that is not
 * taken. Unknown keywords and formats are ignored, as JSON Schema demands.
 * @param path the file with the value, for the message
 */
export async function checkSchema(value: unknown, schema: Schema, path: string): Promise<void> {
  const validate = await compile(schema, path)
  try {
    if (validate(value)) return
  } catch (cause) {
    // a schema that refers to itself needs as much of the stack as the value is deep
    const message = `${printable(path)} cannot be compared with its schema: ${printable(messageOf(cause), 200)}`
    throw new SluiceError('ERR_SCHEMA', message, { path, cause })
  }
  const failures = (validate.errors ?? []).map(({ instancePath, message, params }): SchemaFailure => {
    const said = TOLD.flatMap((name) => (name in params ? [JSON.stringify(params[name])] : []))
    const extra = said.length > 0 ? ` (${said.join().slice(0, MOST_TOLD)})` : ''
    return { at: instancePath, message: `${message ?? 'does not match'}${extra}` }
  })
  const told = failures.slice(0, MOST_FAILURES).map(({ at, message }) => `${at || 'the value'} ${message}`)
  const more = failures.length > MOST_FAILURES ? `, and ${failures.length - MOST_FAILURES} more` : ''
  const message = `${printable(path)} does not match its schema: ${printable(told.join('; '), 1000)}${more}`
  throw new SluiceError('ERR_SCHEMA', message, { path, found: failures })
}

/** A value as text, as {@link encodeValue} makes it; with a schema it is checked before. */
export async function encodeChecked(
  format: Format,
  value: unknown,
  { schema, indent }: EncodeOptions & { schema?: Schema },
  path: string,
): Promise<string> {
  // a copy, so that the caller cannot change it between the check and the write
  const plain = plainValue(value, format)
  if (schema !== undefined) await checkSchema(plain, schema, path)
  return encodeValue(format, plain, { indent })
}

async function compile(schema: Schema, path: string): Promise<ValidateFunction> {
  const isObject = typeof schema === 'object' && schema !== null && !Array.isArray(schema)
  checkOption(
    'schema',
    schema,
    isObject || typeof schema === 'boolean',
    'a JSON Schema: an object, true or false',
  )
  const Validator = await validatorFor(schema, path)
  try {
    const text = JSON.stringify(schema)
    const known = typeof schema === 'object' ? compiled.get(schema) : undefined
    if (known?.text === text) return known.validate
    // not strict: a schema may have keywords and formats for other programs
    const ajv = new Validator({ strict: false, allErrors: true, logger: false })
    if (text.includes('"format"')) (await import('ajv-formats')).default.default(ajv)
    // a copy: ajv keeps a reference to the schema. The draft is said, however its address is spelled
    const copy = JSON.parse(text) as Schema
    if (typeof copy === 'object') delete copy.$schema
    const validate = ajv.compile(copy)
    // an asynchronous schema returns a promise, which is always truthy
    if ('$async' in validate) throw new Error('it is asynchronous; leave out $async')
    if (typeof schema === 'object') compiled.set(schema, { text, validate })
    return validate
  } catch (cause) {
    const message = `the schema for ${printable(path)} cannot be used: ${printable(messageOf(cause), 500)}`
    throw new SluiceError('ERR_USAGE', message, { path, found: schema, cause })
  }
}

/** The drafts that are taken, newest first; without `$schema` it is the last one. */
const DRAFTS: readonly [name: string, load: () => Promise<typeof Ajv>][] = [
  ['2020-12', async () => (await import('ajv/dist/2020.js')).Ajv2020 as typeof Ajv],
  ['2019-09', async () => (await import('ajv/dist/2019.js')).Ajv2019 as typeof Ajv],
  ['draft-07', async () => (await import('ajv')).Ajv],
]

const DRAFT_07 = 'set $schema to "http://json-schema.org/draft-07/schema#"'

/** For earlier drafts: what makes one of draft-07 of it. */
const WAYS_OUT: Record<string, string> = {
  'draft-06': `${DRAFT_07}: what it says means the same there`,
  'draft-04': `write each id as $id, each exclusiveMinimum and exclusiveMaximum as the number itself, and ${DRAFT_07}`,
}

/** What validates by the draft that the schema names; `ERR_USAGE` for one that is not taken. */
async function validatorFor(schema: Schema, path: string): Promise<typeof Ajv> {
  const named = typeof schema === 'object' ? schema.$schema : undefined
  const [, load] = DRAFTS.find(([name]) => typeof named === 'string' && named.includes(name)) ?? []
  if (load) return load()
  if (named === undefined) return DRAFTS.at(-1)![1]()
  const draft = /draft-\d\d/.exec(String(named))?.[0]
  const found = draft ? `JSON Schema ${draft}` : `a kind that is not known, ${printable(String(named), 200)}`
  const wayOut = WAYS_OUT[draft ?? ''] ?? `write it as one of these, and ${DRAFT_07}, for instance`
  const taken = DRAFTS.map(([name]) => name).join(', ')
  const message = `the schema for ${printable(path)} is of ${found}; taken are ${taken}: ${wayOut}`
  throw new SluiceError('ERR_USAGE', message, { path, found: named, expected: DRAFTS.map(([name]) => name) })
}
