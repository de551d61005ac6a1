import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import { Tree } from '../../../lib/files/index.js'
import { goOnWith } from '../../../lib/files/journal/go-on-with.js'
import { Journal } from '../../../lib/files/journal/journal.js'
import { readJournal } from '../../../lib/files/journal/read-journal.js'
import { type Taker, takeOver } from '../../../lib/files/journal/take-over.js'
import { thisOwner } from '../../../lib/files/own/owner.js'
import { MemoryDisk } from '../../../lib/testing/index.js'
import { Machine } from '../../helpers/machine.js'
import { growth } from '../../helpers/turns.js'

/** Parts that a dead process left, and one that goes on with all of them, by a taker that the test changes. */
async function goOn(count: number, change: (taker: Taker) => Taker) {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  const tree = await Tree.open('/d', { fs: disk })
  const machine = new Machine()
  const left = await Journal.create(tree, 'ab'.repeat(16), {
    durability: 'crash',
    owner: thisOwner(machine.start(1)),
  })
  machine.end(1)
  const paths = Array.from({ length: count }, (_, i) => `f${i}`)
  await left.begin(paths.map((path) => ({ path, size: 10, mtime: 1, part: `${path}.part` })))
  for (const path of paths) disk.put(`/d/${path}.part`, 'abc')

  const system = machine.start(2)
  const warnings: Error[] = []
  const journal = await Journal.create(tree, 'cd'.repeat(16), {
    durability: 'crash',
    owner: thisOwner(system),
  })
  const had = await takeOver(
    tree,
    () => true,
    { system },
    (parts, taker) => goOnWith(parts, change(taker), journal, (warning) => warnings.push(warning)),
  )
  await journal.flush()
  /** The paths of the files that each journal knows. */
  const known = async () => {
    const paths: string[][] = []
    for (const path of disk.list().filter((path) => path.endsWith('.journal')))
      paths.push((await readJournal(disk, path))!.unfinished.map((file) => file.path))
    return paths.sort()
  }
  return { had: [...had.keys()].map(({ file }) => file.path), warnings, known }
}

test('a part that cannot be had stays with the journal that knew it before; the others are gone on with', async (t) => {
  const unlucky: Taker['place'] = async ({ file }) => {
    if (file.path === 'f1') throw Object.assign(new Error('EIO'), { code: 'EIO' })
  }
  const { had, warnings, known } = await goOn(3, (taker) => ({ ...taker, place: unlucky }))
  t.deepEqual(had, ['f0', 'f2'])
  t.like(warnings, { length: 1, 0: { code: 'ERR_WRITE', path: 'f1.part' } })
  t.deepEqual(await known(), [['f0', 'f2'], ['f1']])
})

test.serial('with very many parts the event loop is let go in between', async (t) => {
  const real = performance.now
  let owned = 0
  let taken = 0
  const watched = [growth(() => owned), growth(() => taken)]
  const counting = (taker: Taker): Taker => {
    // each step takes a millisecond from now on
    let now = real.call(performance)
    performance.now = () => now++
    return {
      ...taker,
      own: async () => ++owned > 0,
      taken: (part) => {
        taken++
        taker.taken(part)
      },
    }
  }
  t.teardown(() => {
    performance.now = real
  })
  const { had } = await goOn(1000, counting)
  await setImmediate()
  t.is(had.length, 1000)
  for (const most of watched.map((one) => one.stop())) t.true(most < 20, `${most} in one turn`)
})
