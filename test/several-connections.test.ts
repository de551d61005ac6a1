import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { type Duplex, Readable } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import { deferred } from '../lib/async.js'
import {
  manifestFrom,
  mapCuts,
  type ReceiveOptions,
  type SendOptions,
  SluiceError,
  send,
  type Transfer,
  Transfers,
} from '../lib/index.js'
import { type DuplexPairOptions, duplexPair, FakeClock, randomBySeed } from '../lib/testing/index.js'
import type { Message } from '../lib/wire/messages.js'
import { listing, plant, temporary } from './helpers/folders.js'
import { data, Peer } from './helpers/peer.js'
import { scale } from './helpers/scale.js'

const MIB = 1024 * 1024
const SMALL = Object.fromEntries(
  Array.from({ length: 300 }, (_, n) => [`small/${n % 7}/${n}`, randomBytes((n * 97) % 9000)]),
)
const FILES = {
  'a/large': randomBytes(9 * MIB + 77),
  ...SMALL,
  'b/empty': '',
  'b/folder': null,
  'b/middle': randomBytes(700_000),
  'z/last': randomBytes(3 * MIB),
}

/** A receiver, and a sender whose connections are made by `over`; what came over each of them. */
async function scene(t: ExecutionContext, receiving: Partial<ReceiveOptions> = {}) {
  const dir = await temporary(t)
  const from = await plant(join(await temporary(t), 'sent'), FILES)
  const transfers = new Transfers({ receive: () => ({ dir, accept: 'all', ...receiving }) })
  t.teardown(() => transfers.cancelAll())
  const came: number[] = []
  const ends: Duplex[] = []
  const handled: Promise<Transfer>[] = []
  /** Connects, each time with the next of these faults; then without any. */
  const over = (...faults: DuplexPairOptions[]) => {
    return () => {
      const number = came.push(0) - 1
      const [near, far] = duplexPair(faults[number])
      far.on('data', ({ length }: Buffer) => {
        came[number]! += length
      })
      far.pause()
      ends.push(far)
      const one = transfers.handle(far)
      one.catch(() => {})
      handled.push(one)
      return near
    }
  }
  const sending = (connect: () => Duplex, more: SendOptions = {}) =>
    send(connect, [from], { retry: { pause: 0 }, algorithm: 'blocks', ...more })
  const isEqual = async () => t.deepEqual(await listing(join(dir, 'sent')), await listing(from))
  return { dir, from, transfers, came, ends, handled, over, sending, isEqual }
}

for (const algorithm of ['blocks', 'sha256'])
  for (const connections of [1, 2, 4])
    test(`${connections} connections bring all files, by ${algorithm}`, async (t) => {
      const { came, handled, over, sending, isEqual } = await scene(t)
      const transfer = sending(over(), { connections, algorithm })
      const warnings: string[] = []
      transfer.on('warning', ({ message }) => warnings.push(message))
      const { bytes, failed } = await transfer.finished
      t.is(failed, 0)
      t.deepEqual(warnings, [])
      t.is(came.length, connections)
      for (const some of came) t.true(some > MIB, String(came))
      const received = await Promise.all(handled)
      t.is(new Set(received).size, 1)
      const result = await received[0]!.finished
      t.is(result.bytes, bytes)
      t.is(received[0]!.progress.bytes, bytes)
      await isEqual()
    })

for (const algorithm of ['blocks', 'sha256'])
  test(`where one of several connections breaks, the others bring what it had, by ${algorithm}`, async (t) => {
    for (let seed = 1; seed <= scale(6, 300); seed++) {
      const random = randomBySeed(seed)
      const { came, over, sending, isEqual } = await scene(t)
      const which = 1 + Math.floor(random() * 3)
      const fault = random() < 0.5 ? 'cutAfter' : 'errorAfter'
      const faults: DuplexPairOptions[] = [{}, {}, {}, {}]
      const after = Math.floor(random() * (random() < 0.3 ? 500 : 4 * MIB))
      faults[which] = random() < 0.8 ? { forth: { [fault]: after } } : { back: { [fault]: after % 300 } }
      const transfer = sending(over(...faults), { connections: 4, algorithm })
      transfer.on('reconnecting', ({ error }) => t.fail(`${seed}: ${error.message}`))
      const result = await transfer.finished.catch((error: SluiceError) => error)
      if (result instanceof SluiceError)
        return t.fail(`${seed}: ${which} ${JSON.stringify(faults)} ${result.stack}`)
      t.is(result.failed, 0)
      t.true(came.length >= 4)
      await isEqual()
    }
  })

