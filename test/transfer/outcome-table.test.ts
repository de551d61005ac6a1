import assert from 'node:assert/strict'
import test from 'ava'
import fc from 'fast-check'
import { SluiceError } from '../../lib/errors.js'
import { messagesOf, OutcomeTable, outcomeOfRecord, takeText } from '../../lib/transfer/outcome-table.js'
import type { Entry } from '../../lib/wire/entry.js'
import { limitsOf } from '../../lib/wire/limits.js'
import { decodeMessage, encodeMessage, type OutcomesMessage } from '../../lib/wire/messages.js'
import { failed, type Outcome, type OutcomeRange, outcomesOf, told } from '../../lib/wire/outcome.js'
import { scale } from '../helpers/scale.js'

const HEADER = 5

function entriesOf(count: number): Entry[] {
  return Array.from({ length: count }, (_, index) => ({
    index,
    type: 'file',
    path: `file ${index}`,
    size: 0,
    start: 0,
    mtime: 0,
    mode: 0o644,
  }))
}

/** What the bytes of a message say, as the other side reads them. */
function heard(message: OutcomesMessage): { message: OutcomesMessage; bytes: number } {
  const frame = encodeMessage({ type: 'outcomes', ...message })
  const decoded = decodeMessage(frame[0]!, frame.subarray(HEADER), limitsOf())
  if (decoded.type !== 'outcomes') throw new Error(decoded.type)
  return { message: decoded, bytes: frame.length - HEADER }
}

/** The range that a message tells of. */
function rangeOf({ first, count, status, code, except }: OutcomesMessage, entries: Entry[]): OutcomeRange {
  return {
    first,
    last: first + count - 1,
    status,
    ...(code && { code: code as 'ERR_WRITE' }),
    except: new Map(
      except.map(({ index, code, ...record }) => [
        index,
        outcomeOfRecord(entries[index]!, { ...record, ...(code && { code: code as 'ERR_WRITE' }) }),
      ]),
    ),
  }
}

const status = fc.constantFrom('published', 'skipped', 'failed')
const code = fc.option(fc.constantFrom('ERR_DIGEST', 'ERR_SKIPPED', 'ERR_WRITE'), { nil: undefined })
const name = fc.option(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 200 }), { nil: undefined })
/** Ranges that together cover all entries: how many entries each, and which of them are exceptions. */
const ranges = fc.array(
  fc.record({
    count: fc.oneof(
      { weight: 9, arbitrary: fc.integer({ min: 1, max: 40 }) },
      fc.constantFrom(4095, 4096, 4097, 9000),
    ),
    status,
    code,
    except: fc.array(fc.record({ at: fc.nat(), status, code, name }), { maxLength: 30 }),
  }),
  { maxLength: 5 },
)

function made(specs: typeof ranges extends fc.Arbitrary<infer T> ? T : never) {
  const entries = entriesOf(specs.reduce((sum, { count }) => sum + count, 0))
  let first = 0
  const all = specs.map(({ count, status, code, except }): OutcomeRange => {
    const byIndex = new Map<number, Outcome>()
    for (const { at, ...record } of except) {
      const index = first + (at % count)
      byIndex.set(index, outcomeOfRecord(entries[index]!, record as Parameters<typeof outcomeOfRecord>[1]))
    }
    const range: OutcomeRange = {
      first,
      last: first + count - 1,
      status,
      ...(code && { code }),
      except: new Map([...byIndex].sort(([a], [b]) => a - b)),
    }
    first += count
    return range
  })
  return { entries, ranges: all }
}

test('what the other side hears of ranges, in messages within its limits, is what they say of each entry', (t) => {
  fc.assert(
    fc.property(
      ranges,
      fc.integer({ min: 1, max: 5000 }),
      fc.integer({ min: 1, max: 12 }),
      (specs, bytes, list) => {
        const { entries, ranges } = made(specs)
        const there = new OutcomeTable()
        const parts: Outcome[] = []
        for (const range of ranges) {
          let next = range.first
          for (const { message: said, part } of messagesOf(range, { message: bytes, list })) {
            const { message, bytes: size } = heard(said)
            assert.deepEqual([part.first, part.last - part.first + 1], [message.first, message.count])
            assert.deepEqual(
              [...part.except!.keys()],
              message.except.map(({ index }) => index),
            )
            parts.push(...outcomesOf(part, entries))
            assert.equal(message.first, next)
            next += message.count
            assert(message.count <= 4096)
            assert(message.except.length <= list)
            // a single record that is larger goes alone
            if (message.except.length > 1) assert(size <= bytes, `${size} of ${bytes}`)
            there.add(rangeOf(message, entries), entries)
          }
          assert.equal(next, range.last + 1)
        }
        const expected = ranges.flatMap((range) => [...outcomesOf(range, entries)])
        assert.deepEqual(there.toArray(entries).map(told), expected.map(told))
        assert.deepEqual(parts, expected)
        const here = new OutcomeTable()
        for (const range of ranges) here.add(range, entries)
        assert.deepEqual(here.toArray(entries), expected)
        const { files, published, skipped, failed } = here.result('', entries, 0)
        assert.deepEqual(files, expected)
        const count = (status: string) => expected.filter((outcome) => outcome.status === status).length
        assert.deepEqual([published, skipped, failed], ['published', 'skipped', 'failed'].map(count))
      },
    ),
    { numRuns: scale(150, 3000) },
  )
  t.pass()
})

