import { fork } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { FolderLock, OPEN, updateJson, updateYaml, writeFully } from '../../../lib/files/index.js'
import type { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { type Counter, diskWith, increase, text } from '../../helpers/counter-file.js'
import { temporary } from '../../helpers/folders.js'
import { scale } from '../../helpers/scale.js'
import { crashSweep, faultSweep } from '../../helpers/sweep.js'

const CHILD = fileURLToPath(new URL('../../helpers/lock-child.js', import.meta.url))

test('a file that is missing is made from the initial value, or from nothing', async (t) => {
  const fs = diskWith()
  t.deepEqual(await updateJson('/d/state.json', increase, { fs }), { how: 'written', value: { counted: 1 } })
  t.is(text(fs), '{\n  "counted": 1\n}\n')
  const initial = { counted: 5 }
  await updateJson<Counter>('/d/other', async (value) => increase(value), { fs, initial, indent: 0 })
  t.is(text(fs, '/d/other'), '{"counted":6}\n')
  t.deepEqual(fs.list(), ['/d/', '/d/other', '/d/state.json'])
})

test('what somebody without the lock writes in place while it is read is not taken for half of it', async (t) => {
  const fs = diskWith('{"counted": 1}')
  fs.delay = async ({ call, path }) => {
    if (call !== 'read' || !path.endsWith('state.json')) return
    fs.delay = undefined
    const fd = await fs.open('/d/state.json', OPEN.update)
    await writeFully(fs, fd, [Buffer.from('{"counted": 12345}')], 0)
    await fs.close(fd)
  }
  t.is((await updateJson('/d/state.json', increase, { fs })).value?.counted, 12346)
})

test('undefined leaves the file as it is, and what the function throws comes out as it is', async (t) => {
  const fs = diskWith('{"a": 1}')
  t.deepEqual(await updateJson('/d/state.json', () => undefined, { fs }), {
    how: 'unchanged',
    value: { a: 1 },
  })
  const boom = new Error('boom')
  t.is(await t.throwsAsync(updateJson('/d/state.json', () => Promise.reject(boom), { fs })), boom)
  t.deepEqual(await updateJson('/d/none', () => undefined, { fs }), { how: 'unchanged', value: undefined })
  t.is(text(fs), '{"a": 1}')
  t.deepEqual(fs.list(), ['/d/', '/d/state.json'])
})

test('what is no JSON, or does not match the schema, or cannot be held, leaves the file as it is', async (t) => {
  for (const content of ['', '{"a": 1', '\x80']) {
    const fs = diskWith()
    fs.put('/d/state.json', Buffer.from(content, 'latin1'))
    await t.throwsAsync(updateJson('/d/state.json', increase, { fs }), { code: 'ERR_PARSE' })
    t.is(fs.snapshot().get('/d/state.json')!.toString('latin1'), content)
    t.deepEqual(fs.list(), ['/d/', '/d/state.json'])
  }
  const fs = diskWith('{"counted":1}')
  const schema = { properties: { counted: { maximum: 1 } } }
  await t.throwsAsync(updateJson('/d/state.json', increase, { fs, schema }), { code: 'ERR_SCHEMA' })
  await t.throwsAsync(
    updateJson('/d/state.json', () => 1n, { fs }),
    { code: 'ERR_USAGE' },
  )
  t.is(text(fs), '{"counted":1}')
})

test('a YAML file is changed as a JSON file is, under the same lock', async (t) => {
  const fs = diskWith()
  fs.put('/d/state.yaml', 'counted: 1 # so far\nid: "0123"\n', 0o640)
  const more = (value?: Counter) => ({ ...value, ...increase(value) })
  const { how, value, backup } = await updateYaml<Counter>('/d/state.yaml', more, { fs, backup: 1 })
  t.deepEqual({ how, value }, { how: 'written', value: { counted: 2, id: '0123' } as Counter })
  t.is(text(fs, '/d/state.yaml'), 'counted: 2\nid: "0123"\n')
  t.is((await fs.stat('/d/state.yaml')).mode & 0o777, 0o640)
  t.true(text(fs, backup!)?.startsWith('counted: 1 # so far'))
  const held = await FolderLock.acquire('/d', { name: 'file-state.yaml', fs })
  await t.throwsAsync(updateYaml('/d/state.yaml', increase, { fs, timeout: 0 }), { code: 'ERR_LOCKED' })
  await held.release()
  const schema = { properties: { counted: { maximum: 2 } } }
  await t.throwsAsync(updateYaml('/d/state.yaml', increase, { fs, schema }), { code: 'ERR_SCHEMA' })
  fs.put('/d/broken.yaml', 'a: [')
  await t.throwsAsync(updateYaml('/d/broken.yaml', increase, { fs }), { code: 'ERR_PARSE' })
  t.is(text(fs, '/d/broken.yaml'), 'a: [')
})

test('a YAML file with a key that is no text is left as it is: it would be written as a text', async (t) => {
  const fs = diskWith()
  for (const content of ['8080: web\n', 'a: {true: 1}\n', 'null: a\n']) {
    fs.put('/d/a.yaml', content)
    const updated = updateYaml('/d/a.yaml', (value: object = {}) => ({ ...value, more: 1 }), { fs })
    await t.throwsAsync(updated, { code: 'ERR_PARSE', message: /no text.*quotes/ }, content)
    t.is(text(fs, '/d/a.yaml'), content)
  }
})

test('the mode of the file stays, and a link to it, which shares the lock', async (t) => {
  const fs = diskWith('{"counted":1}')
  fs.putLink('/d/link', 'further')
  fs.putLink('/d/further', '/d/state.json')
  fs.putLink('/elsewhere', '/d')
  const held = await FolderLock.acquire('/d', { name: 'file-state.json', fs })
  for (const path of ['/d/link', '/elsewhere/link', '/elsewhere/state.json']) {
    await t.throwsAsync(updateJson(path, increase, { fs, timeout: 0 }), { code: 'ERR_LOCKED' })
  }
  await held.release()
  for (const path of ['/d/link', '/elsewhere/link']) await updateJson(path, increase, { fs, indent: 0 })
  t.is(text(fs), '{"counted":3}\n')
  t.is((await fs.stat('/d/state.json')).mode & 0o777, 0o640)
  t.true(fs.list().includes('/d/link -> further'))
  fs.putLink('/d/dangling', 'new')
  await updateJson('/d/dangling', increase, { fs, indent: 0 })
  t.is(text(fs, '/d/new'), '{"counted":1}\n')
})

test('earlier contents are kept if asked for', async (t) => {
  const fs = diskWith('{"counted":1}')
  const { backup } = await updateJson('/d/state.json', increase, { fs, backup: true })
  t.is(text(fs, backup!), '{"counted":1}')
})

test('a lock that cannot be given back is a warning, because the update is done', async (t) => {
  const fs = diskWith('{"counted":1}')
  fs.fail({ call: 'rmdir', error: 'EIO' })
  const { how, warning } = await updateJson('/d/state.json', increase, { fs, indent: 0 })
  t.is(how, 'written')
  t.is(warning!.code, 'ERR_WRITE')
  t.is(text(fs), '{"counted":2}\n')
})

test('a link that takes the place of the file meanwhile is not written through', async (t) => {
  const fs = diskWith('{"counted":1}')
  fs.put('/d/other', '{}')
  const change = (value?: Counter) => {
    fs.putLink('/d/state.json', 'other')
    return increase(value)
  }
  await updateJson('/d/state.json', change, { fs, indent: 0 })
  t.is(text(fs), '{"counted":2}\n')
  t.is(text(fs, '/d/other'), '{}')
})

test('links in a circle, a folder, and a folder that is missing are refused', async (t) => {
  const fs = diskWith()
  fs.putLink('/d/a', 'b')
  fs.putLink('/d/b', 'a')
  fs.putFolder('/d/folder')
  await t.throwsAsync(updateJson('/d/a', increase, { fs }), { code: 'ERR_UNSAFE_LINK' })
  await t.throwsAsync(updateJson('/d/folder', increase, { fs }), { code: 'ERR_WRITE', message: /folder/ })
  await t.throwsAsync(updateJson('/none/a', increase, { fs }), { code: 'ERR_WRITE' })
  await t.throwsAsync(updateJson('', increase, { fs }), { code: 'ERR_USAGE' })
  await t.throwsAsync(updateJson('/d/x', 5 as never, { fs }), { code: 'ERR_USAGE' })
  await t.throwsAsync(updateJson('/d/x', increase, { fs, indent: 11 }), {
    code: 'ERR_USAGE',
    message: /indent/,
  })
  await t.throwsAsync(updateJson('/d/x', increase, { fs, timeout: -1 }), {
    code: 'ERR_USAGE',
    message: /timeout/,
  })
})

test('a name of any length has a lock', async (t) => {
  const fs = diskWith()
  for (const name of ['n'.repeat(255), `${'ä'.repeat(120)}.json`, 'a:b\\c']) {
    await updateJson(`/d/${name}`, increase, { fs, indent: 0 })
    t.is(text(fs, `/d/${name}`), '{"counted":1}\n')
  }
})

test('a signal ends the wait for a function that hangs, and gives the lock back', async (t) => {
  const fs = diskWith('{"counted":1}')
  const controller = new AbortController()
  const cause = new Error('enough')
  const hangs = (now?: Counter) => {
    controller.abort(cause)
    return now?.counted === 1 ? new Promise<Counter>(() => {}) : undefined
  }
  const updating = updateJson<Counter>('/d/state.json', hangs, { fs, signal: controller.signal })
  t.is((await t.throwsAsync(updating, { code: 'ERR_CANCELLED' }))!.cause, cause)
  await updateJson('/d/state.json', increase, { fs, timeout: 0 })
  t.is(text(fs), '{\n  "counted": 2\n}\n')
})

test('a signal that comes while the function runs, or a lock that was taken away then, keeps the file', async (t) => {
  const fs = diskWith('{"counted":1}')
  const controller = new AbortController()
  const cancelled = updateJson<Counter>(
    '/d/state.json',
    (value) => {
      controller.abort()
      return increase(value)
    },
    { fs, signal: controller.signal },
  )
  await t.throwsAsync(cancelled, { code: 'ERR_CANCELLED' })
  const lost = updateJson<Counter>(
    '/d/state.json',
    (value) => {
      fs.remove('/d/.sluice-lock-file-state.json')
      return increase(value)
    },
    { fs },
  )
  await t.throwsAsync(lost, { code: 'ERR_LOCK_LOST' })
  t.is(text(fs), '{"counted":1}')
})

test('KNOWN-FAILURES 45: ten updates at once in one process are ten updates', async (t) => {
  const fs = diskWith()
  await Promise.all(Array.from({ length: 10 }, () => updateJson('/d/state.json', increase, { fs })))
  t.deepEqual(JSON.parse(text(fs)!), { counted: 10 })
})

test('KNOWN-FAILURES 45: updates by many processes are all counted', async (t) => {
  t.timeout(scale(1, 10) * 60_000)
  const dir = await temporary(t)
  const file = join(dir, 'state.json')
  const processes = scale(8, 32)
  const count = scale(10, 50)
  const began = performance.now()
  const ends = Array.from({ length: processes }, async () => {
    const child = fork(CHILD, ['update', file, '', String(count)], {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    t.teardown(() => child.kill('SIGKILL'))
    const [status] = await once(child, 'exit')
    t.is(status, 0)
  })
  await Promise.all(ends)
  t.deepEqual(JSON.parse(await readFile(file, 'utf8')), { counted: processes * count })
  t.deepEqual(await readdir(dir), ['state.json'])
  t.log(`${processes * count} updates in ${Math.round(performance.now() - began)} ms`)
})

const set = (disk: MemoryDisk) => disk.put('/d/state.json', '{"counted":1}')
const work = (disk: MemoryDisk) => updateJson('/d/state.json', increase, { fs: disk, timeout: 0 })

test('a power cut at any call leaves the old value or the new one', async (t) => {
  const { states } = await crashSweep({
    set,
    work,
    look: (disk, acknowledged, place) => {
      const { counted } = JSON.parse(text(disk)!) as Counter
      if (counted !== 2 && (acknowledged || counted !== 1)) throw new Error(`${place}: ${counted}`)
    },
  })
  t.log(`${states} states`)
  t.true(states > scale(10, 50))
})

test('whichever call fails, the file holds the old value or the new one, and success is not taken for failure', async (t) => {
  const { runs } = await faultSweep({
    set,
    work,
    look: (disk, result, place) => {
      if (place.startsWith('after recovery')) return
      const { counted } = JSON.parse(text(disk)!) as Counter
      const failed = result instanceof Error
      if (counted !== 2 && !(failed && counted === 1)) throw new Error(`${place}: ${counted}`)
    },
    recover: work,
  })
  t.log(`${runs} runs`)
  t.true(runs > scale(20, 200))
})
