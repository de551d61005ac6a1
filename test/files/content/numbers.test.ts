import test from 'ava'
import fc from 'fast-check'
import { isWrittenAsRead } from '../../../lib/files/content/numbers.js'
import { mergeConfig, readJson, readYaml, updateJson, updateYaml } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { scale } from '../../helpers/scale.js'

test('a number is written as it was read where the nearest double prints as one of the same value', (t) => {
  const same =
    '0 -0 0.1 0.10 1.0 1e3 1E+3 1.50e-7 -12 9007199254740991 9007199254740992 1e22 0e999 100000000000000000000'
  for (const text of same.split(' ')) t.true(isWrittenAsRead(text, Number(text)), text)
  const other =
    '9007199254740993 -9007199254740993 12345678901234567890 1e400 -1e400 1e-400 1.00000000000000000001 0.10000000000000001'
  for (const text of other.split(' ')) t.false(isWrittenAsRead(text, Number(text)), text)
  // of YAML
  for (const [text, value] of [
    ['+1', 1],
    ['.5', 0.5],
    ['5.', 5],
    ['0x1F', 31],
    ['0o17', 15],
    ['.inf', Number.POSITIVE_INFINITY],
    ['-.INF', Number.NEGATIVE_INFINITY],
    ['.nan', Number.NaN],
  ] as const)
    t.true(isWrittenAsRead(text, value), text)
  t.false(isWrittenAsRead('0xFFFFFFFFFFFFFFFF', 2 ** 64))
  t.false(isWrittenAsRead('+12345678901234567890', Number('12345678901234567890')))
})

test('a number of very many digits is judged at once', (t) => {
  t.timeout(20_000)
  t.false(isWrittenAsRead(`1${'0'.repeat(1_000_000)}1`, Number.POSITIVE_INFINITY))
  t.true(isWrittenAsRead(`0.1${'0'.repeat(1_000_000)}`, 0.1))
})

test('whatever JavaScript writes is written again as it was read, and another digit is seen', (t) => {
  const doubles = fc.double({ noNaN: true, noDefaultInfinity: true })
  const isKept = fc.property(doubles, (value) => isWrittenAsRead(JSON.stringify(value), value))
  const asExponent = fc.property(doubles, (value) => isWrittenAsRead(value.toExponential(), value))
  const integers = fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n })
  const whole = fc.property(integers, (one) => isWrittenAsRead(`${one}`, Number(one)) === isPrinted(one))
  const runs = { numRuns: scale(300, 10_000) }
  t.notThrows(() => fc.assert(isKept, runs))
  t.notThrows(() => fc.assert(asExponent, runs))
  t.notThrows(() => fc.assert(whole, runs))
})

/** Whether a whole number is the one that its double prints. */
function isPrinted(one: bigint): boolean {
  const [digits = '', power = '0'] = String(Number(one)).split('e+')
  const [int = '', part = ''] = digits.split('.')
  return BigInt(int + part) * 10n ** BigInt(Number(power) - part.length) === one
}

const ID = '12345678901234567890'

