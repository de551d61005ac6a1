import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import type { SluiceError } from '../lib/errors.js'
import { type ReceiveOptions, receive } from '../lib/receive.js'
import { type SendOptions, send } from '../lib/send.js'
import { compression } from '../lib/stages/compression.js'
import { encryption } from '../lib/stages/encryption.js'
import { throttle } from '../lib/stages/throttle.js'
import type { Transfer } from '../lib/transfer/transfer.js'
import type { TransferResult } from '../lib/wire/outcome.js'
import { listing, plant, temporary } from './helpers/folders.js'
import { toldOf } from './helpers/results.js'
import { connection } from './helpers/sockets.js'

const TREE = {
  'photos/a.txt': 'hello',
  'photos/empty': '',
  'photos/nothing': null,
  'photos/deep/er/b.bin': randomBytes(300_000),
  'photos/deep/c': randomBytes(70_000),
  'report.pdf': randomBytes(2_500_000),
}
const ARGUMENTS = ['photos', 'report.pdf']

type Outcome = { result?: TransferResult; error?: SluiceError }

function settled(transfer: Transfer): Promise<Outcome> {
  return transfer.finished.then(
    (result) => ({ result }),
    (error) => ({ error }),
  )
}

interface Setup {
  send?: SendOptions
  receive?: Partial<ReceiveOptions>
}

async function transfer(t: Parameters<typeof temporary>[0], setup: Setup = {}) {
  const source = await plant(join(await temporary(t), 'source'), TREE)
  const dir = join(await temporary(t), 'target')
  const [near, far] = await connection(t)
  const receiving = receive(far, { dir, accept: 'all', ...setup.receive })
  const sending = send(
    near,
    ARGUMENTS.map((path) => join(source, path)),
    setup.send,
  )
  return { source, dir, near, far, sending, receiving }
}

test('a folder and a file go over a socket and arrive as they were', async (t) => {
  const { source, dir, sending, receiving } = await transfer(t)
  const states: string[] = []
  sending.on('state', (state) => states.push(state))
  const files: string[] = []
  sending.on('file', ({ path }) => files.push(path))
  const [sent, received] = await Promise.all([sending.finished, receiving.finished])
  t.deepEqual(await listing(dir), await listing(source))
  t.deepEqual(toldOf(sent), toldOf(received))
  t.is(sent.published, 9)
  t.is(sent.bytes, 5 + 300_000 + 70_000 + 2_500_000)
  t.is(sending.id, receiving.id)
  t.deepEqual(states.slice(-3), ['offered', 'sending', 'completed'])
  t.is(files.length, 9)
  t.like(sending.progress, { files: 9, totalFiles: 9, bytes: sent.bytes, totalBytes: sent.bytes })
})

test('running it again changes nothing and leaves no second copy', async (t) => {
  const { source, dir, sending } = await transfer(t)
  await sending.finished
  const [near, far] = await connection(t)
  const again = receive(far, { dir, accept: 'all' })
  await send(
    near,
    ARGUMENTS.map((path) => join(source, path)),
  ).finished
  const { published, skipped, failed } = await again.finished
  t.is(failed, 0)
  t.is(published + skipped, 9)
  t.deepEqual(await listing(dir), await listing(source))
})

test('what the receiver rejects is not sent, and both sides know the reason', async (t) => {
  const { dir, sending, receiving } = await transfer(t, {
    // nobody waits for that long: the end follows the answer at once
    receive: {
      accept: () => ({ accept: false, reason: 'not today' }),
      limits: { closeTimeout: 600_000 },
    },
    send: { limits: { closeTimeout: 600_000 } },
  })
  const [{ error: there }, { error: here }] = [await settled(sending), await settled(receiving)]
  t.is(there!.code, 'ERR_REJECTED')
  t.regex(there!.message, /not today/)
  t.is(here!.code, 'ERR_REJECTED')
  t.is(sending.state, 'rejected')
  t.is(receiving.state, 'rejected')
  await t.throwsAsync(listing(dir), { code: 'ENOENT' })
})

test('a selection is sent, and nothing else', async (t) => {
  const { dir, sending, receiving } = await transfer(t, {
    receive: { accept: () => ({ accept: true, select: (entry) => entry.path.startsWith('photos/deep') }) },
  })
  const [sent, received] = await Promise.all([sending.finished, receiving.finished])
  t.is(sent.published, 4)
  t.is(sent.skipped, 5)
  t.deepEqual(toldOf(sent), toldOf(received))
  for (const { progress } of [sending, receiving]) {
    t.like(progress, { files: 4, totalFiles: 4, bytes: 370_000, totalBytes: 370_000 })
    t.is(progress.current!.path, 'photos/deep/er/b.bin')
  }
  t.deepEqual(Object.keys(await listing(dir)).sort(), [
    'photos',
    'photos/deep',
    'photos/deep/c',
    'photos/deep/er',
    'photos/deep/er/b.bin',
  ])
})

