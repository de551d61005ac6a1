// What `send` is given: where the transfer fails, it is let go of, however it was given, and over whatever connection.
import { type Duplex, Readable } from 'node:stream'
import test from 'ava'
import { manifestFrom, manifestOf, receive, send } from '../../lib/index.js'
import { duplexPair } from '../../lib/testing/index.js'
import { plant, temporary } from '../helpers/folders.js'

/** A stream that gives nothing, and never ends. */
const silent = () => new Readable({ read() {} })

for (const [how, given] of [
  ['a manifest', (stream: Readable) => manifestFrom(stream, { name: 'x' })],
  ['a function', (stream: Readable) => async () => manifestFrom(stream, { name: 'x' })],
] as const)
  for (const [over, socket] of [
    ['a connection', (near: Duplex) => near],
    ['connections that a function makes', (near: Duplex) => () => near],
  ] as const) {
    test(`a stream is destroyed where its transfer is rejected: ${how}, over ${over}`, async (t) => {
      const [near, far] = duplexPair()
      const stream = silent()
      const sender = send(socket(near), given(stream))
      receive(far, { dir: await temporary(t), accept: () => false })
      await t.throwsAsync(sender.finished, { code: 'ERR_REJECTED' })
      t.true(stream.destroyed)
    })

    test(`a stream that is silent ends at once where it is cancelled: ${how}, over ${over}`, async (t) => {
      const [near, far] = duplexPair()
      const stream = silent()
      const sender = send(socket(near), given(stream))
      const receiver = receive(far, { dir: await temporary(t), accept: 'all' })
      await new Promise<void>((resolve) =>
        receiver.on('state', (state) => state === 'receiving' && resolve()),
      )
      void sender.cancel('enough')
      // it would say what was not closed in time
      await t.throwsAsync(sender.finished, { code: 'ERR_CANCELLED', message: 'cancelled here: enough' })
      await t.throwsAsync(receiver.finished, { code: 'ERR_CANCELLED' })
      t.true(stream.destroyed)
    })
  }

test('a stream that a function gives when the transfer is over is destroyed', async (t) => {
  const [near] = duplexPair()
  const stream = silent()
  let give = (_manifest: ReturnType<typeof manifestFrom>) => {}
  const sender = send(
    near,
    () =>
      new Promise((resolve) => {
        give = resolve
      }),
    { limits: { closeTimeout: 50 } },
  )
  await sender.cancel()
  await t.throwsAsync(sender.finished, { code: 'ERR_CANCELLED' })
  const closed = new Promise((resolve) => stream.once('close', resolve))
  give(manifestFrom(stream, { name: 'x' }))
  await closed
  t.pass()
})

test('open: false counts, also where the manifest was made with open: true', async (t) => {
  const [near, far] = duplexPair()
  const from = await plant(await temporary(t), { 'a.txt': 'a' })
  const sender = send(near, await manifestOf([`${from}/a.txt`], { open: true }), { open: false })
  const receiver = receive(far, { dir: await temporary(t), accept: 'all' })
  t.false(sender.isOpen)
  const [result] = await Promise.all([sender.finished, receiver.finished])
  t.is(result.published, 1)
})
