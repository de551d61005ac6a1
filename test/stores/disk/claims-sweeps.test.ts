import test from 'ava'
import { errorCode } from '../../../lib/files/disk/disk-error.js'
import { MemoryDisk } from '../../../lib/testing/index.js'
import { beginSome, entriesOf, filesIn, Receivers, receiveAll } from '../../helpers/claims-scene.js'
import { killedAt } from '../../helpers/kill-sweep.js'
import { scale } from '../../helpers/scale.js'
import { crashSweep, faultSweep } from '../../helpers/sweep.js'

// A receiver takes over what another one left, and is killed, loses its power or has a call fail at each of its calls:
// what was there is known to some journal, or its file is published; and nothing else is touched.

const FILES = { x: Buffer.alloc(700, 'x'), 'sub/y': Buffer.from('all of y'), z: Buffer.alloc(30, 'z') }
/** What was there of them. */
const THERE = { x: 600, 'sub/y': FILES['sub/y'].length, z: 0 }
/** Is not sent again. */
const OTHER = { other: Buffer.from('other') }
const MINE = { mine: 'mine', 'mine.part': 'mine, too', 'x.1.part': 'and this' }

/** A first receiver lets go of what it has. */
async function leave(disk: MemoryDisk, receivers: Receivers, durability: 'crash' | 'power'): Promise<void> {
  const store = receivers.start(disk, { durability })
  const contents = { ...FILES, ...OTHER }
  const pieces = [...Object.keys(FILES), 'other'].map((path) =>
    contents[path as 'x']!.subarray(0, THERE[path as 'x'] ?? 3),
  )
  await beginSome(store, entriesOf(contents), pieces)
  await store.close()
}

function setMine(disk: MemoryDisk): void {
  for (const [path, content] of Object.entries(MINE)) disk.put(`/d/${path}`, content)
}

/** Bytes of files that were there, and have not got their name. */
function unpublished(disk: MemoryDisk): number {
  const files = filesIn(disk)
  return Object.entries(THERE).reduce((sum, [path, bytes]) => sum + (path in files ? 0 : bytes), 0)
}

/**
 * A receiver to whom nothing happens: then each file is what was sent, and what was left of others can be collected.
 * @param forgets what was there may be torn, and known to nobody: 'crash' promises nothing of a power cut
 */
async function checkNext(
  disk: MemoryDisk,
  receivers: Receivers,
  { place, atLeast, forgets = false }: { place: string; atLeast: number; forgets?: boolean },
): Promise<void> {
  const fail = (what: string) => {
    throw new Error(`${place}: ${what}; ${disk.list()}`)
  }
  const claimed = await receiveAll(receivers.start(disk), FILES)
  if (claimed < atLeast) fail(`${claimed} bytes were claimed of ${atLeast}`)
  await receivers.collect(disk)
  const files = filesIn(disk)
  const right: Record<string, string> = { ...MINE }
  for (const [path, content] of Object.entries(FILES)) right[path] = content.toString()
  for (const [path, content] of Object.entries(files)) {
    // published before the receiver died, and sent again
    if (!forgets && right[path.replace(/_1$/, '')] !== content) fail(`${path} is ${content}`)
  }
  for (const [path, content] of Object.entries(right))
    if (files[path] !== content && files[`${path}_1`] !== content) fail(`${path} is not there`)
  if (!forgets && disk.list().includes('/d/.sluice/')) fail('our folder is left')
}

for (const durability of ['crash', 'power'] as const) {
  test(`whoever takes over is killed at any call, and so is the next: nothing is lost (${durability})`, async (t) => {
    let states = 0
    for (let at = 1, isOver = false; !isOver; at += scale(3, 1)) {
      const step = scale(37, 3)
      for (let then = 1 + (at % step), isDone = false; !isDone; then += step) {
        const place = `killed at call ${at}, the next one at call ${then}`
        const disk = new MemoryDisk()
        setMine(disk)
        const receivers = new Receivers()
        await leave(disk, receivers, durability)
        const work = (fs: Parameters<Parameters<typeof killedAt>[2]>[0]) =>
          receiveAll(receivers.start(fs, { durability }), FILES)
        isOver = !(await killedAt(disk, at, work))
        receivers.kill()
        isDone = !(await killedAt(disk, then, work))
        receivers.kill()
        await checkNext(disk, receivers, { place, atLeast: isOver ? 0 : unpublished(disk) })
        states++
        if (at % scale(4, 1) > 0) break
      }
    }
    t.log(`${states} states`)
    t.true(states > scale(50, 100))
  })

  test(`the power is cut at any call of a take-over: what arrives then is right (${durability})`, async (t) => {
    let receivers = new Receivers()
    const { states } = await crashSweep({
      set: async (disk) => {
        setMine(disk)
        receivers = new Receivers()
        await leave(disk, receivers, durability)
      },
      work: (disk) => receiveAll(receivers.start(disk, { durability }), FILES),
      recover: async () => {
        receivers.machine.reboot()
      },
      look: async (found, acknowledged, place) => {
        receivers.machine.reboot()
        const forgets = durability === 'crash'
        const atLeast = acknowledged || forgets ? 0 : unpublished(found)
        await checkNext(found, receivers, { place, atLeast, forgets })
      },
      seeds: scale(2, 40),
    })
    t.log(`${states} states`)
    t.true(states > scale(50, 100))
  })

  test(`whichever call of a take-over fails, what was there is there for the next (${durability})`, async (t) => {
    let receivers = new Receivers()
    const { runs } = await faultSweep({
      set: async (disk) => {
        setMine(disk)
        receivers = new Receivers()
        await leave(disk, receivers, durability)
      },
      work: (disk) => receiveAll(receivers.start(disk, { durability }), FILES),
      look: async (disk, result, place) => {
        if (result instanceof Error && !errorCode(result)) throw new Error(`${place}: no code`)
        receivers.kill()
        const atLeast = result instanceof Error ? unpublished(disk) : 0
        await checkNext(disk, receivers, { place, atLeast })
      },
      step: scale(19, 1),
    })
    t.log(`${runs} runs`)
    t.true(runs > scale(50, 100))
  })
}
