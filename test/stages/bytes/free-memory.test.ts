import test from 'ava'
import { freeMemory } from '../../../lib/stages/bytes/free-memory.js'

test('the memory of buffers is freed', (t) => {
  const [one, other] = [Buffer.alloc(1000), Buffer.alloc(100_000)].map((bytes) => Buffer.from(bytes.buffer))
  freeMemory([one!, other!])
  t.deepEqual([one!.length, other!.length], [0, 0])
  t.is(one!.buffer.byteLength, 0)
})

test('a part of a memory is left alone, and so is an empty buffer', (t) => {
  const whole = Buffer.alloc(100, 7)
  const empty = Buffer.alloc(0)
  freeMemory([whole.subarray(1), whole.subarray(0, 99), Buffer.from('of the pool'), empty, empty])
  t.deepEqual(whole, Buffer.alloc(100, 7))
})

test('what is freed already may be freed again', (t) => {
  const bytes = Buffer.allocUnsafeSlow(100)
  freeMemory([bytes])
  t.notThrows(() => freeMemory([bytes]))
})