test('wire stages stand on both sides in the same order', async (t) => {
  const key = randomBytes(32)
  const wire = () => [compression(), encryption({ key }), throttle({ rate: 1e8 })]
  const { source, dir, sending, receiving } = await transfer(t, {
    send: { stages: { wire: wire() } },
    receive: { stages: { wire: wire().slice(0, 2) } },
  })
  await Promise.all([sending.finished, receiving.finished])
  t.deepEqual(await listing(dir), await listing(source))
})

test('a recorded session is not accepted again, though the key is the same', async (t) => {
  const key = randomBytes(32)
  const stages = () => ({ wire: [encryption({ key })] })
  const source = await plant(await temporary(t), TREE)
  const [near, far] = await connection(t)
  const recorded: Buffer[] = []
  const write = near.write.bind(near) as (chunk: Buffer, ...rest: unknown[]) => boolean
  near.write = ((chunk: Buffer, ...rest: unknown[]) => {
    recorded.push(Buffer.from(chunk))
    return write(chunk, ...rest)
  }) as typeof near.write
  const receiving = receive(far, { dir: await temporary(t), accept: 'all', stages: stages() })
  await send(near, [join(source, 'report.pdf')], { stages: stages() }).finished
  await receiving.finished
  const [player, victim] = await connection(t)
  player.on('error', () => {})
  const dir = await temporary(t)
  const again = receive(victim, { dir, accept: 'all', stages: stages() })
  player.end(Buffer.concat(recorded))
  t.is((await settled(again)).error?.code, 'ERR_DECRYPT')
  t.deepEqual(await listing(dir), await listing(await temporary(t)))
})

for (const [name, sender, receiver] of [
  ['the sender', [encryption({ key: Buffer.alloc(32) })], []],
  ['the receiver', [], [encryption({ key: Buffer.alloc(32) })]],
] as const) {
  test(`a wire stage at ${name} only ends with both lists of formats in the message`, async (t) => {
    const { sending, receiving } = await transfer(t, {
      send: { stages: { wire: sender } },
      receive: { stages: { wire: receiver } },
    })
    const errors = [(await settled(sending)).error!, (await settled(receiving)).error!]
    const { format } = encryption({ key: Buffer.alloc(32) }).paired!()
    t.true(errors.some(({ code }) => code === 'ERR_FORMATS'))
    for (const { code, message } of errors) {
      t.is(code, 'ERR_FORMATS')
      t.true(message.includes(format!), message)
    }
  })
}

test('another key is noticed at once', async (t) => {
  const { dir, sending, receiving } = await transfer(t, {
    send: { stages: { wire: [encryption({ key: Buffer.alloc(32, 1) })] } },
    receive: { stages: { wire: [encryption({ key: Buffer.alloc(32, 2) })] } },
  })
  t.is((await settled(receiving)).error!.code, 'ERR_DECRYPT')
  t.truthy((await settled(sending)).error)
  await t.throwsAsync(listing(dir), { code: 'ENOENT' })
})

for (const side of ['sending', 'receiving'] as const) {
  test(`cancelled at the ${side} side, both sides are cancelled and know why`, async (t) => {
    const both = await transfer(t, { receive: { accept: () => new Promise(() => {}) } })
    if (both.receiving.state !== 'offered') {
      await new Promise<void>((resolve) => {
        both.receiving.on('state', (state) => state === 'offered' && resolve())
      })
    }
    await both[side].cancel('changed my mind')
    for (const one of [both.sending, both.receiving]) {
      const { error } = await settled(one)
      t.is(error!.code, 'ERR_CANCELLED')
      t.regex(error!.message, /changed my mind/)
      t.is(one.state, 'cancelled')
    }
    await t.throwsAsync(listing(both.dir), { code: 'ENOENT' })
  })
}

test('an abort signal cancels', async (t) => {
  const stop = new AbortController()
  const { sending, receiving } = await transfer(t, { send: { signal: stop.signal } })
  stop.abort(new Error('shutting down'))
  t.is((await settled(sending)).error!.code, 'ERR_CANCELLED')
  t.is((await settled(receiving)).error!.code, 'ERR_CANCELLED')
})

