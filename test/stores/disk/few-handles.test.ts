import test from 'ava'
import { SystemError } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { arrivingOf, type Content } from '../../helpers/items.js'
import { receiveItems, statuses } from '../../helpers/river.js'

/** The root, the journal and its folder stay open; on the way into a folder there are three, and a file needs one. */
const FEWEST = 6

/** A system that has so few handles for all of this process. */
function fewHandles(most: number, sync: boolean) {
  const disk = new MemoryDisk({ sync })
  disk.putFolder('/dst')
  const refused = { atOnce: 0, all: 0 }
  disk.hook = (event) => {
    if (event.call !== 'open' || disk.openHandles().length < most) return
    refused.all++
    if (event.sync) refused.atOnce++
    throw new SystemError('EMFILE', 'open', 'of the test')
  }
  return { disk, refused }
}

const files: Content = {}
for (let d = 0; d < 12; d++)
  for (let f = 0; f < 5; f++) files[`d${d}/x/y/f${f}`] = Buffer.alloc(300, d * 5 + f)

for (const [durability, sync] of [
  ['crash', true],
  ['crash', false],
  ['power', true],
] as const) {
  const how = `'${durability}'${sync ? '' : ', by promises alone'}`
  test(`HOSTILE-INPUT 70: with few handles every file arrives, and nothing is left open (${how})`, async (t) => {
    const total = { atOnce: 0, all: 0 }
    for (const most of [FEWEST, FEWEST + 1, FEWEST + 2, 10, 16, 33]) {
      const { disk, refused } = fewHandles(most, sync)
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
      total.all += refused.all
      total.atOnce += refused.atOnce
    }
    t.true(total.all > 100, `${total.all} times there was no handle`)
    t.is(total.atOnce > 0, sync)
  })
}

test('HOSTILE-INPUT 70: with too few handles for one file it fails, and does not hang', async (t) => {
  const { disk } = fewHandles(FEWEST - 2, true)
  const { error } = await receiveItems(arrivingOf(files), { dir: '/dst', fs: disk })
  t.true(error !== undefined)
  t.deepEqual(disk.openHandles(), [])
})
