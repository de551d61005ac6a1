import test from 'ava'
import { firstByte } from './first-byte.js'

for (const gib of [1, 400])
  test(`the measurement of the first new byte ends, for a file of ${gib} GiB`, async (t) => {
    t.timeout(60_000)
    t.true((await firstByte(gib * 2 ** 30, 0)) > 0)
  })
