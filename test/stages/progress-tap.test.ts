import { PassThrough, Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import { isSluiceError, SluiceError } from '../../lib/errors.js'
import { counter, type Passed, progressTap, tap, watchPassing } from '../../lib/stages/progress-tap.js'
import type { Item, StoredRun } from '../../lib/stages/river/items.js'
import { FakeClock, piecesOf, randomContent, transformConformance } from '../../lib/testing/index.js'
import { conforms } from '../helpers/conforms.js'
import { inCuts, offerOf, runsOver } from '../helpers/items.js'

const bytes = randomContent(4 * 1024 * 1024)
const small = () => piecesOf(Buffer.from('some bytes'), 3)

const CONTENT = { a: 'abc', d: null, b: 'def' }
/** Two files and a folder: one run in which a file ends and the other begins, then its rest. */
const items = (): Item[] => [
  ...runsOver(offerOf(CONTENT), CONTENT, [0, 5]),
  ...runsOver(offerOf(CONTENT), CONTENT, [5, 6]),
]

conforms(
  'a tap on bytes',
  transformConformance<Buffer, Buffer>(() => tap(() => {}), {
    input: small,
    expected: small,
    inverse: () => counter(),
    many: () => piecesOf(bytes, 64 * 1024),
    badOptions: [
      () => tap(1 as unknown as () => void),
      () => progressTap(undefined as unknown as () => void),
    ],
  }),
)
conforms(
  'a progress tap on items',
  transformConformance<Item, Item>(() => progressTap(() => {}, { interval: 0 }), {
    input: items,
    expected: items,
    many: () => Array.from({ length: 1000 }, () => items()).flat(),
    bound: 4,
    prompt: (given, written) => given.length === written.length,
    badOptions: [
      () => progressTap(() => {}, { interval: -1 }),
      () => progressTap(() => {}, { interval: Number.NaN }),
    ],
  }),
)

const sink = () => counter().resume()

async function passing(
  chunks: unknown[],
  tapped: (calls: Passed[]) => ReturnType<typeof progressTap>,
): Promise<Passed[]> {
  const calls: Passed[] = []
  await pipeline(Readable.from(chunks), tapped(calls), sink())
  return calls
}

test('progress counts bytes, the files that end, and those that were stored', async (t) => {
  const each = (calls: Passed[]) => progressTap((passed) => calls.push(passed), { interval: 0 })
  t.deepEqual((await passing(small(), each)).at(-1), { bytes: 10, files: 0 })
  t.deepEqual((await passing(items(), each)).at(-1), { bytes: 6, files: 2 })
  t.deepEqual((await passing(inCuts(items()), each)).at(-1), { bytes: 6, files: 2 })
  const { entries } = offerOf({ a: '7 bytes', b: '7 bytes', d: null, l: { target: 'a' }, c: '5 byt' })
  const failures = new Map([[1, new SluiceError('ERR_WRITE', 'x')]])
  const stored: StoredRun = { entries, first: 0, last: 4, failures }
  t.deepEqual((await passing([{ kind: 'stored', stored }], each)).at(-1), { bytes: 12, files: 2 })
  const entry = { ...entries[0]!, size: null }
  const open: StoredRun = { entries: [], first: 0, last: 0, entry }
  t.deepEqual((await passing([{ kind: 'stored', stored: open }], each)).at(-1), { bytes: 0, files: 1 })
})

test('progress is told no more often than the interval, and once at the end', async (t) => {
  const clock = new FakeClock()
  const calls = await passing(
    Array.from({ length: 10 }, () => Buffer.alloc(1)),
    (found) =>
      progressTap(
        (passed) => {
          found.push(passed)
        },
        {
          clock: {
            after: clock.after,
            now: () => {
              clock.advance(40)
              return clock.now()
            },
          },
        },
      ),
  )
  // Each chunk takes 40 ms: told are the 1st, 4th, 7th and 10th, and the end.
  t.deepEqual(
    calls.map((passed) => passed.bytes),
    [1, 4, 7, 10, 10],
  )
})

test('a counter counts chunks, or what it is told to measure', async (t) => {
  const chunks = counter()
  const measured = counter<Buffer>((chunk) => chunk.length)
  await pipeline(Readable.from(small()), chunks, measured, sink())
  t.is(chunks.count, 4)
  t.is(measured.count, 10)
})

test('what the callbacks throw fails the stream as it is', async (t) => {
  const boom = new Error('boom')
  const fail = () => {
    throw boom
  }
  t.is(await t.throwsAsync(pipeline(Readable.from(small()), tap(fail), sink())), boom)
  t.is(
    await t.throwsAsync(
      pipeline(
        Readable.from(small()),
        tap(() => {}, fail),
        sink(),
      ),
    ),
    boom,
  )
  t.true(
    isSluiceError(
      t.throws(() => tap(() => {}, 5 as unknown as () => void)),
      'ERR_USAGE',
    ),
  )
})

test('what a stage gives can be looked at before the next one has it, without a stage between', async (t) => {
  const seen: string[] = []
  const stage = watchPassing(new PassThrough({ objectMode: true }), (chunk: string) =>
    seen.push(`looked at ${chunk}`),
  )
  const next = tap<string>((chunk) => seen.push(`given ${chunk}`))
  await pipeline(Readable.from(['a', 'b']), stage, next, sink())
  t.deepEqual(seen, ['looked at a', 'given a', 'looked at b', 'given b'])
})

test('what is thrown where a stage is looked at fails the pipeline as it is, also of a chunk that has waited', async (t) => {
  const error = new SluiceError('APP_LOOKED', 'seen enough')
  const stage = watchPassing(new PassThrough({ objectMode: true }), (chunk) => {
    if (chunk === 'b') throw error
  })
  const slow = new PassThrough({ objectMode: true, highWaterMark: 1 })
  const piped = pipeline(Readable.from(['a', 'b', 'c']), stage, slow)
  slow.once('readable', () => setImmediate(() => slow.resume()))
  t.is(await t.throwsAsync(piped), error)
})
