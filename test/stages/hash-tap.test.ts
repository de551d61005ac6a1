import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import fc from 'fast-check'
import { isSluiceError } from '../../lib/errors.js'
import { hashTap } from '../../lib/stages/hash-tap.js'
import type { DigestsItem, Item } from '../../lib/stages/river/items.js'
import type { Entry, Offer } from '../../lib/wire/entry.js'
import { cutsOf, type Run, runOf } from '../../lib/wire/run.js'
import {
  bytesOf,
  type Content,
  inCuts,
  itemsOf,
  offerOf,
  planOf,
  SMALL,
  sha256,
  withoutDigests,
} from '../helpers/items.js'
import { makeOffer } from '../helpers/make-offer.js'
import { scale } from '../helpers/scale.js'

const hex = (content: string | Buffer) => sha256(Buffer.from(content)).toString('hex')

/** Both kinds of runs: those of our stages, and those that a stage of a user's made. */
const FORMS = [
  ['in columns', (items: Item[]) => items],
  ['in cuts', inCuts],
] as const

const small = (run?: number) => withoutDigests(itemsOf(SMALL, { run }))

async function tapped(items: Item[]): Promise<Item[]> {
  const found: Item[] = []
  await pipeline(Readable.from(items), hashTap(), async (stream: AsyncIterable<Item>) => {
    for await (const item of stream) found.push(item)
  })
  return found
}

/** The digests by path, of the last cuts. */
function digestsOf(items: Item[]): Record<string, string | undefined> {
  const cuts = items.flatMap((item) => (item.kind === 'run' ? [...cutsOf(item)] : []))
  const last = cuts.filter((cut) => cut.last)
  return Object.fromEntries(last.map(({ entry, digest }) => [entry.path, digest?.toString('hex')]))
}

const expected = (content: Content) =>
  Object.fromEntries(
    Object.entries(content).map(([path, value]) => [path, value === null ? undefined : hex(bytesOf(value))]),
  )

for (const [how, form] of FORMS) {
  test(`each file gets the digest of its content, the empty one that of nothing, a folder none: ${how}`, async (t) => {
    t.deepEqual(digestsOf(await tapped(form(small()))), expected(SMALL))
  })

  test(`the digests are the same when each run has one byte: ${how}`, async (t) => {
    t.deepEqual(digestsOf(await tapped(form(small(1)))), expected(SMALL))
  })

  test(`the digests are those of node:crypto for any files and any split: ${how}`, async (t) => {
    const file = fc.option(fc.uint8Array({ maxLength: 300 }), { freq: 5 })
    const bytes = fc.integer({ min: 1, max: 400 })
    await fc.assert(
      fc.asyncProperty(fc.array(file, { maxLength: 12 }), bytes, bytes, async (files, run, cut) => {
        const content: Content = Object.fromEntries(
          files.map((bytes, i) => [`f${i}`, bytes === null ? null : Buffer.from(bytes)]),
        )
        const items = form(withoutDigests(itemsOf(content, { run, cut })))
        t.deepEqual(digestsOf(await tapped(items)), expected(content))
      }),
      { numRuns: scale(100, 2000) },
    )
  })
}

const offer: Offer = offerOf({ a: Buffer.alloc(6), b: Buffer.alloc(6) })
const [a, b] = offer.entries as [Entry, Entry]

/** A piece of one file, in a run of its own. */
function run(
  { index, start }: Entry,
  offset: number,
  text: string,
  ends = false,
  entries = offer.entries,
): Run {
  const bytes = Buffer.from(text)
  const buffers = bytes.length > 0 ? [bytes] : []
  const position = start + offset
  return {
    kind: 'run',
    position,
    length: bytes.length,
    buffers,
    entries,
    first: index,
    last: index,
    offset,
    ends,
  }
}

/** Several runs as one, in cuts: as a stage of a user's may weave them. */
const woven = (...runs: Run[]): Run =>
  runOf(
    runs[0]!,
    runs.flatMap((one) => [...cutsOf(one)]),
  )

const offering = (made: Offer): Item => ({ kind: 'offer', offer: made, plan: planOf(made) })
const first = offering(offer)

test('a file that was not seen from its beginning, with a gap, or twice over has no digest', async (t) => {
  const broken = () => [
    [run(a, 2, 'cdef', true)],
    [run(a, 0, 'ab'), run(a, 4, 'ef', true)],
    [run(a, 0, 'abcd'), run(a, 2, 'cdef', true)],
    [run(a, 0, 'ab'), run(a, 1, 'b'), run(a, 2, 'cdef', true)],
  ]
  for (const form of [(runs: Run[]) => runs, inCuts, (runs: Run[]) => [woven(...runs)]])
    for (const runs of broken()) {
      const found = digestsOf(await tapped([first, ...form(runs), run(b, 0, 'second', true)]))
      t.deepEqual(found, { a: undefined, b: hex('second') })
    }
})

