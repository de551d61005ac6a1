import test from 'ava'
import { type ReadValueOptions, readConfig, readJson, readYaml } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'

interface Settings {
  port: number
}

const SCHEMA = {
  type: 'object',
  properties: { port: { type: 'integer', minimum: 1 } },
  required: ['port'],
}

function diskWith(files: Record<string, string | Buffer>): MemoryDisk {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  for (const [name, content] of Object.entries(files)) disk.put(`/d/${name}`, content)
  return disk
}

const READERS = { readJson, readYaml, readConfig }

test('a value is read as JSON or YAML, by the function or by the ending of the name, also through a link', async (t) => {
  const fs = diskWith({ 'a.json': '\ufeff{"port": 1}', 'b.yaml': 'port: 2 # why\n', 'c.YML': 'port: 3' })
  fs.putLink('/d/link', 'a.json')
  t.is((await readJson<Settings>('/d/a.json', { fs, schema: SCHEMA })).port, 1)
  t.deepEqual(await readJson('/d/link', { fs }), { port: 1 })
  t.deepEqual(await readYaml('/d/b.yaml', { fs, schema: SCHEMA }), { port: 2 })
  const ports = ['a.json', 'b.yaml', 'c.YML'].map(async (name) => {
    const { port } = await readConfig<Settings>(`/d/${name}`, { fs, schema: SCHEMA })
    return port
  })
  t.deepEqual(await Promise.all(ports), [1, 2, 3])
  await t.throwsAsync(readConfig('/d/link', { fs }), {
    code: 'ERR_USAGE',
    message: /\.json, \.yaml or \.yml/,
  })
})

test('a missing file is an error, unless there is a default, which is given as it is', async (t) => {
  const fs = diskWith({ 'empty.yaml': '# nothing yet\n', 'null.json': 'null', 'empty.json': '' })
  for (const [name, read] of Object.entries(READERS)) {
    const path = '/d/none.yaml'
    await t.throwsAsync(read(path, { fs }), { code: 'ERR_NO_SUCH_FILE', message: /none\.yaml/ }, name)
    const standard: Settings = { port: -1 }
    t.is(await read(path, { fs, schema: SCHEMA, default: standard }), standard)
    t.is(await read(path, { fs, default: null }), null)
  }
  // nothing stands in it, and that is no error in YAML
  t.is(await readYaml('/d/empty.yaml', { fs }), null)
  t.deepEqual(await readYaml('/d/empty.yaml', { fs, schema: SCHEMA, default: { port: 4 } }), { port: 4 })
  // in JSON null is a value, and an empty file is none
  t.is(await readJson<unknown>('/d/null.json', { fs, default: 5 }), null)
  await t.throwsAsync(readJson('/d/empty.json', { fs, default: 5 }), { code: 'ERR_PARSE' })
})

test('each failure has its code, and its message says where', async (t) => {
  const fs = diskWith({
    'broken.json': '{\n  "port": }',
    'wrong.json': '{"port": 0}',
    'bytes.json': Buffer.from([0x22, 0x80, 0x22]),
  })
  fs.putFolder('/d/folder.json')
  const options = { fs, schema: SCHEMA, default: { port: 9 }, clock: new FakeClock({ auto: true }) }
  for (const [name, code, message, more] of [
    ['broken.json', 'ERR_PARSE', /line 2, column 11/, {}],
    ['wrong.json', 'ERR_SCHEMA', /\/port must be >= 1/, {}],
    ['bytes.json', 'ERR_PARSE', /bytes\.json/, {}],
    ['folder.json', 'ERR_SOURCE_READ', /folder\.json/, {}],
    ['wrong.json', 'ERR_LIMIT', /maxBytes/, { maxBytes: 4 }],
    ['wrong.json', 'ERR_CANCELLED', /wrong\.json/, { signal: AbortSignal.abort() }],
    ['wrong.json', 'ERR_USAGE', /^attempts must be/, { attempts: 0 }],
    ['wrong.json', 'ERR_USAGE', /^schema must be/, { schema: 1 as unknown as object }],
  ] as [string, string, RegExp, ReadValueOptions<Settings>][]) {
    const error = await t.throwsAsync(readConfig(`/d/${name}`, { ...options, ...more }), { code, message })
    if (code === 'ERR_SCHEMA') t.like(error, { found: [{ at: '/port' }], path: '/d/wrong.json' })
  }
  // as for all other readers: a failure that can pass is tried again
  fs.put('/d/busy.json', '{"port": 7}')
  fs.fail({ call: 'open', path: '/d/busy.json', error: 'EBUSY' })
  t.deepEqual(await readConfig('/d/busy.json', options), { port: 7 })
})
