import test from 'ava'
import fc from 'fast-check'
import { Ranges } from '../../../lib/files/part/ranges.js'

test('it knows of each byte what was added, as a set of bytes would', (t) => {
  const range = fc.tuple(fc.nat(60), fc.nat(12))
  fc.assert(
    fc.property(
      fc.array(range, { maxLength: 12 }),
      fc.array(range, { minLength: 5, maxLength: 12 }),
      (added, asked) => {
        const ranges = new Ranges()
        const set = new Set<number>()
        for (const [start, length] of added) {
          ranges.add(start, start + length)
          for (let i = 0; i < length; i++) set.add(start + i)
        }
        return asked.every(([start, length]) => {
          let all = true
          for (let i = 0; i < length; i++) all &&= set.has(start + i)
          return ranges.covers(start, start + length) === all
        })
      },
    ),
  )
  t.pass()
})

test('nothing is there after it was cleared', (t) => {
  const ranges = new Ranges()
  ranges.add(0, 10)
  t.true(ranges.covers(0, 10))
  ranges.clear()
  t.false(ranges.covers(0, 1))
  t.true(ranges.covers(5, 5))
})
