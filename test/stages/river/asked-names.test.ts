import test from 'ava'
import { AskedNames } from '../../../lib/stages/river/asked-names.js'
import { offerOf } from '../../helpers/items.js'
import { growth } from '../../helpers/turns.js'

test('what looks as if it had a suffix is known, in every spelling, with the folders above it', async (t) => {
  const asked = new AskedNames()
  t.false(asked.has('a_1'))
  await asked.add(offerOf({ 'a_1.tar.gz': '', a: '', 'd_2/e/x': '', folder_3: null }))
  for (const path of ['a_1.tar.gz', 'A_1.TAR.gz', 'd_2', 'folder_3']) t.true(asked.has(path), path)
  for (const path of ['a_2', 'd_1', 'd_2/e_1', 'x_1', 'a_1']) t.false(asked.has(path), path)
})

test('offers that are attached are known, too, and the same one is read once', async (t) => {
  const asked = new AskedNames()
  const first = offerOf({ a_1: '' })
  await asked.add(first)
  await asked.add({ ...first, first: 1, entries: offerOf({ b_1: '' }).entries })
  await asked.add({ ...first, entries: offerOf({ c_1: '' }).entries })
  t.deepEqual(['a_1', 'b_1', 'c_1'].map(asked.has), [true, true, false])
})

test('of very many names few others are taken for one of them, and others have their turn meanwhile', async (t) => {
  const entries = Array.from({ length: 100_000 }, (_, i) => ({
    ...offerOf({ a: '' }).entries[0]!,
    path: `d/a_${i}`,
  }))
  let added = 0
  const asked = new AskedNames()
  const turns = growth(() => added)
  await asked.add({
    first: 0,
    entries: entries.map((entry) => ({
      ...entry,
      get path() {
        added++
        return entry.path
      },
    })),
  })
  t.true(turns.stop() <= 20_000)
  t.true(entries.every(({ path }) => asked.has(path)))
  let wrong = 0
  for (let i = 0; i < 100_000; i++) if (asked.has(`d/b_${i}`)) wrong++
  t.true(wrong < 3000, `${wrong}`)
})
