import { createRequire } from 'node:module'
import type { Duplex } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import { deferred } from '../../lib/async.js'
import { type Code, isSluiceError } from '../../lib/index.js'
import { Invitations } from '../../lib/peers/invitations.js'
import { FirstWords } from '../../lib/peers/secure/first-words.js'
import { encodeSecret, Handshake, PREFACE } from '../../lib/peers/secure/noise.js'
import type { SecureDuplex } from '../../lib/peers/secure.js'
import { turns } from '../../lib/testing/conformance/harness/probe.js'
import { duplexPair, FakeClock, randomContent } from '../../lib/testing/index.js'
import { encodePreface } from '../../lib/wire/preface.js'
import {
  ALICE,
  BOB,
  both,
  dial,
  heardBy,
  listen,
  recordedPair,
  SAID,
  someone,
  toStranger,
  whenClosed,
} from '../helpers/secure.js'
import { connection } from '../helpers/sockets.js'

/** The code with which it fails, or `in` with all that the application was given then. */
async function outcome(opening: Promise<SecureDuplex>): Promise<string> {
  try {
    const channel = await opening
    const heard: Buffer[] = []
    channel.on('data', (bytes: Buffer) => heard.push(bytes)).on('error', () => {})
    await whenClosed(channel)
    return `in, ${Buffer.concat(heard).length} bytes`
  } catch (error) {
    return isSluiceError(error) ? error.code : String(error)
  }
}

/** Both sides are refused, with these codes, and nothing is left of the connection. */
async function refused(
  t: ExecutionContext,
  raw: readonly [Duplex, Duplex],
  sides: readonly [Promise<SecureDuplex>, Promise<SecureDuplex>],
  codes: readonly [Code, Code] = ['ERR_IDENTITY', 'ERR_IDENTITY'],
) {
  t.deepEqual(await Promise.all(sides.map(outcome)), [...codes])
  await Promise.all(raw.map(whenClosed))
}

test('who has another key than the dialler expects is refused, and learns neither its key nor the secret', async (t) => {
  const raw = duplexPair()
  const asked: unknown[] = []
  const mallory = listen(raw[1], { identity: someone(), admit: (stranger) => asked.push(stranger) > 0 })
  await refused(t, raw, [dial(raw[0], { secret: Buffer.alloc(16, 5) }), mallory])
  t.deepEqual(asked, [])
})

test('over TCP, too, a dialler that expects another key is told that, not that the connection broke', async (t) => {
  const raw = await connection(t)
  await refused(t, raw, [dial(raw[0], { key: someone().publicKey }), listen(raw[1])])
})

test('a key that is no point of the curve, or of few points, is refused', async (t) => {
  for (const key of [Buffer.alloc(32), Buffer.alloc(32, 255), Buffer.alloc(32).fill(1, 0, 1)]) {
    const [near] = duplexPair()
    const message = 'what is given as the key of the listener is not a key'
    await t.throwsAsync(dial(near, { key }), { code: 'ERR_IDENTITY', message })
    t.true(near.destroyed)
  }
})

test('of who answers wrongly it is said whose key is not the expected one, and nothing of how that was found', async (t) => {
  const [near, far] = toStranger()
  const message = 'the listener has another key than was expected'
  const opening = t.throwsAsync(dial(near), { code: 'ERR_IDENTITY', message })
  far.write(Buffer.concat([PREFACE, Buffer.alloc(48)]))
  await opening
  await whenClosed(near)
})

test('a wrong, used, expired or missing secret: the dialler is told no more than that, the listener why', async (t) => {
  const clock = new FakeClock()
  const invitations = new Invitations({ clock })
  const admit = invitations.admit.bind(invitations)
  const enter = (secret: Uint8Array | undefined, identity = someone()) => {
    const raw = duplexPair()
    return { raw, sides: [dial(raw[0], { identity, secret }), listen(raw[1], { admit })] as const }
  }
  const used = invitations.issue()
  const { sides } = enter(used, ALICE)
  await Promise.all(sides)
  await Promise.all(enter(undefined, ALICE).sides)
  const expired = invitations.issue({ ttl: 1000 })
  clock.advance(1000)
  const cases: [Uint8Array | undefined, RegExp][] = [
    [Buffer.alloc(16), /the secret of its ticket is wrong/],
    [used, /used already/],
    [expired, /has expired/],
    [undefined, /has no ticket/],
  ]
  for (const [secret, reason] of cases) {
    const { raw, sides } = enter(secret)
    const message = secret
      ? 'the listener does not let us in: the ticket was used, has expired, or is not for it'
      : 'the listener does not let us in: it does not know our key, or lets nobody in by a key; ask it for a ticket'
    const told = t.throwsAsync(sides[0], { code: 'ERR_IDENTITY', message })
    await Promise.all([told, t.throwsAsync(sides[1], { code: 'ERR_IDENTITY', message: reason })])
    await Promise.all(raw.map(whenClosed))
  }
})

