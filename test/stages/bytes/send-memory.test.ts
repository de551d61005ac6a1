import test from 'ava'
import { SendMemory } from '../../../lib/stages/bytes/send-memory.js'

const MIB = 1024 * 1024

test('memory is used again when every byte of it was sent, not before', (t) => {
  const memory = new SendMemory()
  const first = memory.take(MIB)
  memory.used(first.subarray(0, 1000))
  t.not(memory.take(MIB).buffer, first.buffer)
  memory.used(first.subarray(1000))
  t.is(memory.take(MIB).buffer, first.buffer)
  t.not(memory.take(MIB).buffer, first.buffer)
})

test('of a read that is shorter than its memory all has been sent when that was', (t) => {
  const memory = new SendMemory()
  const first = memory.take(MIB - 1)
  t.is(first.length, MIB - 1)
  memory.used(first)
  const again = memory.take(MIB)
  t.is(again.buffer, first.buffer)
  t.is(again.length, MIB)
})

test('a chunk that came from elsewhere is nothing to it', (t) => {
  const memory = new SendMemory()
  const foreign = Buffer.allocUnsafeSlow(MIB)
  memory.used(foreign)
  t.not(memory.take(MIB).buffer, foreign.buffer)
})

test('a short read, and one that is too long, get memory that is not kept', (t) => {
  const memory = new SendMemory()
  for (const length of [0, 1, 1000, MIB + 1]) {
    const bytes = memory.take(length)
    t.is(bytes.length, length)
    t.is(bytes.buffer.byteLength, length)
    memory.used(bytes)
    t.not(memory.take(length).buffer, bytes.buffer)
  }
})

test('pieces have the length that they were asked for', (t) => {
  const memory = new SendMemory(1000)
  const first = memory.take(250)
  t.is(first.buffer.byteLength, 1000)
  memory.used(first)
  t.is(memory.take(1000).buffer, first.buffer)
  t.is(memory.take(249).buffer.byteLength, 249)
  t.is(memory.take(1001).buffer.byteLength, 1001)
})
