import test from 'ava'
import fc from 'fast-check'
import { type ErrorDetails, printable, SluiceError, sentenceOf } from '../../lib/errors.js'
import { diskError, SystemError } from '../../lib/files/disk/disk-error.js'
import { sourceChanged, sourceError } from '../../lib/stores/sources.js'
import type { Entry } from '../../lib/wire/entry.js'
import {
  failed,
  failureOf,
  filesFailed,
  type Outcome,
  outcomesOf,
  rangesIn,
  rangesOf,
  reasonOf,
  skipped,
  told,
} from '../../lib/wire/outcome.js'
import type { DigestColumn } from '../../lib/wire/run.js'
import { offerOf } from '../helpers/items.js'
import { scale } from '../helpers/scale.js'

const { entries } = offerOf(Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`f${i}`, 'x'])))

const published = (entry: Entry, more: Partial<Outcome> = {}): Outcome => ({
  entry,
  path: entry.path,
  status: 'published',
  ...more,
})
const warning = new SluiceError('ERR_PERMISSION', 'its time could not be set')

/** Every kind of outcome; of the plain ones many. */
const kinds: ((entry: Entry) => Outcome)[] = [
  published,
  (entry) => published(entry, { name: `${entry.path}_1` }),
  (entry) => published(entry, { error: warning, code: warning.code }),
  (entry) => published(entry, { code: 'ERR_CONFLICT' }),
  (entry) => published(entry, { digest: Buffer.alloc(4, 9) }),
  (entry) => failed(entry, failureOf(entry, 'ERR_DIGEST', 'it is not what was sent')),
  (entry) => skipped(entry, 'identical'),
  (entry) => skipped(entry, 'filtered', failureOf(entry, 'ERR_SKIPPED', 'a stage took it away')),
]
const kind = fc.oneof(
  { weight: 8, arbitrary: fc.constant(0) },
  { weight: 4, arbitrary: fc.nat(kinds.length - 1) },
)
/** What became of each of the entries; of some nothing yet. */
const some = fc
  .array(fc.option(kind), { maxLength: entries.length })
  .map((chosen) => chosen.flatMap((one, i) => (one === null ? [] : kinds[one]!(entries[i]!))))

test('outcomes are the same after they were ranges, in whichever way they follow each other', (t) => {
  fc.assert(
    fc.property(some, (outcomes) => {
      t.deepEqual(
        rangesOf(outcomes).flatMap((range) => [...outcomesOf(range, entries)]),
        outcomes,
      )
    }),
    { numRuns: scale(500, 20_000) },
  )
})

test('outcomes in any order are the same after they were ranges', (t) => {
  fc.assert(
    fc.property(
      some.chain((outcomes) => fc.shuffledSubarray(outcomes)),
      (outcomes) => {
        t.deepEqual(
          rangesOf(outcomes).flatMap((range) => [...outcomesOf(range, entries)]),
          outcomes,
        )
      },
    ),
    { numRuns: scale(300, 10_000) },
  )
})

test('what is plainly published has no record of its own, and a range ends only where an entry is left out', (t) => {
  const outcomes = entries.filter((_, i) => i !== 20).map((entry, i) => kinds[i === 7 ? 1 : 0]!(entry))
  const ranges = rangesOf(outcomes)
  t.deepEqual(
    ranges.map(({ first, last, except }) => [first, last, [...except!.keys()]]),
    [
      [0, 19, [7]],
      [21, 29, []],
    ],
  )
})

test('the digests of what was published come from the column, and each outcome keeps its own', (t) => {
  const column: DigestColumn = { first: 2, count: 3, bytes: Buffer.from('aabbcc') }
  const own = published(entries[4]!, { name: 'other', digest: Buffer.from('zz') })
  const judged = published(entries[3]!, { digest: Buffer.from('bb') })
  const isPublished = Uint8Array.of(1, 0, 0)
  const ranges = rangesIn(
    column,
    isPublished,
    new Map([
      [3, judged],
      [4, own],
    ]),
  )
  t.deepEqual([...ranges[0]!.except!.keys()], [4])
  t.deepEqual(
    ranges.flatMap((range) => [...outcomesOf(range, entries)]),
    [published(entries[2]!, { digest: Buffer.from('aa') }), judged, own],
  )
})

