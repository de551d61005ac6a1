// A peer that does not answer: the error says why, as far as it can be known on this side.
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { once } from 'node:events'
import { connect } from 'node:net'
import { type Duplex, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import * as zlib from 'node:zlib'
import test from 'ava'
import { deferred } from '../../lib/async.js'
import { systemClock } from '../../lib/clock.js'
import {
  compression,
  deframer,
  demuxer,
  encryption,
  fileSource,
  finalizer,
  flushing,
  framer,
  hashTap,
  manifestOfEntries,
  memoryParts,
  memorySources,
  type PartStore,
  partSink,
  receive,
  type SluiceError,
  send,
  throttle,
  type WireStage,
} from '../../lib/index.js'
import { FakeClock } from '../../lib/testing/fake-clock.js'
import { duplexPair } from '../../lib/testing/faulty-duplex.js'
import { encodeMessage } from '../../lib/wire/messages.js'
import { encodePreface } from '../../lib/wire/preface.js'
import { freePort } from '../helpers/free-port.js'
import { HELLO } from '../helpers/peer.js'
import { connection } from '../helpers/sockets.js'

const SOURCES = memorySources(new Map([['a', 'hello']]))
const manifest = () => manifestOfEntries(SOURCES.entries, SOURCES, { name: 'test' })
const errorOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: SluiceError) => error,
  )

/** The wire stages of both sides, and how long each waits for the other one's hello. */
interface Sides {
  stages: Record<'send' | 'receive', WireStage[]>
  timeouts: Record<'send' | 'receive', number>
}

async function moved({ stages, timeouts }: Sides, clock = systemClock) {
  const [near, far] = duplexPair()
  const optionsOf = (side: 'send' | 'receive') => ({
    stages: { wire: stages[side] },
    limits: { handshakeTimeout: timeouts[side] },
    clock,
  })
  const store = memoryParts()
  const receiving = receive(far, { store, accept: 'all', ...optionsOf('receive') })
  const sending = send(near, manifest(), optionsOf('send'))
  const [sent, received] = await Promise.all([errorOf(sending.finished), errorOf(receiving.finished)])
  return { errors: { send: sent, receive: received }, got: store.files.get('a')?.bytes.toString() }
}

/**
 * The same with stages that work at once: all that can be said has been said before the time of the handshake passes.
 */
async function errorsOf(sides: Sides) {
  const clock = new FakeClock()
  const moving = moved(sides, clock)
  await turns()
  clock.advance(Math.min(...Object.values(sides.timeouts)))
  await turns()
  await closingOf(clock)
  return (await moving).errors
}

const turns = async () => {
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
}

/** Either side may be the first to give up. */
const TIMEOUTS = [
  { send: 300, receive: 1500 },
  { send: 1500, receive: 300 },
]

const KEY = Buffer.alloc(32, 1)
const IV = Buffer.alloc(16, 2)
/** Stages that have done nothing wrong when a peer says nothing, or leaves at once. */
const BLAMELESS: Record<string, () => WireStage[]> = {
  encryption: () => [encryption({ key: KEY })],
  'compression and encryption': () => [compression(), encryption({ key: KEY })],
  'a stage of Node that flushes': () => [{ format: 'x', outgoing: () => flushing(zlib.createGzip()) }],
}
for (const [what, stages] of Object.entries(BLAMELESS))
  for (const how of ['end', 'destroy', 'resume'] as const)
    test(`no stage is blamed where the peer says nothing: ${what}, ${how}`, async (t) => {
      for (const start of [
        (near: Duplex, options: object) => send(near, manifest(), options),
        (near: Duplex, options: object) => receive(near, { store: memoryParts(), accept: 'all', ...options }),
      ]) {
        const [near, far] = duplexPair()
        far.on('error', () => {}).resume()
        far[how]()
        // a compressor works in a thread of its own, and the machine may be busy
        const limits = { handshakeTimeout: 4000, closeTimeout: 100 }
        const error = await errorOf(start(near, { stages: { wire: stages() }, limits }).finished)
        t.notRegex(error!.message, /stages\.wire|flushing/)
      }
    })

