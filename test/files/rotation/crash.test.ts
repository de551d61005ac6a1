import { gunzipSync } from 'node:zlib'
import test from 'ava'
import { isSluiceError } from '../../../lib/errors.js'
import { type FileSystem, type Rotation, rotateFile } from '../../../lib/files/index.js'
import type { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { killSweep } from '../../helpers/kill-sweep.js'
import { Machine } from '../../helpers/machine.js'
import { scale } from '../../helpers/scale.js'
import { crashSweep, faultSweep } from '../../helpers/sweep.js'
import { eachAnother } from '../transaction/scenarios.js'

const KEEP = 2

/** The contents that are somewhere among the rotated files, and a check that no file is half. */
function contents(disk: MemoryDisk, place: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const [path, bytes] of disk.snapshot()) {
    if (path.includes('.sluice-')) continue
    const text = path.endsWith('.gz') ? gunzipSync(bytes).toString() : bytes.toString()
    if (!/^(zero|one|two|other)$/.test(text)) throw new Error(`${place}: ${path} holds ${text}`)
    found.set(path, text)
  }
  if (found.get('/d/other') !== 'other') throw new Error(`${place}: another file was touched`)
  return found
}

const set = (disk: MemoryDisk) => {
  disk.put('/d/log', 'zero')
  disk.put('/d/log.1', 'one')
  disk.put('/d/log.2', 'two')
  disk.put('/d/other', 'other')
}

for (const compress of [false, true]) {
  test(`a power cut at any call of a rotation loses nothing that is to be kept${compress ? ' (compressed)' : ''}`, async (t) => {
    const machine = new Machine()
    const run = (disk: MemoryDisk) => {
      // after a power cut no process of before lives
      machine.reboot()
      return rotateFile('/d/log', { fs: disk, keep: KEEP, compress, system: machine.start(1) })
    }
    const { states } = await crashSweep({
      set,
      work: run,
      recover: run,
      look: (found, _acknowledged, place) => {
        const files = contents(found, place)
        const kept = ['zero', 'one'].map((_, n) => files.get(`/d/log.${n + 1}${compress ? '.gz' : ''}`))
        if (kept.join() !== 'zero,one') throw new Error(`${place}: ${JSON.stringify([...files])}`)
        if (files.size !== 3) throw new Error(`${place}: ${JSON.stringify([...files])}`)
      },
      seeds: scale(2, 30),
      again: compress ? scale(0, 1) : 1,
    })
    t.log(`${states} states`)
    t.true(states > scale(30, 100))
  })
}

test('a power cut leaves every content under some name, before any recovery', async (t) => {
  const machine = new Machine()
  const { states } = await crashSweep({
    set,
    work: (fs) => rotateFile('/d/log', { fs, keep: KEEP, compress: true, system: machine.start(1) }),
    look: (found, acknowledged, place) => {
      const there = new Set(contents(found, place).values())
      if (!there.has('zero') || !there.has('one')) throw new Error(`${place}: ${[...there]}`)
      if (acknowledged && !found.list().includes('/d/log.1.gz')) throw new Error(place)
    },
    seeds: scale(10, 300),
  })
  t.log(`${states} states`)
  t.true(states > scale(60, 200))
})

for (const links of [true, false]) {
  test(`a rotation is killed, the next one goes on, and the power is cut: nothing is lost (links: ${links})`, async (t) => {
    const another = eachAnother()
    const run = (fs: FileSystem) => rotateFile('/d/log', { fs, keep: KEEP, system: another() })
    const { states } = await killSweep({
      options: { links },
      set,
      work: run,
      rerun: run,
      look: (found, acknowledged, place) => {
        const files = contents(found, place)
        const there = [...files.values()]
        if (!there.includes('zero') || !there.includes('one')) throw new Error(`${place}: ${there}`)
        if (acknowledged && files.get('/d/log.1') !== 'zero') throw new Error(`${place}: ${there}`)
      },
    })
    t.log(`${states} states`)
    t.true(states > scale(60, 500))
  })
}

/** The contents of the files that are whole. */
function whole(disk: MemoryDisk): string[] {
  return [...disk.snapshot()].flatMap(([path, bytes]) => {
    try {
      return [(/gz$|sluice-tmp$/.test(path) ? gunzipSync(bytes) : bytes).toString()]
    } catch {
      return []
    }
  })
}

for (const durability of ['crash', 'power'] as const) {
  test(`a compression (${durability}) is killed, the next one goes on, and the power is cut: nothing is lost`, async (t) => {
    const another = eachAnother()
    const run = (fs: FileSystem, how: 'crash' | 'power') =>
      rotateFile('/d/log', { fs, keep: KEEP, compress: true, durability: how, system: another() })
    const older = durability === 'power' ? ['zero', 'one'] : ['one']
    let stood = false
    const { states } = await killSweep({
      set: (disk) => {
        // what a run moves without a sync it may lose itself
        if (durability === 'power') disk.put('/d/log', 'zero')
        disk.put('/d/log.1', 'one')
      },
      work: (fs) => run(fs, durability),
      rerun: (disk) => {
        stood = disk.snapshot().has('/d/log.1')
        return run(disk, 'power')
      },
      look: (found, acknowledged, place) => {
        if (!stood && durability === 'crash') return
        const there = whole(found)
        const lost = older.filter((text) => !there.includes(text))
        if (lost.length > 0) throw new Error(`${place}: ${lost} is lost: ${found.list()}`)
        if (acknowledged && !found.list().includes('/d/log.1.gz')) throw new Error(place)
      },
      every: scale(8, 1),
    })
    t.log(`${states} states`)
    t.true(states > scale(60, 500))
  })
}

test('whichever call fails, nothing is lost, and the next run ends it', async (t) => {
  for (const compress of [false, true]) {
    const machine = new Machine()
    const run = (fs: MemoryDisk, pid: number) =>
      rotateFile('/d/log', { fs, keep: KEEP, compress, system: machine.start(pid), timeout: 0 })
    let ended = false
    const { runs } = await faultSweep({
      set,
      work: (disk) => {
        ended = false
        machine.reboot()
        return run(disk, 1)
      },
      recover: async (disk) => {
        ended = true
        machine.end(1)
        await run(disk, 2)
      },
      look: (disk, result, place) => {
        const files = contents(disk, place)
        const texts = new Set(files.values())
        if (!texts.has('zero') || !texts.has('one'))
          throw new Error(`${place}: ${JSON.stringify([...files])}`)
        if (result instanceof Error && !isSluiceError(result)) throw new Error(`${place}: no code`)
        const done = ended || (!(result instanceof Error) && !(result as Rotation).warning)
        if (!done) return
        const ending = compress ? '.gz' : ''
        if (files.get(`/d/log.1${ending}`) !== 'zero' || files.size !== 3)
          throw new Error(`${place}: ${JSON.stringify([...files])}`)
      },
    })
    t.log(`${runs} runs`)
    t.true(runs > scale(50, 500))
  }
})
