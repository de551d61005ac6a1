import test from 'ava'
import fc from 'fast-check'
import { mergeValues } from '../../../lib/files/config/merge.js'
import {
  encodeValue,
  type MergeConfigOptions,
  mergeConfig,
  OPEN,
  parseText,
  writeFully,
} from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { scale } from '../../helpers/scale.js'
import { crashSweep, faultSweep } from '../../helpers/sweep.js'

function disk(files: Record<string, string>): MemoryDisk {
  const made = new MemoryDisk()
  for (const [name, content] of Object.entries(files)) made.put(`/d/${name}`, content)
  return made
}

const text = (of: MemoryDisk, name: string) => of.snapshot().get(`/d/${name}`)?.toString()

function merge(of: MemoryDisk, inputs: string[], output: string, options: MergeConfigOptions = {}) {
  return mergeConfig(
    inputs.map((name) => `/d/${name}`),
    `/d/${output}`,
    { fs: of, ...options },
  )
}

test('JSON and YAML are merged in any mixture, the last one counts', async (t) => {
  const there = disk({
    'a.json': '{"port":1,"log":{"level":"info","to":["a"]}}',
    'b.yaml': '# comment\nport: 2\nlog:\n  to: [b]\n',
    'c.YML': 'name: "yes"\n',
  })
  const { value, missing, dropped, path } = await merge(there, ['a.json', 'b.yaml', 'c.YML'], 'out.yaml', {
    arrays: 'concat',
  })
  t.deepEqual(value, { port: 2, log: { level: 'info', to: ['a', 'b'] }, name: 'yes' })
  t.deepEqual([missing, dropped, path], [[], [], '/d/out.yaml'])
  t.deepEqual(await parseText('yaml', text(there, 'out.yaml')!, ''), value)
  // also over one of the inputs
  await merge(there, ['a.json', 'b.yaml'], 'a.json', { strategy: 'shallow', indent: 0 })
  t.is(text(there, 'a.json'), '{"port":2,"log":{"to":["b"]}}\n')
  t.deepEqual(there.openHandles(), [])
})

/** Somebody writes to the file in place, again and again, whenever it is read. */
function rewritten(of: MemoryDisk, path: string, texts: string[]): void {
  of.delay = async ({ call, path: at }) => {
    if (call !== 'read' || !at.endsWith(path) || texts.length === 0) return
    const fd = await of.open(path, OPEN.update)
    await of.ftruncate(fd, 0)
    await writeFully(of, fd, [Buffer.from(texts.shift()!)], 0)
    await of.close(fd)
  }
}

test('an input that is written to while it is read is read again, never cut', async (t) => {
  const there = disk({ 'a.yaml': 'host: prod\nport: 80\n' })
  rewritten(there, '/d/a.yaml', ['host: prod\nport: 8080\nsecure: true\n'])
  t.deepEqual((await merge(there, ['a.yaml'], 'out.json')).value, { host: 'prod', port: 8080, secure: true })
  rewritten(
    there,
    '/d/a.yaml',
    Array.from({ length: 100 }, (_, n) => (n % 2 ? 'n: 1' : 'n: 1234567')),
  )
  await t.throwsAsync(merge(there, ['a.yaml'], 'out.json'), { code: 'ERR_SOURCE_CHANGED' })
  t.regex(text(there, 'out.json')!, /8080/)
  t.deepEqual(there.openHandles(), [])
})

test('KNOWN-FAILURES 47: empty YAML is an empty map', async (t) => {
  const there = disk({ 'a.yaml': '', 'b.yaml': '# only a comment\n', 'c.yaml': '---\n', 'd.json': '{"a":1}' })
  t.deepEqual((await merge(there, ['a.yaml', 'd.json', 'b.yaml', 'c.yaml'], 'out.json')).value, { a: 1 })
  t.deepEqual((await merge(there, ['a.yaml'], 'out.yaml')).value, {})
  t.is(text(there, 'out.yaml'), '{}\n')
})

