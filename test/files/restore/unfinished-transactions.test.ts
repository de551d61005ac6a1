import test from 'ava'
import {
  FileTransaction,
  RecoveryManager,
  type RecoveryManagerOptions,
  recoverTransactions,
} from '../../../lib/files/index.js'
import type { DiskEvent } from '../../../lib/testing/disk/disk-faults.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { Machine } from '../../helpers/machine.js'

// Recovery points in a folder where a transaction was committed whose process died before it had done its work.

const clock: RecoveryManagerOptions['clock'] = {
  now: () => 0,
  after(_ms, callback) {
    setImmediate(callback)
    return () => {}
  },
}

interface Scene {
  disk: MemoryDisk
  machine: Machine
  open: (pid: number, lock?: RecoveryManagerOptions['lock']) => Promise<RecoveryManager>
}

function scene(): Scene {
  const disk = new MemoryDisk()
  for (const name of ['a', 'b']) disk.put(`/d/${name}`, `old ${name}`)
  const machine = new Machine()
  const open: Scene['open'] = (pid, lock) =>
    RecoveryManager.open('/d', { fs: disk, system: machine.start(pid), clock, lock })
  return { disk, machine, open }
}

const isCommit = ({ call, to }: DiskEvent) => call === 'rename' && to?.includes('committed') === true

/** A transaction that is committed by a process that dies in the very moment. */
async function dies({ disk, machine }: Scene, when = isCommit, first = 'a'): Promise<void> {
  const before = disk.delay
  await new Promise<void>((dead) => {
    let isAfter = false
    disk.delay = (event) => {
      // the call that comes after it is never made
      if (isAfter) {
        dead()
        return new Promise(() => {})
      }
      isAfter = when(event)
      return undefined
    }
    void (async () => {
      const transaction = await FileTransaction.begin('/d', { fs: disk, system: machine.start(5) })
      await transaction.write(first, 'new a')
      await transaction.write('b', 'new b')
      await transaction.commit()
    })()
  })
  machine.end(5)
  disk.delay = before
}

const files = (disk: MemoryDisk) =>
  Object.fromEntries(
    ['a', 'b', 'c'].flatMap((name) => {
      const content = disk.snapshot().get(`/d/${name}`)?.toString()
      return content === undefined ? [] : [[name, content]]
    }),
  )
const OLD = { a: 'old a', b: 'old b' }
const NEW = { a: 'new a', b: 'new b' }

function putOld(disk: MemoryDisk): void {
  for (const [name, content] of Object.entries(OLD)) disk.put(`/d/${name}`, content)
}

test('what a committed transaction has still to change is undone, and stays so', async (t) => {
  const isHalf = ({ call, to }: DiskEvent) => call === 'rename' && to === '/d/a'
  for (const [when, ...paths] of [
    [isCommit, 'a', 'b'],
    [isHalf, 'a', 'b'],
    [isHalf, 'b', 'a'],
  ] as const) {
    const on = scene()
    const { disk, machine, open } = on
    const first = await open(1)
    for (const path of paths) await first.before('write', path)
    await dies(on, when)
    machine.end(1)
    const manager = await open(2)
    const undone = paths.toReversed().map((path) => ({ path, state: 'undone' }))
    t.like(await manager.undo(), undone)
    await manager.close()
    t.deepEqual(files(disk), OLD)
    t.deepEqual((await recoverTransactions('/d', { fs: disk, system: machine.start(3) })).transactions, [])
    t.deepEqual(files(disk), OLD)
  }
})

test('a transaction that commits, and dies, between the look and the end of a point is undone as well', async (t) => {
  const on = scene()
  const manager = await on.open(1)
  await manager.before('write', 'a')
  let looks = 0
  on.disk.delay = async ({ call, path }) => {
    // the look at what was kept comes after that at the file
    if (call !== 'lstat' || !path.includes('/d/.sluice/') || looks++ > 0) return
    on.disk.delay = undefined
    await dies(on)
  }
  t.like(await manager.undo(), [{ path: 'a', state: 'undone' }])
  t.is(looks, 1)
  t.deepEqual(files(on.disk), { ...NEW, a: 'old a' })
  await manager.close()
})

test('a point keeps what a committed transaction leaves, and takes that down as done', async (t) => {
  const on = scene()
  const manager = await on.open(1)
  await dies(on)
  const point = await manager.before('write', 'a')
  t.deepEqual(files(on.disk), NEW)
  putOld(on.disk)
  await dies(on)
  await manager.after(point)
  t.deepEqual(files(on.disk), NEW)
  on.disk.put('/d/a', 'of somebody else')
  t.like(await manager.undo(), [{ path: 'a', state: 'conflict' }])
  await manager.close()
})

