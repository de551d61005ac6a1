import test from 'ava'
import { isSluiceError } from '../../lib/errors.js'
import { collectLeftovers, removeBackups, removeOrphans, Tree, temporaryName } from '../../lib/files/index.js'
import type { JournalRecord } from '../../lib/files/journal/journal-records.js'
import { processSystem, thisOwner } from '../../lib/files/own/owner.js'
import type { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import { plantJournal } from '../helpers/plant-journal.js'
import { scale } from '../helpers/scale.js'
import { crashSweep, faultSweep } from '../helpers/sweep.js'

// What removes leftovers is cut and failed at every call: it removes those, nothing else, and can be run again.

const system = { ...processSystem, isAlive: () => false }
const owner = (pid: number) => ({ ...thisOwner(system), pid })
const ORPHANS = ['/d', '/d', '/d/below'].map(
  (folder, i) => `${folder}/${temporaryName({ owner: owner(90 + i) })}`,
)
const BACKUPS = [1, 2, 3].map((day) => `/d/file.2020010${day}T000000000Z.0000.bak`)
const PARTS = ['new', 'below/new']
const JOURNAL = `/d/.sluice/${'ab'.repeat(16)}.journal`
const MINE: Record<string, string> = {
  '/d/file': 'mine',
  '/d/below/file': 'mine, too',
  '/d/file.bak': 'made by another program',
  '/d/.file.1-2-3.sluice-tmp': 'called nearly like one of ours',
}

const set = (disk: MemoryDisk) => {
  for (const [path, text] of Object.entries(MINE)) disk.put(path, text)
  for (const path of [...ORPHANS, ...BACKUPS]) disk.put(path, 'left over')
  const records = PARTS.map((path, n): JournalRecord => {
    const name = path.slice(path.lastIndexOf('/') + 1)
    return { kind: 'begin', n, path, size: 9, mtime: 0, part: `${name}.part`, at: Date.now() }
  })
  disk.putFolder('/d/.sluice', 0o700)
  plantJournal(disk, JOURNAL, records, owner(99))
  for (const path of PARTS) disk.put(`/d/${path}.part`, 'left over')
}

const now = () => Date.now() + 1e12

interface Cleaner {
  goes: string[]
  stays: string[]
  work: (fs: MemoryDisk) => Promise<unknown>
}

async function collect(fs: MemoryDisk): Promise<unknown> {
  const tree = await Tree.open('/d', { fs })
  try {
    const found = await collectLeftovers(tree, { system, now })
    const failed = found.find(({ error }) => error)
    if (failed) throw failed.error
    return found
  } finally {
    await tree.close()
  }
}

const CLEANERS: Record<string, Cleaner> = {
  removeOrphans: {
    goes: ORPHANS,
    stays: BACKUPS,
    work: async (fs) => {
      const found = await removeOrphans('/d', { fs, system, now, recursive: true })
      if (found.errors.length > 0) throw found.errors[0]
      return found
    },
  },
  removeBackups: {
    goes: BACKUPS.slice(0, 2),
    stays: [...ORPHANS, BACKUPS[2]!],
    work: (fs) => removeBackups('/d', { fs, now, keep: 1 }),
  },
  collectLeftovers: {
    goes: [...PARTS.map((path) => `/d/${path}.part`), JOURNAL],
    stays: [...ORPHANS, ...BACKUPS],
    work: collect,
  },
}

for (const [name, { goes, stays, work }] of Object.entries(CLEANERS)) {
  const look = (disk: MemoryDisk, done: boolean, place: string) => {
    const files = disk.snapshot()
    const lost = Object.entries(MINE).find(([path, text]) => files.get(path)?.toString() !== text)
    if (lost) throw new Error(`${place}: ${lost[0]} is not what it was`)
    for (const path of stays) if (!files.has(path)) throw new Error(`${place}: ${path} is gone`)
    // what could not be removed for once is empty, and the next run does it
    const isLeft = name === 'collectLeftovers' && disk.list().includes('/d/.sluice/')
    if (isLeft && place.includes('recovery')) throw new Error(`${place}: our folder is left`)
    for (const path of goes) if (done && files.has(path)) throw new Error(`${place}: ${path} is left`)
  }

  test(`the power is cut at every call of ${name}: the next run ends it`, async (t) => {
    const { states } = await crashSweep({
      set,
      work,
      recover: work,
      look: (disk, _acknowledged, place) => look(disk, true, place),
      seeds: scale(12, 30),
      again: scale(0, 1),
    })
    t.log(`${states} states`)
    t.true(states > scale(5, 10))
  })

  test(`every call of ${name} fails: it says so, and the next run ends it`, async (t) => {
    const { runs } = await faultSweep({
      set,
      work,
      recover: work,
      look: (disk, result, place) => {
        const failed = result instanceof Error
        if (failed && !isSluiceError(result)) throw new Error(`${place}: no code`)
        look(disk, !failed || place.startsWith('after recovery'), place)
      },
    })
    t.log(`${runs} runs`)
    t.true(runs > scale(10, 80))
  })
}
