import { Socket } from 'node:net'
import { Duplex, PassThrough } from 'node:stream'
import test from 'ava'
import { addPlain, isPlain } from '../../../lib/transfer/streams/plain-duplex.js'

test('a socket is plain, unless one of its methods was replaced', (t) => {
  const socket = new Socket()
  t.true(isPlain(socket))
  const { write } = socket
  socket.write = ((chunk: Buffer) => write.call(socket, chunk)) as typeof write
  t.false(isPlain(socket))
})

test('of other streams, and classes that extend a socket, nobody knows', (t) => {
  class Recorded extends Socket {}
  t.false(isPlain(new PassThrough()))
  t.false(isPlain(new Recorded()))
})

test('a class of our own is plain where it says so; those that extend it are not', (t) => {
  class Own extends Duplex {}
  class Extended extends Own {}
  t.false(isPlain(new Own()))
  addPlain(Own)
  t.true(isPlain(new Own()))
  t.false(isPlain(new Extended()))
  const recorded = new Own()
  recorded.push = () => true
  t.false(isPlain(recorded))
})
