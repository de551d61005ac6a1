// What a transfer leaves behind: the stages of a user's, and a socket over which it could not begin.
import { PassThrough } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import { memoryParts, receive, send } from '../../lib/index.js'
import { duplexPair } from '../../lib/testing/faulty-duplex.js'
import { manifestOfContents } from '../helpers/contents.js'

for (const [how, end] of Object.entries({
  'has completed': () => {},
  'was cancelled': (transfer: ReturnType<typeof receive>) => void transfer.cancel(),
}))
  test(`a wire stage hears of no error where its transfer ${how}`, async (t) => {
    const errors: Error[] = []
    let closed = 0
    const make = () =>
      new PassThrough().on('error', (error) => errors.push(error)).once('close', () => closed++)
    const stages = { wire: [{ outgoing: make, incoming: make }] }
    const [near, far] = duplexPair()
    const receiver = receive(far, { store: memoryParts(), accept: 'all', stages })
    const sender = send(near, manifestOfContents({ a: 'first' }), { stages })
    receiver.once('state', () => end(receiver))
    await Promise.allSettled([sender.finished, receiver.finished])
    while (closed < 4) await setImmediate()
    t.deepEqual(errors, [])
  })

test('a socket over which a transfer could not begin gives all that comes over it to whoever reads it then', async (t) => {
  const signal = Object.assign(new EventTarget(), { aborted: false, reason: undefined, throwIfAborted() {} })
  signal.addEventListener = () => {
    throw new Error('no listeners')
  }
  let destroyed = 0
  const make = () => new PassThrough().once('close', () => destroyed++)
  for (const begin of [
    (socket: ReturnType<typeof duplexPair>[0]) =>
      receive(socket, {
        store: memoryParts(),
        accept: 'all',
        signal: signal as unknown as AbortSignal,
        stages: { wire: [{ incoming: make, outgoing: make }] },
      }),
    (socket: ReturnType<typeof duplexPair>[0]) =>
      send(socket, manifestOfContents({ a: 'a' }), { signal: signal as unknown as AbortSignal }),
  ]) {
    const [near, far] = duplexPair()
    t.throws(() => begin(near), { message: /no listeners/ })
    far.write('what comes next')
    for (let turn = 0; turn < 5; turn++) await setImmediate()
    t.is(String(near.read()), 'what comes next')
    t.deepEqual(near.listenerCount('data'), 0)
    far.destroy()
    near.destroy()
  }
  while (destroyed < 2) await setImmediate()
})
