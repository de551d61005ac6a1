import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, rename } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { PassThrough, Transform, type TransformOptions } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { SluiceError, sentenceOf } from '../../lib/errors.js'
import { type ReceiveOptions, receive } from '../../lib/receive.js'
import { type SendOptions, send } from '../../lib/send.js'
import { manifestFrom } from '../../lib/stages/manifest/manifest-from.js'
import { plant, temporary } from '../helpers/folders.js'
import { toldOf } from '../helpers/results.js'
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

test('the stream that a manifest is read from is destroyed, also when nothing is read from it', async (t) => {
  for (const said of ['HTTP/1.1 400 Bad Request\r\n\r\n', '']) {
    const { near, far } = await both(t)
    const stream = new PassThrough()
    const { finished } = send(near, manifestFrom(stream, { name: 'x' }))
    far.end(said)
    await t.throwsAsync(finished, { instanceOf: SluiceError })
    t.true(stream.destroyed)
  }
})

test('each warning of a receiver is an event of its transfer and goes to `warn`', async (t) => {
  const dir = await plant(await temporary(t), { file: null, '.sluice/junk.journal': 'no journal' })
  await rename(join(dir, '.sluice/junk.journal'), join(dir, `.sluice/${'0'.repeat(32)}.journal`))
  await chmod(join(dir, '.sluice'), 0o700)
  const { send, receive } = await both(t)
  const told: SluiceError[] = []
  const heard: SluiceError[] = []
  const receiving = receive({ dir, conflict: 'overwrite', warn: (warning) => told.push(warning) })
  receiving.on('warning', (warning) => heard.push(warning))
  await Promise.all([send().finished, receiving.finished])
  t.is(told.length, 2)
  t.true(told[0]!.message.includes('journal'), told[0]!.message)
  t.true(told[1]!.message.includes('file'), told[1]!.message)
  t.deepEqual(heard, told)
})

test('onOutcome of receive is told of each entry before the sender is', async (t) => {
  const { send, receive } = await both(t)
  const order: string[] = []
  const receiving = receive({
    onOutcome: async (outcomes) => {
      await setImmediate()
      for (const { path, status } of outcomes) order.push(`receiver ${path} ${status}`)
    },
  })
  const sending = send()
  sending.on('file', ({ path }) => order.push(`sender ${path}`))
  await Promise.all([sending.finished, receiving.finished])
  t.deepEqual(order, ['receiver file published', 'sender file'])
})

const UNCLOSING: Record<string, TransformOptions> = {
  'does not close by itself': { autoDestroy: false },
  'never tells that it closed': { emitClose: false },
  'never closes': { destroy: () => {} },
}
for (const [what, options] of Object.entries(UNCLOSING)) {
  test(`a transfer ends although a file stage ${what}`, async (t) => {
    const { send, receive } = await both(t)
    const stage = () =>
      new Transform({
        objectMode: true,
        highWaterMark: 1,
        transform: (item, _encoding, done) => done(null, item),
        ...options,
      })
    const receiving = receive({ stages: { file: [stage] }, limits: { closeTimeout: 100 } })
    await Promise.all([send().finished, receiving.finished])
    await receiving.cancel()
    t.is(receiving.state, 'completed')
  })
}

test('a transfer is cancelled whatever the reason is', async (t) => {
  for (const [reason, text] of [
    [5, '5'],
    [null, ''],
    [new Error('why'), 'why'],
  ]) {
    const { near, far, ...sides } = await both(t)
    const sending = sides.send()
    const receiving = sides.receive({ accept: () => new Promise(() => {}) })
    await once(receiving, 'state')
    const ends = [sending, receiving].map(({ finished }) =>
      t.throwsAsync(finished, { code: 'ERR_CANCELLED' }),
    )
    await sending.cancel(reason as string)
    for (const end of await Promise.all(ends)) t.true(end?.message.endsWith(text as string), end?.message)
  }
})

test('each side heeds what the other says that it takes', async (t) => {
  const files = Object.fromEntries(
    Array.from({ length: 60 }, (_, i) => [`${i} ${'x'.repeat(200)}`, `file ${i}`]),
  )
  const source = await plant(await temporary(t), { t: null, big: randomBytes(300_000) })
  await plant(join(source, 't'), files)
  const limits = { frame: 5000, message: 9000 }
  for (const [sends, receives] of [
    [{}, { limits }],
    [{ limits }, {}],
  ]) {
    const { near, receive } = await both(t)
    const receiving = receive(receives)
    const sending = send(near, [join(source, 't'), join(source, 'big')], sends)
    const [sent, received] = await Promise.all([sending.finished, receiving.finished])
    t.is(sent.published, 62)
    t.deepEqual(toldOf(sent), toldOf(received))
  }
})

test('more entries than the receiver says that it takes are not offered', async (t) => {
  const source = await plant(await temporary(t), { t: null, 't/a': '', 't/b': '' })
  const { near, receive } = await both(t)
  const receiving = receive({ limits: { entries: 2 } })
  const sending = send(near, [join(source, 't')])
  const { message } = (await t.throwsAsync(sending.finished, { code: 'ERR_LIMIT' }))!
  t.regex(message, /takes at most 2 entries, and these are 3/)
  await t.throwsAsync(receiving.finished, { code: 'ERR_LIMIT', message: /the peer says/ })
})

