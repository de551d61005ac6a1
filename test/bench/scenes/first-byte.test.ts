import test from 'ava'
import { buildOf } from '../movers/build.js'
import { firstByte } from './first-byte.js'

const build = buildOf(process.execPath)

for (const gib of [1, 400])
  test(`the measurement of the first new byte ends, for a file of ${gib} GiB`, async (t) => {
    t.timeout(60_000)
    const { wall } = await firstByte(build, gib * 2 ** 30, 0)
    t.true(wall > 0)
  })

test('a line that takes its time makes the first new byte late', async (t) => {
  const { wall } = await firstByte(build, 2 ** 30, 50)
  t.true(wall > 0.1, `${wall} s`)
})
