import test from 'ava'
import { FolderLock, type LockMode } from '../../../lib/files/index.js'
import { isLocked } from '../../../lib/files/lock/is-locked.js'
import { LEASE, OwnerWatch, RENEW_EVERY } from '../../../lib/files/own/lease.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { Machine } from '../../helpers/machine.js'

/** A folder, and a look at its lock that must change nothing. */
function scene() {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  const machine = new Machine()
  const system = machine.start(1)
  const renewals = new FakeClock()
  const hold = (mode: LockMode = 'exclusive') =>
    FolderLock.acquire('/d', { fs: disk, system, renewals, mode })
  const look = async (force = false) => {
    const before = disk.list()
    const clock = new FakeClock({ auto: true })
    const watch = new OwnerWatch(clock, force)
    const isHeld = await isLocked('/d', { fs: disk, system: machine.start(2), watch })
    return { isHeld, waited: clock.now(), isChanged: disk.list().join() !== before.join() }
  }
  return { disk, machine, renewals, hold, look }
}

const FREE = { isHeld: false, waited: 0, isChanged: false }
const HELD = { isHeld: true, waited: 0, isChanged: false }

for (const mode of ['exclusive', 'shared'] as const) {
  test(`${mode}: a lock is held as long as its process lives`, async (t) => {
    const { machine, hold, look } = scene()
    t.deepEqual(await look(), FREE)
    const lock = await hold(mode)
    t.deepEqual(await look(), HELD)
    machine.end(1)
    t.deepEqual(await look(), FREE)
    await lock.release()
  })

  test(`${mode}: who cannot be looked at is watched, and found dead or alive as by who takes the lock`, async (t) => {
    const { disk, machine, renewals, hold, look } = scene()
    await hold(mode)
    machine.space = 'pid:[2]'
    disk.hook = ({ call }) => {
      if (call === 'open') renewals.advance(RENEW_EVERY)
    }
    t.like(await look(), { isHeld: true, isChanged: false })
    disk.hook = undefined
    const { waited, ...found } = await look()
    t.deepEqual(found, { isHeld: false, isChanged: false })
    t.true(waited >= LEASE, `${waited}`)
    t.deepEqual(await look(true), FREE)
  })
}

test('what has the place of a holder and is not ours keeps the lock', async (t) => {
  const { disk, look } = scene()
  disk.putFolder('/d/.sluice-lock-lock/gate/of somebody')
  t.deepEqual(await look(), HELD)
})
