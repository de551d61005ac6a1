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
  await checkSchema({ port: 80, mail: 'me@example.com' }, SCHEMA, 'x')
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

const FORMATS: [format: string, right: string, wrong: string][] = [
  ['email', 'me@example.com', 'me'],
  ['date', '2024-02-29', '2023-02-29'],
  ['time', '23:59:59Z', '25:00:00Z'],
  ['date-time', '2024-02-29T12:00:00+01:00', 'yesterday'],
  ['duration', 'P1DT2H', '1 day'],
  ['uri', 'https://example.com/a?b#c', 'not a uri'],
  ['uri-reference', '../a', '\\\\'],
  ['hostname', 'example.com', 'exam_ple'],
  ['ipv4', '127.0.0.1', '256.0.0.1'],
  ['ipv6', '::1', '::g'],
  ['uuid', '123e4567-e89b-12d3-a456-426614174000', '123'],
  ['json-pointer', '/a/b', 'a'],
  ['regex', '^a$', '('],
]

for (const [format, right, wrong] of FORMATS)
  test(`the format ${format} is checked, in each draft, also of texts deep inside`, async (t) => {
    for (const $schema of [undefined, 'https://json-schema.org/draft/2020-12/schema']) {
      const schema: Schema = { $schema, items: { properties: { a: { type: 'string', format } } } }
      await checkSchema([{ a: right }, { b: wrong }], schema, 'x')
      const error = await t.throwsAsync(checkSchema([{ a: wrong }], schema, 'x'), { code: 'ERR_SCHEMA' })
      t.true(error!.message.includes(`/0/a must match format "${format}"`), error!.message)
    }
    // of what is no text it says nothing
    await checkSchema(1, { format }, 'x')
  })

test('a format that nobody knows says nothing', async (t) => {
  await checkSchema('anything', { format: 'colour of the house' }, 'x')
  t.pass()
})

test('a draft that is not taken is named, with those that are, and what to change', async (t) => {
  for (const [$schema, message] of [
    [
      'http://json-schema.org/draft-04/schema#',
      /draft-04; taken are 2020-12, 2019-09, draft-07: write each id as \$id/,
    ],
    [
      'https://json-schema.org/draft-06/schema',
      /draft-06; taken are .*: set \$schema to "http:.*draft-07.*means the same/,
    ],
    ['http://json-schema.org/draft-03/schema#', /draft-03; taken are .*: write it as one of these/],
    [
      'http://json-schema.org/schema#',
      /a kind that is not known, http:\/\/json-schema\.org\/schema#; taken are/,
    ],
    ['urn:our\nown', /not known, urn:our\\nown; taken/],
    [4, /not known, 4; taken/],
  ] as [string, RegExp][]) {
    const schema: Schema = { $schema, type: 'object', properties: { a: { exclusiveMinimum: true } } }
    const error = await t.throwsAsync(checkSchema({}, schema, 'x.json'), { code: 'ERR_USAGE', message })
    t.regex(error!.message, /^the schema for x\.json is of /)
  }
})

test('draft-07 is known however its address is spelled', async (t) => {
  for (const $schema of [
    'http://json-schema.org/draft-07/schema#',
    'https://json-schema.org/draft-07/schema',
  ])
    await t.throwsAsync(checkSchema(1, { $schema, type: 'string' }, 'x'), { code: 'ERR_SCHEMA' })
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

test('a value that is too deep for a schema that refers to itself is an error of ours', async (t) => {
  const nested = { $ref: '#/$defs/n', $defs: { n: { properties: { a: { $ref: '#/$defs/n' } } } } }
  const deep: unknown = JSON.parse(`${'{"a":'.repeat(20_000)}1${'}'.repeat(20_000)}`)
  const error = await t.throwsAsync<SluiceError>(checkSchema(deep, nested, 'x.json'), { code: 'ERR_SCHEMA' })
  t.regex(error!.message, /^x\.json cannot be compared with its schema: .*stack/)
  t.true(error!.cause instanceof RangeError)
})

test('an asynchronous schema is refused, and lets nothing pass', async (t) => {
  const schema = { $async: true, type: 'number' }
  await t.throwsAsync(checkSchema('x', schema, 'x'), { code: 'ERR_USAGE', message: /asynchronous/ })
  await checkSchema(1, { ...schema, $async: false }, 'x')
})
