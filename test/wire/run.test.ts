import test from 'ava'
import fc from 'fast-check'
import type { Offer } from '../../lib/wire/entry.js'
import {
  cutsOf,
  type DigestColumn,
  digestIn,
  endsIn,
  joinRuns,
  lengthIn,
  type Run,
  RunReader,
  runOf,
  sliceRun,
} from '../../lib/wire/run.js'
import { bytesOf, type Content, offerOf, runsOver } from '../helpers/items.js'
import { scale } from '../helpers/scale.js'

// Each function against the plain meaning of a run: which bytes of which entry it has, and whether it ends there.

/** Files of these lengths, and folders; each byte says where in the stream it stands. */
function contentOf(sizes: readonly (number | null)[]): Content {
  let position = 0
  const byte = () => position++ % 251
  return Object.fromEntries(
    sizes.map((size, i) => [`e${i}`, size === null ? null : Buffer.from(Array.from({ length: size }, byte))]),
  )
}

interface Made {
  offer: Offer
  content: Content
  runs: Run[]
}

/** Runs of any files, from anywhere in the stream to anywhere, in buffers of any size. */
const made: fc.Arbitrary<Made> = fc
  .record({
    sizes: fc.array(fc.oneof(fc.constantFrom(0, 1, null), fc.nat(40)), { minLength: 1, maxLength: 12 }),
    cut: fc.integer({ min: 1, max: 50 }),
    from: fc.nat(),
    to: fc.nat(),
  })
  .map(({ sizes, cut, from, to }) => {
    const content = contentOf(sizes)
    const offer = offerOf(content)
    const [start, end] = [from % (offer.bytes + 1), to % (offer.bytes + 1)].sort((a, b) => a - b) as [
      number,
      number,
    ]
    return { offer, content, runs: runsOver(offer, content, [start, end], { cut }) }
  })

/** What a run is, entry by entry, cuts of one entry put together. */
function meaningOf(run: Run) {
  const entries: {
    path: string
    offset: number
    bytes: string
    last: boolean
    digest: string | undefined
  }[] = []
  for (const { entry, offset, bytes, last, digest } of cutsOf(run)) {
    const known = entries.at(-1)
    if (known?.path === entry.path && known.offset + known.bytes.length === offset) {
      known.bytes += bytes.toString('latin1')
      known.last = last
      known.digest = digest?.toString('hex')
    } else
      entries.push({
        path: entry.path,
        offset,
        bytes: bytes.toString('latin1'),
        last,
        digest: digest?.toString('hex'),
      })
  }
  return entries
}

const whole = ({ buffers }: Run) => Buffer.concat(buffers)

const property = (check: (made: Made) => void) =>
  fc.assert(fc.property(made, check), { numRuns: scale(300, 10_000) })

test('the cuts of a run are its bytes, entry by entry, each with where it begins and whether it ends', (t) => {
  property(({ content, offer, runs }) => {
    for (const run of runs) {
      const bytes = whole(run)
      t.is(bytes.length, run.length)
      t.is([...cutsOf(run)].map((cut) => cut.bytes.toString('latin1')).join(''), bytes.toString('latin1'))
      const parts = meaningOf(run)
      t.deepEqual(
        parts.map(({ path }) => path),
        offer.entries.slice(run.first, run.last + 1).map(({ path }) => path),
      )
      for (const [i, { offset, bytes, last }] of parts.entries()) {
        const entry = offer.entries[run.first + i]!
        const file = bytesOf(content[entry.path]!)
        t.is(offset, i === 0 ? run.offset : 0)
        t.is(bytes, file.subarray(offset, offset + bytes.length).toString('latin1'))
        t.is(last, offset + bytes.length === entry.size)
        t.is(lengthIn(run, entry.index), bytes.length)
        t.is(endsIn(run, entry.index), last)
      }
    }
  })
})

test('bytes of cuts are views, and none of a file that has some is empty', (t) => {
  property(({ runs }) => {
    for (const run of runs)
      for (const { entry, bytes } of cutsOf(run)) {
        if (bytes.length === 0) t.is(entry.size, 0)
        else t.true(run.buffers.some(({ buffer }) => buffer === bytes.buffer))
      }
  })
})

test('a run of cuts has the same cuts, and says where it came from', (t) => {
  property(({ runs }) => {
    for (const run of runs) {
      const cuts = [...cutsOf(run)]
      const made = runOf(run, cuts)
      t.deepEqual(meaningOf(made), meaningOf(run))
      t.deepEqual(whole(made), whole(run))
      t.like(made, { position: run.position, length: run.length, first: run.first, last: run.last })
      const [first] = cuts
      const fewer = runOf(run, cuts.slice(1))
      t.is(fewer.length, run.length - first!.bytes.length)
      t.deepEqual([...cutsOf(fewer)], cuts.slice(1))
    }
  })
})

