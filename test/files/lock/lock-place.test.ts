import test from 'ava'
import { FileTransaction, FolderLock, type LockOptions, updateJson } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { Machine } from '../../helpers/machine.js'
import { giveTo } from '../../helpers/users.js'

const LOCK = '/d/.sluice-lock-lock'

/** A folder in which everybody may make files, and nobody may remove those of others. */
function scene() {
  const disk = new MemoryDisk()
  disk.putFolder('/d', 0o1777)
  const machine = new Machine()
  const clock = new FakeClock({ auto: true })
  const acquire = (pid: number, options: LockOptions = {}) =>
    FolderLock.acquire('/d', { fs: disk, system: machine.start(pid), clock, timeout: 0, ...options })
  const take = async (path: string) => {
    disk.putFolder(path)
    await giveTo(disk, path, 7)
  }
  return { disk, machine, acquire, take }
}

test('a user who takes the names of a lock keeps no other one out, and that is said', async (t) => {
  const { disk, acquire, take } = scene()
  await take(LOCK)
  await take(`${LOCK}:1`)
  const lock = await acquire(1)
  t.like(lock.warning, { code: 'ERR_PERMISSION', path: LOCK })
  t.true(disk.list().includes(`${LOCK}:2/`))
  await t.throwsAsync(acquire(2), { code: 'ERR_LOCKED' })
  await lock.release()
  await (await acquire(2)).release()
  t.deepEqual(disk.list(), ['/d/', `${LOCK}/`, `${LOCK}:1/`])
})

test('an update and a transaction tell of it', async (t) => {
  const { disk, take } = scene()
  await take('/d/.sluice-lock-file-n.json')
  await take('/d/.sluice-lock-transaction')
  const updated = await updateJson('/d/n.json', () => 1, { fs: disk })
  t.like(updated.warning, { code: 'ERR_PERMISSION' })
  const transaction = await FileTransaction.begin('/d', { fs: disk })
  await transaction.write('a', 'a')
  t.like((await transaction.commit()).warnings, [{ code: 'ERR_PERMISSION' }])
})

test('who holds a lock under another name goes on holding it when the first name is free again', async (t) => {
  const { disk, acquire, take } = scene()
  await take(LOCK)
  const lock = await acquire(1)
  disk.remove(LOCK)
  await t.throwsAsync(acquire(2), { code: 'ERR_LOCKED' })
  await lock.check()
  await lock.release()
  t.deepEqual(disk.list(), ['/d/'])
})

test('of two that see different names one gives up, at whichever call the other user comes or goes', async (t) => {
  const calls = async (at: number): Promise<boolean> => {
    const { disk, acquire, take } = scene()
    await take(LOCK)
    const first = disk.calls
    let gone = false
    let second: Promise<FolderLock | undefined> | undefined
    disk.hook = ({ number }) => {
      if (gone || number < first + at) return
      gone = true
      disk.remove(LOCK)
      second = acquire(2, { timeout: 20 }).catch(() => undefined)
    }
    const locks = [await acquire(1, { timeout: 20 }).catch(() => undefined)]
    disk.hook = undefined
    locks.push(await second)
    const held = locks.filter((lock) => lock !== undefined)
    t.true(held.length <= 1, `${at}`)
    for (const lock of held) {
      await lock.check()
      await lock.release()
    }
    if (!gone) disk.remove(LOCK)
    await (await acquire(3)).release()
    t.deepEqual(disk.list(), ['/d/'], `${at}`)
    return gone
  }
  let at = 0
  while (await calls(at)) at++
  t.true(at > 5)
})

test('who has chosen another name than the one that somebody holds by now gives up', async (t) => {
  const { disk, acquire, take } = scene()
  await take(LOCK)
  let second: FolderLock | undefined
  disk.delay = async ({ call, path }) => {
    if (second || call !== 'mkdir' || path !== `${LOCK}:1`) return
    disk.delay = undefined
    disk.remove(LOCK)
    second = await acquire(2)
  }
  await t.throwsAsync(acquire(1, { timeout: 20 }), { code: 'ERR_LOCKED' })
  await second!.check()
  await second!.release()
  t.deepEqual(disk.list(), ['/d/'])
})

test('what dead processes left under one name keeps nobody from the other', async (t) => {
  const { disk, machine, acquire, take } = scene()
  await acquire(1)
  const there = disk.list().filter((path) => path.startsWith(LOCK))
  await take(LOCK)
  disk.remove(LOCK)
  await take(LOCK)
  await acquire(1, { timeout: 0 })
  disk.remove(LOCK)
  for (const path of there) disk.putFolder(path.replace(/\/$/, ''))
  machine.end(1)
  await (await acquire(2)).release()
  t.deepEqual(disk.list(), ['/d/'])
})

test('the owner alone, or users who share the folder, look for no other name', async (t) => {
  for (const mode of [0o755, 0o777, 0o1755]) {
    const disk = new MemoryDisk()
    disk.putFolder('/d', mode)
    const looked: string[] = []
    disk.hook = ({ call, path }) => call === 'readdir' && path === '/d' && looked.push(path)
    const lock = await FolderLock.acquire('/d', { fs: disk })
    await lock.release()
    t.deepEqual(looked, [], mode.toString(8))
  }
})