test('a message that the limits leave room for is not cut up', (t) => {
  const entries = entriesOf(1000)
  const except = new Map(entries.map((entry) => [entry.index, outcomeOfRecord(entry, { status: 'skipped' })]))
  const range: OutcomeRange = { first: 0, last: 999, status: 'published', except }
  const sizes = (message: number) =>
    Array.from(messagesOf(range, { message, list: 1000 }), ({ message: said }) => heard(said).bytes)
  t.is(sizes(1 << 20).length, 1)
  const small = sizes(4096)
  t.true(small.length <= 6, String(small.length))
  t.true(Math.max(...small) <= 4096)
})

test('a million entries of one outcome are messages of a few bytes, none about more than some thousand', (t) => {
  const range: OutcomeRange = { first: 0, last: 999_999, status: 'skipped', code: 'ERR_SKIPPED' }
  const messages = Array.from(messagesOf(range, { message: 4096, list: 1000 }), ({ message }) => message)
  t.is(messages.length, Math.ceil(1_000_000 / 4096))
  t.true(messages.every((message) => heard(message).bytes < 64))
  t.is(
    messages.reduce((sum, { count }) => sum + count, 0),
    1_000_000,
  )
})

test('an entry without an outcome is in no result: it does not pass for published', (t) => {
  const entries = entriesOf(4)
  const table = new OutcomeTable()
  t.deepEqual(table.toArray(entries), [])
  table.add({ first: 1, last: 1, status: 'skipped', reason: 'unwanted' }, entries)
  table.add({ first: 3, last: 3, status: 'published' }, entries)
  t.deepEqual(table.toArray(entries), [
    { entry: entries[1]!, path: 'file 1', status: 'skipped', reason: 'unwanted' },
    { entry: entries[3]!, path: 'file 3', status: 'published' },
  ])
})

test('the digests of what was published are in the result, also where it was told in several ranges', (t) => {
  const entries = entriesOf(4)
  const digests = { first: 0, count: 3, bytes: Buffer.from('aabbcc') }
  const own = outcomeOfRecord(entries[1]!, { status: 'published', name: 'other' })
  const table = new OutcomeTable()
  table.add({ first: 0, last: 1, status: 'published', digests, except: new Map([[1, own]]) }, entries)
  table.add({ first: 2, last: 2, status: 'published', digests }, entries)
  table.add({ first: 3, last: 3, status: 'published' }, entries)
  t.deepEqual(
    table.toArray(entries).map(({ digest }) => digest?.toString()),
    ['aa', undefined, 'cc', undefined],
  )
  const result = table.result('id', entries, 0)
  t.is(result.files, result.files)
  t.deepEqual(Object.keys(JSON.parse(JSON.stringify(result))).sort(), Object.keys(result).sort())
})

test('a table grows with the offers, and keeps what only one side knows', (t) => {
  const entries = entriesOf(2)
  const table = new OutcomeTable()
  const [first, second] = entries.map((entry) => entry)
  const error = new SluiceError('ERR_DIGEST', 'no')
  const failed: Outcome = { entry: first!, path: 'file 0', status: 'failed', code: 'ERR_DIGEST', error }
  table.add({ first: 0, last: 0, status: 'published', except: new Map([[0, failed]]) }, [first!])
  table.add({ first: 1, last: 1, status: 'published' }, entries)
  const outcomes = table.toArray(entries)
  t.is(outcomes[0], failed)
  t.deepEqual(outcomes[1], { entry: second!, path: 'file 1', status: 'published' })
})

test('of a million failures only the first ones say why, whoever speaks', (t) => {
  const entries = entriesOf(3000)
  const why = (index: number) => new SluiceError('ERR_WRITE', `${index} ${'x'.repeat(1000)}`)
  const except = new Map(entries.map((entry) => [entry.index, failed(entry, why(entry.index))]))
  const range: OutcomeRange = { first: 0, last: 2999, status: 'published', except }
  const texts = { bytes: 1 << 20 }
  const said = Array.from(
    messagesOf(range, { message: 1 << 20, list: 1000 }, texts),
    ({ message }) => message,
  )
  const records = said.flatMap((message) => message.except)
  t.is(records.length, 3000)
  const told = records.filter(({ text }) => text !== undefined)
  t.true(told.length > 650 && told.length < 700, String(told.length))
  t.true(told.every(({ index }) => index < 700))
})

test('a short reason counts as what it costs to keep: a million of them do not fit either', (t) => {
  const left = { bytes: 1 << 20 }
  let kept = 0
  while (takeText('x', left)) kept++
  t.true(kept > 0 && kept <= 2048, String(kept))
})