test('a slice of a run is what it says of those entries, and slices together are the run', (t) => {
  fc.assert(
    fc.property(made, fc.nat(), fc.nat(), ({ runs }, a, b) => {
      for (const run of runs) {
        const count = run.last - run.first + 1
        const [first, last] = [run.first + (a % count), run.first + (b % count)].sort((x, y) => x - y) as [
          number,
          number,
        ]
        const all = meaningOf(run)
        const slice = sliceRun(run, first, last)
        t.deepEqual(meaningOf(slice), all.slice(first - run.first, last - run.first + 1))
        t.is(whole(slice).length, slice.length)
        t.like(slice, { first, last })
        const others = [
          ...(first > run.first ? [sliceRun(run, run.first, first - 1)] : []),
          slice,
          ...(last < run.last ? [sliceRun(run, last + 1, run.last)] : []),
        ]
        let at = run.position
        for (const one of others) {
          t.is(one.position, at)
          at += one.length
        }
        t.is(at, run.position + run.length)
        t.deepEqual(others.flatMap(meaningOf), all)
      }
    }),
    { numRuns: scale(300, 10_000) },
  )
})

test('a run that was cut within a file and joined again is the same', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(30), { minLength: 1, maxLength: 8 }),
      fc.nat(),
      fc.nat(),
      (sizes, at, cut) => {
        const content = contentOf(sizes)
        const offer = offerOf(content)
        const place = offer.bytes === 0 ? 0 : at % offer.bytes
        const options = { cut: 1 + (cut % 40) }
        const heads = runsOver(offer, content, [0, place], options)
        const tails = runsOver(offer, content, [place, offer.bytes], options)
        const [head, tail] = [heads.at(-1), tails[0]]
        if (!head || !tail || head.ends || head.last !== tail.first) return
        const begun = sliceRun(head, head.last, head.last)
        const joined = joinRuns(begun, tail)
        const together = runsOver(offer, content, [begun.position, offer.bytes], options)[0]!
        t.deepEqual(meaningOf(joined), meaningOf(together))
        t.like(joined, { position: begun.position, offset: begun.offset, length: begun.length + tail.length })
      },
    ),
    { numRuns: scale(500, 10_000) },
  )
})

test('a reader gives the bytes of several buffers, at most so many at once, and nothing behind them', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 20 })),
      fc.array(fc.nat(25)),
      (arrays, lengths) => {
        const buffers = arrays.map((bytes) => Buffer.from(bytes))
        const all = Buffer.concat(buffers)
        const reader = new RunReader(buffers)
        let at = 0
        for (const length of lengths) {
          if (at + length > all.length) break
          const taken = reader.take(length)
          t.true(taken.every((bytes) => bytes.length > 0))
          t.deepEqual(Buffer.concat(taken), all.subarray(at, at + length))
          at += length
        }
        const next = reader.next(7)
        t.deepEqual(next, all.subarray(at, at + next.length))
        t.is(next.length > 0, at < all.length)
      },
    ),
    { numRuns: scale(300, 10_000) },
  )
  t.is(new RunReader([]).next(5).length, 0)
})

test('a digest is found by the index of its entry; an empty slot, and an entry beside the column, have none', (t) => {
  fc.assert(
    fc.property(
      fc.nat(1000),
      fc.array(fc.option(fc.uint8Array({ minLength: 32, maxLength: 32 })), { minLength: 1, maxLength: 10 }),
      (first, digests) => {
        const bytes = Buffer.concat(digests.map((one) => one ?? Buffer.alloc(32)))
        const column: DigestColumn = { first, count: digests.length, bytes }
        for (const [i, one] of digests.entries()) {
          const isKnown = one?.some((byte) => byte !== 0)
          t.deepEqual(digestIn(column, first + i), isKnown ? Buffer.from(one!) : undefined)
        }
        t.is(digestIn(column, first - 1), undefined)
        t.is(digestIn(column, first + digests.length), undefined)
        t.is(digestIn(undefined, first), undefined)
      },
    ),
    { numRuns: scale(300, 5000) },
  )
})

test('an entry of unknown size has the bytes that a run brings, and ends with a run that has none', (t) => {
  const offer = offerOf({ a: 'xy', stdin: '' })
  offer.entries[1]!.size = null
  const run: Run = {
    kind: 'run',
    position: 0,
    length: 5,
    buffers: [Buffer.from('xyabc')],
    entries: offer.entries,
    first: 0,
    last: 1,
    offset: 0,
    ends: false,
  }
  t.deepEqual(
    meaningOf(run).map(({ bytes, last }) => [bytes, last]),
    [
      ['xy', true],
      ['abc', false],
    ],
  )
  const end: Run = { ...run, position: 5, length: 0, buffers: [], first: 1, offset: 3, ends: true }
  t.deepEqual(
    meaningOf(end).map(({ path, offset, bytes, last }) => [path, offset, bytes, last]),
    [['stdin', 3, '', true]],
  )
  t.like(sliceRun(run, 1, 1), { position: 2, length: 3, offset: 0, ends: false })
})
