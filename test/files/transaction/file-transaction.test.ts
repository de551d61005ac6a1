import { chmod, lstat, mkdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import test from 'ava'
import type { SluiceError } from '../../../lib/errors.js'
import { LONGEST_AUDIT_LINE } from '../../../lib/files/audit/audit-record.js'
import {
  type Audit,
  type AuditEntry,
  FileTransaction,
  recoverTransactions,
  type TransactionProgress,
} from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { listing, plant, temporary } from '../../helpers/folders.js'

const BEFORE = { 'a.txt': 'old a', 'b.txt': 'old b', 'sub/c.txt': 'old c' }

test('what is committed is there, and nothing else has changed', async (t) => {
  const dir = await plant(await temporary(t), BEFORE)
  const transaction = await FileTransaction.begin(dir, { id: 'my own' })
  await transaction.write('a.txt', 'new a')
  await transaction.write('deep/er/new.bin', Buffer.from([1, 2, 3]))
  await transaction.write('streamed', Readable.from(['one ', Buffer.from('two')]))
  await transaction.copy('a.txt', 'copy of new a')
  await transaction.move('sub/c.txt', 'moved/c.txt')
  await transaction.delete('b.txt')
  const before = await listing(dir)
  t.false(Object.keys(before).some((path) => path.startsWith('deep') || path === 'streamed'))
  const result = await transaction.commit()
  t.deepEqual(result, {
    id: 'my own',
    folders: ['deep', 'moved', 'deep/er'],
    emptied: [],
    files: [
      { path: 'a.txt', how: 'replaced' },
      { path: 'deep/er/new.bin', how: 'created' },
      { path: 'streamed', how: 'created' },
      { path: 'copy of new a', how: 'created' },
      { path: 'moved/c.txt', how: 'created' },
      { path: 'sub/c.txt', how: 'deleted' },
      { path: 'b.txt', how: 'deleted' },
    ],
    warnings: [],
  })
  t.deepEqual(Object.keys(await listing(dir)).sort(), [
    'a.txt',
    'copy of new a',
    'deep',
    'deep/er',
    'deep/er/new.bin',
    'moved',
    'moved/c.txt',
    'streamed',
    'sub',
  ])
  const text = (path: string) => readFile(join(dir, path), 'utf8')
  t.is(await text('a.txt'), 'new a')
  t.is(await text('copy of new a'), 'new a')
  t.is(await text('streamed'), 'one two')
  t.is(await text('moved/c.txt'), 'old c')
  // a moved file is the same one still
  t.is((await stat(join(dir, 'moved/c.txt'))).mtimeMs, (1_600_000_000 + 'old c'.length) * 1000)
})

test('rolled back, nothing has changed, not even folders, and nothing is left', async (t) => {
  const dir = await plant(await temporary(t), BEFORE)
  const before = await listing(dir)
  const transaction = await FileTransaction.begin(dir)
  await transaction.write('a.txt', 'new a')
  await transaction.write('new/new', 'new')
  await transaction.move('b.txt', 'c.txt')
  await transaction.rollback()
  await transaction.rollback()
  t.deepEqual(await listing(dir), before)
  await t.throwsAsync(transaction.write('x', ''), { code: 'ERR_STATE' })
  await t.throwsAsync(transaction.commit(), { code: 'ERR_STATE' })
})

test('a block that is left without a commit rolls back, also by an error', async (t) => {
  const dir = await plant(await temporary(t), BEFORE)
  const before = await listing(dir)
  const work = async () => {
    await using transaction = await FileTransaction.begin(dir)
    await transaction.delete('a.txt')
    throw new Error('mine')
  }
  await t.throwsAsync(work(), { message: 'mine' })
  t.deepEqual(await listing(dir), before)
})

test('KNOWN-FAILURES 40: two writes to one file and then a failure leave the original', async (t) => {
  const dir = await plant(await temporary(t), BEFORE)
  const before = await listing(dir)
  const transaction = await FileTransaction.begin(dir)
  await transaction.write('a.txt', 'first')
  await transaction.write('a.txt', 'second')
  await t.throwsAsync(transaction.copy('missing', 'b.txt'), { code: 'ERR_TRANSACTION' })
  const error = await t.throwsAsync<SluiceError>(transaction.commit(), { code: 'ERR_TRANSACTION' })
  t.regex(error!.message, /an operation failed: missing does not exist/)
  t.deepEqual(await listing(dir), before)
  // and where the disk fails in the middle of the commit
  const disk = new MemoryDisk()
  disk.put('/d/x', 'old x')
  disk.put('/d/y', 'old y')
  const failing = await FileTransaction.begin('/d', { fs: disk })
  await failing.write('x', 'first')
  await failing.write('x', 'second')
  await failing.write('y', 'new y')
  disk.fail({ call: 'rename', path: '/d/y', error: 'EIO', once: false })
  await t.throwsAsync(failing.commit(), { code: 'ERR_WRITE' })
  t.deepEqual(disk.list(), ['/d/', '/d/x', '/d/y'])
  t.deepEqual([...disk.snapshot().values()].map(String).sort(), ['old x', 'old y'])
})

test('KNOWN-FAILURES 41: without a block too a rollback works, after copies and moves, and restores no old backup', async (t) => {
  const dir = await plant(await temporary(t), BEFORE)
  const first = await FileTransaction.begin(dir)
  await first.write('a.txt', 'second a')
  await first.copy('a.txt', 'copied')
  await first.move('b.txt', 'moved')
  await first.commit()
  const between = await listing(dir)
  t.deepEqual(Object.keys(between).sort(), ['a.txt', 'copied', 'moved', 'sub', 'sub/c.txt'])
  const second = await FileTransaction.begin(dir)
  await second.copy('moved', 'a.txt')
  await second.move('copied', 'sub/c.txt')
  await second.rollback()
  t.deepEqual(await listing(dir), between)
  t.is(await readFile(join(dir, 'a.txt'), 'utf8'), 'second a')
})

test('values are written as JSON and YAML, with a schema for each, which is checked before anything is written', async (t) => {
  const dir = await temporary(t)
  const schema = { type: 'object', required: ['port'], properties: { port: { type: 'number' } } }
  const transaction = await FileTransaction.begin(dir)
  await transaction.writeJson('a.json', { port: 1 }, { schema, indent: 0 })
  await transaction.writeYaml('b.yaml', { port: 2 }, { schema })
  await transaction.write('c.yml', 'port: 3\n', { schema })
  await transaction.commit()
  t.is(await readFile(join(dir, 'a.json'), 'utf8'), '{"port":1}\n')
  t.is(await readFile(join(dir, 'b.yaml'), 'utf8'), 'port: 2\n')
  const refused: [string, (transaction: FileTransaction) => Promise<void>][] = [
    ['ERR_SCHEMA', (one) => one.writeJson('a.json', { port: 'x' }, { schema })],
    ['ERR_SCHEMA', (one) => one.writeYaml('b.yaml', {}, { schema })],
    ['ERR_SCHEMA', (one) => one.write('c.yml', 'port: x', { schema })],
    ['ERR_PARSE', (one) => one.write('c.json', '{', { schema })],
    ['ERR_USAGE', (one) => one.write('c.txt', '{}', { schema })],
    ['ERR_USAGE', (one) => one.writeJson('a.json', undefined)],
  ]
  for (const [code, act] of refused) {
    await using one = await FileTransaction.begin(dir)
    const before = await listing(dir)
    await t.throwsAsync(act(one), { code })
    t.deepEqual(await listing(dir), before)
  }
})

test('modes of existing files are kept, a new file can be given one, and a copy has that of its source', async (t) => {
  const dir = await plant(await temporary(t), { script: 'old', other: 'old', moved: 'old' })
  await chmod(join(dir, 'script'), 0o750)
  await chmod(join(dir, 'other'), 0o604)
  const transaction = await FileTransaction.begin(dir)
  await transaction.write('script', 'new')
  await transaction.copy('script', 'copy')
  await transaction.copy('script', 'other')
  await transaction.write('secret', 'new', { mode: 0o600 })
  await transaction.write('plain', 'new')
  await transaction.commit()
  const mode = async (path: string) => (await stat(join(dir, path))).mode & 0o777
  t.is(await mode('script'), 0o750)
  t.is(await mode('copy'), 0o750)
  t.is(await mode('other'), 0o604)
  t.is(await mode('secret'), 0o600)
  t.is(await mode('plain'), 0o666 & ~process.umask())
})

test('nothing is written or read outside, no link is followed, and our own names are refused', async (t) => {
  const root = await plant(await temporary(t), { 'outside/precious': 'not yours', 'd/file': 'old' })
  const dir = join(root, 'd')
  await symlink('../outside', join(dir, 'link'))
  await symlink('../outside/precious', join(dir, 'to-file'))
  const before = await listing(root)
  const refused: [string, string][] = [
    ['../outside/precious', 'ERR_PATH'],
    ['/etc/passwd', 'ERR_PATH'],
    ['', 'ERR_PATH'],
    ['a//b', 'ERR_PATH'],
    ['./file', 'ERR_PATH'],
    ['link/precious', 'ERR_UNSAFE_LINK'],
    ['to-file', 'ERR_UNSAFE_LINK'],
    ['.sluice/x', 'ERR_PATH'],
  ]
  for (const [path, code] of refused) {
    for (const act of ['write', 'delete', 'copy', 'move'] as const) {
      await using transaction = await FileTransaction.begin(dir)
      const acting = act === 'delete' ? transaction.delete(path) : transaction[act](path, 'target')
      await t.throwsAsync(acting, { code }, `${act} ${path}`)
      if (act === 'copy' || act === 'move') {
        await using other = await FileTransaction.begin(dir, { lock: { timeout: 0 } }).catch(() => undefined)
        t.is(other, undefined, 'one transaction at a time')
      }
    }
  }
  t.deepEqual(await listing(root), before)
  await using transaction = await FileTransaction.begin(dir)
  const said = `"/etc/passwd" is not a path below ${dir}: name files relative to that folder, as sub/file, without . and ..; for files elsewhere begin a transaction there, or take them in by copyIn or moveIn`
  await t.throwsAsync(transaction.write('/etc/passwd', ''), { message: said })
  await transaction.rollback()
})

test('a second transaction in one process is told that this process itself is in the way', async (t) => {
  const dir = await temporary(t)
  await using first = await FileTransaction.begin(dir)
  const message = /is locked by this process \(exclusive\); end what holds it here first \(.*a transaction/
  await t.throwsAsync(FileTransaction.begin(dir, { lock: { timeout: 0 } }), { code: 'ERR_LOCKED', message })
  await first.rollback()
})

test('options and data are checked where they come in', async (t) => {
  const dir = await temporary(t)
  await t.throwsAsync(FileTransaction.begin(dir, { id: '' }), { code: 'ERR_USAGE' })
  await t.throwsAsync(FileTransaction.begin(dir, { durability: 'none' as never }), { code: 'ERR_USAGE' })
  await t.throwsAsync(FileTransaction.begin(dir, { unfinished: 'ask' as never }), { code: 'ERR_USAGE' })
  await t.throwsAsync(FileTransaction.begin(join(dir, 'missing')), { code: 'ERR_WRITE' })
  const wrong: ((transaction: FileTransaction) => Promise<void>)[] = [
    (one) => one.write('x', 5 as never),
    (one) => one.write('x', [5] as never),
    (one) => one.write('x', '', { mode: -1 }),
    (one) => one.copy('x', 'x'),
    (one) => one.move('x', 'x'),
  ]
  for (const act of wrong) {
    await using transaction = await FileTransaction.begin(dir)
    await t.throwsAsync(act(transaction), { code: 'ERR_USAGE' })
  }
  t.deepEqual(await listing(dir), {})
})

test('a stream that fails makes the transaction fail with its cause', async (t) => {
  const dir = await plant(await temporary(t), BEFORE)
  const before = await listing(dir)
  const transaction = await FileTransaction.begin(dir)
  const broken = async function* () {
    yield 'beginning'
    throw new Error('the line broke')
  }
  const writing = transaction.write('a.txt', broken())
  const copying = transaction.copy('a.txt', 'b.txt')
  await t.throwsAsync(writing, { message: /the line broke/ })
  await t.throwsAsync(copying, { message: /the line broke/ })
  const error = await t.throwsAsync<SluiceError>(transaction.commit(), { code: 'ERR_TRANSACTION' })
  t.regex((error!.cause as Error).message, /the line broke/)
  t.deepEqual(await listing(dir), before)
})

test('operations count in the order of their calls, also where nobody waits between them', async (t) => {
  const dir = await plant(await temporary(t), BEFORE)
  const transaction = await FileTransaction.begin(dir)
  const slow = async function* () {
    await new Promise((resolve) => setImmediate(resolve))
    yield 'slow'
  }
  void transaction.write('a.txt', slow())
  void transaction.copy('a.txt', 'b.txt')
  void transaction.write('a.txt', 'quick')
  void transaction.move('a.txt', 'z.txt')
  await transaction.commit()
  t.is(await readFile(join(dir, 'b.txt'), 'utf8'), 'slow')
  t.is(await readFile(join(dir, 'z.txt'), 'utf8'), 'quick')
})

test('a file that somebody else changed meanwhile is not overwritten', async (t) => {
  const changes: ((dir: string) => Promise<void>)[] = [
    (dir) => writeFile(join(dir, 'new'), 'theirs'),
    async (dir) => {
      await mkdir(join(dir, 'new'))
    },
  ]
  for (const change of changes) {
    const dir = await plant(await temporary(t), BEFORE)
    const transaction = await FileTransaction.begin(dir)
    await transaction.write('new', 'ours')
    await transaction.write('a.txt', 'ours')
    await change(dir)
    const before = await listing(dir).then(withoutOurs)
    await t.throwsAsync(transaction.commit(), {
      code: 'ERR_TRANSACTION',
      message: /new was changed by somebody else/,
    })
    t.deepEqual(await listing(dir), before)
  }
})

test('a file that changes between the last look and its turn is left, and the others are undone', async (t) => {
  const disk = new MemoryDisk()
  for (const path of ['a', 'b', 'c']) disk.put(`/d/${path}`, `old ${path}`)
  const transaction = await FileTransaction.begin('/d', { fs: disk })
  await transaction.write('a', 'new a')
  await transaction.write('b', 'new b')
  await transaction.delete('c')
  disk.hook = ({ call, to }) => {
    if (call === 'rename' && to === '/d/a') disk.put('/d/c', 'theirs')
  }
  await t.throwsAsync(transaction.commit(), { code: 'ERR_TRANSACTION', message: /^c is neither/ })
  disk.hook = undefined
  t.deepEqual([...disk.snapshot()].map(String).sort(), ['/d/a,old a', '/d/b,old b', '/d/c,theirs'])
})

test('without hard links all is the same, by copies', async (t) => {
  const disk = new MemoryDisk({ links: false })
  disk.put('/d/a', 'old a', 0o640)
  disk.put('/d/b', 'old b')
  const transaction = await FileTransaction.begin('/d', { fs: disk })
  await transaction.move('a', 'sub/a')
  await transaction.write('b', 'new b')
  await transaction.commit()
  t.deepEqual(disk.list(), ['/d/', '/d/b', '/d/sub/', '/d/sub/a'])
  t.is((await disk.stat('/d/sub/a')).mode & 0o777, 0o640)
  t.deepEqual(disk.openHandles(), [])
})

test('progress and audit tell of it, with the id', async (t) => {
  const dir = await plant(await temporary(t), BEFORE)
  const told: TransactionProgress[] = []
  const records: AuditEntry[] = []
  const audit: Audit = { record: (entry) => void records.push(entry) }
  const transaction = await FileTransaction.begin(dir, {
    id: 'mine',
    audit,
    progress: (one) => told.push(one),
  })
  await transaction.write('a.txt', 'new')
  await transaction.delete('b.txt')
  await transaction.commit()
  t.deepEqual(told, [
    { phase: 'staging', files: 0, totalFiles: 1, bytes: 0 },
    { phase: 'staging', files: 1, totalFiles: 1, bytes: 3 },
    { phase: 'applying', files: 1, totalFiles: 2, bytes: 3 },
    { phase: 'applying', files: 2, totalFiles: 2, bytes: 3 },
  ])
  const second = await FileTransaction.begin(dir, { id: 'second', audit })
  await second.write('a.txt', 'x')
  await t.throwsAsync(second.delete('missing'))
  await t.throwsAsync(second.commit())
  const [ok, failed] = records
  const paths = [
    { path: 'a.txt', how: 'replaced' },
    { path: 'b.txt', how: 'deleted' },
  ]
  t.like(ok, {
    operation: 'transaction',
    path: dir,
    status: 'ok',
    metadata: { id: 'mine', files: 2, bytes: 3, paths },
  })
  t.like(failed, {
    status: 'failed',
    code: 'ERR_TRANSACTION',
    metadata: { id: 'second', files: 0, bytes: 1 },
  })
  const broken: Audit = { record: () => Promise.reject(new Error('no trail')) }
  const third = await FileTransaction.begin(dir, { audit: broken })
  await third.write('a.txt', 'y')
  t.regex((await third.commit()).warnings[0]!.message, /no trail/)
})

test('a commit of nothing does nothing', async (t) => {
  const dir = await plant(await temporary(t), BEFORE)
  const before = await listing(dir)
  const transaction = await FileTransaction.begin(dir)
  await transaction.write('x', 'x')
  await transaction.delete('x')
  t.deepEqual((await transaction.commit()).files, [])
  t.deepEqual(await listing(dir), before)
  t.deepEqual((await recoverTransactions(dir)).transactions, [])
})

test('the owner of a file is kept', async (t) => {
  const disk = new MemoryDisk()
  disk.put('/d/a', 'old')
  const fd = await disk.open('/d/a', 2)
  await disk.fchown(fd, 12, 34)
  await disk.close(fd)
  const transaction = await FileTransaction.begin('/d', { fs: disk })
  await transaction.write('a', 'new')
  await transaction.commit()
  t.like(await disk.stat('/d/a'), { uid: 12, gid: 34, size: 3 })
})

function withoutOurs(found: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(found).filter(([path]) => !path.includes('.sluice')))
}

test('a moved file is the same one still, with its times and other names', async (t) => {
  const dir = await plant(await temporary(t), { a: 'old' })
  const time = new Date(1_500_000_000_000)
  await utimes(join(dir, 'a'), time, time)
  const { ino } = await lstat(join(dir, 'a'))
  const transaction = await FileTransaction.begin(dir)
  await transaction.move('a', 'b')
  await transaction.move('b', 'c/d')
  await transaction.commit()
  const moved = await lstat(join(dir, 'c/d'))
  t.is(moved.ino, ino)
  t.is(moved.nlink, 1)
  t.is(moved.mtimeMs, time.getTime())
})

test('the record of a transaction that failed names the path at which it did', async (t) => {
  const records: AuditEntry[] = []
  const disk = new MemoryDisk()
  disk.put('/d/b', 'old')
  const begin = () =>
    FileTransaction.begin('/d', { fs: disk, audit: { record: (entry) => void records.push(entry) } })
  const failing: Record<string, (transaction: FileTransaction) => Promise<unknown>> = {
    none: (transaction) => transaction.delete('none'),
    'a.txt': (transaction) => transaction.write('a.txt', Symbol() as unknown as string),
    b: async (transaction) => {
      await transaction.write('b', 'new')
      await disk.unlink('/d/b')
    },
  }
  for (const [path, act] of Object.entries(failing)) {
    const transaction = await begin()
    await act(transaction).catch(() => {})
    const error = await t.throwsAsync<SluiceError>(transaction.commit())
    t.is(error!.path, path)
    t.is(records.at(-1)!.metadata!.failedPath, path)
  }
  const last = await begin()
  await last.delete('none').catch(() => {})
  await last.rollback()
  t.is(records.at(-1)!.metadata!.failedPath, 'none')
  await (await begin()).commit()
  t.false('failedPath' in records.at(-1)!.metadata!)
})

test('what progress throws is the cause of the failure, and nothing is left of the transaction', async (t) => {
  const full = Object.assign(new Error('the log is full'), { code: 'ENOSPC' })
  for (const thrown of [new Error('enough'), full, undefined]) {
    // at its beginning, at its end, for the first file of two that get their place, and for the last
    for (const last of [1, 2, 3, 4]) {
      const dir = await plant(await temporary(t), BEFORE)
      const before = await listing(dir)
      const records: AuditEntry[] = []
      let calls = 0
      const transaction = await FileTransaction.begin(dir, {
        audit: { record: (entry) => void records.push(entry) },
        progress: () => {
          if (++calls === last) throw thrown
        },
      })
      const operation = transaction.write('a.txt', 'new')
      const failing = last > 2 ? operation.then(() => commit(transaction)) : operation
      const error = (await t.throwsAsync<SluiceError>(failing, { code: 'ERR_DESTROYED' }))!
      t.is(error.message, `progress failed: ${thrown?.message}`)
      t.is(error.cause, thrown)
      if (last <= 2) {
        const said = { code: 'ERR_TRANSACTION', message: new RegExp(error.message) }
        t.is((await t.throwsAsync<SluiceError>(transaction.commit(), said)).cause, error)
      }
      t.deepEqual(await listing(dir), before)
      t.is(records[0]!.code, last <= 2 ? 'ERR_TRANSACTION' : 'ERR_DESTROYED')
      await (await FileTransaction.begin(dir)).rollback()
    }
  }

  async function commit(transaction: FileTransaction) {
    await transaction.delete('b.txt')
    await transaction.commit()
  }
})

test('a progress that throws ends its operation only when that does nothing more', async (t) => {
  const disk = new MemoryDisk()
  disk.put('/d/sub/a', 'old')
  const progress = () => {
    throw new Error('enough')
  }
  const transaction = await FileTransaction.begin('/d', { fs: disk, progress })
  await t.throwsAsync(transaction.write('sub/a', 'new'), { message: 'progress failed: enough' })
  await transaction.rollback()
  const calls: string[] = []
  disk.hook = ({ call }) => void calls.push(call)
  await new Promise((resolve) => setImmediate(resolve))
  t.deepEqual(calls, [])
  t.deepEqual([...disk.snapshot()].map(String), ['/d/sub/a,old'])
  t.deepEqual(disk.openHandles(), [])
  await t.throwsAsync(FileTransaction.begin('/d', { fs: disk, progress: true as unknown as () => void }), {
    code: 'ERR_USAGE',
    message: /^progress must be a function/,
  })
})

test('a record of very many files names those that fit, and counts the others', async (t) => {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  const records: AuditEntry[] = []
  const audit: Audit = { record: (entry) => void records.push(entry) }
  const transaction = await FileTransaction.begin('/d', { fs: disk, audit, durability: 'crash' })
  for (let i = 0; i < 700; i++) await transaction.write(`${i}-${'long'.repeat(50)}`, '')
  await transaction.commit()
  const { files, paths, more } = records[0]!.metadata as { files: number; paths: object[]; more: number }
  t.is(files, 700)
  t.is(paths.length + more, 700)
  t.true(more > 0 && JSON.stringify(records[0]).length < LONGEST_AUDIT_LINE / 2)
})

test('the error of a commit names the file that could not be replaced', async (t) => {
  const disk = new MemoryDisk()
  for (const name of ['a', 'stubborn', 'z']) disk.put(`/d/${name}`, 'old')
  const transaction = await FileTransaction.begin('/d', { fs: disk })
  for (const name of ['a', 'stubborn', 'z']) await transaction.write(name, 'new')
  disk.fail({ call: 'rename', path: /stubborn$/, error: 'EPERM', once: false })
  const error = await t.throwsAsync(transaction.commit(), {
    code: 'ERR_PERMISSION',
    message: /commit stubborn/,
  })
  t.is((error as SluiceError).path, 'stubborn')
  t.is(disk.snapshot().get('/d/a')?.toString(), 'old')
})
