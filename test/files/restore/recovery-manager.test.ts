import test from 'ava'
import type { SluiceError } from '../../../lib/errors.js'
import {
  type AuditEntry,
  type Clock,
  FileTransaction,
  type RecoveryKind,
  RecoveryManager,
  type RecoveryManagerOptions,
  type RecoveryOutcome,
  writeFileAtomic,
} from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { Machine } from '../../helpers/machine.js'

const machine = new Machine()
const system = machine.start(1)
/** Nobody waits here. */
const clock = clockOf([])

function clockOf(waits: number[]): Clock {
  return {
    now: () => 0,
    after(ms, callback) {
      waits.push(ms)
      setImmediate(callback)
      return () => {}
    },
  }
}

function disk(files: Record<string, string> = {}): MemoryDisk {
  const made = new MemoryDisk()
  made.putFolder('/d')
  for (const [path, content] of Object.entries(files)) made.put(`/d/${path}`, content)
  return made
}

const open = (fs: MemoryDisk, options: RecoveryManagerOptions = {}) =>
  RecoveryManager.open('/d', { fs, system, clock, ...options })

function contents(of: MemoryDisk): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [path, content] of of.snapshot()) found[path.slice(3)] = content.toString()
  return found
}

const brief = (outcomes: RecoveryOutcome[]) =>
  outcomes.map(({ kind, path, state }) => `${kind} ${path} ${state}`)

test('managers with points in very many folders share the handles of the process', async (t) => {
  const there = disk()
  let most = 0
  there.hook = () => {
    most = Math.max(most, there.openHandles().length)
  }
  const roots = ['x', 'y', 'z'].map((name) => `/d/${name}`)
  const folders = Array.from({ length: 60 }, (_, i) => `${i}`)
  for (const root of roots) for (const folder of folders) there.put(`${root}/${folder}/file`, 'old')
  const managers = await Promise.all(
    roots.map((root) => RecoveryManager.open(root, { fs: there, system, clock, durability: 'crash' })),
  )
  const fill = async (manager: RecoveryManager, i: number) => {
    for (const folder of folders)
      await manager.run('write', `${folder}/file`, () => there.put(`${roots[i]}/${folder}/file`, 'new'))
  }
  await Promise.all(managers.map(fill))
  t.true(there.openHandles().length <= 64 + roots.length, `${there.openHandles().length} between the calls`)
  for (const manager of managers) t.true((await manager.undo()).every(({ state }) => state === 'undone'))
  // what is open for a moment comes on top
  t.true(most <= 64 + 4 * roots.length, `${most} at most`)
  for (const manager of managers) await manager.close()
  t.deepEqual(there.openHandles(), [])
  t.true(Object.values(contents(there)).every((content) => content === 'old'))
})

test('what was written with a backup is taken back by a point from that backup', async (t) => {
  const there = disk({ a: 'a1', b: 'b1' })
  const options = { fs: there, backup: 2 }
  await writeFileAtomic('/d/a', 'a2', options)
  const { backup } = await writeFileAtomic('/d/b', 'b2', options)
  await writeFileAtomic('/d/b', 'b3', options)
  const manager = await open(there)
  const point = await manager.fromBackup('a')
  t.like(point, { kind: 'write', path: 'a', done: true, earlier: false })
  await manager.fromBackup('b', backup)
  // by an earlier process, and without the backups
  await manager.close()
  for (const path of there.list()) if (path.endsWith('.bak')) there.remove(path)
  const next = await open(there)
  t.deepEqual(brief(await next.undo()), ['write b undone', 'write a undone'])
  t.deepEqual(contents(there), { a: 'a1', b: 'b1' })
  await next.close()
})

test('a point from a backup does not overwrite what somebody has changed since, and brings back what is gone', async (t) => {
  const there = disk({ a: 'a1', b: 'b1' })
  for (const name of ['a', 'b']) await writeFileAtomic(`/d/${name}`, 'new', { fs: there, backup: 1 })
  there.remove('/d/b')
  const manager = await open(there)
  await manager.fromBackup('a', 1)
  await manager.fromBackup('b')
  there.put('/d/a', 'precious')
  t.deepEqual(brief(await manager.undo()), ['write b undone', 'write a conflict'])
  t.like(contents(there), { a: 'precious', b: 'b1' })
  await manager.close()
})

