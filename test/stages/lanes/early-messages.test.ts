import test from 'ava'
import { blockSizeOf } from '../../../lib/digest/blocks.js'
import { EarlyMessages } from '../../../lib/stages/lanes/early-messages.js'
import type { Said } from '../../../lib/stages/river/items-of.js'
import { Plan } from '../../../lib/transfer/plan.js'
import { offerOf } from '../../helpers/plan-model.js'

const SIZE = 3 * 1024 * 1024
const BLOCK = blockSizeOf(SIZE)

/** A plan that wants a large file and two small ones. */
function planned(): Plan {
  const plan = new Plan()
  plan.add(offerOf([SIZE, 10, 10]))
  plan.want(3)
  plan.hasLanes = true
  return plan
}

function take(plan: Plan, position: number, length: number): void {
  for (const piece of plan.take(position, length)) if (piece.isLate) throw new Error('late')
}

const blocks = (first: number): Said => ({ type: 'blocks', index: 0, first, digests: Buffer.alloc(32, 1) })
const digest = (first: number): Said => ({ type: 'digests', first, count: 1, bytes: Buffer.alloc(32, 1) })
const failure = (first: number): Said => ({
  type: 'digests',
  first,
  count: 1,
  bytes: Buffer.alloc(32),
  failures: new Map([[first, 'ERR_SOURCE_READ']]),
})

test('no more is heard when much was said that waits, also of sizes', (t) => {
  const early = new EarlyMessages(planned())
  const sizes = new Map(Array.from({ length: 100_000 }, (_, index) => [index, index] as const))
  early.add({ ...(digest(1) as Extract<Said, { type: 'digests' }>), sizes })
  t.false(early.isFull)
  for (let times = 0; times < 3; times++)
    early.add({ ...(digest(1) as Extract<Said, { type: 'digests' }>), sizes })
  t.true(early.isFull)
})

test('what is said of data waits until that is there, and what follows it behind it', (t) => {
  const plan = planned()
  const early = new EarlyMessages(plan)
  t.true(early.isEarly(blocks(1)))
  early.add(blocks(1))
  take(plan, 0, BLOCK)
  t.is(early.next(), undefined)
  // its data is there, but what came before is still waiting
  t.true(early.isEarly(blocks(0)))
  early.add(blocks(0))
  early.add({ type: 'end' })
  take(plan, BLOCK, BLOCK)
  t.deepEqual(
    [early.next(), early.next(), early.next(), early.next()],
    [blocks(1), blocks(0), { type: 'end' }, undefined],
  )
  t.false(early.isEarly(blocks(1)))
})

test('a digest waits for all of its file, and the failure of a file for nothing', (t) => {
  const plan = planned()
  const early = new EarlyMessages(plan)
  take(plan, SIZE, 9)
  t.true(early.isEarly(digest(1)))
  early.add(digest(1))
  t.false(early.isEarly(failure(2)))
  t.true(early.isEarly({ type: 'end' }))
  take(plan, SIZE + 9, 1)
  t.deepEqual(early.next(), digest(1))
  t.true(early.isEarly(digest(2)))
})

test('nobody waits for the blocks of a file that has its outcome, and only so many messages wait', (t) => {
  const plan = planned()
  const early = new EarlyMessages(plan)
  for (let n = 0; n < 4095; n++) early.add(blocks(0))
  t.false(early.isFull)
  early.add(blocks(0))
  t.true(early.isFull)
  plan.close(0)
  t.deepEqual(early.next(), blocks(0))
  t.false(early.isFull)
})

test('no more than 16 MiB of digests wait, and none of them holds on to more than its own', (t) => {
  const plan = planned()
  const early = new EarlyMessages(plan)
  const chunk = Buffer.alloc(8 * 1024 * 1024, 1)
  early.add({ type: 'blocks', index: 0, first: 0, digests: chunk.subarray(0, 32) })
  early.add({ type: 'blocks', index: 0, first: 0, digests: chunk })
  t.false(early.isFull)
  early.add({ type: 'digests', first: 0, count: 1, bytes: chunk })
  t.true(early.isFull)
  plan.close(0)
  const first = early.next()
  t.deepEqual(first, blocks(0))
  t.not(first?.type === 'blocks' && first.digests.buffer, chunk.buffer)
  early.next()
  t.false(early.isFull)
})
