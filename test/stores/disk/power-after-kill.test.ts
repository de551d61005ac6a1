import test, { type ExecutionContext } from 'ava'
import type { FinalizerOptions } from '../../../lib/stages/finalizer.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { arrivingOf, type Content } from '../../helpers/items.js'
import { receiveItems, statuses } from '../../helpers/river.js'
import { scale } from '../../helpers/scale.js'

const SENT: Content = {
  photos: null,
  'photos/a.txt': 'hello',
  'photos/deep/c': 'c'.repeat(900),
  'new/folder': null,
  large: 'l'.repeat(70_000),
}

const receive = (disk: MemoryDisk, options: FinalizerOptions = {}) =>
  receiveItems(arrivingOf(SENT, { run: 30_000, cut: 9000 }), {
    dir: '/new/dst',
    fs: disk,
    concurrency: 1,
    durability: 'power',
    ...options,
  })

/** Looks at what many power cuts leave: all that was sent. */
function checkAfterCuts(t: ExecutionContext, disk: MemoryDisk, seeds: number, what: string): void {
  for (let seed = 0; seed < seeds; seed++) {
    const found = disk.crash(seed)
    const files = found.snapshot()
    const where = `${what}, seed ${seed}: ${found.list()}`
    for (const [path, content] of Object.entries(SENT)) {
      if (content === null) t.true(found.list().includes(`/new/dst/${path}/`), where)
      else t.is(files.get(`/new/dst/${path}`)?.toString(), content as string, where)
    }
  }
}

test('a receive is killed at any call, run again, and acknowledged: a power cut takes none of it, though the first one synced nothing', async (t) => {
  let states = 0
  for (let at = 1; ; at += scale(3, 1)) {
    const disk = new MemoryDisk({ crashes: true })
    let dead = false
    disk.hook = ({ number }) => {
      dead ||= number >= at
      if (dead) throw new Error('dead')
    }
    await receive(disk)
    disk.hook = undefined
    const { error } = await receive(disk)
    t.is(error, undefined, `killed at ${at}`)
    const seeds = scale(8, 40)
    checkAfterCuts(t, disk, seeds, `killed at ${at}`)
    states += seeds
    if (!dead) break
  }
  t.log(`${states} states`)
})

for (const unless of ['identical', 'unchanged', 'newer'] as const)
  test(`unless ${unless}: what stands there already, and was never synced, survives a power cut once that was told`, async (t) => {
    const disk = new MemoryDisk({ crashes: true })
    t.is((await receive(disk, { durability: 'crash' })).error, undefined)
    const { outcomes, error } = await receive(disk, { unless })
    t.is(error, undefined)
    const files = Object.entries(statuses(outcomes)).filter(([path]) => SENT[path] !== null)
    for (const [path, status] of files) t.is(status, `skipped ${unless}`, path)
    checkAfterCuts(t, disk, scale(50, 500), unless)
  })