test('without such a backup no point is made, and the error says which there are', async (t) => {
  const there = disk({ a: 'a1', 'sub/c': 'c1' })
  await writeFileAtomic('/d/a', 'a2', { fs: there, backup: 1 })
  const manager = await open(there)
  await t.throwsAsync(manager.fromBackup('a', 2), {
    code: 'ERR_NO_SUCH_FILE',
    message: /a has only one backup/,
  })
  await t.throwsAsync(manager.fromBackup('sub/c'), { code: 'ERR_NO_SUCH_FILE', message: /has no backup/ })
  await t.throwsAsync(manager.fromBackup('a', 0), { code: 'ERR_USAGE', message: /^which must be/ })
  await t.throwsAsync(manager.fromBackup('../a'), { code: 'ERR_PATH' })
  t.deepEqual(manager.points, [])
  await manager.close()
  await t.throwsAsync(manager.fromBackup('a'), { code: 'ERR_STATE' })
})

test('write, create and delete are undone, the last one first', async (t) => {
  const there = disk({ a: 'a1', 'sub/c': 'c1' })
  const manager = await open(there)
  await manager.run('write', 'a', () => there.put('/d/a', 'a2'))
  await manager.run('create', 'sub/b', () => there.put('/d/sub/b', 'b1'))
  await manager.run('write', 'a', () => there.put('/d/a', 'a3'))
  await manager.run('delete', 'sub/c', () => there.remove('/d/sub/c'))
  await manager.run('write', 'new', () => there.put('/d/new', 'n'))
  t.deepEqual(
    manager.points.map(({ kind, path, done, earlier }) => [kind, path, done, earlier]),
    [
      ['write', 'a', true, false],
      ['create', 'sub/b', true, false],
      ['write', 'a', true, false],
      ['delete', 'sub/c', true, false],
      ['write', 'new', true, false],
    ],
  )
  t.deepEqual(brief(await manager.undo()), [
    'write new undone',
    'delete sub/c undone',
    'write a undone',
    'create sub/b undone',
    'write a undone',
  ])
  t.deepEqual(manager.points, [])
  await manager.close()
  t.deepEqual(contents(there), { a: 'a1', 'sub/c': 'c1' })
  t.deepEqual(there.list(), disk({ a: 'a1', 'sub/c': 'c1' }).list())
  t.deepEqual(there.openHandles(), [])
})

test('mode and time come back too, and what is written in place', async (t) => {
  const there = disk()
  there.put('/d/a', 'old content', 0o640)
  const before = await there.stat('/d/a')
  const manager = await open(there)
  await manager.run('write', 'a', async () => {
    const fd = await there.open('/d/a', 1)
    await there.write(fd, [Buffer.from('XXX')], 0)
    await there.close(fd)
  })
  t.is(contents(there).a, 'XXX content')
  await manager.undo()
  await manager.close()
  const after = await there.stat('/d/a')
  t.deepEqual(
    [contents(there).a, after.mode, Math.floor(after.mtimeMs)],
    ['old content', before.mode, Math.floor(before.mtimeMs)],
  )
})

test('after a commit nothing is undone, and nothing of it is left', async (t) => {
  const there = disk({ a: 'a1', b: 'b1' })
  const manager = await open(there)
  await manager.commit()
  await manager.run('write', 'a', () => there.put('/d/a', 'a2'))
  await manager.run('delete', 'b', () => there.remove('/d/b'))
  const [point] = manager.points
  await manager.commit()
  t.deepEqual([manager.points, await manager.undo()], [[], []])
  await t.throwsAsync(manager.after(point!), { code: 'ERR_STATE' })
  await manager.close()
  t.deepEqual(there.list(), disk({ a: '' }).list())
  t.is(contents(there).a, 'a2')
})

test('at the end of a block, what was not committed is undone', async (t) => {
  const there = disk({ a: 'a1', b: 'b1' })
  await t.throwsAsync(
    (async () => {
      await using manager = await open(there)
      await manager.run('write', 'a', () => there.put('/d/a', 'a2'))
      await manager.run('write', 'b', () => {
        there.put('/d/b', 'half')
        throw new Error('the program failed')
      })
    })(),
    { message: 'the program failed' },
  )
  const { a, b, ...rest } = contents(there)
  t.deepEqual([a, b], ['a1', 'b1'])
  // nobody said that the half was all that was done
  t.deepEqual(Object.values(rest), ['half'])
  t.regex(Object.keys(rest)[0]!, /^b\.\d{8}T\d{9}Z\.[0-9a-f]{4}\.bak$/)
  const closed = await open(there)
  await closed.close()
  await closed[Symbol.asyncDispose]()
  await t.throwsAsync(closed.undo(), { code: 'ERR_STATE' })
})

