import test from 'ava'
import fc from 'fast-check'
import { RunJoiner } from '../../../lib/stages/part-sink/run-joiner.js'
import { cutsOf, type Run } from '../../../lib/wire/run.js'
import {
  bytesOf,
  type Content,
  cutRun,
  type ItemOptions,
  itemsOf,
  offerOf,
  runsOver,
} from '../../helpers/items.js'
import { scale } from '../../helpers/scale.js'

const SMALL = 64 * 1024

/** What runs bring: per file its bytes at their places, and whether its end came with the last of them. */
function contentOf(runs: readonly Run[]) {
  const files: Record<string, { bytes: string; ended: boolean }> = {}
  for (const run of runs)
    for (const { entry, offset, bytes, last } of cutsOf(run)) {
      files[entry.path] ??= { bytes: '', ended: false }
      const file = files[entry.path]!
      if (file.bytes.length !== offset) throw new Error(`${entry.path} goes on at ${offset}`)
      file.bytes += bytes.toString('latin1')
      file.ended = last
    }
  return files
}

const expected = (content: Content) =>
  Object.fromEntries(
    Object.entries(content).map(([path, value]) => [
      path,
      { bytes: bytesOf(value).toString('latin1'), ended: true },
    ]),
  )

/** All that comes out for these runs, the rest included. */
function through(runs: readonly Run[]): Run[] {
  const tail = new RunJoiner()
  return [...runs.flatMap((run) => tail.take(run)), ...tail.flush()]
}

const CONTENT: Content = {
  a: 'hello',
  empty: '',
  d: null,
  b: 'x'.repeat(300),
  large: Buffer.alloc(SMALL + 1, 'large'),
  c: 'the last one',
}
const offer = offerOf(CONTENT)

test('a small file that comes in several runs goes on in one, whole', (t) => {
  const tail = new RunJoiner()
  const [begin] = runsOver(offer, CONTENT, [0, 3]) as [Run]
  const [middle] = runsOver(offer, CONTENT, [3, 4]) as [Run]
  const [end] = runsOver(offer, CONTENT, [4, 20]) as [Run]
  t.deepEqual(tail.take(begin), [])
  t.deepEqual(tail.take(middle), [])
  const [whole, ...others] = tail.take(end)
  t.deepEqual(others, [])
  t.like(whole, { position: 0, length: 5, first: 0, last: 2, offset: 0, ends: true })
  t.deepEqual(contentOf([whole!]), expected({ a: 'hello', empty: '', d: null }))
  t.deepEqual(
    tail.flush().map(({ first, length }) => [first, length]),
    [[3, 15]],
  )
})

test('a large file is not waited for', (t) => {
  const tail = new RunJoiner()
  const start = offer.entries[4]!.start
  const [begin] = runsOver(offer, CONTENT, [start, start + 100])
  t.deepEqual(tail.take(begin!), [begin])
  t.deepEqual(tail.flush(), [])
})

test('what was kept goes first when something else comes, or the file does not go on where it was', (t) => {
  const [begin] = runsOver(offer, CONTENT, [0, 3]) as [Run]
  const [other] = runsOver(offer, CONTENT, [offer.bytes - 12, offer.bytes]) as [Run]
  const [gap] = runsOver(offer, CONTENT, [4, 5]) as [Run]
  const [cuts] = runsOver(offer, CONTENT, [3, 5]).map(cutRun) as [Run]
  for (const next of [other, gap, cuts]) {
    const tail = new RunJoiner()
    tail.take(begin)
    t.deepEqual(tail.take(next), [begin, next])
  }
})

test('what was kept is given out when the sender has said all of it, and not before', (t) => {
  const [begin] = runsOver(offer, CONTENT, [0, 3]) as [Run]
  const tail = new RunJoiner()
  tail.take(begin)
  t.deepEqual(tail.flush(1, 5), [])
  t.deepEqual(tail.flush(0, 1), [begin])
  t.deepEqual(tail.flush(), [])
})

test('a file of unknown size is not waited for', (t) => {
  const open = offerOf({ stdin: '' })
  open.entries[0]!.size = null
  const run: Run = {
    kind: 'run',
    position: 0,
    length: 3,
    buffers: [Buffer.from('abc')],
    entries: open.entries,
    first: 0,
    last: 0,
    offset: 0,
    ends: false,
  }
  t.deepEqual(new RunJoiner().take(run), [run])
})

/** All runs of a transfer. */
const runsOf = (content: Content, options: ItemOptions) =>
  itemsOf(content, options).filter((item) => item.kind === 'run')

test('byte by byte, and at any split, the same files come out, in order', (t) => {
  t.deepEqual(contentOf(through(runsOf(CONTENT, { run: 1 }))), expected(CONTENT))
  const value = fc.oneof(fc.constantFrom('', 'a', null), fc.string({ maxLength: 30 }))
  const bytes = fc.integer({ min: 1, max: 50 })
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 10 }), bytes, bytes, (values, run, cut) => {
      const content = Object.fromEntries(values.map((value, i) => [`e${i}`, value]))
      t.deepEqual(contentOf(through(runsOf(content, { run, cut }))), expected(content))
    }),
    { numRuns: scale(300, 10_000) },
  )
})

test('every file that is small and came whole is whole in one run', (t) => {
  for (const size of [1, 2, 7, 100]) {
    const runs = through(runsOf(CONTENT, { run: size }))
    for (const index of [0, 3, 5]) {
      const having = runs.filter(({ first, last }) => first <= index && index <= last)
      t.is(having.length, 1, `file ${index} in runs of ${size}`)
    }
  }
})

test('a small file that comes byte by byte is kept in few buffers', (t) => {
  const content = { a: Buffer.alloc(SMALL, 'a') }
  const tail = new RunJoiner()
  const before = performance.now()
  const runs = runsOf(content, { run: 1 })
  for (const run of runs.slice(0, -1)) t.is(tail.take(run).length, 0)
  const [whole] = tail.take(runs.at(-1)!)
  t.true(whole!.buffers.length < 32)
  t.deepEqual(Buffer.concat(whole!.buffers), content.a)
  t.true(performance.now() - before < 20_000)
})
