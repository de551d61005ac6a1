import test from 'ava'
import fc from 'fast-check'
import type { Range } from '../../../lib/ranges.js'
import { chunkSize, nextStep, type Step, type StepRules } from '../../../lib/stages/file-source/steps.js'
import { Plan } from '../../../lib/transfer/plan.js'
import type { Entry } from '../../../lib/wire/entry.js'
import { makeOffer } from '../../helpers/make-offer.js'
import { scale } from '../../helpers/scale.js'

const HEAD = { id: '0'.repeat(32), name: 'x', algorithm: 'sha256' }
const KIB = 1024
const MIB = 1024 * KIB

type Size = number | null | 'folder'

/** Files of these sizes, and folders. */
const offerOf = (sizes: Size[], before = { first: 0, position: 0 }) =>
  makeOffer(
    HEAD,
    sizes.map((size, i) =>
      size === 'folder'
        ? { type: 'directory', path: `d${i}`, size: 0, mtime: 0, mode: 0o755 }
        : { type: 'file', path: `f${i}`, size, mtime: 0, mode: 0o644 },
    ),
    before,
  )

/** A plan of these files; of each `wanted` says `true`, `false`, or which ranges of it are to come. */
function planOf(sizes: Size[], wanted: (boolean | Range[])[] = sizes.map(() => true)): Plan {
  const plan = new Plan()
  const offer = offerOf(sizes)
  plan.add(offer)
  for (const [index, wants] of wanted.entries()) {
    if (wants === true) plan.want(1)
    else if (wants === false) plan.skip(1)
    else if (wants.length === 0) plan.want(1, true)
    else plan.claim(without(offer.entries[index]!, wants))
  }
  return plan
}

function without({ size }: Entry, ranges: Range[]): Range[] {
  const others: Range[] = []
  let at = 0
  for (const { start, end } of ranges) {
    if (start > at) others.push({ start: at, end: start })
    at = end
  }
  if (at < size!) others.push({ start: at, end: size! })
  return others
}

const RULES: StepRules = { maxRun: MIB, isRereadable: () => true, isInOrder: false }

/** All steps, one after the other, as who reads takes them for sent. */
function* stepsOf(plan: Plan, rules = RULES): Generator<Step> {
  let current: number | undefined
  for (let step = nextStep(plan, rules); step; step = nextStep(plan, { ...rules, current })) {
    yield step
    if (step.kind === 'block') current = step.entry.index
    if (step.kind === 'stream') {
      plan.close(step.entry.index)
      continue
    }
    if (step.kind === 'block' && step.isProof) {
      plan.prove(step.entry.index, [step])
      continue
    }
    if (step.kind === 'block') {
      take(plan, step.entry.start + step.start, step.end - step.start)
      continue
    }
    if (step.kind === 'proof') {
      for (const { index, size } of step.files) plan.prove(index, [{ start: 0, end: size! }])
      continue
    }
    take(plan, step.entries[0]!.start, step.length)
    for (const _ of plan.pass(step.entries.at(-1)!.index + 1)) {
      // entries of no bytes
    }
  }
}

function take(plan: Plan, position: number, length: number): void {
  for (const _ of plan.take(position, length)) {
    // it is sent
  }
}

/** Each step as text. */
function textsOf(plan: Plan, rules = RULES): string[] {
  return Array.from(stepsOf(plan, rules), (step) => {
    if (step.kind === 'small') return step.entries.map(({ path, size }) => `${path}:${size}`).join(' ')
    if (step.kind === 'stream') return `stream ${step.entry.path}`
    if (step.kind === 'proof')
      return `proof ${step.files.map(({ path, size }) => `${path}:${size}`).join(' ')}`
    const { entry, start, end, chunk, isLast, isProof } = step
    const by = end - start > chunk ? ` by ${chunk}` : ''
    return `${entry.path}[${start}-${end}${by}]${isProof ? ' proof' : ''}${isLast ? ' last' : ''}`
  })
}

test('small files come many to a step, large ones in chunks, a stream last', (t) => {
  t.deepEqual(textsOf(planOf([3, 0, 5, 600 * KIB, 4, null])), [
    'f0:3 f1:0 f2:5',
    'f3[0-614400 by 262144] last',
    'f4:4',
    'stream f5',
  ])
})

test('a file that cannot be read twice is a stream, however small it is', (t) => {
  const rules = { ...RULES, isRereadable: ({ index }: Entry) => index !== 1 }
  t.deepEqual(textsOf(planOf([3, 4, 5]), rules), ['f0:3', 'stream f1', 'f2:5'])
})

test('a step is never larger than a run may be', (t) => {
  t.deepEqual(textsOf(planOf([3, 2, 9, 1]), { ...RULES, maxRun: 4 }), [
    'f0:3',
    'f1:2',
    'f2[0-9 by 4] last',
    'f3:1',
  ])
  const many = [...stepsOf(planOf(Array(1100).fill(0)))]
  t.deepEqual(
    many.map((step) => step.kind === 'small' && step.entries.length),
    [512, 512, 76],
  )
})