test('a file that begins anew is digested anew', async (t) => {
  const runs = () => [run(a, 0, 'xyz'), run(a, 0, 'abc'), run(a, 3, 'def', true)]
  for (const items of [runs(), [woven(...runs())]])
    t.is(digestsOf(await tapped([first, ...items])).a, hex('abcdef'))
})

test('files that come by turns each have their own digest', async (t) => {
  const runs = () => [run(a, 0, 'abc'), run(b, 0, 'uvw'), run(a, 3, 'def', true), run(b, 3, 'xyz', true)]
  for (const items of [runs(), [woven(...runs())]])
    t.deepEqual(digestsOf(await tapped([first, ...items])), { a: hex('abcdef'), b: hex('uvwxyz') })
})

test('a file that failed is forgotten', async (t) => {
  const failures = new Map([[0, 'ERR_SOURCE_CHANGED'] as const])
  const failure: DigestsItem = { kind: 'digests', first: 0, count: 1, bytes: Buffer.alloc(32), failures }
  const found = await tapped([first, run(a, 0, 'abc'), failure, run(a, 3, 'def', true)])
  t.is(digestsOf(found).a, undefined)
  t.is(found[2], failure)
})

test('a file of which nothing was said goes on', async (t) => {
  const nothing: DigestsItem = { kind: 'digests', first: 0, count: 2, bytes: Buffer.alloc(64) }
  const found = await tapped([first, run(a, 0, 'abc'), nothing, run(a, 3, 'def', true)])
  t.is(digestsOf(found).a, hex('abcdef'))
})

test('files that are begun and never ended do not pile up', async (t) => {
  const entries = Array.from({ length: 40 }, (_none, i) => ({ ...a, path: `f${i}`, size: 6 }))
  const many = makeOffer(offer, entries)
  const begun = many.entries.map((entry) => run(entry, 0, 'abc', false, many.entries))
  const ended = many.entries.map((entry) => run(entry, 3, 'def', true, many.entries))
  const found = Object.values(digestsOf(await tapped([offering(many), ...begun, ...ended])))
  t.deepEqual(found.slice(-16), Array(16).fill(hex('abcdef')))
  t.true(found.slice(0, -16).every((digest) => digest === undefined))
})

test('a file of unknown size ends with a run of no bytes', async (t) => {
  const open = makeOffer(offer, [{ ...a, size: null }])
  const entry = open.entries[0]!
  const end = (offset: number) => run(entry, offset, '', true, open.entries)
  const found = await tapped([offering(open), run(entry, 0, 'abc', false, open.entries), end(3)])
  t.is(digestsOf(found).a, hex('abc'))
  t.is(digestsOf(await tapped([offering(open), end(0)])).a, hex(''))
})

test('the algorithm is that of the offer', async (t) => {
  const md5 = { ...offer, algorithm: 'md5' }
  const found = await tapped([offering(md5), run(a, 0, 'abcdef', true)])
  t.is(digestsOf(found).a, createHash('md5').update('abcdef').digest('hex'))
})

test('an algorithm that is not there, two in one transfer, and data before an offer are refused', async (t) => {
  const by = (algorithm: string) => offering({ ...offer, algorithm })
  const failing = async (code: string, items: Item[]) =>
    t.is((await t.throwsAsync<Error & { code: string }>(tapped(items)))?.code, code)
  await failing('ERR_UNSUPPORTED', [by('sha257')])
  await failing('ERR_PROTOCOL', [by('sha256'), by('md5')])
  await failing('ERR_STATE', [run(a, 0, 'abcdef', true)])
  await t.notThrowsAsync(tapped([by('sha256'), by('sha256')]))
  t.true(isSluiceError(await t.throwsAsync(tapped([by('')])), 'ERR_UNSUPPORTED'))
})

test('the digests of a run are one column, with a slot for each entry that ends in it', async (t) => {
  const [, one, two] = await tapped(
    withoutDigests(itemsOf({ d: null, a: 'abc', empty: '', b: 'wxyz' }, { run: 5 })),
  )
  const { digests } = one as Run
  t.like(digests, { first: 0, count: 3 })
  t.deepEqual(
    digests!.bytes,
    Buffer.concat([Buffer.alloc(32), sha256(Buffer.from('abc')), sha256(Buffer.alloc(0))]),
  )
  t.deepEqual((two as Run).digests, { first: 3, count: 1, bytes: sha256(Buffer.from('wxyz')) })
  const [, begun] = await tapped(withoutDigests(itemsOf({ a: 'abc' }, { run: 2 })))
  t.is((begun as Run).digests, undefined)
})

test('an algorithm that is given to the tap is refused, with where it belongs', (t) => {
  const given = hashTap as (algorithm: string) => unknown
  t.throws(() => given('md5'), { code: 'ERR_USAGE', message: /manifestOf\(paths, \{ algorithm \}\)/ })
})