test('KNOWN-FAILURES 47: the schema is checked before anything is written, for YAML as for JSON', async (t) => {
  const schema = { type: 'object', properties: { port: { type: 'integer' } }, additionalProperties: false }
  const there = disk({ 'a.yaml': 'port: 1', 'b.json': '{"port":"x"}', 'out.json': 'old', 'out.yaml': 'old' })
  for (const output of ['out.json', 'out.yaml']) {
    const before = there.list().join()
    await t.throwsAsync(merge(there, ['a.yaml', 'b.json'], output, { schema }), {
      code: 'ERR_SCHEMA',
      message: /port/,
    })
    t.is(text(there, output), 'old')
    t.is(there.list().join(), before)
    await merge(there, ['b.json', 'a.yaml'], output, { schema })
    t.regex(text(there, output)!, /port"?: 1/)
  }
})

test('KNOWN-FAILURES 47: __proto__ does not go through, and it is said where it stood', async (t) => {
  const there = disk({
    'a.json': '{"__proto__":{"polluted":1},"a":{"constructor":{"prototype":{"polluted":1}}}}',
    'b.yaml': 'a:\n  - __proto__:\n      polluted: 1\n    b: 1\n__proto__: {polluted: 1}\n',
  })
  for (const output of ['out.json', 'out.yaml']) {
    const { value, dropped } = await merge(there, ['a.json', 'b.yaml'], output)
    t.deepEqual(value, { a: [{ b: 1 }] })
    t.deepEqual(dropped, [
      '/d/a.json#/__proto__',
      '/d/a.json#/a/constructor',
      '/d/b.yaml#/a/0/__proto__',
      '/d/b.yaml#/__proto__',
    ])
    t.notRegex(text(there, output)!, /proto|polluted|constructor/)
    t.false('polluted' in {})
  }
})

test('a missing input is an error unless it is optional', async (t) => {
  const there = disk({ 'a.json': '{"a":1}' })
  await t.throwsAsync(merge(there, ['a.json', 'none.yaml'], 'out.json'), {
    code: 'ERR_NO_SUCH_FILE',
    message: /none\.yaml.*does not exist/,
  })
  t.is(text(there, 'out.json'), undefined)
  const { value, missing } = await merge(there, ['none.json', 'a.json', 'none.yaml'], 'out.json', {
    optional: true,
  })
  t.deepEqual([value, missing], [{ a: 1 }, ['/d/none.json', '/d/none.yaml']])
  const inputs = [{ path: '/d/none', optional: true, format: 'json' as const }, '/d/a.json']
  t.deepEqual((await mergeConfig(inputs, '/d/out', { fs: there, format: 'yaml' })).missing, ['/d/none'])
  t.is(text(there, 'out'), 'a: 1\n')
  // a folder on the way that is no folder is not "missing"
  await t.throwsAsync(merge(there, ['a.json/x.json'], 'out.json', { optional: true }), {
    code: 'ERR_SOURCE_READ',
  })
})

test('an input may be a link, and what cannot be merged is refused', async (t) => {
  const there = disk({
    'a.json': '{"a":1}',
    'list.yaml': '- 1',
    'null.json': 'null',
    'bad.json': '{',
    'bad.yaml': 'a: [',
  })
  there.putLink('/d/link.json', 'a.json')
  there.putPipe('/d/pipe.json')
  t.deepEqual((await merge(there, ['link.json'], 'out.json')).value, { a: 1 })
  for (const [name, code] of [
    ['list.yaml', 'ERR_PARSE'],
    ['null.json', 'ERR_PARSE'],
    ['bad.json', 'ERR_PARSE'],
    ['bad.yaml', 'ERR_PARSE'],
    ['pipe.json', 'ERR_SOURCE_READ'],
    ['none.txt', 'ERR_USAGE'],
  ] as const)
    await t.throwsAsync(merge(there, ['a.json', name], 'out2.json'), { code }, name)
  t.is(text(there, 'out2.json'), undefined)
  t.deepEqual(there.openHandles(), [])
})

test('wrong options are refused', async (t) => {
  const there = disk({ 'a.json': '{}' })
  const wrong: [string, object][] = [
    ['strategy', { strategy: 'merge' }],
    ['arrays', { arrays: 'both' }],
    ['optional', { optional: 1 }],
    ['format', { format: 'toml' }],
    ['indent', { indent: -1 }],
    ['durability', { durability: 'none' }],
  ]
  for (const [name, options] of wrong) {
    await t.throwsAsync(merge(there, ['a.json'], 'out.json', options), {
      code: 'ERR_USAGE',
      message: new RegExp(name),
    })
  }
  await t.throwsAsync(merge(there, [], 'out.json'), { code: 'ERR_USAGE', message: /inputs/ })
  await t.throwsAsync(merge(there, ['a.json'], 'out.txt'), { code: 'ERR_USAGE', message: /output/ })
  await t.throwsAsync(mergeConfig([''], '/d/out.json', { fs: there }), {
    code: 'ERR_USAGE',
    message: /input/,
  })
})

test('what is merged in files is what is merged in memory, in both formats', async (t) => {
  const map = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 3 }), { noNullPrototype: true })
  const rules = fc.record({
    strategy: fc.constantFrom('deep' as const, 'shallow' as const),
    arrays: fc.constantFrom('replace' as const, 'concat' as const, 'union' as const),
  })
  const format = fc.constantFrom('json' as const, 'yaml' as const)
  const holds = fc.asyncProperty(
    fc.array(fc.tuple(map, format), { minLength: 1, maxLength: 3 }),
    format,
    rules,
    async (given, of, how) => {
      // as JSON knows it: no negative zero
      const maps = given.map(([value]) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>)
      const files: Record<string, string> = {}
      for (const [i, [, ending]] of given.entries())
        files[`${i}.${ending}`] = await encodeValue(ending, maps[i])
      const there = disk(files)
      await merge(there, Object.keys(files).sort(), `out.${of}`, { ...how, durability: 'crash' })
      const written = await parseText(of, text(there, `out.${of}`)!, '')
      return JSON.stringify(written) === JSON.stringify(mergeValues(maps, how))
    },
  )
  await t.notThrowsAsync(fc.assert(holds, { numRuns: 60 }))
})

const set = (of: MemoryDisk) => {
  of.put('/d/a.json', '{"a":1}')
  of.put('/d/b.yaml', 'b: 2')
  of.put('/d/out.json', 'old')
}
const NEW = '{\n  "a": 1,\n  "b": 2\n}\n'
const expectWhole = (of: MemoryDisk, acknowledged: boolean, place: string) => {
  const found = text(of, 'out.json')
  if (found !== NEW && (acknowledged || found !== 'old')) throw new Error(`${place}: ${found}`)
  if (text(of, 'a.json') !== '{"a":1}' || text(of, 'b.yaml') !== 'b: 2') throw new Error(`${place}: an input`)
}

test('a power cut or a failing call leaves the old output or the new one, and the inputs', async (t) => {
  const work = (of: MemoryDisk) => merge(of, ['a.json', 'b.yaml'], 'out.json')
  const { states } = await crashSweep({ set, work, look: expectWhole })
  t.log(`${states} states`)
  t.true(states > scale(5, 20))
  const { runs } = await faultSweep({
    set,
    work,
    look: (of, result, place) => expectWhole(of, !(result instanceof Error), place),
  })
  t.log(`${runs} runs`)
  t.true(runs > scale(10, 100))
})
