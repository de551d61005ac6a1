import test from 'ava'
import { isSluiceError } from '../../../lib/errors.js'
import {
  type FileSystem,
  OPEN,
  RecoveryManager,
  type RecoveryOutcome,
  writeFully,
} from '../../../lib/files/index.js'
import type { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { killSweep } from '../../helpers/kill-sweep.js'
import { Machine } from '../../helpers/machine.js'
import { scale } from '../../helpers/scale.js'
import { crashSweep, faultSweep } from '../../helpers/sweep.js'
import { eachAnother } from '../transaction/scenarios.js'

const machine = new Machine()
const clock = {
  now: () => 0,
  after(_ms: number, callback: () => void) {
    setImmediate(callback)
    return () => {}
  },
}

const set = (disk: MemoryDisk) => {
  disk.put('/d/a', 'a-old')
  disk.put('/d/c', 'c-old')
  disk.put('/d/other', 'other')
}

/** After a power cut no process of before lives. */
function openManager(fs: MemoryDisk) {
  machine.reboot()
  return RecoveryManager.open('/d', { fs, clock, attempts: 2, system: machine.start(1) })
}

/** Changes as a program makes them that knows nothing of power cuts: in place, and synced nowhere. */
async function change(disk: MemoryDisk): Promise<RecoveryManager> {
  const manager = await openManager(disk)
  try {
    await manager.run('write', 'a', async () => {
      const fd = await disk.open('/d/a', OPEN.update)
      try {
        await disk.ftruncate(fd, 0)
        await writeFully(disk, fd, [Buffer.from('a-new')], 0)
      } finally {
        await disk.close(fd)
      }
    })
    await manager.run('create', 'b', async () => {
      const fd = await disk.open('/d/b', OPEN.create)
      try {
        await writeFully(disk, fd, [Buffer.from('b-new')], 0)
      } finally {
        await disk.close(fd)
      }
    })
    await manager.run('delete', 'c', () => disk.unlink('/d/c'))
    return manager
  } catch (error) {
    await manager.close().catch(() => {})
    throw error
  }
}

/** The files of the user, without what was kept of changes that nobody had called done. */
function files(disk: MemoryDisk): string {
  const found = [...disk.snapshot()].filter(([path]) => !path.endsWith('.bak') && !path.includes('.sluice'))
  return found.map(([path, content]) => `${path.slice(3)}=${content}`).join()
}

const OLD = 'a=a-old,c=c-old,other=other'
const NEW = 'a=a-new,b=b-new,other=other'
const sorted = (text: string) => text.split(',').sort().join()

async function undoAll(disk: MemoryDisk): Promise<RecoveryOutcome[]> {
  const manager = await openManager(disk)
  try {
    return await manager.undo()
  } finally {
    await manager.close()
  }
}

test('a power cut at any call of a change: the next manager takes everything back', async (t) => {
  const { states } = await crashSweep({
    set,
    work: async (disk) => (await change(disk)).close(),
    recover: async (disk) => {
      const outcomes = await undoAll(disk)
      const wrong = outcomes.filter(({ state }) => state !== 'undone' && state !== 'unchanged')
      if (wrong.length > 0) throw new Error(JSON.stringify(wrong))
    },
    look: (disk, _acknowledged, place) => {
      if (sorted(files(disk)) !== OLD) throw new Error(`${place}: ${disk.list()} ${files(disk)}`)
      if (disk.list().some((path) => path.includes('.sluice/'))) throw new Error(`${place}: ${disk.list()}`)
    },
    seeds: scale(2, 5),
    again: scale(0, 1),
  })
  t.log(`${states} states`)
  t.true(states > scale(50, 200))
})

test('a power cut at any call of an undo: the next manager ends it', async (t) => {
  const { states } = await crashSweep({
    set,
    work: async (disk) => {
      const manager = await change(disk)
      disk.syncAll()
      await manager.undo()
      await manager.close()
    },
    recover: undoAll,
    look: (disk, _acknowledged, place) => {
      if (sorted(files(disk)) !== OLD) throw new Error(`${place}: ${disk.list()} ${files(disk)}`)
    },
    seeds: scale(2, 5),
    again: scale(0, 1),
  })
  t.log(`${states} states`)
  t.true(states > scale(30, 100))
})

test('an undo is killed, the next one goes on, and the power is cut: what was kept is there, or in its place', async (t) => {
  const another = eachAnother()
  const undo = async (fs: FileSystem) => {
    const open = await RecoveryManager.open('/d', { fs, clock, attempts: 2, system: another() })
    await open.undo()
    await open.close()
  }
  const { states } = await killSweep({
    set: async (disk) => {
      disk.put('/d/s/u/b', 'old')
      disk.put('/d/other', 'other')
      const open = await RecoveryManager.open('/d', { fs: disk, clock, system: another() })
      await open.run('delete', 's/u/b', async () => {
        await disk.unlink('/d/s/u/b')
        await disk.rmdir('/d/s/u')
        await disk.rmdir('/d/s')
      })
      await open.close()
    },
    work: undo,
    rerun: undo,
    look: async (found, acknowledged, place) => {
      if (!acknowledged) await undo(found)
      if (files(found) !== 'other=other,s/u/b=old') throw new Error(`${place}: ${found.list()}`)
    },
    seeds: scale(2, 20, 9),
    every: scale(5, 1),
  })
  t.log(`${states} states`)
  t.true(states > scale(100, 500))
})

test('a power cut at any call of a commit leaves all points or none', async (t) => {
  const { states } = await crashSweep({
    set,
    work: async (disk) => {
      const manager = await change(disk)
      await manager.commit()
      await manager.close()
    },
    recover: undoAll,
    look: (disk, acknowledged, place) => {
      const found = sorted(files(disk))
      if (found !== NEW && (acknowledged || found !== OLD)) throw new Error(`${place}: ${found}`)
      if (disk.list().some((path) => path.includes('.sluice/'))) throw new Error(`${place}: ${disk.list()}`)
    },
    seeds: scale(3, 5),
    again: scale(0, 1),
  })
  t.log(`${states} states`)
  t.true(states > scale(50, 200))
})

const BACKUP = '/d/a.20200101T000000000Z.0000.bak'

async function fromBackup(disk: MemoryDisk): Promise<RecoveryManager> {
  const manager = await openManager(disk)
  try {
    await manager.fromBackup('a')
    return manager
  } catch (error) {
    await manager.close().catch(() => {})
    throw error
  }
}

/** What is wrong with a disk on which all points were undone. */
function wrongBackup(disk: MemoryDisk, acknowledged: boolean): string | undefined {
  const content = `${disk.snapshot().get('/d/a')}`
  if (content !== 'before' && (acknowledged || content !== 'a-old')) return `it holds ${content}`
  if (`${disk.snapshot().get(BACKUP)}` !== 'before') return 'the backup'
  return disk.list().some((path) => path.includes('.sluice/')) ? `${disk.list()}` : undefined
}

const setBackup = (disk: MemoryDisk) => {
  set(disk)
  disk.put(BACKUP, 'before')
}

test('a power cut at any call of a point from a backup, and of its undo: it is one or the other', async (t) => {
  const { states } = await crashSweep({
    set: setBackup,
    work: async (disk) => (await fromBackup(disk)).close(),
    recover: undoAll,
    look: (disk, acknowledged, place) => {
      const why = wrongBackup(disk, acknowledged)
      if (why) throw new Error(`${place}: ${why}`)
    },
    seeds: scale(10, 100),
    again: scale(0, 1),
  })
  t.log(`${states} states`)
  t.true(states > scale(30, 100))
})

test('whichever call of a point from a backup fails, nothing is lost', async (t) => {
  const { runs } = await faultSweep({
    step: scale(13, 1, 2),
    set: setBackup,
    work: async (disk) => {
      const manager = await fromBackup(disk)
      await manager.close()
      return 'made'
    },
    recover: undoAll,
    look: (disk, result, place) => {
      if (result instanceof Error && !isSluiceError(result)) throw result
      const why = place.startsWith('after recovery') ? wrongBackup(disk, result === 'made') : undefined
      if (why) throw new Error(`${place}: ${why}`)
    },
  })
  t.log(`${runs} runs`)
  t.true(runs > scale(20, 50))
})

for (const ending of ['undo', 'commit'] as const) {
  test(`whichever call fails, nothing is lost: ${ending}`, async (t) => {
    const { runs } = await faultSweep({
      set,
      work: async (disk) => {
        const manager = await change(disk)
        try {
          return await manager[ending]()
        } finally {
          await manager.close().catch(() => {})
        }
      },
      recover: undoAll,
      look: (disk, result, place) => {
        // EINTR of the program's own calls is its own
        if (result instanceof Error && !isSluiceError(result) && !('code' in result)) throw result
        const found = sorted(files(disk))
        const recovered = place.startsWith('after recovery')
        if (recovered && found !== OLD && found !== NEW) throw new Error(`${place}: ${found}`)
        if (recovered && ending === 'undo' && found !== OLD) throw new Error(`${place}: ${found}`)
        if (recovered && ending === 'commit' && result === undefined && found !== NEW) {
          throw new Error(`${place}: committed, but ${found}`)
        }
        if (!disk.snapshot().has('/d/other')) throw new Error(place)
      },
      step: scale(11, 1, 1),
      ...(scale(0, 1) === 0 && {
        faults: [
          { error: 'EIO' },
          { error: 'ENOSPC', once: false },
          { error: 'EIO', after: true },
          { error: 'EMFILE' },
          { short: 0 },
        ],
      }),
    })
    t.log(`${runs} runs`)
    t.true(runs > scale(50, 300))
  })
}
