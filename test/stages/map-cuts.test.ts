import assert from 'node:assert/strict'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import { SluiceError } from '../../lib/errors.js'
import { type CutChange, mapCuts } from '../../lib/stages/map-cuts.js'
import type { Item } from '../../lib/stages/river/items.js'
import { transformConformance } from '../../lib/testing/index.js'
import { type Cut, cutsOf } from '../../lib/wire/run.js'
import { conforms } from '../helpers/conforms.js'
import { amount, inCuts, itemsOf, SMALL } from '../helpers/items.js'

const LARGE = { large: Buffer.alloc(3 << 20, 'large') }

conforms(
  'mapCuts',
  transformConformance<Item, Item>(() => mapCuts((cut) => cut), {
    input: () => itemsOf(SMALL),
    expected: () => itemsOf(SMALL),
    many: () => itemsOf(LARGE, 2048),
    prompt: (given, written) => given.length === written.length,
    same: (found, wanted) => assert.deepEqual(amount(found), amount(wanted)),
  }),
)

async function through(items: Item[], change: (cut: Cut) => CutChange | Promise<CutChange>): Promise<Item[]> {
  const given: Item[] = []
  await pipeline(Readable.from(items), mapCuts(change), async (stage: AsyncIterable<Item>) => {
    for await (const item of stage) given.push(item)
  })
  return given
}

const INPUTS = { columns: itemsOf(SMALL), cuts: inCuts(itemsOf(SMALL)) }
for (const [what, items] of Object.entries(INPUTS)) {
  test(`each cut is shown once, in order, one at a time: runs in ${what}`, async (t) => {
    const shown: Cut[] = []
    let busy = 0
    await through(items, async (cut) => {
      t.is(++busy, 1)
      await setImmediate()
      busy--
      shown.push(cut)
      return cut
    })
    t.deepEqual(
      shown,
      items.flatMap((item) => (item.kind === 'run' ? [...cutsOf(item)] : [])),
    )
  })

  test(`what does not pass leaves no trace, and everything else stays as it was: runs in ${what}`, async (t) => {
    const isKept = ({ entry }: Cut) => entry.path.startsWith('docs/')
    const given = await through(items, (cut) => (isKept(cut) ? cut : undefined))
    t.deepEqual(
      given.flatMap((item) => (item.kind === 'run' ? [...cutsOf(item)] : [])),
      items.flatMap((item) => (item.kind === 'run' ? [...cutsOf(item)].filter(isKept) : [])),
    )
    t.true(given.every((item) => item.kind !== 'run' || item.cuts!.length > 0))
    t.deepEqual(
      given.filter(({ kind }) => kind !== 'run'),
      items.filter(({ kind }) => kind !== 'run'),
    )
  })

  test(`a file that is refused has one record, behind what passed of it, and nothing more: runs in ${what}`, async (t) => {
    const no = new SluiceError('ERR_PERMISSION', 'no')
    const given = await through(items, ({ entry, ...cut }) =>
      entry.path === 'c' && cut.offset > 0 ? no : { entry, ...cut },
    )
    const records = given.filter((item) => item.kind === 'digests')
    t.is(records.length, 1)
    const [record] = records
    t.like(record, { count: 1, bytes: Buffer.alloc(32) })
    t.deepEqual([...record!.failures!.values()], [no])
    const at = given.indexOf(record!)
    const cutsOfC = (some: Item[]) =>
      some.flatMap((item) =>
        item.kind === 'run' ? [...cutsOf(item)].filter(({ entry }) => entry.path === 'c') : [],
      )
    t.true(cutsOfC(given.slice(0, at)).length > 0)
    t.deepEqual(cutsOfC(given.slice(at)), [])
  })
}

test('a file that is asked for again after its record is shown again', async (t) => {
  const items = itemsOf(SMALL)
  const { entries } = items.find((item) => item.kind === 'run')!
  const { index } = entries.find(({ path }) => path === 'docs/a')!
  const record: Item = { kind: 'digests', first: index, count: 1, bytes: Buffer.alloc(32, 1) }
  const runs = items.filter((item) => item.kind === 'run')
  let asked = 0
  const given = await through([items[0]!, ...runs, record, ...runs], (cut) => {
    if (cut.entry.index !== index) return cut
    return ++asked === 1 ? new SluiceError('ERR_PERMISSION', 'not now') : cut
  })
  t.is(asked, 2)
  t.is(given.filter((item) => item.kind === 'digests').length, 2)
})

test('an error that is none of ours is no answer: nobody could say how the file fails', async (t) => {
  const cause = new TypeError('scanner')
  await t.throwsAsync(
    through(itemsOf(SMALL), () => cause as SluiceError),
    { code: 'ERR_USAGE', message: /SluiceError/ },
  )
})

test('what is neither a cut nor an error is no answer, and said: a filter that says true or false, bytes, texts', async (t) => {
  const wrong: [unknown, RegExp][] = [
    [true, /what the function of mapCuts\(\) gives must be a cut .*, not true$/],
    [false, /not false$/],
    ['x', /not "x"$/],
    ['', /not ""$/],
    [Buffer.from('x'), /not a Buffer of 1 byte$/],
    [{}, /not an object$/],
    [[undefined], /not undefined$/],
  ]
  for (const [given, message] of wrong)
    await t.throwsAsync(
      through(itemsOf(SMALL), () => given as Cut),
      { code: 'ERR_USAGE', message },
    )
  const text = (cut: Cut) => ({ ...cut, bytes: 'x' }) as unknown as Cut
  await t.throwsAsync(through(itemsOf(SMALL), text), { code: 'ERR_USAGE' })
})

test('what the function throws fails the stream', async (t) => {
  await t.throwsAsync(
    through(itemsOf(SMALL), () => {
      throw new TypeError('scanner')
    }),
    { message: 'scanner' },
  )
  await t.throwsAsync(
    through(itemsOf(SMALL), () => Promise.reject(undefined)),
    { code: 'ERR_DESTROYED' },
  )
})
