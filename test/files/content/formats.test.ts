import test from 'ava'
import fc from 'fast-check'
import type { SluiceError } from '../../../lib/errors.js'
import { encodeValue, type Format, formatOf, parseText } from '../../../lib/files/index.js'
import { scale } from '../../helpers/scale.js'

const FORMATS: Format[] = ['json', 'yaml']
const runs = { numRuns: scale(40, 5000, 1000) }

test('the format is told by the ending', (t) => {
  t.deepEqual(
    ['a.json', 'A.JSON', 'a.yaml', 'a.yml', '.yml', 'a.json5', 'json', 'a.yaml.bak'].map(formatOf),
    ['json', 'json', 'yaml', 'yaml', 'yaml', undefined, undefined, undefined],
  )
})

test('any value that JSON has comes back from both formats as it was', async (t) => {
  const value = fc.jsonValue({ maxDepth: 4 })
  for (const format of FORMATS) {
    await fc.assert(
      fc.asyncProperty(value, async (given) => {
        const text = await encodeValue(format, given)
        t.true(text.endsWith('\n'))
        // what text -0 becomes is nobody's business
        t.is(JSON.stringify(await parseText(format, text, 'x')), JSON.stringify(given))
      }),
      runs,
    )
  }
})

test('texts of spaces, line feeds and byte order marks come back from both formats, as keys, too', async (t) => {
  const unit = fc.constantFrom(' ', '\n', '\t', '\r', 'a', '\ufeff', ':', '#', '-', '"', '|', '\u2028')
  const odd = fc.string({ unit, maxLength: 8 })
  const value = fc.oneof(odd, fc.record({ pad: odd, n: fc.integer() }), fc.dictionary(odd, fc.array(odd)))
  for (const format of FORMATS)
    await fc.assert(
      fc.asyncProperty(value, async (given) => {
        t.deepEqual(await parseText(format, await encodeValue(format, given), 'x'), given)
      }),
      runs,
    )
})

test('text that YAML 1.1 would take for something else is quoted, and nothing is folded or made an alias', async (t) => {
  const shared = { a: 1 }
  const text = await encodeValue('yaml', {
    x: 'yes',
    y: '012',
    z: 'long '.repeat(60),
    one: shared,
    two: shared,
  })
  t.regex(text, /^x: "yes"\n"y": "012"\nz: "(long ){60}"\none:\n {2}a: 1\ntwo:\n {2}a: 1\n$/)
  t.is(await encodeValue('yaml', { a: { b: 1 } }, { indent: 4 }), 'a:\n    b: 1\n')
  t.is(await encodeValue('json', [1, { a: 2 }], { indent: 0 }), '[1,{"a":2}]\n')
  await t.throwsAsync(encodeValue('json', 1, { indent: 11 }), { code: 'ERR_USAGE' })
  await t.throwsAsync(encodeValue('json', 1, { indent: -1 }), { code: 'ERR_USAGE' })
})

test('what a format cannot hold is refused, and never becomes something else', async (t) => {
  const cycle: { inner: unknown[] } = { inner: [] }
  cycle.inner.push(cycle)
  let deep: unknown = 1
  for (let i = 0; i < 2000; i++) deep = [deep]
  const wrong: unknown[] = [
    undefined,
    1n,
    () => {},
    Symbol('x'),
    [undefined],
    new Map([[1, 2]]),
    new Set(),
    new Uint8Array(2),
    /x/,
    new Error('x'),
    new (class Own {})(),
    Object(1n),
    Object.setPrototypeOf(Object(1n), null),
    Object.setPrototypeOf(Object('x'), Object.prototype),
    { toJSON: () => 1n },
    cycle,
    deep,
    new Date(Number.NaN),
    { [Symbol('x')]: 1 },
    Object.assign([1], { [Symbol('x')]: 1 }),
    Object.assign([1], { beside: 1 }),
  ]
  for (const value of wrong) {
    for (const format of FORMATS) {
      await t.throwsAsync(encodeValue(format, value), { code: 'ERR_USAGE' }, String(typeof value))
      await t.throwsAsync(encodeValue(format, { inside: [value] }), { code: 'ERR_USAGE', message: /inside/ })
    }
  }
  for (const number of [Number.NaN, Number.POSITIVE_INFINITY, -Number.POSITIVE_INFINITY]) {
    await t.throwsAsync(encodeValue('json', [number]), { code: 'ERR_USAGE' })
    t.deepEqual(await parseText('yaml', await encodeValue('yaml', [number]), 'x'), [number])
  }
  const same = { a: 1 }
  t.is(await encodeValue('json', [same, same], { indent: 0 }), '[{"a":1},{"a":1}]\n')
  const date = new Date(0)
  t.is(
    await encodeValue('json', { date, none: undefined }, { indent: 0 }),
    '{"date":"1970-01-01T00:00:00.000Z"}\n',
  )
})