test('an update refuses a number that it would write as another one, with its place and a way out', async (t) => {
  const fs = new MemoryDisk()
  const wrong: [text: string, place: string, pointer: string, number?: string][] = [
    [`{"a": 1,\n "id": ${ID}}`, 'line 2, column 8', '/id'],
    [`[{"x": 1}, {"y": ["1e9", {"b": "},[", "c": [2, ${ID}]}]}]`, 'line 1, column 48', '/1/y/1/c/1'],
    [`{"a": {"b": 1}, "c": ${ID}}`, 'line 1, column 22', '/c'],
    ['{"a": -1e400}', 'line 1, column 7', '/a', '-1e400'],
    [ID, 'line 1, column 1', 'the value'],
    [`{"a\\"b": ${ID}}`, 'line 1, column 10', '/a"b'],
  ]
  for (const [text, place, pointer, number = ID] of wrong)
    for (const [name, update] of [['json', updateJson] as const, ['yaml', updateYaml] as const]) {
      const path = `/d/f.${name}`
      fs.put(path, text)
      const error = await t.throwsAsync(
        update(path, (value) => value, { fs }),
        { code: 'ERR_PARSE' },
        text,
      )
      const { message } = error!
      for (const part of [place, `the number ${number} (${pointer}) would become`, 'write it as text'])
        t.true(message.includes(part), `${part}: ${message}`)
      t.is(`${fs.snapshot().get(path)}`, text)
    }
  const right = `{"a": "${ID}", "${ID}": 1, "b": [0.10, -0, 1E2, 9007199254740992, 1.7976931348623157e308]}`
  for (const [path, update] of [['/d/f.json', updateJson] as const, ['/d/f.yaml', updateYaml] as const]) {
    fs.put(path, right)
    await update(path, (value) => value, { fs })
  }
  // JSON takes -0 for 0
  const value = JSON.stringify(JSON.parse(right))
  t.is(JSON.stringify(await readJson('/d/f.json', { fs })), value)
  t.is(JSON.stringify(await readYaml('/d/f.yaml', { fs })), value)
})

test('so does a merge, of each input; what only reads gives the nearest number', async (t) => {
  const fs = new MemoryDisk()
  fs.put('/d/a.json', `{"id": ${ID}}`)
  fs.put('/d/b.yaml', `x:\n  - id: ${ID}\n`)
  fs.put('/d/c.json', '{}')
  for (const input of ['/d/a.json', '/d/b.yaml'])
    await t.throwsAsync(mergeConfig(['/d/c.json', input], '/d/out.json', { fs }), {
      code: 'ERR_PARSE',
      message: /would become/,
    })
  t.false(fs.list().includes('/d/out.json'))
  t.deepEqual(await readJson('/d/a.json', { fs }), { id: Number(ID) })
})

test('a merge key of YAML is not written back as an ordinary key, which merges nothing', async (t) => {
  const fs = new MemoryDisk()
  const merged = 'base: &base {k: 1}\none:\n  <<: *base\n'
  fs.put('/d/f.yaml', merged)
  const refused = { code: 'ERR_PARSE', message: /line 3, column 3: a merge key; write out the keys/ }
  await t.throwsAsync(
    updateYaml('/d/f.yaml', (value) => value, { fs }),
    refused,
  )
  await t.throwsAsync(mergeConfig(['/d/f.yaml'], '/d/out.yaml', { fs }), refused)
  t.is(`${fs.snapshot().get('/d/f.yaml')}`, merged)
  t.deepEqual(await readYaml('/d/f.yaml', { fs }), { base: { k: 1 }, one: { '<<': { k: 1 } } })
  // one that is none, and one whose keys are written out
  fs.put('/d/f.yaml', '"<<": 1\n')
  await updateYaml('/d/f.yaml', (value) => value, { fs })
  t.is(`${fs.snapshot().get('/d/f.yaml')}`, '"<<": 1\n')
  fs.put('/d/f.yaml', `%YAML 1.1\n---\n${merged}`)
  await updateYaml('/d/f.yaml', (value) => value, { fs })
  t.deepEqual(await readYaml('/d/f.yaml', { fs }), { base: { k: 1 }, one: { k: 1 } })
})

test('to look for such numbers takes no more of a long text than of many short ones', async (t) => {
  const fs = new MemoryDisk()
  const long = ['x'.repeat(12_000_000), '"1e5'.repeat(1_000_000), '\\'.repeat(2_000_000)]
  const list = Array.from({ length: 200_000 }, (_, i) => i + 0.123456789)
  fs.put('/d/f.json', JSON.stringify({ long, list }))
  const began = performance.now()
  await updateJson('/d/f.json', () => ({ a: 1 }), { fs })
  t.true(performance.now() - began < 20_000)
})
