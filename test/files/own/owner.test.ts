import { spawn } from 'node:child_process'
import { once } from 'node:events'
import test from 'ava'
import {
  collectLeftovers,
  FileTransaction,
  FolderLock,
  recoverTransactions,
  Tree,
} from '../../../lib/files/index.js'
import { Journal } from '../../../lib/files/journal/journal.js'
import { fateOf, isGone, type ProcessSystem, thisOwner } from '../../../lib/files/own/owner.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { Machine } from '../../helpers/machine.js'

function system(
  changes: Partial<ProcessSystem> &
    Partial<Record<'start' | 'boot' | 'space' | 'time' | 'machine' | 'state', string>> = {},
): ProcessSystem {
  const { time = 'time:[1]' } = changes
  const { start = '100', boot = 'boot-1', space = 'pid:[1]', machine = 'm1', state = 'S 0' } = changes
  const [letter, threads] = state.split(' ')
  return {
    pid: 42,
    hostname: () => 'here',
    isAlive: () => true,
    read: (path) => {
      if (path === '/proc/sys/kernel/random/boot_id') return boot
      if (path === '/proc/self/ns/pid') return space
      if (path === '/proc/self/ns/time') return time
      if (path === '/etc/machine-id') return `${machine}\n`
      return `42 (a ) name) ${letter} ${'0 '.repeat(16)}${threads} 0 ${start} 0`
    },
    ...changes,
  }
}

test('this process lives, and two owners in it differ', (t) => {
  const one = thisOwner()
  t.false(isGone(one))
  t.not(one.token, thisOwner().token)
})

test('a process that ended is gone', async (t) => {
  const child = spawn(process.execPath, ['-e', ''])
  await once(child, 'exit')
  t.true(isGone({ ...thisOwner(), pid: child.pid! }))
})

test('HOSTILE-INPUT 65: a number that was given to another process, or an earlier boot, is no living owner', (t) => {
  const owner = thisOwner(system())
  t.false(isGone(owner, system()))
  t.true(isGone(owner, system({ start: '200' })))
  t.true(isGone(owner, system({ boot: 'boot-2' })))
  t.true(isGone(owner, system({ isAlive: () => false })))
})

test('machines of the same name are told apart by their id, and where there is none, nobody is taken for gone', (t) => {
  const owner = thisOwner(system())
  t.false(isGone(owner, system({ boot: 'boot-2', machine: 'm2' })))
  const nameless = thisOwner(system({ machine: '' }))
  t.false(isGone(nameless, system({ boot: 'boot-2', machine: '' })))
  t.true(isGone(nameless, system({ start: '200', machine: '' })))
})

test('where the processes of other users are hidden, one with the number of an owner may be another one', (t) => {
  const owner = thisOwner(system())
  const { read } = system()
  const hidden = (path: string) => (path === '/proc/42/stat' ? undefined : read(path))
  t.is(fateOf(owner, system({ read: hidden })), 'unseen')
  t.is(fateOf(owner, system({ read: hidden, isAlive: () => false })), 'gone')
  // of one whose start was not known there is nothing to compare
  t.is(fateOf({ ...owner, start: '' }, system({ read: hidden })), 'alive')
})

test('what a dead process left does not stay because a hidden one has its number: lock, journal, intent', async (t) => {
  const disk = new MemoryDisk()
  for (const folder of ['/lock', '/journal', '/intent']) disk.putFolder(folder)
  const machine = new Machine()
  const system = machine.start(1)
  const renewals = new FakeClock()
  await FolderLock.acquire('/lock', { fs: disk, system, renewals })
  const tree = await Tree.open('/journal', { fs: disk })
  const journal = await Journal.create(tree, 'ab'.repeat(16), {
    durability: 'crash',
    owner: thisOwner(system),
    renewals,
  })
  await journal.begin([{ path: 'x', size: 10, mtime: 1, part: 'x.part' }])
  disk.put('/journal/x.part', 'abc')
  const transaction = await FileTransaction.begin('/intent', { fs: disk, system, renewals })
  await transaction.write('a', 'new')
  // it dies once the intent stands
  await new Promise<void>((dead) => {
    disk.delay = ({ call, to }) =>
      call === 'rename' && to?.includes('.committed.') ? new Promise(() => dead()) : Promise.resolve()
    void transaction.commit()
  })
  disk.delay = undefined
  machine.end(1)
  machine.start(1)
  machine.hidden = true
  const ours = () => ({ fs: disk, system: machine.start(2), clock: new FakeClock({ auto: true }) })
  await (await FolderLock.acquire('/lock', ours())).release()
  const { fs, ...looking } = ours()
  t.like(await collectLeftovers(tree, { ...looking, wait: true }), [{ state: 'part' }, { state: 'journal' }])
  t.like(await recoverTransactions('/intent', ours()), { state: 'recovered', transactions: { length: 1 } })
  await tree.close()
})

test('a process that ends while it is looked at is gone', (t) => {
  const owner = thisOwner(system())
  let isAlive = true
  const { read } = system()
  const ending = (path: string) => {
    const text = isAlive || path !== '/proc/42/stat' ? read(path) : undefined
    if (path === '/proc/42/stat') isAlive = false
    return text
  }
  t.is(fateOf(owner, system({ read: ending, isAlive: () => isAlive })), 'gone')
})

test('a process that ended is gone, although its parent has not asked for it; not while a thread still runs', (t) => {
  const owner = thisOwner(system())
  t.true(isGone(owner, system({ state: 'Z 1' })))
  t.false(isGone(owner, system({ state: 'Z 2' })))
  t.false(isGone(owner, system({ state: 'S 1' })))
})

test('an owner on another machine, in another container, or of whom too little is known, may live', (t) => {
  const owner = thisOwner(system())
  const dead = { isAlive: () => false }
  t.false(isGone(owner, system({ ...dead, hostname: () => 'there' })))
  t.false(isGone(owner, system({ ...dead, space: 'pid:[2]' })))
  t.is(fateOf(owner, system({ time: 'time:[2]', start: '200' })), 'unseen')
  t.false(isGone(owner, system({ ...dead, boot: '' })))
  t.false(isGone({ ...owner, start: '' }, system({ start: '200' })))
  const bare = system({ read: () => undefined })
  t.false(isGone(thisOwner(bare), bare))
})