test('a listener that fails to decide lets nobody in, and says of it what it threw', async (t) => {
  for (const admit of [
    () => Promise.reject(new Error('no list')),
    () => false,
    (() => 'yes') as unknown as () => boolean,
  ]) {
    const raw = duplexPair()
    await refused(t, raw, [dial(raw[0]), listen(raw[1], { admit })])
  }
})

test('a dialler that does not hear that it was refused is closed in time, and the reason is still the refusal', async (t) => {
  const clock = new FakeClock()
  const raw = duplexPair({ back: { dropAfter: SAID.listener } })
  const asked = deferred<void>()
  const admit = () => {
    asked.resolve()
    return false
  }
  const refusing = t.throwsAsync(listen(raw[1], { clock, admit }), {
    code: 'ERR_IDENTITY',
    message: /not let in/,
  })
  const abort = new AbortController()
  const waiting = outcome(dial(raw[0], { signal: abort.signal }))
  await asked.promise
  await turns(10)
  clock.advance(10_000)
  await refusing
  abort.abort()
  t.true(['ERR_CANCELLED', 'ERR_IDENTITY'].includes(await waiting))
  await Promise.all(raw.map(whenClosed))
})

/** All that both sides say in a connection in which the dialler says something and the listener answers. */
async function recording(): Promise<[Buffer, Buffer]> {
  const { ends, said } = recordedPair()
  const [near, far] = await both(ends, { secret: Buffer.alloc(16, 5) })
  near.end('an order')
  far.end('an answer')
  await Promise.all([near, far].map(heardBy))
  return [Buffer.concat(said[0]), Buffer.concat(said[1])]
}

test('a recorded connection that is played to either side again is refused, whole or message by message', async (t) => {
  const [ofDialler, ofListener] = await recording()
  const steps = { dialler: [0, 57, SAID.dialler], listener: [0, SAID.listener] }
  for (const atOnce of [true, false]) {
    const cases = [
      [listen, ofDialler, steps.dialler],
      [dial, ofListener, steps.listener],
    ] as const
    for (const [side, played, starts] of cases) {
      const [near, far] = toStranger()
      const ending = outcome(side(near))
      const cuts = atOnce ? [0] : starts
      for (const [at, start] of cuts.entries()) {
        if (!far.destroyed) far.write(played.subarray(start, cuts[at + 1]))
        await new Promise((resolve) => setImmediate(resolve))
      }
      far.end()
      t.is(await ending, 'ERR_IDENTITY')
      await whenClosed(near)
    }
  }
})

test('what a dialler said is no answer to itself', async (t) => {
  const [near, far] = toStranger()
  far.pipe(far).on('error', () => {})
  t.is(await outcome(dial(near)), 'ERR_IDENTITY')
  await whenClosed(near)
})

interface NoiseState {
  initialise(prologue: Buffer, key?: Uint8Array): void
  send(): Uint8Array
}

/** What somebody else says who uses the same package. */
function otherNoise(pattern: string): Buffer {
  const require = createRequire(import.meta.url)
  const State = require('noise-handshake') as new (...args: unknown[]) => NoiseState
  const state = new State(pattern, true, ALICE, { curve: require('noise-curve-ed') })
  state.initialise(Buffer.alloc(0), BOB.publicKey)
  return Buffer.from(state.send())
}

test('a peer that speaks something else is named as such at its first wrong byte', async (t) => {
  const strangers: [string, Buffer, RegExp][] = [
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), /it began with "GET \/ HTTP\/1\.1\\r\\n"/],
    ['a byte', Buffer.of(0x1b), /it began with "\\u\{1b\}"/],
    ['plain Sluice', encodePreface([]), /speaks Sluice without a secure channel/],
    ['much', randomContent(1_000_000), /does not speak the secure channel/],
    [
      'another version',
      Buffer.from('SLUICE-N\x02', 'latin1'),
      /version 2 of the secure channel, this side 1/,
    ],
    ['XX', otherNoise('XX'), /does not speak the secure channel/],
    ['IK', otherNoise('IK'), /does not speak the secure channel/],
    ['NN', otherNoise('NN'), /does not speak the secure channel/],
  ]
  for (const [name, said, message] of strangers) {
    for (const side of [dial, listen]) {
      const [near, far] = toStranger()
      const opening = side(near)
      far.write(said)
      await t.throwsAsync(opening, { code: 'ERR_IDENTITY', message }, name)
      await whenClosed(near)
    }
  }
})

