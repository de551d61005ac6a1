import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import type { Code } from '../../lib/index.js'
import { type SecureOptions, secure } from '../../lib/peers/secure.js'
import {
  duplexConformance,
  duplexPair,
  FakeClock,
  randomContent,
  randomPieces,
} from '../../lib/testing/index.js'
import { conforms } from '../helpers/conforms.js'
import { temporary } from '../helpers/folders.js'
import {
  ALICE,
  BOB,
  both,
  dial,
  heardBy,
  listen,
  recordedPair,
  recordLengths,
  SAID,
  toStranger,
  whenClosed,
} from '../helpers/secure.js'
import { connection } from '../helpers/sockets.js'

conforms(
  'a secure channel in memory',
  duplexConformance(() => both()),
)

async function unixPair(t: ExecutionContext): Promise<[Socket, Socket]> {
  const server = createServer().listen(join(await temporary(t), 'socket'))
  await once(server, 'listening')
  const near = connect(server.address() as string)
  const [far] = (await once(server, 'connection')) as [Socket]
  server.close()
  return [near, far]
}

const RAW: Record<string, (t: ExecutionContext) => readonly [Duplex, Duplex] | Promise<[Duplex, Duplex]>> = {
  memory: () => duplexPair(),
  'memory, byte by byte': () => duplexPair({ forth: { pieces: 1 }, back: { pieces: 1 } }),
  'memory, in random pieces': () => duplexPair({ forth: { pieces: 'random' }, back: { pieces: 'random' } }),
  TCP: connection,
  'a unix socket': unixPair,
}

for (const [name, make] of Object.entries(RAW)) {
  test(`over ${name} both sides get what the other one writes, and both close when both have ended`, async (t) => {
    const raw = await make(t)
    const [near, far] = await both(raw)
    const contents = [randomContent(300_000, 1), randomContent(200_000, 2)] as const
    const heard = Promise.all([far, near].map(heardBy))
    for (const piece of randomPieces(contents[0], 3)) near.write(piece)
    for (const piece of randomPieces(contents[1], 4)) far.write(piece)
    near.end()
    far.end()
    const [there, here] = await heard
    t.true(there!.equals(contents[0]))
    t.true(here!.equals(contents[1]))
    await Promise.all([near, far, ...raw].map(whenClosed))
    t.true(raw.every(({ destroyed }) => destroyed))
  })
}

/** All that is used of a duplex, and nothing else; of those that cannot end one side alone, as a WebSocket. */
function bare(duplex: Duplex): Duplex {
  const bound: [keyof Duplex, unknown][] = (
    ['write', 'destroy', 'pause', 'resume', 'on', 'off'] as const
  ).map((name) => [name, (duplex[name] as () => unknown).bind(duplex)])
  const end = () => duplex.end(() => duplex.destroy())
  return Object.fromEntries([...bound, ['end', end]]) as unknown as Duplex
}

test('a raw duplex that has only what is asked of it, and has no halves, carries two that end apart', async (t) => {
  const raw = duplexPair()
  const [near, far] = await both([bare(raw[0]), bare(raw[1])])
  const content = randomContent(300_000)
  near.end('question')
  t.is(String(await heardBy(far)), 'question')
  far.end(content)
  t.true((await heardBy(near)).equals(content))
  await Promise.all([near, far, ...raw].map(whenClosed))
})

test('a raw duplex that takes no more, and never says that it is closed, is left behind', async (t) => {
  const raw = duplexPair({ forth: { stallAfter: SAID.dialler + 100_000 } })
  const mute = bare(raw[0])
  mute.on = (name, listener) => (name === 'close' ? mute : raw[0].on(name, listener))
  const [near, far] = await both([mute, raw[1]])
  let taken = 0
  while (near.write(Buffer.alloc(10_000))) taken += 10_000
  t.true(taken < 1_000_000)
  near.destroy()
  far.destroy()
  await Promise.all([near, far].map(whenClosed))
  t.true(raw[0].destroyed)
})

test('each side knows the key of the other, and both have one hash, which no other connection has', async (t) => {
  const [near, far] = await both()
  t.deepEqual(Buffer.from(near.peerKey), BOB.publicKey)
  t.deepEqual(Buffer.from(far.peerKey), ALICE.publicKey)
  t.deepEqual(near.handshakeHash, far.handshakeHash)
  const [other] = await both()
  t.notDeepEqual(near.handshakeHash, other.handshakeHash)
})

