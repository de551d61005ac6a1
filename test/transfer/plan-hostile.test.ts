import test, { type ExecutionContext } from 'ava'
import type { SluiceError } from '../../lib/errors.js'
import { Plan } from '../../lib/transfer/plan.js'
import type { Offer } from '../../lib/wire/entry.js'
import { type Kind, offerOf } from '../helpers/plan-model.js'
import { scale } from '../helpers/scale.js'

// Very many entries, and operations in whatever order a peer may choose. An operation that looked at all entries each
// time would make each of these tests take many minutes instead of about a second, and run into the time limit.
const MANY = scale(200_000, 1_000_000)
/** So many operations are enough for that. */
const SOME = scale(60_000, 300_000)
/** Has no factor in common with MANY, so that its multiples are all indices, in a wild order. */
const STRIDE = 618_033
const wild = (i: number) => (i * STRIDE) % MANY

function wanting(kindOf: (index: number) => Kind): Plan {
  const plan = new Plan()
  plan.add(offerOf(Array.from({ length: MANY }, (_, index) => kindOf(index))))
  plan.want(MANY)
  return plan
}

function take(plan: Plan, position: number, length: number): number {
  let pieces = 0
  for (const _ of plan.take(position, length)) pieces++
  return pieces
}

test('small files that come in a wild order', (t) => {
  const plan = wanting(() => 2)
  for (let i = 0; i < SOME; i++) {
    const index = wild(i)
    take(plan, 2 * index, 2)
    plan.answer(index)
    plan.close(index)
    if (plan.coming() === undefined) t.fail()
  }
  for (let i = SOME; i < MANY; i++) plan.close(wild(i))
  t.is(plan.coming(), undefined)
  plan.end()
  t.true(plan.isFinished)
})

test('small files that come from both ends, with empty ones between them', (t) => {
  const plan = wanting((index) => index % 2)
  let passed = 0
  // the files are the odd entries: each byte stands in entry 2 * position + 1
  for (let low = 0, high = MANY / 2 - 1; low < high; low++, high--) {
    passed += take(plan, high, 1)
    passed += take(plan, low, 1)
  }
  t.is(plan.coming(), undefined)
  t.true(passed >= MANY / 2)
})

/** What takes bytes until it is refused; gives how often it was not. */
function untilRefused(
  t: ExecutionContext,
  plan: Plan,
  takes: (i: number) => [position: number, length: number],
): number {
  for (let i = 0; i < MANY; i++)
    try {
      take(plan, ...takes(i))
    } catch (error) {
      t.is((error as SluiceError).code, 'ERR_PROTOCOL')
      t.regex(
        (error as SluiceError).message,
        /^the peer sent bytes at \d+, and left too much unfinished before$/,
      )
      return i
    }
  return MANY
}

test('many files that are begun, or ended, and not finished', (t) => {
  t.true(
    untilRefused(
      t,
      wanting(() => 3),
      (i) => [3 * i, 1],
    ) < 2_000,
  )
  t.true(
    untilRefused(
      t,
      wanting(() => 3),
      (i) => [3 * wild(i) + 2, 1],
    ) < 2_000,
  )
})

test('single bytes of one file, here and there', (t) => {
  const plan = new Plan()
  plan.add(offerOf([2 * MANY]))
  plan.want(1)
  t.true(untilRefused(t, plan, (i) => [2 * wild(i), 1]) < 2_000)
})

test('many files that are begun and closed, or given up, are not in the way of others', (t) => {
  const plan = wanting(() => 3)
  for (let index = 0; index < SOME; index++) {
    take(plan, 3 * index, 1)
    if (index % 2) plan.answer(index, true)
    else plan.close(index)
  }
  t.is(plan.cameBytes, SOME)
})

test('the first file asked for again and again while the last one is still to come', (t) => {
  const plan = wanting(() => 1)
  take(plan, 0, MANY - 1)
  for (let index = 0; index < MANY - 1; index++) plan.answer(index)
  for (let i = 0; i < SOME; i++) {
    plan.ask(0, [{ start: 0, end: 1 }])
    if (plan.coming()!.entry.index !== 0) t.fail()
    take(plan, 0, 1)
    plan.answer(0)
    if (plan.coming()!.entry.index !== MANY - 1) t.fail()
    if (plan.coming(1)!.entry.index !== MANY - 1) t.fail()
  }
  t.is(plan.cameBytes, MANY - 1 + SOME)
})

test('empty files asked for again, in a wild order', (t) => {
  const plan = wanting((index) => (index === 0 || index === MANY - 1 ? 1 : 0))
  for (const _ of plan.pass());
  for (let i = 0; i < SOME; i++) {
    const index = wild(i)
    if (index === 0 || index === MANY - 1) continue
    plan.ask(index, [{ start: 0, end: 0 }])
    let passed = 0
    for (const { first } of plan.pass()) passed += first
    if (passed !== index) t.fail()
    plan.answer(index)
  }
  t.is(take(plan, 0, 2), 2, 'the two files do not touch: what was between them has been passed')
})

test('entries of no bytes between two files, with bytes of the two by turns', (t) => {
  const plan = wanting((index) => (index === 0 || index === MANY - 1 ? SOME : 0))
  for (let i = 0; i < SOME; i++) {
    take(plan, i, 1)
    take(plan, SOME + i, 1)
  }
  t.is(plan.coming(), undefined)
})

test('files that are closed while their bytes come', (t) => {
  const plan = wanting(() => 1)
  for (let i = 0; i < MANY; i += 2) plan.close(wild(i))
  t.true(take(plan, 0, MANY) >= MANY / 2)
  t.is(plan.cameBytes, MANY / 2)
})

test('many offers of one file', (t) => {
  const plan = new Plan()
  const before: Offer[] = []
  for (let i = 0; i < MANY / 4; i++) {
    const offer = offerOf([1], before)
    before[0] = offer
    plan.add(offer)
    plan.want(1)
    if (plan.coming()!.entry.index !== i) t.fail()
    take(plan, i, 1)
  }
  t.is(plan.cameBytes, MANY / 4)
})