test('a dialler that does not wait for its turn is refused, whoever it is', async (t) => {
  const [near, far] = duplexPair()
  const words = new FirstWords()
  far.on('data', (bytes: Buffer) => words.data(bytes)).on('error', () => {})
  const opening = t.throwsAsync(listen(near), { code: 'ERR_IDENTITY', message: /did not wait for its turn/ })
  const handshake = await Handshake.begin(ALICE, BOB.publicKey)
  far.write(Buffer.concat([PREFACE, handshake.say(Buffer.alloc(0), 'the key')]))
  await words.takePreface()
  handshake.hear(await words.take(48), 'the answer')
  far.write(Buffer.concat([handshake.say(encodeSecret(undefined), 'the proof'), Buffer.of(0)]))
  await opening
  await whenClosed(near)
})

test('a dialler that leaves while the listener thinks about it is not let in', async (t) => {
  for (const [leave, isWelcome] of [
    ['end', true],
    ['destroy', true],
    ['destroy', false],
  ] as const) {
    const raw = duplexPair()
    const asked = deferred<void>()
    const answer = deferred<boolean>()
    const admit = () => {
      asked.resolve()
      return answer.promise
    }
    const message = isWelcome ? /closed the connection|broke/ : /not let in/
    const opening = t.throwsAsync(listen(raw[1], { admit }), { message })
    const dialling = outcome(dial(raw[0]))
    await asked.promise
    raw[0][leave]()
    await turns(10)
    answer.resolve(isWelcome)
    await opening
    await dialling
    await Promise.all(raw.map(whenClosed))
  }
})

test('the name and the version of the protocol are bound in: the same handshake without them does not open', async (t) => {
  const [near, far] = toStranger()
  far.write(Buffer.concat([PREFACE, otherNoise('XK')]))
  await t.throwsAsync(listen(near), { code: 'ERR_IDENTITY', message: /expects somebody with another key/ })
})

test('the same first bytes with another pattern behind them prove nothing', async (t) => {
  for (const pattern of ['IK', 'NN', 'XX']) {
    for (const side of [dial, listen]) {
      const [near, far] = toStranger()
      far.end(Buffer.concat([PREFACE, otherNoise(pattern), Buffer.alloc(200)]))
      t.is(await outcome(side(near)), 'ERR_IDENTITY', pattern)
    }
  }
})

test('a bit that changes at any byte of the handshake, in either direction, is noticed before anything is given out', async (t) => {
  const answer = 4 + 4096 + 16
  const whole = Array.from({ length: SAID.dialler }, (_, at) => ({ forth: at }))
  const back = Array.from({ length: SAID.listener + 24 }, (_, at) => ({ back: at }))
  const last = Array.from({ length: 40 }, (_, at) => ({ back: SAID.listener + answer - 1 - at * 100 }))
  for (const [at, { forth, back: backAt }] of [
    ...whole.entries(),
    ...back.entries(),
    ...last.entries(),
  ] as Iterable<[number, { forth?: number; back?: number }]>) {
    const flip = (byte?: number) => (byte === undefined ? {} : { flips: [byte * 8 + (at % 8)] })
    const raw = duplexPair({ forth: flip(forth), back: flip(backAt) })
    const [near, far] = [outcome(dial(raw[0])), outcome(listen(raw[1]))]
    const where = `byte ${forth ?? backAt} ${forth === undefined ? 'back' : 'forth'}`
    t.is(await near, 'ERR_IDENTITY', where)
    // who has said yes cannot know whether it was heard; it is given nothing
    const isAnswer = backAt !== undefined && backAt >= SAID.listener
    // and who still spoke when the other one closed hears of a reset
    const codes = isAnswer ? ['in, 0 bytes'] : ['ERR_IDENTITY', 'ERR_UNREACHABLE']
    const found = await far
    t.true(codes.includes(found), `${where}: ${found}`)
    await Promise.all(raw.map(whenClosed))
  }
})

test('a stranger that says very much is neither asked about nor waited for', async (t) => {
  const [near, far] = toStranger()
  let asked = 0
  const admit = () => ++asked > 0
  const opening = outcome(listen(near, { admit }))
  far.write(PREFACE)
  const piece = Buffer.alloc(64 * 1024)
  for (let at = 0; at < 64 && !near.destroyed; at++) {
    far.write(piece)
    await turns(1)
  }
  t.is(await opening, 'ERR_IDENTITY')
  t.is(asked, 0)
  await whenClosed(near)
})