test('the points of a manager that died are found by the next one', async (t) => {
  const there = disk({ a: 'a1', b: 'b1' })
  const dead = await open(there, { system: machine.start(7), now: () => 5 })
  await dead.run('write', 'a', () => there.put('/d/a', 'a2'))
  await dead.before('delete', 'b')
  there.remove('/d/b')
  await dead.before('create', 'c')
  there.put('/d/c', 'half')
  // a crash while one more was made: the content stands, the point does not
  there.put(`/d/.sluice/${'0'.repeat(31)}9.kept`, 'orphan')
  await t.throwsAsync(open(there, { lock: { timeout: 0 } }), { code: 'ERR_LOCKED' })
  machine.end(7)
  const manager = await open(there)
  t.deepEqual(
    manager.points.map(({ kind, path, done, earlier, time }) => [kind, path, done, earlier, time]),
    [
      ['write', 'a', true, true, 5],
      ['delete', 'b', false, true, 5],
      ['create', 'c', false, true, 5],
    ],
  )
  await manager.run('create', 'd', () => there.put('/d/d', 'd'))
  const outcomes = await manager.undo()
  t.deepEqual(brief(outcomes), ['create d undone', 'create c undone', 'delete b undone', 'write a undone'])
  const { backup } = outcomes[1]!
  t.is(contents(there)[backup!], 'half')
  await manager.close()
  const { a, b } = contents(there)
  t.deepEqual([a, b], ['a1', 'b1'])
  t.is(there.list().filter((path) => path.includes('sluice')).length, 0)
  await dead.close().catch(() => {})
})

test('a commit that was interrupted is ended by the next manager', async (t) => {
  const there = disk({ a: 'a1', b: 'b1' })
  const manager = await open(there)
  await manager.run('write', 'a', () => there.put('/d/a', 'a2'))
  await manager.run('write', 'b', () => there.put('/d/b', 'b2'))
  there.fail({ call: 'unlink', path: /\.point$/, nth: 2, once: false, error: 'EIO' })
  await manager.commit()
  there.heal()
  // it counts from its record on, so that a new point can be made
  await manager.run('write', 'b', () => there.put('/d/b', 'b3'))
  await manager.close()
  const next = await open(there)
  t.deepEqual(brief(await next.undo()), ['write b undone'])
  await next.close()
  t.deepEqual(contents(there), { a: 'a2', b: 'b2' })
})

test('what somebody else changed since is a conflict, and blocks the earlier points of its path', async (t) => {
  const there = disk({ a: 'a1', b: 'b1', c: 'c1', e: 'e1' })
  const records: AuditEntry[] = []
  const audit = { record: (entry: AuditEntry) => void records.push(entry) }
  const manager = await open(there, { audit })
  await manager.before('write', 'a')
  there.put('/d/a', 'a2')
  await manager.run('write', 'a', () => there.put('/d/a', 'a3'))
  await manager.run('delete', 'b', () => there.remove('/d/b'))
  await manager.run('create', 'new', () => there.put('/d/new', 'n'))
  await manager.before('delete', 'c')
  await manager.run('write', 'e', () => there.put('/d/e', 'e2'))
  there.put('/d/a', 'of somebody else')
  there.put('/d/b', 'of somebody else')
  there.put('/d/new', 'of somebody else')
  there.put('/d/c', 'of somebody else')
  there.remove('/d/e')
  there.putFolder('/d/e')
  const before = contents(there)
  const expected = [
    'write e conflict',
    'delete c conflict',
    'create new conflict',
    'delete b conflict',
    'write a conflict',
    'write a blocked',
  ]
  t.deepEqual(brief(await manager.undo()), expected)
  t.deepEqual(contents(there), before)
  t.is(records.length, 6)
  t.like(records[0], { operation: 'undo', path: '/d/e', status: 'failed', code: 'ERR_CONFLICT' })
  // they stay, for when the conflict is solved
  t.is(manager.points.length, 6)
  there.put('/d/a', 'a3')
  there.remove('/d/b')
  there.put('/d/new', 'n')
  there.remove('/d/c')
  there.remove('/d/e')
  there.put('/d/e', 'e2')
  t.true((await manager.undo()).every(({ state }) => state === 'undone'))
  await manager.close()
  t.deepEqual(contents(there), { a: 'a1', b: 'b1', c: 'c1', e: 'e1' })
})