test.serial(
  'a bigint is what its toJSON says, where somebody gave them all one, as JSON.stringify does',
  async (t) => {
    const all = BigInt.prototype as { toJSON?: () => string }
    all.toJSON = function (this: bigint) {
      return `${this}n`
    }
    try {
      for (const value of [2n ** 70n, Object(2n ** 70n)])
        for (const format of FORMATS) {
          const found = await parseText(format, await encodeValue(format, { inside: [value] }), 'x')
          t.deepEqual(found, { inside: ['1180591620717411303424n'] })
        }
    } finally {
      delete all.toJSON
    }
  },
)

test('keys of a YAML map that become the same text, or are none, are refused', async (t) => {
  const wrong: Record<string, string> = {
    '1: a\n"1": b': 'line 2, column 1',
    'true: a\n"true": b': 'line 2, column 1',
    '"true": a\nTRUE: b': 'line 2, column 1',
    '1: a\n1.0: b': 'line 2, column 1',
    '0x10: a\n16: b': 'line 2, column 1',
    '~: a\n"": b': 'line 1, column 1',
    'a: {null: b, "null": c}': 'line 1, column 5',
    'Null: a': 'line 1, column 1',
    'a:\n  : b': 'line 2, column 3',
    '0x10: a': 'line 1, column 1',
    '1.0: a': 'line 1, column 1',
    '1e3: a': 'line 1, column 1',
    'True: a': 'line 1, column 1',
    'x: &k ~\n? *k\n: a': 'line 2, column 3',
    ': a\nnull: b': 'line 2, column 1',
    '.inf: a\n"Infinity": b': 'line 1, column 1',
    '-0: a\n0: b': 'line 2, column 1',
    'x: {y: [{1: a, "1": b}]}': 'line 1, column 16',
    'x: &k 1\n? *k\n: a\n"1": b': 'line 4, column 1',
    '? [a, b]\n: 1': 'line 1, column 3',
    '? {a: b}\n: 1': 'line 1, column 3',
    'x: &k [1]\n? *k\n: a': 'line 2, column 3',
    '12345678901234567890: a': 'line 1, column 1',
  }
  for (const [text, place] of Object.entries(wrong)) {
    const error = await t.throwsAsync(parseText('yaml', text, 'x'), { code: 'ERR_PARSE' }, text)
    t.true(error!.message.includes(place), `${text}: ${error!.message}`)
  }
  t.deepEqual(await parseText('yaml', '1: a\ntrue: b\n1.5: d\n"": e\n"null": f', 'x'), {
    1: 'a',
    true: 'b',
    1.5: 'd',
    '': 'e',
    null: 'f',
  })
  t.deepEqual(await parseText('yaml', 'a: {1: x}\nb: {"1": y}', 'x'), { a: { 1: 'x' }, b: { 1: 'y' } })
  const merged = '%YAML 1.1\n---\na: &a {1: x}\nb: {<<: *a, "1": z}'
  t.like(await parseText('yaml', merged, 'x'), { b: { 1: 'z' } })
})

test('what is too deep or too long for the machine is an error of ours', async (t) => {
  for (const text of ['['.repeat(3000), '{a: '.repeat(3000)])
    await t.throwsAsync(parseText('yaml', text, 'x'), { code: 'ERR_PARSE' })
  await t.throwsAsync(parseText('json', `["${'x'.repeat(12_000_000)}", x]`, 'x'), { code: 'ERR_PARSE' })
  await t.throwsAsync(parseText('json', '['.repeat(1_000_000), 'x'), { code: 'ERR_PARSE' })
  const long = 'x'.repeat(1 << 20)
  await t.throwsAsync(encodeValue('json', Array(540).fill(long)), { code: 'ERR_LIMIT', message: /divide it/ })
})

