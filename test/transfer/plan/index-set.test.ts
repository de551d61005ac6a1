import test from 'ava'
import fc from 'fast-check'
import { IndexSet } from '../../../lib/transfer/plan/index-set.js'
import { scale } from '../../helpers/scale.js'

// some indices are close together, so that words of 32 bits become full and empty again; some are far apart
const index = fc.oneof(fc.nat(40), fc.nat(2_000), fc.nat(99_999))
const change = fc.record({ index, add: fc.boolean(), length: fc.oneof(fc.constant(1), fc.nat(3_000)) })

test('it holds and finds what a plain set of numbers would', (t) => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 60 }), fc.array(index, { maxLength: 20 }), (changes, asked) => {
      const set = new IndexSet()
      const plain = new Set<number>()
      let room = 0
      for (const { index, add, length } of changes) {
        const end = index + length
        room = Math.max(room, end)
        set.grow(room)
        for (let i = index; i < end; i++) {
          if (add) plain.add(i)
          else plain.delete(i)
        }
        if (add) set.add(index, end)
        else set.delete(index, end)
      }
      const ascending = [...plain].sort((a, b) => a - b)
      const found: number[] = []
      for (let next = set.next(0); next !== undefined; next = set.next(next + 1)) found.push(next)
      const isNext = (from: number) => set.next(from) === ascending.find((index) => index >= from)
      return (
        found.length === ascending.length &&
        found.every((index, i) => index === ascending[i]) &&
        [...asked, ...ascending].every((index) => set.has(index) === plain.has(index)) &&
        asked.every(isNext)
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
