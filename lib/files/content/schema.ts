import type { ValidateFunction } from 'ajv'
import { isError, printable, SluiceError } from '../../errors.js'
import { checkOption } from '../../options.js'
import { type EncodeOptions, encodeValue, type Format } from './formats.js'
import { plainValue } from './plain-value.js'

/** A JSON Schema: draft-07 without `$schema`; 2019-09 and 2020-12 are supported too. */
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
 * SchemaFailure}[] in `error.found`), or with `ERR_USAGE` if the schema itself is wrong. Unknown keywords are
 * ignored, as JSON Schema demands, and so is `format`: use `pattern` instead.
 * @param path the file with the value, for the message
 */
export async function checkSchema(value: unknown, schema: Schema, path: string): Promise<void> {
  const validate = await compile(schema, path)
  if (validate(value)) return
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
  try {
    const text = JSON.stringify(schema)
    const known = typeof schema === 'object' ? compiled.get(schema) : undefined
    if (known?.text === text) return known.validate
    const Validator = await validatorFor(schema)
    // not strict: a schema may have keywords for other programs
    const ajv = new Validator({ strict: false, allErrors: true, validateFormats: false, logger: false })
    // a copy: ajv keeps a reference to the schema
    const validate = ajv.compile(JSON.parse(text) as Schema)
    // an asynchronous schema returns a promise, which is always truthy
    if ('$async' in validate) throw new Error('it is asynchronous; leave out $async')
    if (typeof schema === 'object') compiled.set(schema, { text, validate })
    return validate
  } catch (cause) {
    const why = isError(cause) ? cause.message : String(cause)
    const message = `the schema for ${printable(path)} cannot be used: ${printable(why, 500)}`
    throw new SluiceError('ERR_USAGE', message, { path, found: schema, cause })
  }
}

async function validatorFor(schema: Schema) {
  const which = typeof schema === 'object' ? String(schema.$schema ?? '') : ''
  if (which.includes('2020-12')) return (await import('ajv/dist/2020.js')).Ajv2020
  if (which.includes('2019-09')) return (await import('ajv/dist/2019.js')).Ajv2019
  return (await import('ajv')).Ajv
}