test('what was not changed at all stays, and so does what was kept and is damaged', async (t) => {
  const there = disk({ a: 'a1', b: 'b1', c: 'c1', e: 'e1' })
  const manager = await open(there)
  await manager.before('write', 'a')
  await manager.before('delete', 'b')
  await manager.before('create', 'x')
  t.deepEqual(brief(await manager.undo()), ['create x unchanged', 'delete b unchanged', 'write a unchanged'])
  await manager.run('write', 'c', () => there.put('/d/c', 'c2'))
  await manager.run('write', 'e', () => there.put('/d/e', 'e2'))
  const [first, second] = there.list().filter((path) => path.endsWith('.kept'))
  there.put(first!, 'changed')
  there.remove(second!)
  t.deepEqual(brief(await manager.undo()), ['write e damaged', 'write c damaged'])
  t.deepEqual([contents(there).c, contents(there).e], ['c2', 'e2'])
  await manager.close()
  const [point] = there.list().filter((path) => path.endsWith('.point'))
  there.put(point!, 'sluice-point 1 x')
  const next = await open(there)
  t.deepEqual(brief(await next.undo()), ['write e damaged', `write ${point!.slice(3)} damaged`])
  await next.commit()
  await next.close()
  t.false(there.list().join().includes('.sluice'))
})

test('a failing disk is tried a bounded number of times', async (t) => {
  const there = disk({ a: 'a1' })
  const waits: number[] = []
  const manager = await open(there, { attempts: 4, clock: clockOf(waits) })
  await manager.run('write', 'a', () => there.put('/d/a', 'a2'))
  there.fail({ call: 'rename', path: '/d/a', once: false, error: 'EIO' })
  const [failed] = await manager.undo()
  t.like(failed, { state: 'failed', attempts: 4, error: { code: 'ERR_WRITE' } })
  t.deepEqual(waits, [50, 100, 200])
  there.heal()
  there.fail({ call: 'rename', path: '/d/a', error: 'EIO' })
  t.like((await manager.undo())[0], { state: 'undone', attempts: 2 })
  await manager.close()
  t.deepEqual(contents(there), { a: 'a1' })
})

test('the folders that went with a file come back', async (t) => {
  const there = disk({ 'x/y/a': 'a1' })
  const manager = await open(there)
  await manager.run('delete', 'x/y/a', () => there.remove('/d/x'))
  await manager.run('create', 'x2', () => there.put('/d/x2', ''))
  t.deepEqual(brief(await manager.undo()), ['create x2 undone', 'delete x/y/a undone'])
  await manager.close()
  t.deepEqual(contents(there), { 'x/y/a': 'a1' })
})

test('without hard links it copies', async (t) => {
  const there = new MemoryDisk({ links: false })
  there.put('/d/a', 'a1')
  there.put('/d/b', 'b1')
  const manager = await open(there)
  await manager.run('delete', 'a', () => there.remove('/d/a'))
  await manager.run('write', 'b', () => there.put('/d/b', 'b2'))
  t.deepEqual(brief(await manager.undo()), ['write b undone', 'delete a undone'])
  await manager.close()
  t.deepEqual(contents(there), { a: 'a1', b: 'b1' })
})

test('transactions and recovery use our folder side by side', async (t) => {
  const there = disk({ a: 'a1' })
  const manager = await open(there)
  await manager.run('write', 'a', async () => {
    const transaction = await FileTransaction.begin('/d', { fs: there, system })
    await transaction.write('a', 'a2')
    await transaction.write('b', 'b2')
    await transaction.commit()
  })
  t.is(contents(there).a, 'a2')
  t.deepEqual(brief(await manager.undo()), ['write a undone'])
  await manager.close()
  t.deepEqual(contents(there), { a: 'a1', b: 'b2' })
})