const HOLDING: Record<string, [WireStage, RegExp]> = {
  gzip: [
    { outgoing: () => zlib.createGzip(), incoming: () => zlib.createGunzip() },
    /Gzip of stages\.wire\[0\]\.outgoing/,
  ],
  deflate: [{ outgoing: () => zlib.createDeflate(), incoming: () => zlib.createInflate() }, /Deflate of/],
  brotli: [
    { outgoing: () => zlib.createBrotliCompress(), incoming: () => zlib.createBrotliDecompress() },
    /\d+ bytes went into BrotliCompress of stages\.wire\[0\]\.outgoing and nothing came out/,
  ],
  CBC: [
    {
      outgoing: () => createCipheriv('aes-256-cbc', KEY, IV),
      incoming: () => createDecipheriv('aes-256-cbc', KEY, IV),
    },
    /Cipheriv of stages\.wire\[0\]\.outgoing and only \d+ came out/,
  ],
}
for (const [what, [stage, says]] of Object.entries(HOLDING))
  for (const timeouts of TIMEOUTS)
    test(`a wire stage that holds back what it was given is named on both sides: ${what}, ${Object.values(timeouts)}`, async (t) => {
      const wire = [{ format: what, ...stage }]
      const { errors } = await moved({ stages: { send: wire, receive: wire }, timeouts })
      for (const { code, message } of Object.values(errors) as SluiceError[]) {
        t.is(code, 'ERR_TIMEOUT')
        t.regex(message, says)
        t.regex(message, /without waiting for more: flushing\(\)/)
      }
    })

/** Gives nothing before all has come. */
function gathering(heard = () => {}) {
  const held: Buffer[] = []
  return new Transform({
    transform(chunk, _encoding, done) {
      held.push(chunk)
      heard()
      done()
    },
    flush: (done) => done(null, Buffer.concat(held)),
  })
}

for (const side of ['send', 'receive'] as const)
  for (const timeouts of TIMEOUTS) {
    const other = side === 'send' ? 'receive' : 'send'
    const of = `of ${side}, ${Object.values(timeouts)}`
    const alone = async (stage: WireStage) => {
      const errors = await errorsOf({ stages: { send: [], receive: [], [side]: [stage] }, timeouts })
      return [errors[side], errors[other]] as [SluiceError, SluiceError]
    }

    test(`each side is told what it can know of a stage that holds back what leaves: ${of}`, async (t) => {
      const [here, there] = await alone({ outgoing: () => gathering() })
      t.regex(
        here.message,
        /^the peer says: the handshake .*Transform of stages\.wire\[0\]\.outgoing and nothing/,
      )
      t.regex(
        there.message,
        /^the handshake .* the peer has said nothing: it may not be Sluice, or a wire stage there may hold back/,
      )
      t.deepEqual([here.code, there.code], ['ERR_TIMEOUT', 'ERR_TIMEOUT'])
    })

    test(`a stage that holds back what arrives is named, and its peer told how long it was waited: ${of}`, async (t) => {
      const [here, there] = await alone({ incoming: () => gathering() })
      t.regex(
        here.message,
        /^the handshake .*stages\.wire\[0\]\.incoming and nothing came out; it, or the stage/,
      )
      t.regex(there.message, /^the peer says: the handshake did not end for \d+ ms$/)
    })
  }

test('where some of it came, the side that waits is told how much', async (t) => {
  // of a hello, and a last word behind it, only whole blocks
  const block = () => {
    let held = Buffer.alloc(0)
    return new Transform({
      transform(chunk, _encoding, done) {
        const all = Buffer.concat([held, chunk])
        const whole = all.length - (all.length % 64)
        held = all.subarray(whole)
        done(null, all.subarray(0, whole))
      },
    })
  }
  const stages = { send: [], receive: [{ outgoing: block }] }
  const errors = await errorsOf({ stages, timeouts: { send: 300, receive: 1500 } })
  t.regex(
    errors.send!.message,
    /; 64 bytes came, and no whole hello was in them: a wire stage there may hold back/,
  )
  t.regex(errors.receive!.message, /of stages\.wire\[0\]\.outgoing and only 64 came out/)
})

