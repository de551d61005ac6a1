import type { ValidateFunction } from 'ajv'
import { printable, SluiceError } from '../../errors.js'
import { checkOption } from '../../options.js'

/** A JSON Schema. Without `$schema` it is draft-07; 2019-09 and 2020-12 are known too. */
export type Schema = Record<string, unknown> | boolean

/** What does not match: where (a JSON pointer, '' is the whole value) and why. */
export interface SchemaFailure {
  at: string
  message: string
}

/** Failures that the message of the error names; all are in `error.found`. */
const MOST_TOLD = 5

/** Schemas that were compiled, with the text that they had then: they may have been changed since. */
const compiled = new WeakMap<object, { text: string; validate: ValidateFunction }>()

/**
 * Checks a value, which stays as it is. Fails with `ERR_SCHEMA`, which says where and what does not match
 * ({@link SchemaFailure}[] in `error.found`), or with `ERR_USAGE` where the schema itself is wrong. Keywords that
 * are not known are passed over, as JSON Schema wants it, and so is every `format`: give a `pattern` where it counts.
 * @param path whose value it is, for the message
 */
export async function checkSchema(value: unknown, schema: Schema, path: string): Promise<void> {
  const validate = await compile(schema, path)
  if (validate(value)) return
  const failures = (validate.errors ?? []).map(({ instancePath, message, params }): SchemaFailure => {
    const extra = 'additionalProperty' in params ? ` (${JSON.stringify(params.additionalProperty)})` : ''
    return { at: instancePath, message: `${message ?? 'does not match'}${extra}` }
  })
  const told = failures.slice(0, MOST_TOLD).map(({ at, message }) => `${at || 'the value'} ${message}`)
  const more = failures.length > MOST_TOLD ? `, and ${failures.length - MOST_TOLD} more` : ''
  const message = `${printable(path)} does not match its schema: ${printable(told.join('; '), 1000)}${more}`
  throw new SluiceError('ERR_SCHEMA', message, { path, found: failures })
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
    // not strict: what a schema says beyond the standard is for others
    const ajv = new Validator({ strict: false, allErrors: true, validateFormats: false, logger: false })
    // of a copy: ajv keeps what it was given
    const validate = ajv.compile(JSON.parse(text) as Schema)
    // its answer would be a promise, which is true whatever it says
    if ('$async' in validate) throw new Error('it is asynchronous; leave out $async')
    if (typeof schema === 'object') compiled.set(schema, { text, validate })
    return validate
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
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
