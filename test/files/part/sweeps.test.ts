import test from 'ava'
import { isSluiceError } from '../../../lib/errors.js'
import { type Conflict, collectLeftovers, PartFile, Tree } from '../../../lib/files/index.js'
import { Journal } from '../../../lib/files/journal/journal.js'
import { thisOwner } from '../../../lib/files/own/owner.js'
import type { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { Machine } from '../../helpers/machine.js'
import { scale } from '../../helpers/scale.js'
import { crashSweep, faultSweep } from '../../helpers/sweep.js'

// Two files arrive, are taken down in the journal, and get their names; whatever happens, the next run collects.

const CONTENT = { a: 'the content of a, '.repeat(80), b: 'b' }
const NAMES = ['a', 'b'] as const
const A_DAY_LATER = () => Date.now() + 25 * 60 * 60 * 1000

const machine = new Machine()

const set = (disk: MemoryDisk) => {
  disk.put('/d/a', 'the old one')
  disk.put('/d/other', 'not ours')
  disk.put('/d/mine.part', 'not ours either')
}

/** Gives the names that were acknowledged, each with the number of the call that was made last. */
async function receive(disk: MemoryDisk, conflict: Conflict, pid: number): Promise<Map<string, number>> {
  const acknowledged = new Map<string, number>()
  const tree = await Tree.open('/d', { fs: disk })
  try {
    const owner = thisOwner(machine.start(pid))
    const journal = await Journal.create(tree, 'ab'.repeat(16), { durability: 'power', owner })
    try {
      const files = NAMES.map((path) => ({
        path,
        size: CONTENT[path].length,
        mtime: 0,
        part: `${path}.part`,
      }))
      const numbers = await journal.begin(files)
      for (const [i, path] of NAMES.entries()) {
        const part = await PartFile.open({ tree, path }, { durability: 'power', mode: 0o640, mtime: 1000 })
        try {
          const half = CONTENT[path].length >> 1
          await part.write(0, Buffer.from(CONTENT[path].slice(0, half)))
          await part.write(half, Buffer.from(CONTENT[path].slice(half)), { seal: true })
          const { name } = await part.complete({ conflict })
          journal.end(numbers[i]!, { state: 'completed', name, part: 'gone' })
          await journal.flush()
          acknowledged.set(name!, disk.calls)
        } finally {
          await part.close()
        }
      }
      await journal.finish()
      return acknowledged
    } catch (error) {
      await journal.close().catch(() => {})
      throw error
    }
  } finally {
    await tree.close()
  }
}

async function collect(disk: MemoryDisk): Promise<void> {
  const tree = await Tree.open('/d', { fs: disk })
  try {
    await collectLeftovers(tree, { system: machine.start(99), now: A_DAY_LATER })
  } finally {
    await tree.close()
  }
}

function look(disk: MemoryDisk, told: string[], ended: boolean, place: string): void {
  const files = new Map([...disk.snapshot()].map(([path, text]) => [path, text.toString()]))
  const fail = (what: string) => {
    throw new Error(`${place}: ${what}; ${disk.list()}`)
  }
  if (files.get('/d/other') !== 'not ours' || files.get('/d/mine.part') !== 'not ours either') fail('a file')
  for (const name of told) {
    if (files.get(`/d/${name}`) !== CONTENT[name[0] as 'a' | 'b']) fail(`${name} was acknowledged`)
  }
  if (!files.has('/d/a')) fail('neither the old one nor the new one')
  for (const [path, text] of files) {
    const name = /^\/d\/([ab])(_\d)?$/.exec(path)?.[1] as 'a' | 'b' | undefined
    if (name && text !== CONTENT[name] && !(path === '/d/a' && text === 'the old one'))
      fail(`${path}: ${text}`)
    else if (!name && ended && path !== '/d/other' && path !== '/d/mine.part') fail(`${path} is left over`)
  }
  if (ended && disk.list().includes('/d/.sluice/')) fail('our folder is left over')
}

for (const conflict of ['rename', 'overwrite'] as const) {
  test(`a power cut at any call of files that arrive loses nothing, and leaves nothing behind (${conflict})`, async (t) => {
    let told = new Map<string, number>()
    const { states } = await crashSweep({
      set,
      work: async (disk) => {
        told = await receive(disk, conflict, 1)
      },
      recover: async (disk) => {
        machine.reboot()
        await collect(disk)
      },
      look: (disk, acknowledged, place) => {
        const call = acknowledged ? Number.POSITIVE_INFINITY : Number(/\((\d+)\)/.exec(place)![1])
        const names = [...told].filter(([, at]) => at <= call).map(([name]) => name)
        look(disk, names, true, place)
      },
      seeds: scale(12, 100),
      again: scale(conflict === 'rename' ? 0 : 1, 2),
    })
    t.log(`${states} states`)
    t.true(states > scale(30, 100))
  })

  test(`whichever call fails while files arrive, nothing is lost or left behind (${conflict})`, async (t) => {
    const { runs } = await faultSweep({
      set,
      work: (disk) => {
        machine.reboot()
        return receive(disk, conflict, 1)
      },
      recover: async (disk) => {
        machine.end(1)
        await collect(disk)
      },
      look: (disk, result, place) => {
        if (result instanceof Error && !isSluiceError(result)) throw new Error(`${place}: no code`)
        const told = result instanceof Map ? [...result.keys()] : []
        look(disk, told as string[], place.startsWith('after recovery'), place)
      },
    })
    t.log(`${runs} runs`)
    t.true(runs > scale(50, 500))
  })
}
