import test from 'ava'
import { SluiceError } from '../../../lib/errors.js'
import { FolderLock, type LockMode } from '../../../lib/files/index.js'
import { entryName } from '../../../lib/files/lock/lock-names.js'
import { thisOwner } from '../../../lib/files/own/owner.js'
import type { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { Machine } from '../../helpers/machine.js'
import { scale } from '../../helpers/scale.js'
import { crashSweep, FAULTS, faultSweep } from '../../helpers/sweep.js'

const NOTHING = ['/d/']

async function takeAndGive(disk: MemoryDisk, machine: Machine, pid: number, mode: LockMode): Promise<void> {
  const system = machine.start(pid)
  const clock = new FakeClock({ auto: true })
  const lock = await FolderLock.acquire('/d', { mode, fs: disk, system, clock, timeout: 0 })
  await lock.check()
  await lock.release()
}

for (const mode of ['exclusive', 'shared'] as const) {
  test(`whichever call fails, what is left is taken away by the next claim (${mode})`, async (t) => {
    const machine = new Machine()
    const { runs } = await faultSweep({
      set: (disk) => {
        // what a dead writer has left, and a dead reader, and one who waited
        const folder = '/d/.sluice-lock-lock'
        const entry = (kind: LockMode) => entryName({ mode: kind, owner: thisOwner(machine.start(9)) })
        const waited = entry('shared')
        disk.putFolder(`${folder}/gate/${entry('exclusive')}`)
        disk.putFolder(`${folder}/${entry('shared')}`)
        disk.putFolder(`${folder}/new-${waited}/${waited}`)
        machine.end(9)
      },
      work: async (disk) => {
        await takeAndGive(disk, machine, 1, mode)
      },
      faults: [
        ...FAULTS,
        { error: 'EPERM' },
        { error: 'EBUSY' },
        { error: 'ENOENT' },
        { error: 'EACCES', after: true },
      ],
      look: (disk, result, place) => {
        if (!(result === undefined || result instanceof SluiceError)) throw new Error(`${place}: ${result}`)
        if (place.startsWith('after recovery') && disk.list().length > 1)
          throw new Error(`${place}: ${disk.list()}`)
      },
      // the same process again: it is not gone, but knows what it gave up
      recover: (disk) => takeAndGive(disk, machine, 1, 'exclusive'),
    })
    t.log(`${runs} runs`)
    t.true(runs > scale(10, 100))
  })

  test(`a power cut at any call leaves nothing that is not taken over (${mode})`, async (t) => {
    const machine = new Machine()
    const recover = async (disk: MemoryDisk) => {
      machine.reboot()
      await takeAndGive(disk, machine, 1, 'exclusive')
    }
    const { states } = await crashSweep({
      set: (disk) => disk.putFolder('/d'),
      work: (disk) => takeAndGive(disk, machine, 1, mode),
      recover,
      look: (disk, _acknowledged, place) => {
        if (disk.list().join() !== NOTHING.join()) throw new Error(`${place}: ${disk.list()}`)
      },
    })
    t.log(`${states} states`)
    t.true(states > scale(10, 50))
  })
}
