import test from 'ava'
import fc from 'fast-check'
import { Ranges } from '../lib/ranges.js'

const change = fc.record({ add: fc.boolean(), start: fc.nat(60), length: fc.nat(12) })

/** The same changes to ranges and to a plain set of bytes. */
function both(changes: { add: boolean; start: number; length: number }[]) {
  const ranges = new Ranges()
  const set = new Set<number>()
  for (const { add, start, length } of changes) {
    if (add) ranges.add(start, start + length)
    else ranges.remove(start, start + length)
    for (let i = start; i < start + length; i++) add ? set.add(i) : set.delete(i)
  }
  return { ranges, set }
}

test('of each byte it says what a set of bytes would say', (t) => {
  fc.assert(
    fc.property(
      fc.array(change, { maxLength: 14 }),
      fc.array(change, { minLength: 5, maxLength: 12 }),
      (changes, asked) => {
        const { ranges, set } = both(changes)
        return asked.every(({ start, length }) => {
          const bytes = Array.from({ length }, (_, i) => set.has(start + i))
          return (
            ranges.covers(start, start + length) === bytes.every(Boolean) &&
            ranges.overlaps(start, start + length) === bytes.some(Boolean)
          )
        })
      },
    ),
  )
  t.pass()
})

test('its ranges are ascending, apart from each other, and hold the bytes of the set', (t) => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 14 }), fc.nat(80), (changes, from) => {
      const { ranges, set } = both(changes)
      const list = ranges.toArray()
      const bytes = list.flatMap(({ start, end }) => Array.from({ length: end - start }, (_, i) => start + i))
      const first = bytes.find((byte) => byte >= from)
      const next = ranges.next(from)
      return (
        list.every(({ start, end }, i) => start < end && (i === 0 || list[i - 1]!.end < start)) &&
        bytes.length === set.size &&
        bytes.every((byte) => set.has(byte)) &&
        ranges.size === set.size &&
        ranges.isEmpty === (set.size === 0) &&
        next?.start === first &&
        (next === undefined || (ranges.covers(next.start, next.end) && !set.has(next.end)))
      )
    }),
  )
  t.pass()
})

test('nothing is there after it was cleared', (t) => {
  const ranges = Ranges.of(0, 10)
  t.true(ranges.covers(0, 10))
  ranges.clear()
  t.false(ranges.covers(0, 1))
  t.true(ranges.covers(5, 5))
  t.true(ranges.isEmpty)
})
