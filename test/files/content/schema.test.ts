import test from 'ava'
import type { SluiceError } from '../../../lib/errors.js'
import { checkSchema, type Schema } from '../../../lib/files/index.js'

const SCHEMA: Schema = {
  type: 'object',
  properties: { port: { type: 'integer', minimum: 1 }, mail: { type: 'string', format: 'email' } },
  required: ['port'],
  additionalProperties: false,
}

test('a value that matches passes, one that does not is told where and why', async (t) => {
  await checkSchema({ port: 80, mail: 'anything' }, SCHEMA, 'x')
  const error = (await t.throwsAsync(checkSchema({ port: 0, 'a\nb': 1 }, SCHEMA, 'bad\nname'), {
    code: 'ERR_SCHEMA',
  })) as SluiceError
  t.deepEqual(error.found, [
    { at: '', message: 'must NOT have additional properties ("a\\nb")' },
    { at: '/port', message: 'must be >= 1' },
  ])
  t.false(error.message.includes('\n'))
  t.is(error.path, 'bad\nname')
})

test('what would be allowed is told, too', async (t) => {
  const schema: Schema = {
    properties: { level: { enum: ['debug', 'info'] }, version: { const: 2 } },
    propertyNames: { maxLength: 10 },
  }
  const value = { level: 'loud', version: 1, 'much too long': 1 }
  const { message } = (await t.throwsAsync(checkSchema(value, schema, 'x'), { code: 'ERR_SCHEMA' }))!
  for (const part of ['/level must be', '(["debug","info"])', '(2)', '("much too long")'])
    t.true(message.includes(part), message)
  const long: Schema = { enum: Array.from({ length: 1000 }, (_, i) => `choice ${i}`) }
  const error = await t.throwsAsync(checkSchema(1, long, 'x'), { code: 'ERR_SCHEMA' })
  t.true(error!.message.length < 500)
})

test('many failures are counted in the message, and all in the error', async (t) => {
  const values = Array.from({ length: 20 }, () => 'x')
  const error = (await t.throwsAsync(checkSchema(values, { items: { type: 'number' } }, 'x'), {
    message: /and 15 more$/,
  })) as SluiceError
  t.is((error.found as unknown[]).length, 20)
})

test('true takes everything, false nothing', async (t) => {
  await checkSchema(undefined, true, 'x')
  await t.throwsAsync(checkSchema(1, false, 'x'), { code: 'ERR_SCHEMA' })
})

test('a schema that is none is an error of its own', async (t) => {
  const cycle: Record<string, unknown> = {}
  cycle.properties = { cycle }
  const wrong = [
    null,
    1,
    [],
    'x',
    { type: 'strnig' },
    { $ref: 'https://elsewhere.example/x' },
    { pattern: '(' },
    cycle,
  ]
  for (const schema of wrong) {
    await t.throwsAsync(
      checkSchema({}, schema as Schema, 'x'),
      { code: 'ERR_USAGE' },
      JSON.stringify(typeof schema),
    )
  }
})

test('the newer drafts are known by $schema', async (t) => {
  const drafts = [
    'https://json-schema.org/draft/2020-12/schema',
    'https://json-schema.org/draft/2019-09/schema',
  ]
  for (const $schema of drafts) {
    const schema = { $schema, dependentRequired: { a: ['b'] } }
    await checkSchema({ a: 1, b: 1 }, schema, 'x')
    await t.throwsAsync(checkSchema({ a: 1 }, schema, 'x'), { code: 'ERR_SCHEMA' })
  }
})

test('a schema that was changed is compiled anew, and the value stays as it is', async (t) => {
  const schema = { type: 'object', properties: { a: { type: 'number', default: 1 } } }
  const value = {}
  await checkSchema(value, schema, 'x')
  t.deepEqual(value, {})
  schema.type = 'array'
  await t.throwsAsync(checkSchema(value, schema, 'x'), { code: 'ERR_SCHEMA' })
})

test('an asynchronous schema is refused, and lets nothing pass', async (t) => {
  const schema = { $async: true, type: 'number' }
  await t.throwsAsync(checkSchema('x', schema, 'x'), { code: 'ERR_USAGE', message: /asynchronous/ })
  await checkSchema(1, { ...schema, $async: false }, 'x')
})