test('the listener is asked with the key that was proved, and with the secret if there is one', async (t) => {
  for (const secret of [undefined, Buffer.alloc(16, 5), Buffer.alloc(16)]) {
    const asked: unknown[] = []
    const admit = async (stranger: unknown) => {
      asked.push(stranger)
      return true
    }
    await both(duplexPair(), { secret }, { admit })
    t.deepEqual(asked, [{ key: new Uint8Array(ALICE.publicKey), secret: secret && new Uint8Array(secret) }])
  }
})

test('a side may end alone, and hears the other one on', async (t) => {
  const raw = duplexPair()
  const [near, far] = await both(raw)
  near.end('question')
  t.is(String(await heardBy(far)), 'question')
  t.false(raw[0].writableEnded, 'the raw duplex need not be able to end one side')
  far.end('answer')
  t.is(String(await heardBy(near)), 'answer')
  await Promise.all([near, far, ...raw].map(whenClosed))
})

test('who is destroyed destroys the raw duplex, and the other side hears that something is missing', async (t) => {
  const raw = duplexPair()
  const [near, far] = await both(raw)
  const error = once(far, 'error')
  near.destroy()
  t.is((await error)[0].code, 'ERR_TRUNCATED')
  await Promise.all([near, far, ...raw].map(whenClosed))
})

test('a raw duplex that is cut or changed on the way is no end: ERR_TRUNCATED, ERR_DECRYPT, or its own error', async (t) => {
  const answer = 4 + 4096 + 16
  const record = SAID.listener + answer
  const cases = [
    [{ cutAfter: record + 1 }, 'ERR_TRUNCATED'],
    [{ cutAfter: record + 2000 }, 'ERR_TRUNCATED'],
    [{ flips: [(record + 3) * 8] }, 'ERR_DECRYPT'],
    [{ flips: [(record + 1000) * 8] }, 'ERR_DECRYPT'],
    [{ flips: [(record + answer - 1) * 8] }, 'ERR_DECRYPT'],
    [{ errorAfter: record + 1, error: Object.assign(new Error('torn'), { code: 'EOWN' }) }, 'EOWN'],
  ] as const
  for (const [back, code] of cases) {
    const raw = duplexPair({ back })
    const [near, far] = await both(raw)
    far.on('error', () => {})
    const heard: Buffer[] = []
    const failed = once(
      near.on('data', (bytes: Buffer) => heard.push(bytes)),
      'error',
    )
    far.write('hello')
    t.is((await failed)[0].code, code, JSON.stringify(back))
    t.deepEqual(heard, [])
    far.destroy()
    await Promise.all([near, far, ...raw].map(whenClosed))
  }
})

test('who still writes to a peer that has ended and gone is told', async (t) => {
  const raw = duplexPair()
  const [near, far] = await both(raw)
  far.on('error', () => {}).end('all')
  await once(near.resume(), 'end')
  const failed = once(near, 'error')
  raw[1].destroy()
  t.is((await failed)[0].code, 'ERR_INTERRUPTED')
})

test('what is written in one turn is one record, whose length does not tell how much it is', async (t) => {
  const lengthsOf = async (...texts: string[]) => {
    const { ends, said } = recordedPair()
    const [near, far] = await both(ends)
    for (const text of texts) near.write(text)
    near.end()
    far.end()
    await Promise.all([near, far].map(heardBy))
    return recordLengths(Buffer.concat(said[0]).subarray(SAID.dialler))
  }
  t.deepEqual(await lengthsOf('a'), [4096, 0])
  t.deepEqual(await lengthsOf('a'.repeat(13), 'b'.repeat(4080)), [4096, 0])
  t.deepEqual(await lengthsOf('a'.repeat(13), 'b'.repeat(4081)), [8192, 0])
  t.deepEqual(await lengthsOf('a'.repeat(135_165)), [135_168, 0])
  t.deepEqual(await lengthsOf('a'.repeat(135_166)), [135_168, 4096, 0])
  t.deepEqual(await lengthsOf(), [0])
})

