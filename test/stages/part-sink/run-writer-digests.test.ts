import test from 'ava'
import type { DigestsItem, Item } from '../../../lib/stages/river/items.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { arrivingOf } from '../../helpers/items.js'
import { receiveItems } from '../../helpers/river.js'

test('digests that say nothing of a file in whose middle they come do not end it', async (t) => {
  for (const sync of [true, false]) {
    const disk = new MemoryDisk({ sync })
    disk.putFolder('/dst')
    // larger than a beginning that is kept
    const files = { a: 'small', large: Buffer.alloc(200_000, 'l') }
    const items = arrivingOf(files, { run: 100_000 })
    const nothing: DigestsItem = { kind: 'digests', first: 0, count: 2, bytes: Buffer.alloc(64) }
    const around = items.flatMap((item): Item[] => (item.kind === 'run' ? [item, nothing] : [item]))
    const { error } = await receiveItems(around, { dir: '/dst', fs: disk })
    t.is(error, undefined)
    t.deepEqual(disk.list(), ['/dst/', '/dst/a', '/dst/large'])
    t.deepEqual(disk.openHandles(), [])
  }
})
