import { randomBytes } from 'node:crypto'
import test from 'ava'
import { collectLeftovers, Tree } from '../../../lib/files/index.js'
import { readJournal } from '../../../lib/files/journal/read-journal.js'
import { processSystem } from '../../../lib/files/own/owner.js'
import type { FinalizerOptions } from '../../../lib/stages/finalizer.js'
import type { PartSinkOptions } from '../../../lib/stages/part-sink.js'
import type { DiskEvent } from '../../../lib/testing/disk/disk-faults.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { arrivingOf, bytesOf, type Content, saying } from '../../helpers/items.js'
import { receiveItems } from '../../helpers/river.js'
import { scale } from '../../helpers/scale.js'
import { crashSweep } from '../../helpers/sweep.js'

// The power is cut at any call of a receive with durability 'power': README.md, "What is guaranteed".

const SENT: Content = {
  photos: null,
  'photos/a.txt': 'hello',
  'photos/empty': '',
  'photos/deep/c': randomBytes(900),
  'report.pdf': randomBytes(500),
  'new/folder': null,
  large: randomBytes(70_000),
}

const STANDING: Record<string, string> = {
  '/dst/report.pdf': 'another report',
  '/dst/photos/mine': 'mine',
  '/dst/photos/a.txt.part': 'mine, too',
}

const contents = new Set(Object.values(SENT).map((content) => bytesOf(content).toString('hex')))

async function receive(
  disk: MemoryDisk,
  options: Partial<PartSinkOptions & FinalizerOptions> = {},
): Promise<void> {
  const settings = { dir: '/dst', fs: disk, concurrency: 1, durability: 'power', ...options } as const
  const { error } = await receiveItems(arrivingOf(SENT, { run: 30_000, cut: 9000 }), settings)
  if (error) throw error
}

let boots = 0

/** As the first process after the power cut does it: no other is left. */
async function collect(disk: MemoryDisk): Promise<void> {
  const boot = `boot ${++boots}`
  const read = (path: string) => (path.endsWith('boot_id') ? boot : processSystem.read(path))
  const tree = await Tree.open('/dst', { fs: disk })
  await collectLeftovers(tree, { system: { ...processSystem, read } })
  await tree.close()
}

test('KNOWN-FAILURES 7: whatever has a name after a power cut is whole, what was acknowledged is there, and no part is left', async (t) => {
  const { states } = await crashSweep({
    seeds: scale(4, 40),
    again: scale(1, 3),
    set: (disk) => {
      for (const [path, content] of Object.entries(STANDING)) disk.put(path, content)
    },
    work: receive,
    recover: collect,
    look: (found, acknowledged, place) => {
      const files = found.snapshot()
      const fail = (what: string) => {
        throw new Error(`${place}: ${what}`)
      }
      for (const [path, content] of Object.entries(STANDING))
        if (files.get(path)?.toString() !== content) fail(`${path} is lost`)
      for (const [path, content] of files) {
        if (path in STANDING || path.startsWith('/dst/.sluice/')) continue
        if (!contents.has(content.toString('hex'))) fail(`${path} is not whole`)
        if (path.endsWith('.part')) fail(`${path} is left`)
      }
      if (!acknowledged) return
      const there = new Set(found.list())
      for (const [path, content] of Object.entries(SENT)) {
        const name = path === 'report.pdf' ? '/dst/report_1.pdf' : `/dst/${path}`
        if (!there.has(content === null ? `${name}/` : name)) fail(`${name} is not there`)
        if (content !== null && !files.get(name)?.equals(bytesOf(content)))
          fail(`${name} is not what was sent`)
      }
    },
  })
  t.log(`${states} states`)
  t.true(states > scale(50, 100))
})

test('a part whose content did not match does not come back once that was told', async (t) => {
  const { states } = await crashSweep({
    seeds: scale(4, 40),
    set: (disk) => disk.put('/dst/other', ''),
    work: async (disk) => {
      const items = saying(arrivingOf({ 'a.txt': 'hello' }), { 'a.txt': Buffer.alloc(32, 1) })
      const { error } = await receiveItems(items, { dir: '/dst', fs: disk, durability: 'power' })
      t.is(error?.code, 'ERR_FILES_FAILED')
    },
    look: (found, acknowledged, place) => {
      if (acknowledged && found.snapshot().has('/dst/a.txt.part')) throw new Error(`${place}: it is back`)
    },
  })
  t.true(states > scale(5, 10))
})

test('a destination that was not there is there after a power cut, once its files are acknowledged', async (t) => {
  for (let seed = 0; seed < 20; seed++) {
    const disk = new MemoryDisk({ crashes: true })
    await receive(disk, { dir: '/new/place' })
    t.is(disk.crash(seed).snapshot().get('/new/place/photos/a.txt')?.toString(), 'hello')
  }
})

test('a folder that nothing is in is there after a power cut, once it is acknowledged', async (t) => {
  for (let seed = 0; seed < 20; seed++) {
    const disk = new MemoryDisk({ crashes: true })
    disk.putFolder('/dst')
    disk.syncAll()
    await receive(disk)
    t.true(disk.crash(seed).list().includes('/dst/new/folder/'), `seed ${seed}`)
  }
})

test('what is told of a file stands in the journal before, whatever the power does then', async (t) => {
  const disk = new MemoryDisk({ crashes: true })
  let told = 0
  await receive(disk, {
    dir: '/dst',
    onOutcome: async (batch) => {
      for (let seed = 0; seed < 20; seed++) {
        const found = disk.crash(seed)
        const journal = found.list().find((path) => path.endsWith('journal'))
        const content = await readJournal(found, journal!)
        const unfinished = new Set(content!.unfinished.map(({ path }) => path))
        for (const { path } of batch) t.false(unfinished.has(path), path)
      }
      told += batch.length
    },
  })
  t.is(told, Object.keys(SENT).length)
})

test('mode and time of a folder are synced after they were set', async (t) => {
  const disk = new MemoryDisk()
  const last = new Map<string, string>()
  disk.hook = ({ call, path }: DiskEvent) => {
    if (['futimes', 'fchmod', 'fsync'].includes(call)) last.set(path, call)
  }
  await receive(disk, { dir: '/dst' })
  for (const path of ['/dst/photos', '/dst/new/folder']) t.is(last.get(path), 'fsync', path)
})
