import test from 'ava'
import fc from 'fast-check'
import { SluiceError } from '../../../lib/errors.js'
import { Ledger } from '../../../lib/stages/finalizer/ledger.js'
import type { StoredRun } from '../../../lib/stages/river/items.js'
import { offerOf, planOf } from '../../helpers/items.js'
import { scale } from '../../helpers/scale.js'

const CONTENT = { d: null, a: 'a', b: 'b', l: { target: 'a' }, c: 'c', e: 'e' }
const [, A, B, , C, E] = [0, 1, 2, 3, 4, 5] as const

function fixture() {
  const plan = planOf(offerOf(CONTENT))
  const ledger = new Ledger(plan)
  const stored = (first: number, last: number, more: Partial<StoredRun> = {}): StoredRun => ({
    entries: plan.entries,
    first,
    last,
    ...more,
  })
  return { plan, ledger, stored }
}

const paths = (entries: readonly { path: string }[]) => entries.map(({ path }) => path)
const failure = new SluiceError('ERR_WRITE', 'it failed')

test('files wait where they are stored, until they have their outcome; folders and links end last', (t) => {
  const { ledger, stored, plan } = fixture()
  const run = stored(0, C)
  t.is(ledger.at(A), undefined)
  t.deepEqual(ledger.add(run), [])
  t.deepEqual(paths(ledger.folders), ['d'])
  t.deepEqual(paths(ledger.links), ['l'])
  for (const index of [A, B, C]) t.is(ledger.at(index), run)
  t.is(ledger.at(E), undefined)
  t.true(ledger.isWaited(B))
  ledger.close(B)
  t.true(plan.isClosed(B))
  t.false(ledger.isWaited(B))
  t.is(ledger.at(B), undefined)
  t.is(ledger.at(A), run)
})

test('one that failed is none that waits, and the others of its run still do', (t) => {
  const { ledger, stored } = fixture()
  const run = stored(A, C, { failures: new Map([[B, failure]]) })
  ledger.add(run)
  t.is(ledger.at(B), undefined)
  ledger.close(B)
  ledger.close(A)
  t.is(ledger.at(C), run)
})

test('what is stored of a file that has its outcome already is given back', (t) => {
  const { ledger, stored } = fixture()
  ledger.close(B)
  ledger.close(0)
  t.deepEqual(ledger.add(stored(0, C)), [B])
  t.is(ledger.at(B), undefined)
  t.deepEqual(ledger.folders, [])
})

test('an entry that a stage renamed counts by what it is now', (t) => {
  const { ledger, stored, plan } = fixture()
  const entry = { ...plan.entries[A]!, path: 'renamed' }
  const run = stored(A, A, { entries: [], entry })
  ledger.add(run)
  t.is(ledger.at(A), run)
  t.is(ledger.entry(A).path, 'a')
})

test('what was never said, and what never came', (t) => {
  const { ledger, stored } = fixture()
  t.deepEqual(paths(ledger.missing()), Object.keys(CONTENT))
  ledger.add(stored(C, C))
  ledger.add(stored(0, B))
  t.deepEqual(ledger.unsaid(), [A, B, C])
  ledger.close(A)
  t.deepEqual(ledger.unsaid(), [B, C])
  for (const index of [B, C]) ledger.close(index)
  t.deepEqual(ledger.unsaid(), [])
  t.deepEqual(paths(ledger.missing()), ['l', 'e'])
  ledger.add(stored(3, E))
  ledger.close(E)
  t.deepEqual(ledger.missing(), [])
})

test('it is the books of what was stored and closed, in whichever order and in whatever runs', (t) => {
  const count = 20
  const step = fc.oneof(
    fc.record({ add: fc.nat(count - 1), length: fc.integer({ min: 1, max: 6 }), failed: fc.nat(count - 1) }),
    fc.record({ close: fc.nat(count - 1) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const plan = planOf(
        offerOf(Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, 'x']))),
      )
      const ledger = new Ledger(plan)
      const waiting = new Map<number, StoredRun>()
      const stored = new Set<number>()
      const closed = new Set<number>()
      for (const step of steps) {
        if ('close' in step) {
          ledger.close(step.close)
          closed.add(step.close)
          waiting.delete(step.close)
          continue
        }
        let last = step.add
        // runs do not overlap
        while (last + 1 < Math.min(step.add + step.length, count) && !stored.has(last + 1)) last++
        if (stored.has(step.add)) continue
        const failures = new Map([[step.failed, failure]])
        const run: StoredRun = { entries: plan.entries, first: step.add, last, failures }
        const late = ledger.add(run)
        for (let index = step.add; index <= last; index++) {
          stored.add(index)
          if (index === step.failed) continue
          t.is(late.includes(index), closed.has(index))
          if (!closed.has(index)) waiting.set(index, run)
        }
      }
      for (let index = 0; index < count; index++) {
        t.is(ledger.at(index), waiting.get(index))
        t.is(ledger.isWaited(index), !closed.has(index))
      }
      t.deepEqual(
        ledger.unsaid(),
        [...waiting.keys()].sort((a, b) => a - b),
      )
      t.deepEqual(
        ledger.missing().map(({ index }) => index),
        Array.from({ length: count }, (_, i) => i).filter((index) => !closed.has(index)),
      )
    }),
    { numRuns: scale(300, 10_000) },
  )
})

test('very many that wait, and of which the last is said first, cost no more than the same in order', (t) => {
  const count = 50_000
  const plan = planOf(offerOf(Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i}`, 'x']))))
  const took = (indices: number[]) => {
    const ledger = new Ledger(planOf({ ...offerOf({}), entries: plan.entries }))
    const before = performance.now()
    for (const index of indices) ledger.add({ entries: plan.entries, first: index, last: index })
    for (const index of indices) ledger.close(index)
    return performance.now() - before
  }
  const ascending = Array.from({ length: count }, (_, i) => i)
  const limit = 2000
  t.true(took(ascending) < limit)
  t.true(took([...ascending].reverse()) < limit)
})