test('our folder may go, and be made anew by a transaction: it is found in the new one', async (t) => {
  const on = scene()
  const manager = await on.open(1)
  const isOurs = (path: string) => path.startsWith('/d/.sluice')
  // the manager takes the folder away itself
  await manager.before('write', 'a')
  await manager.commit()
  t.false([...on.disk.snapshot().keys()].some(isOurs))
  await dies(on)
  await manager.before('write', 'a')
  t.deepEqual(files(on.disk), NEW)
  await manager.commit()
  // it has only looked into it when somebody else does
  putOld(on.disk)
  await dies(on)
  on.disk.put('/d/b', 'of somebody else')
  await t.throwsAsync(manager.before('write', 'a'), { code: 'ERR_TRANSACTION' })
  on.disk.put('/d/b', OLD.b)
  await recoverTransactions('/d', { fs: on.disk, system: on.machine.start(3) })
  t.false([...on.disk.snapshot().keys()].some(isOurs))
  putOld(on.disk)
  await dies(on)
  await manager.before('write', 'a')
  t.deepEqual(files(on.disk), NEW)
  await manager.close()
})

test('where the transaction cannot be ended its paths are refused, and the points stay', async (t) => {
  const on = scene()
  const manager = await on.open(1)
  const point = await manager.before('write', 'a')
  const other = await manager.before('create', 'c')
  on.disk.put('/d/c', 'made')
  await dies(on)
  on.disk.put('/d/b', 'of somebody else')
  const refused = { code: 'ERR_TRANSACTION', message: /\(conflict\) .* run: sluice recover \/d/ }
  await t.throwsAsync(manager.before('write', 'b'), refused)
  await t.throwsAsync(manager.after(point), refused)
  await manager.after(other)
  t.like(await manager.undo(), [
    { path: 'c', state: 'undone' },
    { path: 'a', state: 'failed', error: { code: 'ERR_TRANSACTION' } },
  ])
  t.deepEqual(
    manager.points.map(({ path }) => path),
    ['a'],
  )
  const intent = on.disk.list().find((path) => path.endsWith('.intent'))!
  const content = on.disk.snapshot().get(intent)!
  on.disk.put(intent, 'damaged')
  await t.throwsAsync(manager.before('write', 'c'), { code: 'ERR_TRANSACTION', message: /cannot be read/ })
  on.disk.put(intent, content)
  on.disk.put('/d/b', 'old b')
  t.like(await manager.undo(), [{ path: 'a', state: 'undone' }])
  t.deepEqual(files(on.disk), { ...NEW, a: 'old a' })
  await manager.close()
})

test('a transaction that does not need the path is neither waited for nor ended', async (t) => {
  const on = scene()
  const manager = await on.open(1, { timeout: 50 })
  await dies(on)
  on.disk.put('/d/b', 'of somebody else')
  const system = on.machine.start(3)
  const running = await FileTransaction.begin('/d', { fs: on.disk, system })
  t.like(running.recovered, [{ state: 'conflict' }])
  const point = await manager.before('create', 'c')
  on.disk.put('/d/c', 'made')
  await manager.after(point)
  for (const path of ['a', 'A', 'b', 'b/below']) {
    await t.throwsAsync(manager.before('write', path), { code: 'ERR_LOCKED' }, path)
  }
  t.like(await manager.undo(), [{ path: 'c', state: 'undone' }])
  await running.rollback()
  await t.throwsAsync(manager.before('write', 'a'), { code: 'ERR_TRANSACTION' })
  on.disk.put('/d/b', 'old b')
  await manager.before('create', 'c')
  t.deepEqual(files(on.disk), OLD)
  await manager.before('write', 'a')
  t.deepEqual(files(on.disk), NEW)
  await manager.close()
})

test('a transaction is ended for a folder that its paths are in', async (t) => {
  const on = scene()
  const manager = await on.open(1)
  await dies(on, isCommit, 'sub/a')
  await t.throwsAsync(manager.before('write', 'sub'), { code: 'ERR_WRITE', message: /folder/ })
  t.is(on.disk.snapshot().get('/d/sub/a')?.toString(), 'new a')
  await manager.close()
})

test('a transaction whose intent cannot be read at first is ended for any path', async (t) => {
  const on = scene()
  const manager = await on.open(1)
  await dies(on)
  on.disk.fail({ call: 'open', path: /intent$/, error: 'EIO' })
  await manager.before('create', 'c')
  t.deepEqual(files(on.disk), NEW)
  await manager.close()
})