test('where the first of several connections breaks, the transfer goes on over others', async (t) => {
  for (let seed = 1; seed <= scale(4, 100); seed++) {
    const random = randomBySeed(seed)
    const { over, sending, isEqual } = await scene(t)
    const transfer = sending(over({ forth: { cutAfter: Math.floor(20_000 + random() * 2 * MIB) } }), {
      connections: 3,
    })
    const lost = once(transfer, 'reconnecting')
    const result = await transfer.finished
    await lost
    t.is(result.failed, 0)
    await isEqual()
  }
})

/** No connection is given up for its silence. */
const NEVER = { idleTimeout: 2 ** 31 - 1, pingInterval: 2 ** 30, handshakeTimeout: 2 ** 31 - 1 }

test('a lane that brings nothing any more does not hold up the end', async (t) => {
  const clock = new FakeClock()
  const { over, sending, isEqual } = await scene(t)
  const stalling = { forth: { stallAfter: 2 * MIB } }
  const transfer = sending(over({}, {}, stalling), { connections: 3, clock, limits: NEVER })
  transfer.on('reconnecting', ({ error }) => t.fail(error.message))
  const passing = (async () => {
    for (; !transfer.isOver; clock.advance(100)) await new Promise((resolve) => setImmediate(resolve))
  })()
  t.is((await transfer.finished).failed, 0)
  await passing
  await isEqual()
})

test('connections that are equally fast have like parts of the data', async (t) => {
  const clock = new FakeClock({ auto: true })
  const { came, over, sending, isEqual } = await scene(t)
  // 64 KiB in 7 ms
  const way: DuplexPairOptions = { forth: { delay: 7, pieces: 64 * 1024 }, clock, highWaterMark: MIB }
  await sending(over(way, way, way, way), { connections: 4 }).finished
  const all = came.reduce((sum, bytes) => sum + bytes, 0)
  for (const bytes of came) t.true(bytes > all / came.length / 2, String(came))
  await isEqual()
})

test('a pause stops all connections, more may be attached, and cancelling closes them', async (t) => {
  const { dir, from, ends, over, sending } = await scene(t)
  const more = await plant(join(await temporary(t), 'more'), { large: randomBytes(5 * MIB) })
  const transfer = sending(over(), { connections: 3, open: true })
  const paused = once(transfer, 'file').then(() => transfer.pause())
  await paused
  t.is(transfer.state, 'paused')
  transfer.resume()
  await transfer.attach([more])
  transfer.end()
  t.is((await transfer.finished).failed, 0)
  t.deepEqual(await listing(join(dir, 'more')), await listing(more))
  t.deepEqual(await listing(join(dir, 'sent')), await listing(from))
  await Promise.all(ends.map((end) => end.closed || once(end, 'close')))

  const other = await scene(t)
  const cancelled = other.sending(other.over(), { connections: 3 })
  await once(cancelled, 'file')
  await cancelled.cancel()
  await t.throwsAsync(cancelled.finished, { code: 'ERR_CANCELLED' })
  await Promise.all(other.ends.map((end) => end.closed || once(end, 'close')))
})

test('a receiver that takes one connection only gets all over that, with a warning', async (t) => {
  const { came, over, sending, isEqual } = await scene(t, { stages: { file: [() => mapCuts((cut) => cut)] } })
  const transfer = sending(over(), { connections: 4 })
  const [warning] = (await once(transfer, 'warning')) as [SluiceError]
  t.is(warning.code, 'ERR_UNSUPPORTED')
  await transfer.finished
  t.is(came.length, 1)
  await isEqual()
})

test('where no further connection can be made, the transfer goes on without', async (t) => {
  const { came, over, sending, isEqual } = await scene(t)
  const connect = over()
  const transfer = sending(
    () => {
      if (came.length > 0) throw new Error('no way')
      return connect()
    },
    { connections: 2, retry: { attempts: 1, pause: 0 } },
  )
  const [warning] = (await once(transfer, 'warning')) as [SluiceError]
  t.regex(warning.message, /further connection .*: no way/)
  await transfer.finished
  await isEqual()
})

