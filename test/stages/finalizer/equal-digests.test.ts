import test from 'ava'
import type { DigestsItem, Item } from '../../../lib/stages/river/items.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import type { Outcome } from '../../../lib/wire/outcome.js'
import type { Run } from '../../../lib/wire/run.js'
import { arrivingOf } from '../../helpers/items.js'
import { receiveItems } from '../../helpers/river.js'

const FILES = { a: 'one', b: 'two', c: 'three', d: 'four' }
const LENGTH = 32

function scene() {
  const disk = new MemoryDisk()
  disk.putFolder('/dst')
  const items = arrivingOf(FILES)
  const run = items.find(({ kind }) => kind === 'run') as Run
  const said = items.find(({ kind }) => kind === 'digests') as DigestsItem
  const receive = (options: Parameters<typeof receiveItems>[1] = {}, all: Item[] = items) =>
    receiveItems(all, { dir: '/dst', fs: disk, ...options })
  return { disk, items, run, said, receive }
}

test('a file of which nobody knows a digest is not published between others that are equal', async (t) => {
  const { disk, run, said, receive } = scene()
  for (const { bytes } of [run.digests!, said]) bytes.fill(0, LENGTH, 2 * LENGTH)
  const { outcomes, error } = await receive()
  t.is(error?.code, 'ERR_FILES_FAILED')
  t.deepEqual(
    outcomes.map(({ path, status, code }) => [path, status, code]),
    [
      ['a', 'published', undefined],
      ['b', 'failed', 'ERR_DIGEST'],
      ['c', 'published', undefined],
      ['d', 'published', undefined],
    ],
  )
  t.false(disk.list().includes('/dst/b'))
})

test('digests that come again, around files that have their outcome, give them no second one', async (t) => {
  const { items, said, receive } = scene()
  const first: DigestsItem = { ...said, first: 1, count: 2, bytes: said.bytes.subarray(LENGTH, 3 * LENGTH) }
  const all = items.flatMap((item) => (item === said ? [first, said, said] : [item]))
  const told: Outcome[] = []
  const onOutcome = (batch: Outcome[]) => void told.push(...batch)
  const { outcomes, error } = await receive({ missing: 'skip', onOutcome }, all)
  t.is(error, undefined)
  for (const list of [outcomes, told]) {
    const shown = list.map(({ path, status }) => `${path} ${status}`).sort()
    t.deepEqual(shown, ['a published', 'b published', 'c published', 'd published'])
  }
})