test('a receiver that takes next to nothing at once is refused: its frames would hold the event loop', async (t) => {
  for (const limits of [{ frame: 4095 }, { message: 4095 }]) {
    const { send, receive } = await both(t)
    const receiving = receive({ limits })
    const { message } = (await t.throwsAsync(send().finished, { code: 'ERR_LIMIT' }))!
    t.regex(message, /only 4095 bytes.*at least 4096/)
    await t.throwsAsync(receiving.finished, { code: 'ERR_LIMIT', message: /the peer says/ })
  }
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

const NO_ANSWERS: Record<string, unknown> = {
  nothing: undefined,
  'a text': 'yes',
  'a number': 1,
  'an object that does not say': {},
  'a text in an object': { accept: 'no' },
  'a reason that is no text': { accept: false, reason: 5 },
  'a selection that is no function': { accept: true, select: [0] },
  'a selection that promises': { accept: true, select: async () => false },
}
for (const [what, answer] of Object.entries(NO_ANSWERS)) {
  test(`${what} is no answer to an offer: ERR_USAGE, and nothing comes`, async (t) => {
    const { send, receive } = await both(t)
    const receiving = receive({ accept: () => answer as boolean })
    await t.throwsAsync(send().finished, { instanceOf: SluiceError })
    await t.throwsAsync(receiving.finished, { code: 'ERR_USAGE' })
  })
}

const SECRET = new Error('no such row in table secrets')
const THROWN: Record<string, [unknown, RegExp]> = {
  'an error': [SECRET, /^accept failed: no such row/],
  nothing: [undefined, /^accept failed: undefined$/],
  'a text': ['secrets', /^accept failed: secrets$/],
}
for (const [what, [thrown, message]] of Object.entries(THROWN)) {
  test(`${what} that accept throws ends both sides; the peer does not hear what it was`, async (t) => {
    const { send, receive } = await both(t)
    const receiving = receive({ accept: () => Promise.reject(thrown) })
    const there = (await t.throwsAsync(send().finished, { code: 'ERR_DESTROYED' }))!
    t.notRegex(there.message, /secrets|undefined/)
    const here = (await t.throwsAsync(receiving.finished, { code: 'ERR_DESTROYED', message }))!
    t.is(here.cause, thrown)
  })
}

test('an error of ours that accept throws keeps its code, on both sides', async (t) => {
  const { send, receive } = await both(t)
  const receiving = receive({
    accept: () => {
      throw new SluiceError('ERR_DISK_FULL', 'your quota is used up')
    },
  })
  await t.throwsAsync(send().finished, { code: 'ERR_DISK_FULL', message: /quota/ })
  await t.throwsAsync(receiving.finished, { code: 'ERR_DISK_FULL' })
})

test('a peer is not told what names a file here: it has the reason and the way out, in fixed words', async (t) => {
  const dir = join(await plant(await temporary(t), { secret: 'a file' }), 'secret')
  const { send, receive } = await both(t)
  const receiving = receive({ dir })
  const told = (await t.throwsAsync(send().finished, { code: 'ERR_WRITE' }))!
  t.is(told.message, `the peer says: ${sentenceOf('ERR_WRITE')}`)
  await t.throwsAsync(receiving.finished, { code: 'ERR_WRITE', message: /secret.*\(ENOTDIR\)/ })
})

test('a file stage that fails is not taken for one of the wire', async (t) => {
  const { send, receive } = await both(t)
  const broken = () =>
    new Transform({ objectMode: true, transform: (_item, _encoding, done) => done(new TypeError('scanner')) })
  const receiving = receive({ stages: { file: [broken] } })
  await t.throwsAsync(send().finished, { code: 'ERR_DESTROYED' })
  await t.throwsAsync(receiving.finished, { code: 'ERR_DESTROYED', message: /scanner/ })
})

for (const direction of ['outgoing', 'incoming']) {
  test(`a wire stage that fails with ${direction} bytes says so`, async (t) => {
    const { send, receive } = await both(t)
    const broken = () =>
      new Transform({ transform: (_bytes, _encoding, done) => done(new Error('no cipher')) })
    const sending = send({ stages: { wire: [{ [direction]: broken } as never] } })
    const receiving = receive()
    await t.throwsAsync(sending.finished, {
      code: 'ERR_CORRUPT',
      message: /^Transform of stages\.wire\[0\]\.\w+ failed: no cipher$/,
    })
    await t.throwsAsync(receiving.finished, { instanceOf: SluiceError })
  })
}

const NO_KEY = "ENOENT: no such file or directory, open '/home/me/secret.pem'"
for (const [what, thrown] of Object.entries({
  'an error': new Error(NO_KEY),
  'one of the system': Object.assign(new Error(NO_KEY), { code: 'ENOENT' }),
  'one of ours around it': new SluiceError('ERR_CORRUPT', `no key: ${NO_KEY}`, { cause: new Error(NO_KEY) }),
}))
  test(`a peer does not hear what a wire stage here failed with: ${what}`, async (t) => {
    const { send, receive } = await both(t)
    let seen = 0
    const broken = () =>
      new Transform({
        // not before the sender has begun
        transform: (bytes, _encoding, done) => (++seen > 1 ? done(thrown) : done(null, bytes)),
      })
    const sending = send({
      stages: { wire: [{ outgoing: () => new PassThrough(), incoming: () => new PassThrough() }] },
    })
    const receiving = receive({ stages: { wire: [{ outgoing: () => new PassThrough(), incoming: broken }] } })
    const there = (await t.throwsAsync(sending.finished, { code: 'ERR_CORRUPT' }))!
    t.is(there.message, `the peer says: ${sentenceOf('ERR_CORRUPT')}`)
    await t.throwsAsync(receiving.finished, { code: 'ERR_CORRUPT', message: /secret/ })
  })
