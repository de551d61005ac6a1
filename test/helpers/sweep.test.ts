import test from 'ava'
import { writeFileAtomic } from '../../lib/files/index.js'
import type { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import { scale } from './scale.js'
import { crashSweep, faultSweep } from './sweep.js'

const set = (disk: MemoryDisk) => disk.put('/d/file', 'old')
const text = (disk: MemoryDisk) => disk.snapshot().get('/d/file')?.toString()
const expectWhole = (disk: MemoryDisk, acknowledged: boolean, place: string) => {
  const found = text(disk)
  if (found !== 'new' && (acknowledged || found !== 'old')) throw new Error(`${place}: ${found}`)
}

test('a replacement that syncs passes the sweep of power cuts, one that does not is found out', async (t) => {
  const replace = (durability: 'crash' | 'power') => ({
    set,
    work: (disk: MemoryDisk) => writeFileAtomic('/d/file', 'new', { fs: disk, durability }),
    look: expectWhole,
    seeds: 12,
    step: 1,
  })
  t.true((await crashSweep(replace('power'))).states > 20)
  await t.throwsAsync(crashSweep(replace('crash')), { message: /before|at the end/ })
})

test('a recovery is cut as well', async (t) => {
  const places: string[] = []
  await crashSweep({
    set,
    work: (disk) => writeFileAtomic('/d/file', 'new', { fs: disk }),
    recover: (disk) => writeFileAtomic('/d/file', 'new', { fs: disk }),
    look: (_disk, _acknowledged, place) => void places.push(place),
  })
  t.true(places.some((place) => place.includes('recovery cut before fsync')))
})

test('each call fails once in the sweep of faults, and an open handle is found out', async (t) => {
  const { runs } = await faultSweep({
    set,
    work: (disk) => writeFileAtomic('/d/file', 'new', { fs: disk }),
    look: (disk, result, place) => expectWhole(disk, result === undefined, place),
  })
  t.true(runs > scale(10, 100))
  await t.throwsAsync(
    faultSweep({
      set,
      work: async (disk) => {
        const fd = await disk.open('/d/file', 0)
        await disk.fstat(fd)
        await disk.close(fd)
      },
      look: () => {},
    }),
    { message: /left open/ },
  )
})
