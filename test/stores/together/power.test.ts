import test from 'ava'
import { recoverTransactions } from '../../../lib/files/index.js'
import { togetherParts } from '../../../lib/stores/together/together-store.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { eachAnother } from '../../files/transaction/scenarios.js'
import { POLICY } from '../../helpers/claims-scene.js'
import { arrivingOf, type Content, offerOf } from '../../helpers/items.js'
import { receiveItems } from '../../helpers/river.js'
import { scale } from '../../helpers/scale.js'
import { crashSweep, faultSweep } from '../../helpers/sweep.js'

// The power is cut, or a call fails, at any call of a transfer that is published together: nothing of it is seen, or
// all.

const NEW: Content = {
  photos: null,
  'photos/a.txt': 'hello',
  'photos/none': null,
  'photos/deep/c': Buffer.alloc(900, 'c'),
}

const MERGED: Content = { ...NEW, 'report.pdf': 'a report', 'b.txt': 'b', link: { target: 'b.txt' } }

const STANDING: Record<string, string> = {
  '/dst/photos/mine': 'mine',
  '/dst/photos/a.txt.part': 'mine, too',
  '/dst/report.pdf': 'another report',
}

interface Scene {
  content: Content
  standing: Record<string, string>
  conflict?: 'rename' | 'overwrite'
}

const SCENES: Record<string, Scene> = {
  'a new folder': { content: NEW, standing: { '/dst/mine': 'mine' } },
  'files, and a folder that merges': { content: MERGED, standing: STANDING },
  'files that are overwritten': { content: MERGED, standing: STANDING, conflict: 'overwrite' },
}

const another = eachAnother()

async function receive(disk: MemoryDisk, { content, conflict = 'rename' }: Scene) {
  const common = { dir: '/dst', fs: disk, durability: 'power', handles: 16 } as const
  const store = togetherParts({ ...common, ownership: { system: another() } })
  const items = arrivingOf(content, { run: 30_000, cut: 9000 })
  return receiveItems(items, { store, concurrency: 1, durability: 'power', conflict, symlinks: 'keep' })
}

/** All that is in the folder, with its content, but for what is ours. */
function seen(disk: MemoryDisk): string {
  const files = disk.snapshot()
  const paths = disk
    .list()
    .filter((path) => !path.startsWith('/dst/.sluice') && !path.endsWith('.sluice-tmp'))
  return paths.map((path) => `${path} ${files.get(path)?.toString('latin1').slice(0, 99)}`).join('\n')
}

function set(disk: MemoryDisk, { standing }: Scene): void {
  for (const [path, text] of Object.entries(standing)) disk.put(path, text)
}

/** What is seen before, and when all of it is there. */
async function states(scene: Scene): Promise<{ old: string; fresh: string }> {
  const disk = new MemoryDisk()
  set(disk, scene)
  const old = seen(disk)
  const { error } = await receive(disk, scene)
  if (error) throw error
  return { old, fresh: seen(disk) }
}

const recover = (disk: MemoryDisk) => recoverTransactions('/dst', { fs: disk, system: another() })

for (const [name, scene] of Object.entries(SCENES)) {
  test(`a power cut at any call leaves nothing of it or all, and another run makes it whole: ${name}`, async (t) => {
    const { old, fresh } = await states(scene)
    const found = { all: 0, nothing: 0 }
    let looks = 0
    const { states: count } = await crashSweep({
      seeds: scale(2, 40),
      step: scale(8, 1, 1),
      again: scale(0, 2),
      set: (disk) => set(disk, scene),
      work: async (disk) => {
        const { error } = await receive(disk, scene)
        if (error) throw error
      },
      recover,
      look: async (disk, acknowledged, place) => {
        const state = seen(disk)
        if (state !== fresh && (acknowledged || state !== old)) throw new Error(`${place}:\n${state}`)
        found[state === fresh ? 'all' : 'nothing']++
        if (looks++ % scale(12, 10) > 0) return
        const { error } = await receive(disk, scene)
        if (error || seen(disk) !== fresh) throw new Error(`${place}, the next run: ${error}\n${seen(disk)}`)
        const left = disk.list().filter((path) => path.startsWith('/dst/.sluice'))
        if (left.length > 0) throw new Error(`${place}, the next run leaves ${left.join(' ')}`)
      },
    })
    t.log(`${count} states`)
    t.true(found.all > 0 && found.nothing > 0)
    t.true(count > scale(20, 500))
  })

  test(`whichever call fails, nothing of it is seen or all, and another run makes it whole: ${name}`, async (t) => {
    const { old, fresh } = await states(scene)
    const { runs } = await faultSweep({
      step: scale(150, 3),
      set: (disk) => set(disk, scene),
      work: async (disk) => {
        const { error } = await receive(disk, scene)
        if (error) throw error
      },
      look: async (disk, result, place) => {
        const isKept = disk.list().some((path) => path.includes('.intent'))
        if (isKept) await recover(disk)
        const state = seen(disk)
        if (state !== fresh && (state !== old || !(result instanceof Error)))
          throw new Error(`${place}:\n${state}`)
      },
      recover: async (disk, place) => {
        await recover(disk)
        const { error } = await receive(disk, scene)
        if (error || seen(disk) !== fresh) throw new Error(`${place}, the next run: ${error}\n${seen(disk)}`)
      },
    })
    t.log(`${runs} runs`)
    t.true(runs > 15)
  })
}

test('what stands there already, and is found identical, lasts once that was told', async (t) => {
  for (let seed = 0; seed < 20; seed++) {
    const disk = new MemoryDisk({ crashes: true })
    disk.putFolder('/dst/photos')
    disk.syncAll()
    disk.put('/dst/photos/a.txt', 'hello')
    const { error } = await receive(disk, { content: NEW, standing: {} })
    t.is(error, undefined)
    t.is(disk.crash(seed).snapshot().get('/dst/photos/a.txt')?.toString(), 'hello')
  }
})

test('what is set or written at the end is synced: the time of a folder that merges, and a file that was staged before', async (t) => {
  const disk = new MemoryDisk()
  disk.putFolder('/dst/photos')
  const common = { dir: '/dst', fs: disk, durability: 'power', handles: 16 } as const
  const start = () => togetherParts({ ...common, ownership: { system: another() } })
  const offer = offerOf({ photos: null, 'photos/a': 'hello' })
  const [folder, file] = offer.entries
  const first = start()
  await first.expect!(offer, 5)
  const part = await first.begin(file!)
  await part.write(0, [Buffer.from('hello')], true)
  await part.publish(POLICY)
  await first.close!()
  const last = new Map<string, string>()
  disk.hook = ({ call, path }) => {
    if (['write', 'futimes', 'fsync'].includes(call)) last.set(path.replace(/.*staged/, 'staged'), call)
  }
  const second = start()
  await second.learn!(offer)
  const claim = (await second.claims!([file!])).get(file!.index)
  t.deepEqual(claim?.ranges, [{ start: 0, end: 5 }])
  await claim!.part.write(0, [Buffer.from('hello')], true)
  await claim!.part.publish(POLICY)
  await second.makeFolder!(folder!)
  await second.endFolder!(folder!)
  await second.publishAll!(POLICY, ['photos', 'photos/a'])
  await second.finish!()
  await second.close!()
  t.is(last.get('staged/photos/a'), 'fsync')
  t.is(last.get('/dst/photos'), 'fsync')
  t.is(disk.snapshot().get('/dst/photos/a')?.toString(), 'hello')
})
