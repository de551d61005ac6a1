import test from 'ava'
import fc from 'fast-check'
import { isSluiceError } from '../../lib/index.js'
import { checkRanges, type Piece, readPlan } from '../../lib/stages/read-plan.js'
import { makeOffer } from '../../lib/wire/manifest.js'
import type { Range } from '../../lib/wire/positions.js'
import { scale } from '../helpers/scale.js'

const HEAD = { id: '0'.repeat(32), name: 'x', algorithm: 'sha256' }
const KIB = 1024
const MIB = 1024 * KIB

const offerOf = (sizes: (number | null)[], before = { first: 0, position: 0 }) =>
  makeOffer(
    HEAD,
    sizes.map((size, i) => ({ type: 'file', path: `f${i}`, size, mtime: 0, mode: 0o644 })),
    before,
  )

const all = () => true

/** Each step as text: pieces as `name[from-to]`, with a dot where the entry ends. */
function stepsOf(sizes: (number | null)[], ranges?: Range[], maxRun = MIB, wants = all): string[] {
  const text = ({ entry, offset, length, last }: Piece) =>
    `${entry.path}[${offset}-${offset + length}]${last ? '.' : ''}`
  return [...readPlan(offerOf(sizes), ranges, wants, maxRun)].map((step) => {
    if (step.kind === 'pieces') return step.pieces.map(text).join(' ')
    if (step.kind === 'chunk') return `${text(step.piece)}${step.ends ? ' ends' : ''}`
    return `stream ${step.entry.path}`
  })
}

test('small files come many to a step, large ones in chunks, a stream last', (t) => {
  t.deepEqual(stepsOf([3, 0, 5, 300 * KIB, 4, null]), [
    'f0[0-3]. f1[0-0]. f2[0-5].',
    'f3[0-131072]',
    'f3[131072-262144]',
    'f3[262144-307200]. ends',
    'f4[0-4].',
    'stream f5',
  ])
})

test('a step is never larger than a run may be', (t) => {
  t.deepEqual(stepsOf([3, 2, 9, 1], undefined, 4), [
    'f0[0-3].',
    'f1[0-2].',
    'f2[0-4]',
    'f2[4-8]',
    'f2[8-9]. ends',
    'f3[0-1].',
  ])
  const many = [...readPlan(offerOf(Array(150).fill(0)), undefined, all, MIB)]
  t.deepEqual(
    many.map((step) => step.kind === 'pieces' && step.pieces.length),
    [64, 64, 22],
  )
})

test('ranges cut files where they begin and end, and only a file that is read to its end ends', (t) => {
  t.deepEqual(
    stepsOf(
      [10, 10, 10],
      [
        { start: 5, end: 12 },
        { start: 15, end: 30 },
      ],
    ),
    ['f0[5-10]. f1[0-2]', 'f1[5-10]. f2[0-10].'],
  )
  t.deepEqual(stepsOf([10, 10], [{ start: 3, end: 7 }]), ['f0[3-7]'])
  t.deepEqual(stepsOf([10, 10], []), [])
  t.deepEqual(stepsOf([10], [{ start: 4, end: 4 }]), [])
})

test('an empty file belongs to one range only: the one that goes on there, or the last', (t) => {
  const sizes = [4, 0, 4, 0]
  t.deepEqual(stepsOf(sizes, [{ start: 0, end: 4 }]), ['f0[0-4].'])
  t.deepEqual(stepsOf(sizes, [{ start: 4, end: 8 }]), ['f1[0-0]. f2[0-4]. f3[0-0].'])
  t.deepEqual(
    stepsOf(sizes, [
      { start: 0, end: 4 },
      { start: 4, end: 8 },
    ]),
    ['f0[0-4]. f1[0-0]. f2[0-4]. f3[0-0].'],
  )
  t.deepEqual(stepsOf([0, 0], [{ start: 0, end: 0 }]), ['f0[0-0]. f1[0-0].'])
})

test('entries that are not wanted are left out, also empty ones', (t) => {
  t.deepEqual(
    stepsOf([3, 0, 5, 0], undefined, MIB, ({ index } = { index: 0 } as never) => index === 1 || index === 2),
    ['f1[0-0]. f2[0-5].'],
  )
})

test('any ranges give exactly their bytes, in order, and each empty file once', (t) => {
  const sizes = fc.array(fc.oneof(fc.constant(0), fc.nat(20), fc.integer({ min: 60, max: 200 })), {
    maxLength: 12,
  })
  fc.assert(
    fc.property(
      sizes,
      fc.array(fc.nat(1000), { maxLength: 8 }),
      fc.integer({ min: 1, max: 90 }),
      (files, marks, max) => {
        const offer = offerOf(files, { first: 3, position: 7 })
        const end = offer.position + offer.bytes
        const bounds = marks.map((mark) => Math.min(end, 7 + mark)).sort((a, b) => a - b)
        const ranges: Range[] = []
        for (let i = 0; i + 1 < bounds.length; i += 2) ranges.push({ start: bounds[i]!, end: bounds[i + 1]! })
        checkRanges(ranges, offer)
        const wanted = new Set<number>()
        for (const { start, end } of ranges) for (let at = start; at < end; at++) wanted.add(at)
        const found: number[] = []
        for (const step of readPlan(offer, ranges, all, max)) {
          if (step.kind === 'stream') throw new Error('there is none')
          const pieces = step.kind === 'pieces' ? step.pieces : [step.piece]
          let length = 0
          for (const { entry, offset, length: own, last } of pieces) {
            for (let i = 0; i < own; i++) found.push(entry.start + offset + i)
            t.is(last, offset + own === entry.size)
            length += own
          }
          t.true(length <= max)
        }
        t.deepEqual(
          found,
          [...wanted].sort((a, b) => a - b),
        )
        // two rivers that share the stream at any place share the empty files, too
        const split = bounds[0] ?? 7
        const halves = [[{ start: 7, end: split }], [{ start: split, end }]]
        if (split === 7 || split === end) return
        const ended = halves.flatMap((half) =>
          [...readPlan(offer, half, all, max)].flatMap((step) =>
            step.kind === 'pieces' ? step.pieces.filter(({ length }) => length === 0) : [],
          ),
        )
        t.is(ended.length, files.filter((size) => size === 0).length)
      },
    ),
    { numRuns: scale(200, 5000) },
  )
})

test('ranges that are none of the offer, or out of order, are refused', (t) => {
  const offer = offerOf([10], { first: 1, position: 5 })
  const bad: Range[][] = [
    [{ start: 4, end: 6 }],
    [{ start: 5, end: 16 }],
    [{ start: 8, end: 7 }],
    [{ start: 5.5, end: 7 }],
    [{ start: 5, end: Number.NaN }],
    [
      { start: 7, end: 9 },
      { start: 8, end: 10 },
    ],
  ]
  for (const ranges of bad)
    t.true(
      isSluiceError(
        t.throws(() => checkRanges(ranges, offer)),
        'ERR_USAGE',
      ),
    )
  t.notThrows(() =>
    checkRanges(
      [
        { start: 5, end: 9 },
        { start: 9, end: 15 },
      ],
      offer,
    ),
  )
  t.notThrows(() => checkRanges([{ start: 0, end: 2 ** 40 }], offerOf([1, null])))
})
