import test from 'ava'
import { isAmong } from '../../../lib/stages/river/answers.js'
import type { Entry } from '../../../lib/wire/entry.js'

test('an index is among entries only if one of them has it, wherever they begin', (t) => {
  const entries = [64, 65, 130].map((index) => ({ index }) as Entry)
  const isAsked = isAmong(entries)
  t.deepEqual(
    [-1, 0, 1, 63, 64, 65, 66, 129, 130, 131, 194].filter(isAsked),
    entries.map(({ index }) => index),
  )
  t.deepEqual([-1, 0, 1].filter(isAmong([])), [])
})
