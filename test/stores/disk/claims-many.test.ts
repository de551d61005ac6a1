import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import { Tree } from '../../../lib/files/index.js'
import { Journal } from '../../../lib/files/journal/journal.js'
import { readJournal } from '../../../lib/files/journal/read-journal.js'
import { thisOwner } from '../../../lib/files/own/owner.js'
import { MemoryDisk } from '../../../lib/testing/index.js'
import { entriesOf, Receivers } from '../../helpers/claims-scene.js'
import { scale } from '../../helpers/scale.js'

// Very many unfinished files cost as much each as few do, and hold nothing open and nobody up.

const CONTENT = Buffer.from('abc')

/** A journal of so many small files, whose owner is dead, with the parts of every `nth` of them. */
async function manyLeft(count: number, nth: number) {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  const receivers = new Receivers()
  const entries = entriesOf(
    Object.fromEntries(Array.from({ length: count }, (_, i) => [`d${i % 10}/f${i}`, CONTENT])),
  )
  const tree = await Tree.open('/d', { fs: disk })
  const owner = thisOwner(receivers.machine.start(1000))
  const journal = await Journal.create(tree, 'ab'.repeat(16), { durability: 'crash', owner })
  await journal.beginRun(entries, (path) => path)
  for (const { path, index } of entries) if (index % nth === 0) disk.put(`/d/${path}.part`, CONTENT)
  await journal.flush()
  await tree.close()
  receivers.kill()
  return { disk, receivers, entries }
}

/** What claims cost: calls and turns of the event loop. */
async function cost(count: number, nth: number) {
  const { disk, receivers, entries } = await manyLeft(count, nth)
  const store = receivers.start(disk)
  const before = disk.calls
  const claims = await store.claims(entries)
  const calls = disk.calls - before
  const open = disk.openHandles().length
  const journals = disk.list().filter((path) => path.endsWith('.journal'))
  const bytes = journals.reduce((sum, path) => sum + disk.snapshot().get(path)!.length, 0)
  await store.close()
  return { claims, calls, open, journals, bytes, disk }
}

test('calls grow with the number of files and not faster, and no handle is held for a part', async (t) => {
  const few = await cost(1000, 2)
  const many = await cost(10_000, 2)
  t.is(few.claims.size, 500)
  t.is(many.claims.size, 5000)
  t.true(many.calls < few.calls * 11, `${few.calls} calls for 1,000, ${many.calls} for 10,000`)
  t.true(many.calls < 10_000 * 6)
  t.true(many.open <= 20, `${many.open} are open`)
  // the old journal is done: nothing is left in it
  t.is(many.journals.length, 1)
  t.is((await readJournal(many.disk, many.journals[0]!))?.unfinished.length, 5000)
})

test('of 100,000 unfinished files the event loop is let go in between, and the journal has few bytes for each', async (t) => {
  const count = scale(30_000, 100_000)
  let turns = 0
  let isOver = false
  const counting = (async () => {
    for (; !isOver; turns++) await setImmediate()
  })()
  const { claims, bytes } = await cost(count, 1)
  isOver = true
  await counting
  t.is(claims.size, count)
  t.true(turns > count / 1000, `${turns} turns`)
  t.true(bytes < count * 300, `${bytes} bytes`)
  t.log(`${bytes} bytes, ${turns} turns of the event loop`)
})

test.serial(
  'where each step takes long, it is let go after a few of them, in each loop over all of the files',
  async (t) => {
    const { disk, receivers, entries } = await manyLeft(2000, 1)
    const store = receivers.start(disk)
    const real = performance.now
    let now = real.call(performance)
    performance.now = () => now++
    t.teardown(() => {
      performance.now = real
    })
    let turns = 0
    let isOver = false
    const counting = (async () => {
      for (; !isOver; turns++) await setImmediate()
    })()
    const claims = await store.claims(entries)
    isOver = true
    await counting
    t.is(claims.size, 2000)
    // they are chosen, owned, placed, and made parts
    t.true(turns > 4 * (2000 / 10), `${turns} turns`)
    await store.close()
  },
)

test('an offer of other files than those that were left looks at none of them', async (t) => {
  const { disk, receivers } = await manyLeft(2000, 1)
  const others = entriesOf(Object.fromEntries(Array.from({ length: 2000 }, (_, i) => [`d0/g${i}`, CONTENT])))
  const store = receivers.start(disk)
  const before = disk.calls
  t.is((await store.claims(others)).size, 0)
  t.true(disk.calls - before < 100, `${disk.calls - before} calls`)
  await store.close()
})
