import test from 'ava'
import { MemoryDisk } from '../../../lib/testing/index.js'
import { arrivingOf, type Content } from '../../helpers/items.js'
import { receiveItems } from '../../helpers/river.js'
import { scale } from '../../helpers/scale.js'

const SENT: Content = {
  photos: null,
  'photos/a.txt': 'hello',
  'photos/deep/c': 'c'.repeat(900),
  'new/folder': null,
  large: 'l'.repeat(70_000),
}

const receive = (disk: MemoryDisk) =>
  receiveItems(arrivingOf(SENT, { run: 30_000, cut: 9000 }), {
    dir: '/new/dst',
    fs: disk,
    concurrency: 1,
    durability: 'power',
  })

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
    for (let seed = 0; seed < scale(8, 40); seed++) {
      states++
      const found = disk.crash(seed)
      const files = found.snapshot()
      const where = `killed at ${at}, seed ${seed}: ${found.list()}`
      for (const [path, content] of Object.entries(SENT)) {
        if (content === null) t.true(found.list().includes(`/new/dst/${path}/`), where)
        else t.is(files.get(`/new/dst/${path}`)?.toString(), content as string, where)
      }
    }
    if (!dead) break
  }
  t.log(`${states} states`)
})