test('a connection that breaks in the middle interrupts both sides', async (t) => {
  const { sending, receiving, near } = await transfer(t, {
    send: { stages: { wire: [throttle({ rate: 1e6 })] } },
  })
  receiving.on('progress', ({ bytes }) => bytes > 0 && near.destroy())
  const errors = [(await settled(sending)).error!, (await settled(receiving)).error!]
  t.is(sending.state, 'interrupted', errors[0]!.stack)
  t.is(receiving.state, 'interrupted', errors[1]!.stack)
})

test('what was read before the hand-over is part of the stream', async (t) => {
  const source = await plant(await temporary(t), { x: 'hello' })
  const dir = await temporary(t)
  const [near, far] = await connection(t)
  const sending = send(near, [join(source, 'x')])
  const [head] = (await once(far, 'data')) as [Buffer]
  far.pause()
  await receive(far, { dir, head, accept: 'all' }).finished
  t.is((await sending.finished).published, 1)
})

test('with keepOpen the socket goes on with what comes next, in both directions', async (t) => {
  const { near, far, sending, receiving } = await transfer(t, {
    send: { keepOpen: true },
    receive: { keepOpen: true },
  })
  await Promise.all([sending.finished, receiving.finished])
  near.write('next')
  t.is(String((await once(far.resume(), 'data'))[0]), 'next')
  far.write('back')
  t.is(String((await once(near.resume(), 'data'))[0]), 'back')
  t.throws(
    () => receive(far, { dir: 'x', accept: 'all', keepOpen: true, stages: { wire: [compression()] } }),
    {
      code: 'ERR_USAGE',
    },
  )
})

test('a peer that speaks something else is told apart from a broken one', async (t) => {
  const [near, far] = await connection(t)
  const receiving = receive(far, { dir: await temporary(t), accept: 'all' })
  near.resume().write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
  const { error } = await settled(receiving)
  t.is(error!.code, 'ERR_NOT_SLUICE')
})

test('a handshake that stalls is closed at the deadline', async (t) => {
  const [near, far] = await connection(t)
  near.resume()
  const receiving = receive(far, {
    dir: await temporary(t),
    accept: 'all',
    limits: { handshakeTimeout: 50, closeTimeout: 50 },
  })
  const { error } = await settled(receiving)
  t.is(error!.code, 'ERR_TIMEOUT')
})

test('a silent peer is given up, one that only pings is not', async (t) => {
  const limits = { pingInterval: 50, idleTimeout: 1000, closeTimeout: 50 }
  let ask = () => {}
  const asked = new Promise<void>((resolve) => {
    ask = resolve
  })
  const slow = await transfer(t, {
    send: { limits },
    receive: { limits, accept: () => asked.then(() => true) },
  })
  let pinged = 0
  slow.near.on('data', () => {
    pinged += 1
    if (pinged === 30) ask() // long after the idle time
  })
  t.is((await slow.sending.finished).published, 9)

  const [near, far] = await connection(t)
  const receiving = receive(far, {
    dir: await temporary(t),
    accept: 'all',
    limits: { ...limits, handshakeTimeout: 1e6 },
  })
  near.resume()
  t.is((await settled(receiving)).error!.code, 'ERR_TIMEOUT')
})

test('a source that vanishes before it is read fails alone, on both sides', async (t) => {
  const { source, dir, sending, receiving } = await transfer(t, {
    receive: {
      accept: async () => {
        await rm(join(source, 'photos/deep/c'))
        await writeFile(join(source, 'photos/a.txt'), 'hello, you')
        return true
      },
    },
  })
  for (const one of [sending, receiving]) {
    const { error } = await settled(one)
    t.is(error!.code, 'ERR_FILES_FAILED')
    t.is(one.state, 'failed')
    const failed = (error!.outcomes as TransferResult['files']).filter(({ status }) => status === 'failed')
    t.deepEqual(failed.map(({ path }) => path).sort(), ['photos/a.txt', 'photos/deep/c'])
  }
  const arrived = await listing(dir)
  const expected = await listing(source)
  delete expected['photos/a.txt']
  t.deepEqual(arrived, expected)
})

test('a path that is not there is an error of the sender, of which the receiver hears', async (t) => {
  const [near, far] = await connection(t)
  const receiving = receive(far, { dir: await temporary(t), accept: 'all' })
  t.is((await settled(send(near, ['/nowhere/at/all']))).error!.code, 'ERR_NO_SUCH_FILE')
  t.is((await settled(receiving)).error!.code, 'ERR_NO_SUCH_FILE')
})