test('folders before a large file need no step of their own; empty files do, since they must be looked at', (t) => {
  t.deepEqual(textsOf(planOf(['folder', 'folder', 600 * KIB])), ['f2[0-614400 by 262144] last'])
  t.is(textsOf(planOf(['folder', 0, 600 * KIB]))[0], 'd0:0 f1:0')
  t.deepEqual(textsOf(planOf(['folder', 'folder'])), ['d0:0 d1:0'])
})

test('parts of files that are wanted go first, then what is to be proved; a whole file is never part of one', (t) => {
  t.deepEqual(textsOf(planOf([10, 10, 10], [[{ start: 5, end: 10 }], true, [{ start: 0, end: 2 }]])), [
    'f0[5-10] last',
    'f1:10',
    'f2[0-2] last',
    'f0[0-5] proof last',
    'f2[2-10] proof last',
  ])
  t.deepEqual(
    textsOf(
      planOf(
        [10],
        [
          [
            { start: 1, end: 3 },
            { start: 5, end: 6 },
          ],
        ],
      ),
    ),
    ['f0[1-3] last', 'f0[5-6] last', 'f0[0-1] proof last', 'f0[3-5] proof last', 'f0[6-10] proof last'],
  )
})

test('where a digest needs the bytes of a file in order, all is read in the order of the stream', (t) => {
  const inOrder = { ...RULES, isInOrder: true }
  t.deepEqual(textsOf(planOf([10, 10], [[{ start: 2, end: 3 }], true]), inOrder), [
    'f0[0-2] proof last',
    'f0[2-3] last',
    'f0[3-10] proof last',
    'f1:10',
  ])
  // what is proved as a whole has no part in that
  t.deepEqual(textsOf(planOf([10, 2 * MIB, 10, 10], [[], [], [], true]), inOrder), [
    'f3:10',
    'proof f0:10',
    `f1[0-${2 * MIB} by ${512 * KIB}] proof last`,
    'proof f2:10',
  ])
  // nor is it passed over by the folder before it
  t.deepEqual(
    textsOf(planOf(['folder', 300 * KIB], [true, [{ start: 200 * KIB, end: 300 * KIB }]]), inOrder),
    ['d0:0', 'f1[0-204800 by 131072] proof last', 'f1[204800-307200] last'],
  )
})

test('files of one block are proved many to a step, but for folders nothing lies between them', (t) => {
  t.deepEqual(textsOf(planOf([3, 'folder', 0, 5, 4, 6], [[], true, [], [], true, []])), [
    'd1:0',
    'f4:4',
    'proof f0:3 f2:0 f3:5',
    'proof f5:6',
  ])
  t.deepEqual(textsOf(planOf([400 * KIB, 200 * KIB, MIB, MIB + 1], [[], [], [], []])), [
    'proof f0:409600',
    'proof f1:204800',
    'proof f2:1048576',
    `f3[0-${MIB + 1} by ${512 * KIB}] proof last`,
  ])
})

test('no step goes on behind the end of 1 MiB, which is several blocks, or of a larger block', (t) => {
  t.deepEqual(textsOf(planOf([2 * MIB + 1], [[{ start: MIB, end: 2 * MIB + 1 }]])), [
    `f0[${MIB}-${2 * MIB}]`,
    `f0[${2 * MIB}-${2 * MIB + 1}] last`,
    `f0[0-${MIB}] proof last`,
  ])
  const some = MIB - 128 * KIB
  t.deepEqual(textsOf(planOf([2 * MIB], [[{ start: some, end: MIB + 64 * KIB }]])), [
    `f0[${some}-${MIB}]`,
    `f0[${MIB}-${MIB + 64 * KIB}] last`,
    `f0[0-${some} by ${512 * KIB}] proof last`,
    `f0[${MIB + 64 * KIB}-${2 * MIB} by ${512 * KIB}] proof last`,
  ])
  // its blocks have 4 MiB
  const huge = planOf([128 * 1024 * MIB + 1], [[{ start: 12 * MIB, end: 20 * MIB }]])
  for (const [start, isLast] of [
    [12 * MIB, false],
    [16 * MIB, true],
  ] as const) {
    t.like(nextStep(huge, RULES), { start, end: start + 4 * MIB, chunk: MIB, isLast })
    take(huge, start, 4 * MIB)
  }
})

