import test from 'ava'
import { cutsOf, type Item, mapCuts, type Run, runOf } from '../../lib/index.js'
import { sameItems, sampleItems, transformConformance } from '../../lib/testing/index.js'
import { conforms } from '../helpers/conforms.js'

test('sample items are those of a whole transfer, and the same each time', async (t) => {
  const items = await sampleItems()
  t.deepEqual(await sampleItems(), items)
  t.deepEqual([items[0]!.kind, items.at(-1)!.kind], ['offer', 'end'])
  t.true(items.some(({ kind }) => kind === 'digests'))
  const paths = items.flatMap((item) =>
    item.kind === 'run' ? Array.from(cutsOf(item), ({ entry }) => entry.path) : [],
  )
  t.deepEqual([...new Set(paths)], ['a.txt', 'empty', 'photos', 'photos/b.jpg', 'photos/c.txt'])
  t.true(paths.filter((path) => path === 'photos/b.jpg').length > 1, 'a file in several runs')
})

test('sample items are of the files that are given, in runs of the size that is given', async (t) => {
  const items = await sampleItems(new Map([['x', Buffer.alloc(100, 'x')]]), 30)
  const lengths = items.flatMap((item) => (item.kind === 'run' ? item.length : []))
  t.deepEqual(lengths, [30, 30, 30, 10])
})

test('items are compared by what they say of each file', async (t) => {
  const items = await sampleItems()
  t.notThrows(() => sameItems([...items], items))
  t.throws(() => sameItems(items.slice(1), items))
  const other = await sampleItems(new Map([['a.txt', 'another file']]))
  t.throws(() => sameItems(other, items))
})

const many = async () => {
  const [offer, run] = await sampleItems()
  return [offer!, ...Array.from({ length: 1000 }, () => run!)]
}
conforms(
  'mapCuts that passes all on',
  transformConformance(() => mapCuts((cut) => cut), {
    input: () => sampleItems(),
    expected: () => sampleItems(),
    same: sameItems,
    many,
  }),
)

test('a stage that converts passes the suite with the items that lib/README.md expects of it', async (t) => {
  const upper = (bytes: Buffer) => Buffer.from(bytes.toString('latin1').toUpperCase(), 'latin1')
  const converted = (run: Run) =>
    runOf(
      run,
      Array.from(cutsOf(run), (cut) => ({ ...cut, bytes: upper(cut.bytes) })),
    )
  const expected = async () =>
    (await sampleItems()).map((item): Item => (item.kind === 'run' ? converted(item) : item))
  const make = () => mapCuts((cut) => ({ ...cut, bytes: upper(cut.bytes) }))
  const many = () => sampleItems(new Map([['big', Buffer.alloc(4_000_000)]]))
  const cases = transformConformance<Item, Item>(make, {
    input: () => sampleItems(),
    expected,
    many,
    same: sameItems,
  })
  t.true(cases.length > 5)
  for (const { name, run } of cases) await t.notThrowsAsync(async () => run(), name)
})
