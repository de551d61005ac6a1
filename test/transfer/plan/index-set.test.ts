import test from 'ava'
import fc from 'fast-check'
import { IndexSet } from '../../../lib/transfer/plan/index-set.js'
import { scale } from '../../helpers/scale.js'

// some indices are close together, so that words of 32 bits become full and empty again; some are far apart
const index = fc.oneof(fc.nat(40), fc.nat(2_000), fc.nat(99_999))
const change = fc.record({ index, add: fc.boolean() })

test('it holds and finds what a plain set of numbers would', (t) => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), fc.array(index, { maxLength: 20 }), (changes, asked) => {
      const set = new IndexSet()
      const plain = new Set<number>()
      let room = 0
      for (const { index, add } of changes) {
        room = Math.max(room, index + 1)
        set.grow(room)
        if (add) plain.add(index)
        else plain.delete(index)
        if (add) set.add(index)
        else set.delete(index)
      }
      const ascending = [...plain].sort((a, b) => a - b)
      const isNext = (from: number) => set.next(from) === ascending.find((index) => index >= from)
      return (
        [...asked, ...ascending].every((index) => set.has(index) === plain.has(index)) &&
        [0, ...asked, ...ascending, ...ascending.map((index) => index + 1)].every(isNext)
      )
    }),
    { numRuns: scale(500, 20_000) },
  )
  t.pass()
})

test('what was added stays when room is made for more', (t) => {
  const set = new IndexSet()
  set.grow(3)
  set.add(2)
  for (const length of [33, 1_025, 32_769, 1_000_000]) {
    set.grow(length)
    set.add(length - 1)
    t.is(set.next(0), 2)
    t.is(set.next(length - 1), length - 1)
  }
  t.is(set.next(1_000_000), undefined)
})