test('a stage that makes bytes fewer is not blamed where the peer does not hear them', async (t) => {
  const gzip = {
    format: 'gzip',
    outgoing: () => flushing(zlib.createGzip()),
    incoming: () => zlib.createGunzip(),
  }
  const [near, far] = duplexPair()
  const clock = new FakeClock()
  const hears = deferred<void>()
  const receiving = receive(far, {
    store: memoryParts(),
    accept: 'all',
    clock,
    stages: { wire: [{ incoming: () => gathering(hears.resolve) }, gzip] },
  })
  const received = errorOf(receiving.finished)
  const sending = send(near, manifest(), { clock, stages: { wire: [gzip] } })
  const sent = errorOf(sending.finished)
  // a compressor works in a thread of its own, and the machine may be busy
  while (sending.state !== 'offered') await once(sending, 'state')
  await hears.promise
  clock.advance(10_000)
  t.is((await sent)!.message, 'the peer says: the handshake did not end for 10000 ms')
  t.regex((await received)!.message, /Transform of stages\.wire\[0\]\.incoming and nothing came out/)
})

const COMPRESSORS: Record<string, WireStage> = {
  gzip: { outgoing: () => flushing(zlib.createGzip()), incoming: () => zlib.createGunzip() },
  deflate: { outgoing: () => flushing(zlib.createDeflate()), incoming: () => zlib.createInflate() },
  raw: { outgoing: () => flushing(zlib.createDeflateRaw()), incoming: () => zlib.createInflateRaw() },
  brotli: {
    outgoing: () => flushing(zlib.createBrotliCompress()),
    incoming: () => zlib.createBrotliDecompress(),
  },
}
for (const [format, stage] of Object.entries(COMPRESSORS))
  test(`a compressor of Node's that is made to flush is a wire stage: ${format}`, async (t) => {
    const wire = [{ format, ...stage }]
    const timeouts = { send: 10_000, receive: 10_000 }
    const { errors, got } = await moved({ stages: { send: wire, receive: wire }, timeouts })
    t.deepEqual(errors, { send: undefined, receive: undefined })
    t.is(got, 'hello')
  })

test('what cannot be flushed is refused', (t) => {
  for (const stream of [createCipheriv('aes-256-cbc', KEY, IV), undefined, {}])
    t.throws(() => flushing(stream as zlib.Gzip), { code: 'ERR_USAGE', message: /flush\(\)/ })
})

const byHand = () =>
  [deframer(), demuxer(), hashTap(), partSink({ store: memoryParts() }), finalizer()] as const

test('a sender is told that its receiver goes one way, and the receiver that its sender does not', async (t) => {
  const [near, far] = await connection(t)
  const [sent, received] = await Promise.all([
    errorOf(send(near, manifest()).finished),
    errorOf(pipeline(far, ...byHand())),
  ])
  t.regex(sent!.message, /the peer has said nothing: a receiver by hand .* use receive\(\) there/)
  t.regex(received!.message, /^the peer holds a conversation, .* use receive\(\)/)
})

test('a receiver is told that its sender goes one way', async (t) => {
  const [near, far] = await connection(t)
  const sent = errorOf(pipeline(fileSource(manifest()), hashTap(), framer(), near))
  const { message } = (await errorOf(receive(far, { store: memoryParts(), accept: 'all' }).finished))!
  t.regex(message, /began before it said hello: it sends by hand .* use send\(\) there/)
  await sent
})

test('a peer that takes everything and says nothing is one, too', async (t) => {
  const [near, far] = await connection(t)
  far.resume()
  const error = (await errorOf(send(near, manifest(), { limits: { handshakeTimeout: 100 } }).finished))!
  t.is(error.code, 'ERR_TIMEOUT')
  t.regex(error.message, /the peer has said nothing/)
})