test('a stream goes over one connection', async (t) => {
  const { dir, came, over } = await scene(t)
  const content = randomBytes(3 * MIB)
  const manifest = await manifestFrom(Readable.from([content]), { name: 'stream', algorithm: 'blocks' })
  await send(over(), manifest, { connections: 2, retry: { pause: 0 } }).finished
  t.true(content.equals(await readFile(join(dir, 'stream'))))
  t.true(came[0]! > 3 * MIB)
})

const HELLO = { type: 'hello' as const, version: 1, agent: 'a test', features: [] }

/** Who says that it is a lane of a transfer that is on its way, and has stopped in the middle. */
async function lane(
  t: ExecutionContext,
  change: (resume: { id: string; secret: Buffer }) => object,
  peer = 'anna',
  receiving: Partial<ReceiveOptions> = {},
) {
  const { dir, from, transfers, isEqual } = await scene(t, receiving)
  let secret: Buffer | undefined
  const isStalled = deferred<void>()
  const transfer = send(
    (attempt) => {
      const [near, far] = duplexPair(attempt === 0 ? { forth: { stallAfter: 2 * MIB } } : {})
      near.on('data', (chunk: Buffer) => {
        const at = chunk.indexOf('secret')
        if (at >= 0) secret ??= chunk.subarray(at + 8, at + 24)
        isStalled.resolve()
      })
      if (attempt === 0) first = far
      transfers.handle(far, { peer: 'anna' })
      return near
    },
    [from],
    { retry: { pause: 0 }, algorithm: 'blocks' },
  )
  let first: Duplex | undefined
  const [received] = (await once(transfers, 'transfer')) as [Transfer]
  while (received.state !== 'receiving') await once(received, 'state')
  while (!secret) await isStalled.promise
  const [near, far] = duplexPair()
  const hostile = new Peer(near)
  const handled = transfers.handle(far, { peer })
  handled.catch(() => {})
  hostile.say({ ...HELLO, lane: 1, ...change({ id: received.id, secret }) } as Message)
  const goesOn = async () => {
    t.is(received.state, 'receiving')
    first!.destroy()
    t.is((await transfer.finished).failed, 0)
    await isEqual()
  }
  return { dir, hostile, handled, received, goesOn }
}

const WRONG = {
  'another secret': [
    (resume: { id: string }) => ({ resume: { ...resume, secret: Buffer.alloc(16) } }),
    'anna',
  ],
  'another id': [(resume: { secret: Buffer }) => ({ resume: { ...resume, id: '0'.repeat(32) } }), 'anna'],
  'another key': [(resume: object) => ({ resume }), 'eve'],
} as const
for (const [name, [change, peer]] of Object.entries(WRONG))
  test(`a further connection with ${name} is refused, and the transfer goes on`, async (t) => {
    const { hostile, handled, goesOn } = await lane(t, change as never, peer)
    const { accept, reason } = await hostile.hears('answer')
    t.false(accept)
    t.is(reason, 'there is no such transfer')
    hostile.leave()
    await t.throwsAsync(handled, { code: 'ERR_REJECTED' })
    await goesOn()
  })

test('a further connection is refused where a stage of the user is to see the bytes in order', async (t) => {
  const receiving = { stages: { file: [() => mapCuts((cut) => cut)] } }
  const { hostile, goesOn } = await lane(t, (resume) => ({ resume }), 'anna', receiving)
  t.like(await hostile.hears('answer'), { accept: false, reason: 'the transfer takes one connection only' })
  hostile.leave()
  await goesOn()
})

/** What does not belong on a lane. */
const MISPLACED: Record<string, Message | Buffer> = {
  'data beyond the offer': data(100 * MIB, 'x'),
  'an offer': { type: 'offer', id: '0'.repeat(32), name: '', algorithm: 'blocks' },
  'the end': { type: 'end' },
  'a digest': { type: 'digests', first: 0, count: 1, bytes: Buffer.alloc(32, 1) },
  'a cancellation': { type: 'cancel' },
}
for (const [name, said] of Object.entries(MISPLACED))
  test(`what a further connection must not bring ends that alone: ${name}`, async (t) => {
    const { hostile, handled, received, goesOn } = await lane(t, (resume) => ({ resume }))
    t.true((await hostile.hears('answer')).accept)
    t.is(await handled, received)
    hostile.say(said)
    if (name !== 'a cancellation') t.is((await hostile.hears('error')).code, 'ERR_PROTOCOL')
    hostile.leave()
    await goesOn()
  })
