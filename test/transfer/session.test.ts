import { once } from 'node:events'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import test, { type ExecutionContext } from 'ava'
import { SluiceError } from '../../lib/errors.js'
import { type ReceiveOptions, receive } from '../../lib/receive.js'
import { type SendOptions, send } from '../../lib/send.js'
import { plant, temporary } from '../helpers/folders.js'
import { connection } from '../helpers/sockets.js'

/** Both sides of a connection, a file to send over it, and a folder to receive into. */
async function both(t: ExecutionContext<unknown>) {
  const file = join(await plant(await temporary(t), { file: 'hello' }), 'file')
  const dir = await temporary(t)
  const [near, far] = await connection(t)
  for (const socket of [near, far]) socket.on('error', () => {})
  return {
    near,
    far,
    send: (options?: SendOptions) => send(near, [file], options),
    receive: (options?: Partial<ReceiveOptions>) => receive(far, { dir, accept: 'all', ...options }),
  }
}

const BEFORE: Record<string, (near: Socket, far: Socket) => Promise<unknown>> = {
  'was destroyed': (near, far) => Promise.all([near, far].map((socket) => once(socket.destroy(), 'close'))),
  'has ended': (near, far) => Promise.all([near, far].map((socket) => once(socket.end().resume(), 'end'))),
}
for (const [what, before] of Object.entries(BEFORE)) {
  test(`a socket that ${what} before it is handed over interrupts a transfer at once`, async (t) => {
    const { near, far, ...sides } = await both(t)
    await before(near, far)
    for (const transfer of [sides.send(), sides.receive()]) {
      const { code } = (await t.throwsAsync(transfer.finished, { instanceOf: SluiceError }))!
      t.true(code === 'ERR_INTERRUPTED' || code === 'ERR_TRUNCATED', code)
    }
  })
}

test('a peer that closes its side before the hand-over, and only its own, interrupts at once', async (t) => {
  const { near, far, ...sides } = await both(t)
  far.allowHalfOpen = true
  near.end()
  await once(far.resume(), 'end')
  await t.throwsAsync(sides.receive().finished, { code: 'ERR_TRUNCATED' })
})

test('a connection that is used for many transfers has no more listeners than before', async (t) => {
  const { near, far, ...sides } = await both(t)
  const listeners = () =>
    [near, far].map((socket) => socket.eventNames().map((name) => [name, socket.listenerCount(name)]))
  const before = listeners()
  for (let i = 0; i < 3; i++) {
    const transfers = [sides.receive({ keepOpen: true }), sides.send({ keepOpen: true })]
    await Promise.all(transfers.map(({ finished }) => finished))
    t.deepEqual(listeners(), before)
  }
})

test('the reason of a rejection comes escaped', async (t) => {
  const { send, receive } = await both(t)
  receive({ accept: () => ({ accept: false, reason: 'no\u001b[2J\n' }) })
  const { message } = (await t.throwsAsync(send().finished, { code: 'ERR_REJECTED' }))!
  t.true(message.endsWith(String.raw`no\u{1b}[2J\n`), message)
})
