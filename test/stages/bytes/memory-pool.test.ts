import test from 'ava'
import fc from 'fast-check'
import { MemoryPool } from '../../../lib/stages/bytes/memory-pool.js'
import { scale } from '../../helpers/scale.js'

const MIB = 1024 * 1024

test('a slot is used again when every byte of it was used, not before', (t) => {
  const pool = new MemoryPool()
  const first = pool.take(MIB)
  pool.used(first.subarray(0, 1000))
  t.not(pool.take(MIB).buffer, first.buffer)
  pool.used(first.subarray(1000))
  t.is(pool.take(MIB).buffer, first.buffer)
  t.not(pool.take(MIB).buffer, first.buffer)
})

test('what is small lies in one slot, one behind the other', (t) => {
  const pool = new MemoryPool(1000)
  const pieces = [pool.take(400), pool.take(400), pool.take(200)]
  t.deepEqual(
    pieces.map(({ buffer, byteOffset }) => [buffer === pieces[0]!.buffer, byteOffset]),
    [
      [true, 0],
      [true, 400],
      [true, 800],
    ],
  )
  t.not(pool.take(1).buffer, pieces[0]!.buffer)
})

test('room is given again until it is filled, and again from its beginning once that was used', (t) => {
  const pool = new MemoryPool(1000)
  const room = pool.room(100)
  t.is(room.length, 1000)
  t.is(pool.room(100).byteOffset, 0)
  const bytes = pool.fill(950)
  t.is(bytes.buffer, room.buffer)
  t.not(pool.room(100).buffer, room.buffer)
  const other = pool.fill(10)
  t.is(pool.room(100).byteOffset, 10)
  pool.used(other)
  t.is(pool.room(100).byteOffset, 0)
})

test('what is longer than a slot, and what came from elsewhere, is not used again', (t) => {
  const pool = new MemoryPool(1000)
  const long = pool.take(1001)
  t.is(long.buffer.byteLength, 1001)
  for (const bytes of [long, Buffer.allocUnsafeSlow(1000), Buffer.from('of the pool of Node')]) {
    pool.used(bytes)
    t.not(pool.take(1000).buffer, bytes.buffer)
  }
})

test('a chunk that is taken over is freed when all of it was used; a part of a memory is left alone', (t) => {
  const pool = new MemoryPool()
  const chunk = Buffer.allocUnsafeSlow(1000)
  const part = Buffer.alloc(1000, 7).subarray(0, 500)
  for (const bytes of [chunk, part]) pool.adopt(bytes)
  pool.used(chunk.subarray(0, 999))
  t.is(chunk.buffer.byteLength, 1000)
  pool.used(chunk.subarray(999))
  pool.used(part)
  t.is(chunk.buffer.byteLength, 0)
  t.deepEqual(part, Buffer.alloc(500, 7))
})

test('whatever is taken, and used in whatever order and pieces: nobody gets bytes that are in use', (t) => {
  const step = fc.record({ length: fc.integer({ min: 1, max: 150 }), use: fc.nat(9), cut: fc.nat(150) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const pool = new MemoryPool(100)
      const inUse: { bytes: Buffer; value: number }[] = []
      for (const [value, { length, use, cut }] of steps.entries()) {
        inUse.push({ bytes: pool.take(length).fill(value), value })
        if (use >= inUse.length) continue
        const [one] = inUse.splice(use, 1)
        const [head, tail] = [one!.bytes.subarray(0, cut), one!.bytes.subarray(cut)]
        pool.used(tail)
        if (head.length > 0) inUse.push({ bytes: head, value: one!.value })
      }
      for (const { bytes, value } of inUse) t.true(bytes.every((byte) => byte === value))
    }),
    { numRuns: scale(200, 5000) },
  )
})

test('as many slots serve a stream as are in use at once', (t) => {
  const pool = new MemoryPool(100)
  const seen = new Set<ArrayBufferLike>()
  const inUse: Buffer[] = []
  for (let turn = 0; turn < 1000; turn++) {
    const bytes = pool.take(100)
    seen.add(bytes.buffer)
    inUse.push(bytes)
    if (inUse.length === 3) pool.used(inUse.shift()!)
  }
  t.is(seen.size, 3)
})