test('an entry of a column without an outcome is in no range', (t) => {
  const column: DigestColumn = { first: 2, count: 5, bytes: Buffer.from('aabbccddee') }
  const ranges = rangesIn(column, Uint8Array.of(1, 0, 1, 1, 0), new Map())
  t.deepEqual(
    ranges.map(({ first, last }) => [first, last]),
    [
      [2, 2],
      [4, 5],
    ],
  )
})

test('a range that was told by a peer gives each entry its status and its reason', (t) => {
  const range = { first: 3, last: 4, status: 'failed', code: 'ERR_WRITE' } as const
  t.deepEqual(
    [...outcomesOf(range, entries)],
    [3, 4].map((index) => ({
      entry: entries[index]!,
      path: `f${index}`,
      status: 'failed' as const,
      code: 'ERR_WRITE' as const,
    })),
  )
})

test('what is told to programs is what both sides know', (t) => {
  const all = published(entries[0]!, {
    name: 'n',
    code: 'ERR_CONFLICT',
    error: warning,
    digest: Buffer.alloc(1),
  })
  t.deepEqual(told(all), { path: 'f0', status: 'published', name: 'n', code: 'ERR_CONFLICT' })
  t.deepEqual(told(published(entries[0]!)), { path: 'f0', status: 'published' })
})

test('the error of a transfer says how many failed and why the first did, also where only a code is known', (t) => {
  t.is(filesFailed([published(entries[0]!)], 1), undefined)
  const here = filesFailed([published(entries[0]!), failed(entries[1]!, warning)], 5)!
  t.is(here.message, '1 of 5 entries failed; the first: f1: its time could not be set')
  t.is(here.cause, warning)
  const { error: _, ...there } = failed(entries[1]!, warning)
  const why = 'f1: no permission at the receiving disk; check owner and mode of the folder there'
  t.is(filesFailed([there], 5)!.message, `1 of 5 entries failed; the first: ${why}`)
})

test('why an entry failed always says of which first, whatever its words are', (t) => {
  const reason = (path: string, message: string, details: ErrorDetails = {}) =>
    reasonOf(failed({ ...entries[0]!, path }, new SluiceError('ERR_WRITE', message, details)))
  for (const path of ['a', 'no', 'disk', 'x/y', 'x/\n', ' ', ':', 'nicht']) {
    const shown = printable(path)
    t.is(
      reasonOf({ entry: entries[0]!, status: 'failed', code: 'ERR_PERMISSION', path }),
      `${shown}: ${sentenceOf('ERR_PERMISSION')}`,
    )
    const texts = [
      'a failure of no disk',
      'x/y.txt is taken',
      'ist nicht schreibbar',
      '書き込めません',
      `${path}2: no`,
    ]
    for (const text of texts) {
      t.is(reason(path, text), `${shown}: ${text}`)
      // nobody says that these words name it, though the error knows of which it is
      t.is(reason(path, text, { path }), `${shown}: ${text}`)
    }
    t.is(reason(path, ''), `${shown}: ${sentenceOf('ERR_WRITE')}`)
    // what an error says of another one, such as of the part, says nothing of this one
    const ofPart = diskError(new SystemError('EIO', 'write', 'x'), 'write', `${path}.part`)
    t.is(reasonOf(failed({ ...entries[0]!, path }, ofPart)), `${shown}: ${ofPart.message}`)
  }
})

test('an error that names its file is not shown with the name before it, whichever of ours it is', (t) => {
  for (const path of ['a', 'disk', 'x/y', 'x/\n', ' ', 'é']) {
    const entry = { ...entries[0]!, path }
    const ours = [
      diskError(new SystemError('EIO', 'write', 'x'), 'write', path),
      failureOf(entry, 'ERR_DIGEST', 'no'),
      sourceError(path, new SystemError('EIO', 'read', 'x')),
      sourceError(path, new SystemError('ENOENT', 'open', 'x')),
      sourceChanged(path, { expected: 1, found: 2 }),
    ]
    for (const error of ours) {
      t.is(reasonOf(failed(entry, error)), error.message)
      t.true(error.message.includes(printable(path)))
    }
  }
})