test('who does not get in within the time, or is called off, leaves nothing open', async (t) => {
  for (const side of [dial, listen]) {
    const clock = new FakeClock()
    const abort = new AbortController()
    const ways: [Code, () => void][] = [
      ['ERR_TIMEOUT', () => clock.advance(10_000)],
      ['ERR_CANCELLED', () => abort.abort()],
    ]
    for (const [code, end] of ways) {
      const [near] = toStranger()
      const failed = t.throwsAsync(side(near, { clock, signal: abort.signal }), { code })
      clock.advance(9_999)
      end()
      await failed
      await whenClosed(near)
      t.is(clock.pending, 0)
    }
    const [near] = duplexPair()
    await t.throwsAsync(side(near, { signal: AbortSignal.abort() }), { code: 'ERR_CANCELLED' })
    t.true(near.destroyed)
  }
})

test('the time counts for the whole handshake: a byte now and then does not prolong it', async (t) => {
  const clock = new FakeClock()
  const [near, far] = toStranger()
  const failed = t.throwsAsync(listen(near, { clock, timeout: 5000 }), { code: 'ERR_TIMEOUT' })
  for (const byte of Buffer.from('SLUICE-N\x01', 'latin1')) {
    far.write(Buffer.of(byte))
    clock.advance(600)
  }
  await failed
  t.true(near.destroyed)
})

test('the time goes on while the listener thinks about it', async (t) => {
  const clock = new FakeClock()
  const raw = duplexPair()
  const asked = new Promise<void>((resolve) => {
    const admit = () => {
      resolve()
      return new Promise<boolean>(() => {})
    }
    t.throwsAsync(listen(raw[1], { clock, admit }), { code: 'ERR_TIMEOUT' })
  })
  const failed = t.throwsAsync(dial(raw[0]), { code: 'ERR_IDENTITY', message: /closed|ended/ })
  await asked
  clock.advance(10_000)
  await failed
  await Promise.all(raw.map(whenClosed))
})

test('a raw duplex that is gone, or breaks, is no connection', async (t) => {
  for (const side of [dial, listen]) {
    const [gone] = duplexPair()
    gone.destroy()
    await t.throwsAsync(side(gone), { code: 'ERR_UNREACHABLE' })
    const [near, far] = toStranger()
    const silent = t.throwsAsync(side(near), { code: 'ERR_UNREACHABLE', message: /before it said anything/ })
    far.end()
    await silent
    const [torn] = duplexPair()
    const cause = new Error('torn')
    const failed = t.throwsAsync(side(torn), { code: 'ERR_UNREACHABLE', message: /torn/ })
    torn.destroy(cause)
    t.is((await failed)?.cause, cause)
  }
})

test('an error of a channel to which nobody listens yet does not end the process', async (t) => {
  const [near, far] = duplexPair()
  const channels = await both([near, far])
  near.destroy(new Error('reset by the peer'))
  // a caller that has something else to wait for before it listens
  for (const channel of channels) while (!channel.closed) await setImmediate()
  t.is(channels[0].errored?.message, 'reset by the peer')
  t.truthy(channels[1].errored)
})

test('an option that is none is named, and no secret is shown', async (t) => {
  const wrong: [object, RegExp][] = [
    [{ as: undefined }, /^as must be/],
    [{ as: 'server' }, /^as must be one of/],
    [{ key: BOB.publicKey.subarray(1) }, /^key must be 32 bytes.*, not a Buffer of 31 bytes/],
    [{ key: 'secret text' }, /^key must be 32 bytes.*, not a string$/],
    [{ secret: Buffer.alloc(15) }, /^secret must be 16 bytes.*, not a Buffer of 15 bytes/],
    [{ admit: () => true }, /unknown name "admit"/],
    [{ identity: undefined }, /^identity must be an object/],
    [{ identity: { ...ALICE, publicKey: BOB.publicKey } }, /do not belong together/],
    [{ identity: { ...ALICE, secretKey: Buffer.alloc(32) } }, /^identity.secretKey must be 64 bytes/],
    [{ timeout: 0 }, /^timeout must be/],
    [{ signal: true }, /^signal must be/],
  ]
  for (const [options, message] of wrong) {
    const [near] = duplexPair()
    const all = { as: 'dialler', identity: ALICE, key: BOB.publicKey, ...options } as SecureOptions
    await t.throwsAsync(secure(near, all), { code: 'ERR_USAGE', message }, String(message))
    t.false(near.destroyed)
  }
  await t.throwsAsync(listen(duplexPair()[0], { admit: undefined }), { code: 'ERR_USAGE' })
  await t.throwsAsync(dial({} as Duplex), { code: 'ERR_USAGE', message: /^duplex must be/ })
})
