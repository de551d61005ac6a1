import test from 'ava'
import type { SluiceError } from '../../../lib/errors.js'
import { FileTransaction, OPEN, type TransactionData, writeFully } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'

function disk(): MemoryDisk {
  const made = new MemoryDisk()
  made.put('/d/old', 'old')
  return made
}

const textAt = (on: MemoryDisk, path: string) => on.snapshot().get(path)?.toString()

test('a value is written as it was when it was given, and what the schema saw is what is written', async (t) => {
  const on = disk()
  const transaction = await FileTransaction.begin('/d', { fs: on })
  const value = { port: 1 }
  const bytes = Buffer.from('{"port":1}')
  const schema = { properties: { port: { const: 1 } } }
  const writing = [
    transaction.write('first', 'takes a while'),
    transaction.writeJson('a.json', value, { schema }),
    transaction.writeYaml('b.yaml', value),
    transaction.write('c.json', bytes, { schema }),
  ]
  value.port = 2
  bytes.write('2', 8)
  await Promise.all(writing)
  await transaction.commit()
  t.is(textAt(on, '/d/a.json'), '{\n  "port": 1\n}\n')
  t.is(textAt(on, '/d/b.yaml'), 'port: 1\n')
  t.is(textAt(on, '/d/c.json'), '{"port":1}')
})

test('text that UTF-8 cannot hold, and bytes that are no text, are refused and not changed', async (t) => {
  const refused: [TransactionData, string][] = [
    ['\ud800', 'ERR_USAGE'],
    [['whole \ud83d', 'and apart'], 'ERR_USAGE'],
    [Buffer.from('"\xff"', 'latin1'), 'ERR_PARSE'],
  ]
  for (const [data, code] of refused) {
    await using transaction = await FileTransaction.begin('/d', { fs: disk() })
    const schema = code === 'ERR_PARSE' ? { schema: true } : {}
    await t.throwsAsync(transaction.write('a.json', data, schema), { code })
  }
  const on = disk()
  const transaction = await FileTransaction.begin('/d', { fs: on })
  // one character in two pieces
  await transaction.write('a', ['\ud83d', '\ude00'])
  await transaction.commit()
  t.is(textAt(on, '/d/a'), '😀')
})

test('an operation that fails and that nobody waits for ends no process: the commit tells of it', async (t) => {
  const on = disk()
  const transaction = await FileTransaction.begin('/d', { fs: on })
  void transaction.write('new', 'new')
  void transaction.write('old/in a file', 'new')
  void transaction.delete('missing')
  void transaction.writeJson('value.json', undefined)
  const error = await t.throwsAsync<SluiceError>(transaction.commit(), { code: 'ERR_TRANSACTION' })
  t.is((error!.cause as SluiceError).code, 'ERR_USAGE')
  t.deepEqual(on.list(), ['/d/', '/d/old'])
})

test('a listener of the progress that throws makes the transaction fail, wherever it is, and everything is as before', async (t) => {
  for (const phase of ['staging', 'applying'] as const) {
    const on = disk()
    const transaction = await FileTransaction.begin('/d', {
      fs: on,
      progress: (progress) => {
        if (progress.phase === phase && progress.files === 1) throw new Error('mine')
      },
    })
    await transaction.write('old', 'new').catch(() => {})
    await t.throwsAsync(transaction.commit(), { message: /mine/ })
    t.deepEqual([on.list(), textAt(on, '/d/old')], [['/d/', '/d/old'], 'old'])
  }
})

test('what is copied can be checked with a schema, also what was only planned', async (t) => {
  const schema = { type: 'object', required: ['port'] }
  const on = disk()
  on.put('/d/good.json', '{"port":1}', 0o640)
  on.put('/d/bad.json', '{}')
  const transaction = await FileTransaction.begin('/d', { fs: on })
  await transaction.copy('good.json', 'sub/copy.json', { schema })
  await transaction.writeJson('made.yaml', { port: 2 }, { indent: 0 })
  await transaction.copy('made.yaml', 'second.json', { schema })
  await transaction.commit()
  t.is(textAt(on, '/d/sub/copy.json'), '{"port":1}')
  t.is((await on.stat('/d/sub/copy.json')).mode & 0o777, 0o640)
  t.is(textAt(on, '/d/second.json'), '{"port":2}\n')
  const before = on.list()
  const refused: [string, string, string][] = [
    ['bad.json', 'copy.json', 'ERR_SCHEMA'],
    ['old', 'copy.json', 'ERR_PARSE'],
    ['good.json', 'copy', 'ERR_USAGE'],
  ]
  for (const [from, to, code] of refused) {
    await using one = await FileTransaction.begin('/d', { fs: on })
    await t.throwsAsync(one.copy(from, to, { schema }), { code })
  }
  t.deepEqual(on.list(), before)
})

