import test, { type ExecutionContext } from 'ava'
import { AllSeries } from '../../../lib/cli/receiving/all-series.js'
import { type Entry, type Offer, SluiceError, type Transfer } from '../../../lib/index.js'
import { offerOf } from '../../helpers/items.js'

const KEY = new Uint8Array(32).fill(1)
const MINUTE = 60_000
const SERIES = { hasNext: true }
const LOST = new SluiceError('ERR_INTERRUPTED', 'the connection broke')

/** What is offered at some paths: folders end with a slash. */
const offer = (...paths: string[]): Offer =>
  offerOf(
    Object.fromEntries(paths.map((path) => (path.endsWith('/') ? [path.slice(0, -1), null] : [path, '']))),
  )

/** A sender was let send changes of photos; gives what another connection finds. */
function accepted(at = { now: 0 }) {
  const all = new AllSeries({ now: () => at.now })
  const first = {}
  const series = all.of(first, { key: KEY })
  series.accepted(offer('photos/', 'photos/a.jpg', 'notes'))
  const back = (key: Uint8Array | undefined, ...paths: string[]) => {
    const connection = {}
    all.of(connection, key ? { key } : {})
    return all.goesOn(connection, SERIES, offer(...paths))
  }
  return { all, first, series, back }
}

test('what was accepted goes on over its connection, under the names that were offered', (t) => {
  const { all, first } = accepted()
  const goesOn = (...paths: string[]) => all.goesOn(first, SERIES, offer(...paths))
  t.is(goesOn('photos/', 'photos/b.jpg'), 'next')
  t.is(goesOn('photos/new/b.jpg'), 'next')
  t.is(goesOn('notes'), 'next')
  t.is(goesOn('photos/b.jpg', 'other'), undefined)
  t.is(goesOn('notes/', 'notes/a'), undefined, 'it was a file')
  t.is(goesOn('notes/a'), undefined)
  t.is(goesOn('photos'), undefined, 'it was a folder')
})

test('what is not said to be of the series ends it', (t) => {
  const { all, first, series } = accepted()
  const file = { dev: 1n, ino: 1n, size: 1, mtimeMs: 1, ctimeMs: 1 }
  series.versions.note('notes', 'notes', file)
  t.is(all.goesOn(first, { hasNext: false }, offer('notes')), undefined)
  t.is(series.versions.bytes, 0)
  t.is(all.goesOn(first, SERIES, offer('notes')), undefined)
})

test('a sender that has lost its connection may go on over another one, once', (t) => {
  const { all, first, series, back } = accepted()
  series.versions.note('notes', 'notes_1', { dev: 1n, ino: 1n, size: 1, mtimeMs: 1, ctimeMs: 1 })
  t.is(back(KEY, 'notes'), undefined, 'it was not lost yet')
  all.over(first, LOST)
  t.is(back(new Uint8Array(32).fill(2), 'notes'), undefined, 'another key')
  t.is(back(undefined, 'notes'), undefined, 'no key')
  t.is(back(KEY, 'other'), undefined, 'nothing that was accepted')
  const second = {}
  const next = all.of(second, { key: KEY })
  t.is(all.goesOn(second, SERIES, offer('photos/c.jpg')), 'back')
  t.is(next.versions.suffixOf('notes'), 1)
  t.is(all.goesOn(second, SERIES, offer('photos/c.jpg')), 'next')
  t.is(back(KEY, 'notes'), undefined)
})

test('an ordinary transfer of the same key neither goes on with it nor ends it', (t) => {
  const { all, first, back } = accepted()
  all.over(first, LOST)
  const connection = {}
  const plain = all.of(connection, { key: KEY })
  t.is(all.goesOn(connection, { hasNext: false }, offer('notes')), undefined)
  t.is(plain.versions.bytes, 0)
  all.over(connection, LOST)
  t.is(back(KEY, 'notes'), 'back')
})

for (const found of ['here', 'by the peer'])
  test(`nothing goes on that was cancelled ${found}`, (t) => {
    const { all, first, back } = accepted()
    all.over(first, new SluiceError('ERR_CANCELLED', 'cancelled', { found }))
    t.is(back(KEY, 'notes'), undefined)
  })

test('whoever has lost its connection comes back within ten minutes, or is asked about again', (t) => {
  const at = { now: 0 }
  for (const [minutes, expected] of [
    [10, 'back'],
    [10.1, undefined],
  ] as const) {
    const { all, first, back } = accepted(at)
    all.over(first, LOST)
    at.now += minutes * MINUTE
    t.is(back(KEY, 'notes'), expected)
  }
})

test('of many that were lost the oldest are forgotten', (t) => {
  const { all, first, back } = accepted()
  all.over(first, LOST)
  for (let count = 0; count < 64; count++) {
    const connection = {}
    all.of(connection, { key: KEY }).accepted(offer(`other ${count}`))
    all.over(connection, LOST)
  }
  t.is(back(KEY, 'notes'), undefined)
  t.is(back(KEY, 'other 0'), 'back')
})

/** Tells of failures of a transfer, as that does. */
function failing(t: ExecutionContext, hasNext: boolean, count: number) {
  const { series } = accepted()
  const { entries } = offer(...Array.from({ length: count }, (_, index) => `notes ${index}`))
  const transfer = {
    hasNext,
    on: (_: string, settled: (range: object, all: readonly Entry[]) => void) =>
      settled({ first: 0, last: count - 1, status: 'failed', error: LOST }, entries),
  }
  series.follow(transfer as unknown as Transfer)
  return hasNext ? t.throws(() => series.end(), { code: 'ERR_FILES_FAILED' })!.message : series.end()
}

test('at its end it is said which last versions did not arrive; of very many only that', (t) => {
  t.is(failing(t, true, 2), 'the last version of 2 files did not arrive: notes 0, notes 1')
  t.regex(failing(t, true, 5000)!, /^the last version of more than 1,?000 files did not arrive: .*notes 4$/)
  t.notThrows(() => failing(t, false, 2), 'those of an ordinary transfer are its own')
})

test('what has failed is said once', (t) => {
  const { series } = accepted()
  series.end()
  t.notThrows(() => series.end())
})
