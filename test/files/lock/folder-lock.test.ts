import { mkdir, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { isSluiceError } from '../../../lib/errors.js'
import { writeFileAtomic } from '../../../lib/files/index.js'
import { FolderLock, type LockOptions } from '../../../lib/files/lock/folder-lock.js'
import type { LockMode } from '../../../lib/files/lock/lock-names.js'
import { LEASE, RENEW_EVERY } from '../../../lib/files/own/lease.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { temporary } from '../../helpers/folders.js'
import { Machine } from '../../helpers/machine.js'

/** One disk, one machine, and a clock that jumps from pause to pause. */
function scene(options: ConstructorParameters<typeof MemoryDisk>[0] = {}) {
  const disk = new MemoryDisk(options)
  disk.putFolder('/d')
  const machine = new Machine()
  const clock = new FakeClock({ auto: true })
  const acquire = (pid: number, more: LockOptions = {}) => {
    const system = machine.living.has(pid) ? systems.get(pid)! : machine.start(pid)
    systems.set(pid, system)
    return FolderLock.acquire('/d', { fs: disk, system, clock, ...more })
  }
  const systems = new Map<number, ReturnType<Machine['start']>>()
  return { disk, machine, clock, acquire }
}

test('an exclusive lock keeps out both kinds, and a shared one only the exclusive', async (t) => {
  const { acquire, disk } = scene()
  const writer = await acquire(1)
  for (const mode of ['exclusive', 'shared'] as const) {
    const error = await t.throwsAsync(acquire(2, { mode }), { code: 'ERR_LOCKED' })
    t.regex(error!.message, /process 1 \(exclusive\).*wait longer.*\/d\/\.sluice-lock-lock/)
  }
  await writer.release()
  const readers = [await acquire(1, { mode: 'shared' }), await acquire(2, { mode: 'shared' })]
  const error = await t.throwsAsync(acquire(3), { code: 'ERR_LOCKED' })
  t.regex(error!.message, /process 1 \(shared\), process 2 \(shared\)/)
  const third = await acquire(3, { mode: 'shared' })
  for (const reader of [...readers, third]) await reader.release()
  t.deepEqual(disk.list(), ['/d/'])
})

test('two locks in one process exclude each other, and locks of other names do not', async (t) => {
  const { acquire } = scene()
  await using one = await acquire(1, { name: 'one' })
  const error = await t.throwsAsync(acquire(1, { name: 'one', timeout: 5 }), { code: 'ERR_LOCKED' })
  t.regex(error!.message, /^\/d is locked by this process \(exclusive\); end what holds it here first /)
  t.notRegex(error!.message, /end that process|remove/)
  await using two = await acquire(1, { name: 'two', timeout: 0 })
  t.not(one.token, two.token)
})

test('who waits gets it when it is released, and who tries once gets it only if it is free', async (t) => {
  const { acquire, disk } = scene()
  const first = await acquire(1)
  await t.throwsAsync(acquire(2, { timeout: 0 }), { code: 'ERR_LOCKED' })
  const second = acquire(2, { timeout: Number.POSITIVE_INFINITY })
  const renamed = new Promise<void>((resolve) => {
    disk.hook = ({ call }) => (call === 'rename' ? resolve() : undefined)
  })
  await renamed
  await first.release()
  await (await second).release()
  await (await acquire(3, { timeout: 0 })).release()
})

test('whoever only tries gets null while somebody else holds it, and every other failure is an error', async (t) => {
  const fs = new MemoryDisk()
  fs.putFolder('/d')
  const machine = new Machine()
  const system = machine.start(1)
  const tries = (options: LockOptions = {}) => FolderLock.tryAcquire('/d', { fs, system, ...options })
  const lock = await tries()
  t.is(lock?.mode, 'exclusive')
  const before = fs.list()
  // by this process, by another one; and nobody can say how long he would wait
  t.is(await tries(), null)
  t.is(await tries({ system: machine.start(2) }), null)
  await t.throwsAsync(tries({ timeout: 60_000 }), { code: 'ERR_USAGE', message: /timeout/ })
  t.deepEqual(fs.list(), before)
  await lock!.release()
  const readers = [await tries({ mode: 'shared' }), await tries({ mode: 'shared' })]
  t.is(await tries(), null)
  for (const reader of readers) await reader!.release()
  // what a dead process holds is free
  await FolderLock.acquire('/d', { fs, system: machine.start(3) })
  machine.end(3)
  await (await tries())!.release()
  await t.throwsAsync(tries({ signal: AbortSignal.abort() }), { code: 'ERR_CANCELLED' })
  await t.throwsAsync(FolderLock.tryAcquire('/none', { fs }), {
    code: 'ERR_WRITE',
    message: /does not exist/,
  })
  await t.throwsAsync(FolderLock.tryAcquire('/d', { fs, mode: 'both' as LockMode }), { code: 'ERR_USAGE' })
  fs.fail({ call: 'mkdir', error: 'ENOSPC' })
  await t.throwsAsync(tries(), { code: 'ERR_DISK_FULL' })
})

test('a holder that cannot be looked at is not waited for by whoever only tries', async (t) => {
  const fs = new MemoryDisk()
  fs.putFolder('/d')
  const elsewhere = new Machine()
  elsewhere.hostname = 'there'
  elsewhere.id = 'machine-2'
  await FolderLock.acquire('/d', { fs, system: elsewhere.start(1) })
  const clock = new FakeClock()
  t.is(await FolderLock.tryAcquire('/d', { fs, system: new Machine().start(1), clock }), null)
})

test('a folder that is missing is made if that is asked for, and lasts with what is written under the lock', async (t) => {
  const fs = new MemoryDisk({ crashes: true })
  fs.putFolder('/d')
  fs.syncAll()
  const system = new Machine().start(1)
  await t.throwsAsync(FolderLock.acquire('/d/e/f', { fs, system }), {
    code: 'ERR_WRITE',
    message: /does not exist/,
  })
  t.deepEqual(fs.list(), ['/d/'])
  for (const take of [FolderLock.acquire, FolderLock.tryAcquire]) {
    const lock = await take('/d/e/f', { fs, system, create: true })
    await writeFileAtomic('/d/e/f/file', 'text', { fs })
    for (let seed = 0; seed < 20; seed++)
      t.is(fs.crash(seed).snapshot().get('/d/e/f/file')?.toString(), 'text')
    await lock!.release()
  }
  t.deepEqual(fs.list(), ['/d/', '/d/e/', '/d/e/f/', '/d/e/f/file'])
  fs.put('/d/file', '')
  await t.throwsAsync(FolderLock.acquire('/d/file/x', { fs, create: true }), { code: 'ERR_WRITE' })
})

test('a signal ends the waiting, with its reason as the cause, and leaves nothing', async (t) => {
  const { acquire, disk } = scene()
  const first = await acquire(1)
  const before = disk.list()
  const controller = new AbortController()
  const reason = new Error('enough')
  const second = acquire(2, { signal: controller.signal })
  disk.hook = ({ call }) => (call === 'rename' ? controller.abort(reason) : undefined)
  t.is((await t.throwsAsync(second, { code: 'ERR_CANCELLED' }))!.cause, reason)
  disk.hook = undefined
  t.deepEqual(disk.list(), before)
  await first.release()
  const calls = disk.calls
  await t.throwsAsync(acquire(2, { signal: controller.signal }), { code: 'ERR_CANCELLED' })
  t.is(disk.calls, calls)
})

test('a signal at any call ends it, and what was taken is given back', async (t) => {
  for (const mode of ['exclusive', 'shared'] as const) {
    for (let at = 0, ended = false; !ended; at++) {
      const { acquire, disk } = scene()
      const controller = new AbortController()
      const first = disk.calls
      disk.hook = ({ number }) => (number === first + at ? controller.abort() : undefined)
      try {
        await (await acquire(1, { mode, signal: controller.signal })).release()
        ended = true
      } catch (error) {
        t.true(isSluiceError(error, 'ERR_CANCELLED'), String(error))
      }
      t.deepEqual(disk.list(), ['/d/'])
    }
  }
})

test('a lock that was released is not held, and is released once only', async (t) => {
  const { acquire } = scene()
  const first = await acquire(1)
  await first.check()
  await first.release()
  await t.throwsAsync(first.check(), { code: 'ERR_LOCK_LOST' })
  const second = await acquire(2)
  await first.release()
  await second.check()
})

test('KNOWN-FAILURES 35: what dead processes hold is taken over; a failed acquire takes nothing from the holder', async (t) => {
  for (const mode of ['exclusive', 'shared'] as const) {
    const { acquire, machine, disk } = scene()
    const held = await acquire(1, { mode })
    await t.throwsAsync(acquire(2, { timeout: 0 }), { code: 'ERR_LOCKED' })
    await held.check()
    machine.end(1)
    const next = await acquire(2, { timeout: 0 })
    await t.throwsAsync(held.check(), { code: 'ERR_LOCK_LOST' })
    // the token check: the dead one wakes up after all, and takes nothing from the new one
    await held.release()
    await next.check()
    await next.release()
    t.deepEqual(disk.list(), ['/d/'])
  }
})

test('a number that was given to another process, and an earlier boot, are taken over', async (t) => {
  const { acquire, machine } = scene()
  await acquire(1)
  machine.start(1)
  await acquire(2, { timeout: 0 })
  machine.reboot()
  machine.start(2)
  await acquire(3, { timeout: 0 })
  t.pass()
})

/** A holder that cannot be looked at, and whose sign of life comes when the test wants it. */
async function elsewhere(change: 'hostname' | 'space' | 'id', mode: LockMode = 'exclusive') {
  const { acquire, machine, disk } = scene()
  const renewals = new FakeClock()
  const held = await acquire(1, { mode, renewals })
  machine.end(1)
  machine[change] = 'other'
  machine.boot = 'boot-2'
  /** Counts the looks of who waits, and shows after each that the holder lives. */
  const renewed = () => {
    disk.hook = ({ call, path }) => {
      if (call === 'open' && path.includes('.sluice-lock-lock/')) renewals.advance(RENEW_EVERY)
    }
  }
  return { acquire, held, disk, renewed }
}

test('a holder that cannot be looked at keeps the lock as long as it shows that it lives, whatever the clocks say', async (t) => {
  for (const change of ['hostname', 'space', 'id'] as const) {
    const { acquire, held, renewed } = await elsewhere(change)
    renewed()
    const error = await t.throwsAsync(acquire(2, { timeout: 60_000 }), { code: 'ERR_LOCKED' })
    t.regex(error!.message, /process 1 on another machine or in another container/)
    await held.check()
  }
})

test('one that does not for the time of a lease has lost it, and finds out before its next step', async (t) => {
  for (const mode of ['exclusive', 'shared'] as const) {
    const { acquire, held, disk } = await elsewhere('space', mode)
    // it takes as long as the lease to find out, whatever was to be waited
    const clock = new FakeClock({ auto: true })
    const next = await acquire(2, { timeout: 1, clock })
    t.true(clock.now() >= LEASE, `${clock.now()}`)
    await t.throwsAsync(held.check(), { code: 'ERR_LOCK_LOST', message: /took it over/ })
    await held.release()
    await next.check()
    await next.release()
    t.deepEqual(disk.list(), ['/d/'])
  }
})

test('who tries once does not watch, and who is certain forces it', async (t) => {
  const { acquire, held } = await elsewhere('hostname')
  await t.throwsAsync(acquire(2, { timeout: 0 }), { code: 'ERR_LOCKED' })
  await held.check()
  await (await acquire(2, { timeout: 0, force: true })).release()
  await t.throwsAsync(held.check(), { code: 'ERR_LOCK_LOST' })
})

test('force takes nothing from a process that can be looked at and lives', async (t) => {
  const { acquire } = scene()
  const held = await acquire(1)
  await t.throwsAsync(acquire(2, { timeout: 10, force: true }), { code: 'ERR_LOCKED' })
  await held.check()
})

test('a sign of life that a dead holder left is removed with its entry', async (t) => {
  const { acquire, disk, machine } = scene()
  const renewals = new FakeClock()
  await acquire(1, { renewals })
  disk.fail({ call: 'rmdir', error: 'EIO' })
  renewals.advance(RENEW_EVERY)
  while (!disk.list().some((path) => path.endsWith('/alive/'))) await new Promise(setImmediate)
  machine.end(1)
  await (await acquire(2)).release()
  t.deepEqual(disk.list(), ['/d/'])
})

test('a lock whose folder was removed by hand is lost, also if somebody else holds it by now', async (t) => {
  for (const mode of ['exclusive', 'shared'] as const) {
    const { acquire, disk } = scene()
    const first = await acquire(1, { mode })
    disk.remove('/d/.sluice-lock-lock')
    await t.throwsAsync(first.check(), { code: 'ERR_LOCK_LOST', message: /is gone: do not go on/ })
    const second = await acquire(2)
    await t.throwsAsync(first.check(), { code: 'ERR_LOCK_LOST' })
    await first.release()
    await second.check()
  }
})

test('a lock that moved away with its folder is no obstacle there once it was released', async (t) => {
  for (const mode of ['exclusive', 'shared'] as const) {
    const { acquire, disk, machine } = scene()
    const first = await acquire(1, { mode })
    disk.move('/d', '/moved')
    await t.throwsAsync(first.check(), { code: 'ERR_LOCK_LOST' })
    const options = { fs: disk, system: machine.start(2), timeout: 0 }
    await t.throwsAsync(FolderLock.acquire('/moved', options), { code: 'ERR_LOCKED' })
    await first.release()
    const second = await FolderLock.acquire('/moved', options)
    await second.release()
    t.deepEqual(disk.list(), ['/moved/'])
  }
})

test('bad options are refused, with their names', async (t) => {
  const bad: [string, unknown][] = [
    ['mode', 'both'],
    ['name', ''],
    ['name', 'a/b'],
    ['name', 'n'.repeat(243)],
    ['name', 5],
    ['timeout', -1],
    ['timeout', Number.NaN],
    ['timeout', '5'],
    ['signal', {}],
  ]
  for (const [name, value] of bad) {
    const options = { [name]: value } as LockOptions
    await t.throwsAsync(FolderLock.acquire('/nowhere', options), {
      code: 'ERR_USAGE',
      message: new RegExp(name),
    })
  }
  await t.throwsAsync(FolderLock.acquire(''), { code: 'ERR_USAGE', message: /folder/ })
})

test('on the real disk nothing is left when all have let go, and a folder must be there', async (t) => {
  const dir = await temporary(t)
  {
    await using lock = await FolderLock.acquire(dir)
    await lock.check()
    t.deepEqual(await readdir(dir), ['.sluice-lock-lock'])
    await t.throwsAsync(FolderLock.acquire(dir, { timeout: 1 }), { code: 'ERR_LOCKED' })
  }
  t.deepEqual(await readdir(dir), [])
  await t.throwsAsync(FolderLock.acquire(join(dir, 'missing')), { code: 'ERR_WRITE' })
  await mkdir(join(dir, 'there'))
  await using _ = await FolderLock.acquire(join(dir, 'there'), { mode: 'shared' })
  t.pass()
})