test('what is to be deleted and is not there is no such file, which is said with the way out', async (t) => {
  const there = disk({ a: 'a1' })
  const manager = await open(there)
  for (const path of ['none', 'none/at all', 'a/none']) {
    const error = await t.throwsAsync<SluiceError>(manager.before('delete', path))
    t.like(error, { code: 'ERR_NO_SUCH_FILE', path })
    t.regex(error.message, new RegExp(`^${path} cannot be deleted: .* in /d; correct the path, or`))
  }
  t.deepEqual(manager.points, [])
  t.deepEqual(contents(there), { a: 'a1' })
})

test('what cannot be taken back is refused before it is done', async (t) => {
  const there = disk({ a: 'a1', 'sub/b': 'b' })
  there.putLink('/d/link', 'a')
  there.putLink('/d/folder', 'sub')
  there.putPipe('/d/pipe')
  const manager = await open(there)
  const wrong: [RecoveryKind, string, string][] = [
    ['create', 'a', 'ERR_CONFLICT'],
    ['write', 'none/a', 'ERR_WRITE'],
    ['write', 'link', 'ERR_UNSAFE_LINK'],
    ['write', 'folder/b', 'ERR_UNSAFE_LINK'],
    ['write', 'sub', 'ERR_WRITE'],
    ['delete', 'pipe', 'ERR_WRITE'],
    ['write', '../x', 'ERR_PATH'],
    ['write', '/d/a', 'ERR_PATH'],
    ['write', '.sluice/x', 'ERR_PATH'],
    ['write', '', 'ERR_USAGE'],
    ['move' as 'write', 'a', 'ERR_USAGE'],
  ]
  for (const [kind, path, code] of wrong)
    await t.throwsAsync(manager.before(kind, path), { code }, `${kind} ${path}`)
  const said =
    /^"\/d\/a" is not a path below \/d: name files relative .* for files elsewhere open a manager there$/
  await t.throwsAsync(manager.before('write', '/d/a'), { message: said })
  await t.throwsAsync(manager.run('write', 'a', 1 as unknown as () => void), { code: 'ERR_USAGE' })
  t.deepEqual(manager.points, [])
  const point = await manager.before('delete', 'a')
  await t.throwsAsync(manager.after(point), { code: 'ERR_STATE' })
  const other = await manager.before('write', 'other')
  there.putFolder('/d/other')
  await t.throwsAsync(manager.after(other), { code: 'ERR_STATE' })
  await manager.close()
  await t.throwsAsync(manager.before('write', 'a'), { code: 'ERR_STATE' })
  await t.throwsAsync(open(there, { attempts: 0 }), { code: 'ERR_USAGE' })
  await t.throwsAsync(open(there, { durability: 'none' as 'crash' }), { code: 'ERR_USAGE' })
  await t.throwsAsync(RecoveryManager.open('/none', { fs: there }), { code: 'ERR_WRITE' })
  t.deepEqual(there.openHandles(), [])
})

test('a folder of somebody else that is called like ours is left alone', async (t) => {
  const there = disk({ a: 'a1', '.sluice/theirs': 'x' })
  const manager = await open(there)
  await manager.run('write', 'a', () => there.put('/d/a', 'a2'))
  t.true(there.list().some((path) => path.startsWith('/d/.sluice_1/')))
  await manager.undo()
  await manager.close()
  t.deepEqual(contents(there), { a: 'a1', '.sluice/theirs': 'x' })
})

test('with crash nothing is synced', async (t) => {
  const there = disk({ a: 'a1', b: 'b1' })
  let syncs = 0
  there.hook = ({ call }) => {
    if (call === 'fsync') syncs++
  }
  const manager = await open(there, { durability: 'crash' })
  await manager.run('write', 'a', () => there.put('/d/a', 'a2'))
  await manager.run('delete', 'b', () => there.remove('/d/b'))
  t.is((await manager.undo()).length, 2)
  await manager.close()
  t.is(syncs, 0)
})

test('where what is put back cannot have its owner, that is said', async (t) => {
  const there = new MemoryDisk({ links: false })
  there.put('/d/a', 'a1')
  const fd = await there.open('/d/a', 0)
  await there.fchown(fd, 7, 7)
  await there.close(fd)
  const manager = await open(there)
  await manager.run('delete', 'a', () => there.remove('/d/a'))
  there.fail({ call: 'fchown', once: false, error: 'EPERM' })
  t.like((await manager.undo())[0], { state: 'undone', warning: { code: 'ERR_PERMISSION' } })
  await manager.close()
  t.deepEqual(contents(there), { a: 'a1' })
})