test('where nobody listens the peer was not reached, and is not called silent', async (t) => {
  const port = await freePort()
  const several = Object.assign(new AggregateError([Object.assign(new Error('a'), { syscall: 'connect' })]), {
    code: 'ECONNREFUSED',
  })
  const failing = () => {
    const [near] = duplexPair()
    queueMicrotask(() => near.destroy(several))
    return near
  }
  const finished = [
    send(connect(port, '127.0.0.1'), manifest()),
    send(() => connect(port, '127.0.0.1'), manifest()),
    send(() => connect(80, 'no-such-host.invalid'), manifest()),
    // a host of several addresses has an error for each
    send(failing(), manifest()),
    receive(connect(port, '127.0.0.1'), { store: memoryParts(), accept: 'all' }),
  ].map((transfer) => errorOf(transfer.finished))
  for (const error of await Promise.all(finished)) {
    t.is(error!.code, 'ERR_UNREACHABLE')
    t.regex(error!.message, /^no connection could be made: (connect|getaddrinfo|a)/)
    t.notRegex(error!.message, /said nothing/)
  }
})

test('a connection that breaks does not speak of a receiver that goes one way', async (t) => {
  const [near] = await connection(t)
  const sending = send(near, manifest())
  near.destroy(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET', syscall: 'read' }))
  const error = await errorOf(sending.finished)
  t.is(error!.message, 'the connection broke: read ECONNRESET; run it again to resume')
  t.is(error!.code, 'ERR_INTERRUPTED')
})

test('a peer that has said hello is not called silent', async (t) => {
  const [near, far] = await connection(t)
  const sending = send(near, manifest())
  sending.on('state', (state) => state === 'offered' && far.destroy())
  receive(far, { store: memoryParts(), accept: () => new Promise(() => {}) }).finished.catch(() => {})
  t.notRegex((await errorOf(sending.finished))!.message, /said nothing/)
})

const SECRET = Buffer.alloc(32, 3)
const SEALED: Record<string, () => WireStage[]> = {
  encryption: () => [encryption({ key: SECRET })],
  'encryption between others': () => [compression(), encryption({ key: SECRET }), throttle({ rate: 1e8 })],
}
const LONG_CLOSE = { closeTimeout: 600_000 }
for (const [what, wire] of Object.entries(SEALED))
  test(`who stops before the peer has said anything does not wait for it, with ${what}`, async (t) => {
    for (const side of ['send', 'receive'] as const) {
      const stages = { wire: wire() }
      for (const end of ['cancels', 'gives up'] as const) {
        const [near, far] = await connection(t)
        far.resume()
        const limits = { ...LONG_CLOSE, ...(end === 'gives up' && { handshakeTimeout: 20 }) }
        const transfer =
          side === 'send'
            ? send(near, manifest(), { stages, limits })
            : receive(near, { store: memoryParts(), accept: 'all', stages, limits })
        // what it begins with is on its way
        await once(far, 'data')
        if (end === 'cancels') await transfer.cancel()
        t.is((await errorOf(transfer.finished))!.code, end === 'cancels' ? 'ERR_CANCELLED' : 'ERR_TIMEOUT')
      }
    }
  })

test('what a peer says once this side has stopped is thrown away, with encryption as well', async (t) => {
  const [near, far] = await connection(t)
  const transfer = send(near, manifest(), {
    stages: { wire: [encryption({ key: SECRET })] },
    limits: LONG_CLOSE,
  })
  const warned: Error[] = []
  transfer.on('warning', (warning) => warned.push(warning))
  await once(far, 'data')
  const over = transfer.cancel()
  const late = receive(far, {
    store: memoryParts(),
    accept: 'all',
    stages: { wire: [encryption({ key: SECRET })] },
    limits: LONG_CLOSE,
  })
  await over
  t.is((await errorOf(transfer.finished))!.code, 'ERR_CANCELLED')
  t.true(['ERR_INTERRUPTED', 'ERR_TRUNCATED'].includes((await errorOf(late.finished))!.code))
  t.deepEqual(warned, [])
})

test('a connection that goes while the last word waits for it is waited for no longer', async (t) => {
  const hello = Buffer.concat([encodePreface([]), encodeMessage(HELLO)])
  for (const goes of ['once the peer has ended', 'with the first write of the last word'] as const) {
    const isSoon = goes.startsWith('with')
    const [near, far] = duplexPair({ highWaterMark: 1, ...(isSoon && { forth: { cutAfter: hello.length } }) })
    near.on('error', () => {})
    const options = { store: memoryParts(), accept: 'all', limits: LONG_CLOSE } as const
    const transfer = receive(far, options)
    // nothing of what is said is read, so that the last word waits
    near.end(hello)
    const over = errorOf(transfer.finished)
    await once(far, 'end')
    await new Promise(setImmediate)
    if (!isSoon) near.destroy()
    t.is((await over)!.code, 'ERR_TRUNCATED', goes)
  }
})

test('a connection that stays as it is behind an error, and takes nothing more, is not waited for', async (t) => {
  const [near, far] = duplexPair()
  near.on('error', () => {}).resume()
  const write = far.write.bind(far) as (...given: unknown[]) => boolean
  const transfer = receive(far, { store: memoryParts(), accept: 'all', limits: LONG_CLOSE })
  near.end(Buffer.concat([encodePreface([]), encodeMessage(HELLO)]))
  far.write = (...given: unknown[]) => {
    if (!far.readableEnded) return write(...given)
    far.emit('error', new Error('write after end'))
    return false
  }
  const { code } = (await errorOf(transfer.finished))!
  t.true(['ERR_TRUNCATED', 'ERR_INTERRUPTED'].includes(code), code)
})

test('all times of a transfer are those of its clock: nobody has to wait for them', async (t) => {
  const [near, far] = duplexPair()
  far.on('error', () => {}).resume()
  const clock = new FakeClock()
  const waiting = send(near, manifest(), { clock })
  const over = errorOf(waiting.finished)
  while (waiting.state !== 'connecting') await once(waiting, 'state')
  clock.advance(9_999)
  t.is(waiting.state, 'connecting')
  clock.advance(1)
  await closingOf(clock)
  t.is((await over)!.code, 'ERR_TIMEOUT')

  const [other, peer] = duplexPair()
  peer.on('error', () => {}).resume()
  peer.write(Buffer.concat([encodePreface([]), encodeMessage(HELLO)]))
  const receiving = receive(other, {
    store: memoryParts(),
    accept: 'all',
    clock,
    limits: { idleTimeout: 2 ** 30 },
  })
  const failed = errorOf(receiving.finished)
  await once(other, 'data')
  clock.advance(600_000)
  await closingOf(clock)
  t.is((await failed)!.code, 'ERR_TIMEOUT')
  t.is(clock.pending, 0, 'nothing is left to ring')
})

test('a store that takes minutes for a write makes no peer silent', async (t) => {
  const clock = new FakeClock()
  const contents = new Map(Array.from({ length: 5 }, (_, n) => [`${n}`, Buffer.alloc(280_000, n)]))
  const sources = memorySources(contents)
  const memory = memoryParts()
  let isSlow = true
  const store: PartStore = {
    begin: async (entry) => {
      const part = await memory.begin(entry)
      return {
        write: async (...given) => {
          const wasSlow = isSlow
          isSlow = false
          if (wasSlow) await new Promise<void>((resolve) => clock.after(180_000, resolve))
          await part.write(...given)
        },
        publish: (policy) => part.publish(policy),
        discard: (failure) => part.discard(failure),
      }
    },
  }
  const [near, far] = duplexPair()
  const manifest = manifestOfEntries(sources.entries, sources, { name: 'x', algorithm: 'blocks' })
  const ends = Promise.all([
    send(near, manifest, { clock }).finished,
    receive(far, { store, accept: 'all', clock }).finished,
  ])
  let isOver = false
  const over = () => {
    isOver = true
  }
  ends.then(over, over)
  while (!isOver) {
    clock.advance(100)
    await new Promise((resolve) => setImmediate(resolve))
  }
  t.deepEqual(
    (await ends).map(({ published }) => published),
    [5, 5],
  )
})

/** The peer never closes its side: the time for that passes, too. */
async function closingOf(clock: FakeClock): Promise<void> {
  for (let turn = 0; turn < 20; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(5_000)
  }
}