test('what is only read for its digests has up to 4 MiB, however large the blocks are; for its chunks 1 MiB', (t) => {
  const slow = { ...RULES, maxRun: KIB }
  t.deepEqual(textsOf(planOf([9 * MIB], [[]]), slow), [
    `f0[0-${4 * MIB} by ${MIB}] proof`,
    `f0[${4 * MIB}-${8 * MIB} by ${MIB}] proof`,
    `f0[${8 * MIB}-${9 * MIB}] proof last`,
  ])
  // its blocks have 16 MiB
  const huge = planOf([1024 * 1024 * MIB], [[]])
  t.like(nextStep(huge, RULES), { start: 0, end: 4 * MIB, isProof: true })
  huge.prove(0, [{ start: 0, end: 4 * MIB }])
  t.like(nextStep(huge, RULES), { start: 4 * MIB, end: 8 * MIB, isProof: true })
  const older = new Plan()
  older.add(offerOf([9 * MIB]))
  older.claim([{ start: 0, end: 9 * MIB }], true)
  t.is(textsOf(older).length, 9)
})

test('entries that are not wanted are left out, also empty ones', (t) => {
  t.deepEqual(textsOf(planOf([3, 0, 5, 0], [false, true, true, false])), ['f1:0 f2:5'])
  t.deepEqual(textsOf(planOf([3, 4, 5], [true, false, true])), ['f0:3', 'f2:5'])
  t.deepEqual(textsOf(planOf([3], [false])), [])
  t.deepEqual(textsOf(planOf([])), [])
})

test('what is asked for again comes again, and before what follows', (t) => {
  const plan = planOf([3, 2 * MIB, 4])
  const steps = stepsOf(plan)
  steps.next()
  steps.next()
  plan.ask(0, [{ start: 1, end: 3 }])
  t.like(steps.next().value, { kind: 'block', entry: { path: 'f0' }, start: 1, end: 3, isLast: true })
  t.like(steps.next().value, { kind: 'block', entry: { path: 'f1' }, start: MIB })
})

test('any plan gives exactly the bytes that it wants, in order, and each entry of no bytes once', (t) => {
  const sizes = fc.array(
    fc.oneof(fc.constant('folder' as const), fc.constant(0), fc.nat(20), fc.integer({ min: 60, max: 200 })),
    { maxLength: 12 },
  )
  fc.assert(
    fc.property(
      sizes,
      fc.array(fc.nat(1000), { maxLength: 8 }),
      fc.integer({ min: 1, max: 90 }),
      (sizes, marks, maxRun) => {
        const offer = offerOf(sizes)
        const bounds = marks.map((mark) => Math.min(offer.bytes, mark)).sort((a, b) => a - b)
        const isWanted = (at: number) => bounds.filter((bound) => bound <= at).length % 2 === 1
        const wanted: number[] = []
        const ranges = offer.entries.map(({ start, size }) => {
          const own: Range[] = []
          for (let at = 0; at < size!; at++) {
            if (!isWanted(start + at)) continue
            wanted.push(start + at)
            if (own.at(-1)?.end === at) own.at(-1)!.end++
            else own.push({ start: at, end: at + 1 })
          }
          return size === 0 || (own[0]?.start === 0 && own[0].end === size) ? true : own
        })
        const plan = planOf(sizes, ranges)
        const found: number[] = []
        const empty: number[] = []
        for (const step of stepsOf(plan, { ...RULES, maxRun })) {
          if (step.kind === 'stream') throw new Error('there is none')
          // what is not wanted is claimed: it is read, and not sent
          if (step.kind === 'proof' || (step.kind === 'block' && step.isProof)) continue
          const parts =
            step.kind === 'block'
              ? [step]
              : step.entries.map((entry) => ({ entry, start: 0, end: entry.size! }))
          let length = 0
          for (const { entry, start, end } of parts) {
            if (entry.size === 0) empty.push(entry.index)
            for (let at = start; at < end; at++) found.push(entry.start + at)
            length += end - start
          }
          t.true((step.kind === 'block' ? step.chunk : length) <= maxRun)
          if (step.kind === 'small') t.is(step.length, length)
        }
        t.deepEqual(found, wanted)
        t.is(new Set(empty).size, empty.length)
        // every entry of no bytes was passed, be it with a run of others
        for (const { index, size } of offer.entries) if (size === 0) t.true(plan.isThere(index), `${index}`)
        t.is(plan.coming(), undefined)
      },
    ),
    { numRuns: scale(200, 5000) },
  )
})

test('the chunk size follows the file size, from 64 KiB to 1 MiB', (t) => {
  t.is(chunkSize(0), 64 * KIB)
  t.is(chunkSize(null), 64 * KIB)
  t.is(chunkSize(256 * KIB), 64 * KIB)
  t.is(chunkSize(256 * KIB + 1), 128 * KIB)
  t.is(chunkSize(2 * MIB), 512 * KIB)
  t.is(chunkSize(4 * MIB), 1 * MIB)
  t.is(chunkSize(Number.MAX_SAFE_INTEGER), 1 * MIB)
})

test('a larger file never has a smaller chunk', (t) => {
  let before = 0
  for (let size = 1; size < 2 ** 50; size *= 1.7) {
    const chunk = chunkSize(size)
    t.true(chunk >= before)
    before = chunk
  }
})
