import test from 'ava'
import { ReceivedMemory } from '../../../lib/stages/bytes/received-memory.js'

const chunk = () => Buffer.allocUnsafeSlow(1000)

test('what a socket gave is freed, all of a list at once', (t) => {
  const memory = new ReceivedMemory()
  const chunks = [chunk(), chunk(), chunk()]
  for (const one of chunks) memory.received(one)
  memory.free(chunks)
  t.deepEqual(
    chunks.map(({ buffer }) => buffer.byteLength),
    [0, 0, 0],
  )
})

test('a part of a chunk is left alone: the rest of it may be in use', (t) => {
  const memory = new ReceivedMemory()
  const whole = chunk().fill(7)
  memory.received(whole)
  memory.free([whole.subarray(0, 999), whole.subarray(1)])
  t.deepEqual(whole, Buffer.alloc(1000, 7))
})

test('memory that no socket gave is left alone', (t) => {
  const memory = new ReceivedMemory()
  const foreign = chunk()
  const pooled = Buffer.from('in the pool of all small buffers')
  memory.free([foreign, pooled])
  t.is(foreign.length, 1000)
  t.is(pooled.toString(), 'in the pool of all small buffers')
})

test('a chunk that is freed twice is no error', (t) => {
  const memory = new ReceivedMemory()
  const one = chunk()
  memory.received(one)
  memory.free([one])
  t.notThrows(() => memory.free([one]))
})