test('what throws while a value is looked at is the cause of an error of ours', async (t) => {
  const mine = new Error('mine')
  const fails = () => {
    throw mine
  }
  for (const value of [
    { a: { toJSON: fails } },
    Object.defineProperty({}, 'a', { enumerable: true, get: fails }),
  ]) {
    const error = await t.throwsAsync<SluiceError>(encodeValue('json', value), { code: 'ERR_USAGE' })
    t.is(error!.message, 'the value cannot be read: mine')
    t.is(error!.cause, mine)
  }
})

test('the key __proto__ is a key like any other', async (t) => {
  const sources = { json: '{"__proto__": {"polluted": true}}', yaml: '__proto__:\n  polluted: true\n' }
  for (const format of FORMATS) {
    const value = (await parseText(format, sources[format], 'x')) as object
    t.deepEqual(Object.keys(value), ['__proto__'])
    t.is(Object.getPrototypeOf(value), Object.prototype)
    t.false('polluted' in value)
    const again = (await parseText(format, await encodeValue(format, value), 'x')) as object
    t.deepEqual(Object.keys(again), ['__proto__'])
    t.false('polluted' in again)
  }
})

test('a byte order mark is passed over, an empty YAML text is null', async (t) => {
  t.is(await parseText('json', '\ufeff1', 'x'), 1)
  t.deepEqual(await parseText('yaml', '\ufeffa: 1', 'x'), { a: 1 })
  for (const text of ['', '\n', '# nothing\n', '---\n']) t.is(await parseText('yaml', text, 'x'), null)
})

test('what cannot be parsed is said with its line and column', async (t) => {
  const wrong: [Format, string, string][] = [
    ['json', '', 'line 1, column 1'],
    ['json', '{\n  "a": 1,\n}', 'line 3, column 1'],
    ['json', '[1,\n 2', 'line 2, column 3'],
    ['json', '{"a" 1}', 'line 1, column 6'],
    ['json', '1 2', 'line 1, column 3'],
    ['json', '{a: 1}', 'line 1, column 2'],
    ['json', '["a\tb"]', 'line 1, column 2'],
    ['yaml', 'a: [1\nb: 2', 'line 2, column 1'],
    ['yaml', 'a: 1\na: 2', 'line 2, column 1'],
    ['yaml', 'a: !foo 1', 'line 1, column 4'],
    ['yaml', '--- 1\n--- 2\n', 'line 2, column 1'],
    ['yaml', 'a: 1\nb: !!set {x, y}', 'line 2, column 10'],
    ['yaml', 'a: !!binary aGk=', 'line 1, column 13'],
    ['yaml', 'a: !!timestamp 2020-01-01', 'line 1, column 16'],
    ['yaml', '%YAML 1.1\n---\na: 2020-01-01', 'line 3, column 4'],
    ['yaml', '!!omap [a: 1]', 'line 1, column 8'],
  ]
  for (const [format, text, place] of wrong) {
    const error = await t.throwsAsync(parseText(format, text, 'b\nad'), { code: 'ERR_PARSE' }, text)
    t.true(error!.message.includes(`b\\nad is not ${format.toUpperCase()}, ${place}: `), error!.message)
  }
  await t.throwsAsync(parseText('yaml', 'a: *none', 'x'), { code: 'ERR_PARSE' })
  let bomb = 'a0: &a0 [x]\n'
  for (let i = 1; i < 30; i++) bomb += `a${i}: &a${i} [*a${i - 1}, *a${i - 1}]\n`
  await t.throwsAsync(parseText('yaml', bomb, 'x'), { code: 'ERR_PARSE' })
})

test('a tag for what JSON has, too, is read', async (t) => {
  const text = '!!map {a: !!str 1, b: ! x, c: !!seq [!!int "2", !!float 3.5, !!null ~, !!bool true]}'
  t.deepEqual(await parseText('yaml', text, 'x'), { a: '1', b: 'x', c: [2, 3.5, null, true] })
})

test('a text that JSON.parse refuses has a place for its error within it, whatever it is', async (t) => {
  const cut = fc.tuple(fc.json(), fc.nat(40), fc.string({ maxLength: 2 }))
  await fc.assert(
    fc.asyncProperty(cut, async ([text, at, added]) => {
      const changed = text.slice(0, at) + added + text.slice(at + 1)
      try {
        JSON.parse(changed)
      } catch {
        const error = await t.throwsAsync(parseText('json', changed, 'x'), { code: 'ERR_PARSE' })
        t.regex(error!.message, /line \d+, column \d+/)
      }
    }),
    runs,
  )
})
