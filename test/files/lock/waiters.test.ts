import test from 'ava'
import { LockClaim } from '../../../lib/files/lock/claim.js'
import { FolderLock } from '../../../lib/files/lock/folder-lock.js'
import { announcedName, entryName } from '../../../lib/files/lock/lock-names.js'
import { LEASE, OwnerWatch } from '../../../lib/files/own/lease.js'
import { thisOwner } from '../../../lib/files/own/owner.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { Machine } from '../../helpers/machine.js'

// Those that only wait, on another machine or in another container, and die there.

const FOLDER = '/d/.sluice-lock-lock'

async function scene() {
  let time = 1e12
  const disk = new MemoryDisk({ now: () => time++ })
  disk.putFolder('/d')
  const there = new Machine()
  there.hostname = 'elsewhere'
  const claimant = { mode: 'exclusive', owner: thisOwner(there.start(7)) } as const
  const entry = entryName(claimant)
  const waiting = `${FOLDER}/${announcedName(entry)}`
  const clock = new FakeClock({ auto: true })
  const system = new Machine().start(1)
  const take = async (more = {}) => {
    const lock = await FolderLock.acquire('/d', { fs: disk, system, clock, timeout: 0, ...more })
    await lock.release()
  }
  const surroundings = {
    system,
    around: await disk.stat('/d'),
    random: Math.random,
    watch: new OwnerWatch(clock),
  }
  const claim = new LockClaim(disk, FOLDER, claimant, surroundings)
  const isThere = () => disk.list().includes(`${waiting}/`)
  return { disk, clock, take, claim, entry, waiting, isThere }
}

const LEFT: Record<string, (waiting: string, entry: string) => string> = {
  'before it had its entry': (waiting) => waiting,
  'while it waited': (waiting, entry) => `${waiting}/${entry}`,
  'while it showed that it lived': (waiting, entry) => `${waiting}/${entry}/alive`,
}

for (const [when, left] of Object.entries(LEFT)) {
  test(`the entry of one that died ${when} is seen by one claim, and removed by a later one`, async (t) => {
    const { disk, clock, take, entry, waiting, isThere } = await scene()
    disk.putFolder(left(waiting, entry))
    await take()
    clock.advance(LEASE - 1)
    await take()
    t.true(isThere())
    clock.advance(1)
    await take()
    t.deepEqual(disk.list(), ['/d/'])
  })
}

test('one that waits and lives shows it, and stays', async (t) => {
  const { disk, clock, take, claim, isThere } = await scene()
  await claim.announce()
  for (let times = 0; times < 3; times++) {
    await take()
    clock.advance(LEASE)
    await claim.renew()
    t.true(isThere())
  }
  await take()
  t.true(isThere())
  await claim.withdraw()
  t.deepEqual(disk.list(), ['/d/'])
})

test('one that was only suspended comes anew', async (t) => {
  const { disk, clock, take, claim, isThere } = await scene()
  await claim.announce()
  await take()
  clock.advance(LEASE)
  await take()
  t.false(isThere())
  t.false(await claim.enter())
  t.true(isThere())
  t.true(await claim.enter())
  await claim.leave()
  t.deepEqual(disk.list(), ['/d/'])
})

test('a sign of life that comes while it enters hinders nobody', async (t) => {
  const { disk, claim } = await scene()
  await claim.announce()
  disk.fail({ call: 'rmdir', error: 'EIO' })
  await t.throwsAsync(claim.renew())
  t.true(await claim.enter())
  await claim.renew()
  await claim.leave()
  t.deepEqual(disk.list(), ['/d/'])
})

test('by force it goes at once', async (t) => {
  const { disk, take, entry, waiting } = await scene()
  disk.putFolder(`${waiting}/${entry}`)
  await take({ force: true })
  t.deepEqual(disk.list(), ['/d/'])
})
