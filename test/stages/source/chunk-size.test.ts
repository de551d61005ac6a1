import test from 'ava'
import { chunkSize } from '../../lib/index.js'

const KIB = 1024
const MIB = 1024 * KIB

test('the chunk size follows the file size, from 64 KiB to 1 MiB', (t) => {
  t.is(chunkSize(0), 64 * KIB)
  t.is(chunkSize(null), 64 * KIB)
  t.is(chunkSize(256 * KIB), 64 * KIB)
  t.is(chunkSize(256 * KIB + 1), 128 * KIB)
  t.is(chunkSize(2 * MIB), 512 * KIB)
  t.is(chunkSize(4 * MIB), 1 * MIB)
  t.is(chunkSize(Number.MAX_SAFE_INTEGER), 1 * MIB)
})

test('a larger file never has a smaller chunk', (t) => {
  let before = 0
  for (let size = 1; size < 2 ** 50; size *= 1.7) {
    const chunk = chunkSize(size)
    t.true(chunk >= before)
    before = chunk
  }
})