test('KNOWN-FAILURES 38: of a file that somebody rewrites while it is copied, no half is committed', async (t) => {
  const before = `{"a":"${'A'.repeat(1 << 20)}"}`
  const schema = { type: 'object' }
  const rewrites: Record<string, (on: MemoryDisk, fd: number) => Promise<void>> = {
    'as long as before': (on, fd) => writeFully(on, fd, [Buffer.from(before.replaceAll('A', 'B'))], 0),
    shorter: (on, fd) => on.ftruncate(fd, 8),
    longer: (on, fd) => writeFully(on, fd, [Buffer.from('and more')], before.length),
    'with the time that it had': async (on, fd) => {
      const { mtimeMs } = await on.fstat(fd)
      await writeFully(on, fd, [Buffer.from('B')], 7)
      await on.futimes(fd, mtimeMs / 1000, mtimeMs / 1000)
    },
  }
  for (const [how, rewrite] of Object.entries(rewrites)) {
    for (const options of [{}, { schema }]) {
      let now = 0
      const on = new MemoryDisk({ now: () => ++now })
      on.put('/d/source.json', before)
      const transaction = await FileTransaction.begin('/d', { fs: on })
      on.delay = async ({ call, path }) => {
        if (call !== 'read' || path !== '/d/source.json') return
        on.delay = async (event) => {
          if (event.path !== '/d/source.json' || !['read', 'fstat'].includes(event.call)) return
          on.delay = undefined
          const fd = await on.open('/d/source.json', OPEN.update)
          await rewrite(on, fd)
          await on.close(fd)
        }
      }
      await t.throwsAsync(
        transaction.copy('source.json', 'copy.json', options),
        { code: 'ERR_SOURCE_CHANGED', message: /source\.json changed while it was copied/ },
        how,
      )
      await t.throwsAsync(transaction.commit(), { code: 'ERR_TRANSACTION' })
      t.deepEqual([...on.snapshot().keys()], ['/d/source.json'])
      t.deepEqual(on.openHandles(), [])
    }
  }
})

test('a file that nobody may write to gets other content only if that is said', async (t) => {
  const changes = {
    write: (one: FileTransaction) => one.write('a', 'new'),
    copy: (one: FileTransaction) => one.copy('b', 'a'),
    move: (one: FileTransaction) => one.move('b', 'a'),
    copyIn: (one: FileTransaction) => one.copyIn('/out/b', 'a'),
  }
  for (const [what, change] of Object.entries(changes)) {
    const fs = new MemoryDisk()
    fs.put('/d/a', 'old', 0o444)
    fs.put('/d/b', 'new')
    fs.put('/out/b', 'new')
    const before = fs.list()
    const refused = await FileTransaction.begin('/d', { fs })
    await change(refused)
    const message = /^a is read-only \(mode 0444\).*set replaceReadOnly/
    await t.throwsAsync(refused.commit(), { code: 'ERR_PERMISSION', message }, what)
    t.deepEqual(fs.list(), before)
    t.is(`${fs.snapshot().get('/d/a')}`, 'old', what)
    const allowed = await FileTransaction.begin('/d', { fs, replaceReadOnly: true })
    await change(allowed)
    await allowed.commit()
    t.is(`${fs.snapshot().get('/d/a')}`, 'new', what)
  }
  const fs = new MemoryDisk()
  fs.put('/d/a', 'old', 0o444)
  const away = await FileTransaction.begin('/d', { fs })
  await away.move('a', 'b')
  await away.write('a', 'new')
  await away.commit()
  t.deepEqual([`${fs.snapshot().get('/d/a')}`, `${fs.snapshot().get('/d/b')}`], ['new', 'old'])
})

test('a copy that is checked is not taken from the middle of one long write, which changes no time', async (t) => {
  const on = new MemoryDisk({ now: () => 0 })
  const before = `{"a":"${'A'.repeat(1 << 20)}"}`
  on.put('/d/source.json', before)
  const transaction = await FileTransaction.begin('/d', { fs: on })
  let reads = 0
  on.delay = async ({ call, path }) => {
    if (call !== 'read' || path !== '/d/source.json' || ++reads !== 2) return
    on.delay = undefined
    const fd = await on.open('/d/source.json', OPEN.update)
    await writeFully(on, fd, [Buffer.from(before.replaceAll('A', 'B'))], 0)
    await on.close(fd)
  }
  const copying = transaction.copy('source.json', 'copy.json', { schema: { type: 'object' } })
  await t.throwsAsync(copying, { code: 'ERR_SOURCE_CHANGED', message: /changed while it was copied/ })
  await transaction.rollback()
})
