import test from 'ava'
import { SystemError } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/index.js'
import { arrivingOf, type Content } from '../../helpers/items.js'
import { receiveItems, statuses } from '../../helpers/river.js'

/** The root, the journal and its folder stay open; on the way into a folder there are three, and a file needs one. */
const FEWEST = 6

/** A system that has so few handles for all of this process. */
class FewHandles extends MemoryDisk {
  most = Number.POSITIVE_INFINITY
  refused = 0

  override async open(path: string, flags: number, mode?: number): Promise<number> {
    if (this.openHandles().length >= this.most) {
      this.refused++
      throw new SystemError('EMFILE', 'open', 'of the test')
    }
    return super.open(path, flags, mode)
  }
}

const files: Content = {}
for (let d = 0; d < 12; d++)
  for (let f = 0; f < 5; f++) files[`d${d}/x/y/f${f}`] = Buffer.alloc(300, d * 5 + f)

for (const durability of ['crash', 'power'] as const) {
  test(`HOSTILE-INPUT 70: with few handles every file arrives, and nothing is left open ('${durability}')`, async (t) => {
    let refused = 0
    for (const most of [FEWEST, FEWEST + 1, FEWEST + 2, 10, 16, 33]) {
      const disk = new FewHandles()
      disk.putFolder('/dst')
      disk.most = most
      // the second time all of it is there already, and is read back
      for (const expected of ['published', 'skipped identical']) {
        const { outcomes, error } = await receiveItems(arrivingOf(files), {
          dir: '/dst',
          fs: disk,
          durability,
        })
        t.is(error, undefined, `${most} handles: ${error?.message}`)
        t.deepEqual(new Set(Object.values(statuses(outcomes))), new Set([expected]), `${most} handles`)
        t.deepEqual(disk.openHandles(), [], `${most} handles`)
      }
      for (const [path, content] of Object.entries(files)) {
        t.deepEqual(disk.snapshot().get(`/dst/${path}`), content, path)
      }
      refused += disk.refused
    }
    t.true(refused > 100, `${refused} times there was no handle`)
  })
}

test('HOSTILE-INPUT 70: with too few handles for one file it fails, and does not hang', async (t) => {
  const disk = new FewHandles()
  disk.putFolder('/dst')
  disk.most = FEWEST - 2
  const { error } = await receiveItems(arrivingOf(files), { dir: '/dst', fs: disk })
  t.true(error !== undefined)
  t.deepEqual(disk.openHandles(), [])
})
