import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import { deferred } from '../../lib/async.js'
import { SluiceError } from '../../lib/errors.js'
import { type ConnectToPeerOptions, connect } from '../../lib/peers/connect.js'
import { unreachable } from '../../lib/peers/connectors/connection-error.js'
import type { Connector } from '../../lib/peers/connectors/connector.js'
import { Invitations } from '../../lib/peers/invitations.js'
import type { SecureDuplex } from '../../lib/peers/secure.js'
import { duplexPair, FakeClock } from '../../lib/testing/index.js'
import { ALICE, BOB, listen, someone, whenLeft } from '../helpers/secure.js'

type Behaviour = (signal: AbortSignal) => Duplex | Promise<Duplex>

/** A network in which each address behaves as it is told to; `tried` are those that were connected to, in order. */
function network(behaviours: Record<string, Behaviour>) {
  const tried: string[] = []
  const connector: Connector = {
    takes: () => true,
    async connect(address, { signal } = {}) {
      tried.push(address)
      return behaviours[address]!(signal!)
    },
  }
  return { tried, connectors: [connector] }
}

/** The peer listens there, and lets everybody in; `guests` are those. */
function peer(identity = BOB, guests: SecureDuplex[] = []): Behaviour {
  return () => {
    const [near, far] = duplexPair()
    listen(far, { identity }).then(
      (guest) => guests.push(guest.on('error', () => {})),
      () => {},
    )
    return near
  }
}

const refused: Behaviour = () => {
  throw unreachable(Object.assign(new Error(), { code: 'ECONNREFUSED' }), 'there')
}

/** Neither answers nor refuses. */
const hanging: Behaviour = (signal) =>
  new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

/** Takes the connection, and says nothing. */
function silent(taken: Duplex[] = []): Behaviour {
  return () => {
    const [near, far] = duplexPair()
    taken.push(far.resume().on('error', () => {}))
    return near
  }
}

const to = (...addresses: string[]) => ({ addresses, publicKey: BOB.publicKey })

/** Lets everything happen that needs no time. */
async function settle(): Promise<void> {
  for (let at = 0; at < 50; at++) await setImmediate()
}

test('of several addresses the first one at which the peer is counts, and the others are not tried', async (t) => {
  const { tried, connectors } = network({ 'a:1': refused, 'b:1': peer(), 'c:1': refused })
  const clock = new FakeClock()
  const { duplex, address } = await connect(to('a:1', 'b:1', 'c:1'), { identity: ALICE, connectors, clock })
  t.is(address, 'b:1')
  t.deepEqual(Buffer.from(duplex.peerKey), Buffer.from(BOB.publicKey))
  t.deepEqual(tried, ['a:1', 'b:1'])
  t.is(clock.pending, 0)
  duplex.destroy()
})

test('an address that hangs has its head start, and holds up no other one', async (t) => {
  const { tried, connectors } = network({ 'a:1': hanging, 'b:1': hanging, 'c:1': peer() })
  const clock = new FakeClock()
  const connecting = connect(to('a:1', 'b:1', 'c:1'), { identity: ALICE, connectors, clock })
  await settle()
  t.deepEqual(tried, ['a:1'])
  clock.advance(249)
  await settle()
  t.deepEqual(tried, ['a:1'])
  clock.advance(1)
  await settle()
  t.deepEqual(tried, ['a:1', 'b:1'])
  clock.advance(250)
  const { duplex, address } = await connecting
  t.is(address, 'c:1')
  t.is(clock.pending, 0)
  duplex.destroy()
})

test('an address that is somebody else with another key by now is passed over', async (t) => {
  const { connectors } = network({ 'a:1': peer(someone()), 'b:1': peer() })
  const options = { identity: ALICE, connectors, clock: new FakeClock() }
  const { duplex, address } = await connect(to('a:1', 'b:1'), options)
  t.is(address, 'b:1')
  duplex.destroy()
})

test('somebody who answers and says nothing is given up, while the others are asked beside', async (t) => {
  const taken: Duplex[] = []
  const { tried, connectors } = network({ 'a:1': silent(taken), 'b:1': peer() })
  const clock = new FakeClock()
  const connecting = connect(to('a:1', 'b:1'), { identity: ALICE, connectors, clock })
  await settle()
  clock.advance(1999)
  await settle()
  t.deepEqual(tried, ['a:1'], 'it may be far away')
  clock.advance(1)
  const { duplex, address } = await connecting
  t.is(address, 'b:1')
  await whenLeft(taken[0]!)
  t.is(clock.pending, 0)
  duplex.destroy()
})

test('a peer that is slow is taken, also after another address was asked; what comes later is closed', async (t) => {
  const late: Duplex[] = []
  const guests: SecureDuplex[] = []
  let answer = () => {}
  const slow: Behaviour = () => {
    const [near, far] = duplexPair()
    answer = () => void listen(far).then((guest) => guests.push(guest.on('error', () => {})))
    return near
  }
  const { connectors } = network({ 'a:1': slow, 'b:1': silent(late) })
  const clock = new FakeClock()
  const connecting = connect(to('a:1', 'b:1'), { identity: ALICE, connectors, clock })
  await settle()
  clock.advance(2000)
  await settle()
  t.is(late.length, 1)
  answer()
  const { duplex, address } = await connecting
  t.is(address, 'a:1')
  await whenLeft(late[0]!)
  t.is(guests.length, 1)
  duplex.destroy()
})

test('a listener at several addresses has one guest, though all of them answer at once', async (t) => {
  const guests: SecureDuplex[] = []
  const { connectors } = network({
    'a:1': peer(BOB, guests),
    'b:1': peer(BOB, guests),
    'c:1': peer(BOB, guests),
  })
  const options = { identity: ALICE, connectors, clock: new FakeClock() }
  const { duplex } = await connect(to('a:1', 'b:1', 'c:1'), options)
  await settle()
  t.is(guests.length, 1)
  duplex.destroy()
})

test('a connection that comes when nobody waits for it any more is closed', async (t) => {
  const [near, far] = duplexPair()
  let come = () => {}
  // a connector that takes no notice of its signal
  const deaf: Behaviour = () =>
    new Promise((resolve) => {
      come = () => resolve(near)
    })
  const { connectors } = network({ 'a:1': deaf, 'b:1': peer() })
  const clock = new FakeClock()
  const connecting = connect(to('a:1', 'b:1'), { identity: ALICE, connectors, clock })
  await settle()
  clock.advance(250)
  const { duplex } = await connecting
  come()
  await whenLeft(far)
  t.true(near.destroyed)
  duplex.destroy()
})

test('where nobody is the peer it is said what says most: who is another one before who was not there', async (t) => {
  const options = (behaviours: Record<string, Behaviour>) => ({
    identity: ALICE,
    connectors: network(behaviours).connectors,
    clock: new FakeClock(),
  })
  const another = connect(to('a:1', 'b:1'), options({ 'a:1': peer(someone()), 'b:1': refused }))
  await t.throwsAsync(another, { code: 'ERR_IDENTITY' })
  const away: Behaviour = () => {
    throw unreachable(Object.assign(new Error(), { code: 'EHOSTUNREACH' }), 'elsewhere')
  }
  const nobody = connect(to('a:1', 'b:1'), options({ 'a:1': refused, 'b:1': away }))
  const message =
    'nobody answers as the peer at its 2 addresses: nobody listens at there; start the other side first'
  await t.throwsAsync(nobody, { code: 'ERR_UNREACHABLE', message })
  const alone = connect(to('b:1'), options({ 'b:1': away }))
  await t.throwsAsync(alone, { code: 'ERR_UNREACHABLE', message: 'elsewhere cannot be reached' })
})

test('one that resets its connection while another one is heard ends neither the others nor the process', async (t) => {
  const answers: (() => void)[] = []
  const resets: Duplex[] = []
  const slow =
    (behaviour: Behaviour): Behaviour =>
    (signal) =>
      new Promise((resolve) => answers.push(async () => resolve(await behaviour(signal))))
  const connected: Behaviour = () => {
    const [near] = duplexPair()
    resets.push(near)
    return near
  }
  const clock = new FakeClock()
  const taken: Duplex[] = []
  const { connectors } = network({ 'a:1': slow(silent(taken)), 'b:1': slow(connected), 'c:1': peer() })
  const connecting = connect(to('a:1', 'b:1', 'c:1'), { identity: ALICE, connectors, clock })
  await settle()
  clock.advance(250)
  await settle()
  for (const answer of answers) answer()
  await settle()
  t.is(taken.length, 1)
  resets[0]!.destroy(new Error('reset by the peer'))
  await settle()
  clock.advance(2000)
  const { duplex, address } = await connecting
  t.is(address, 'c:1')
  duplex.destroy()
})

test('who says nothing until the time is over was not reached', async (t) => {
  const { connectors } = network({ 'a:1': silent() })
  const clock = new FakeClock()
  const connecting = connect(to('a:1'), { identity: ALICE, connectors, clock, timeout: 5000 })
  await settle()
  clock.advance(5000)
  const message = /^a:1 answers, but the handshake was not done within 5000 ms: /
  await t.throwsAsync(connecting, { code: 'ERR_UNREACHABLE', message })
  t.is(clock.pending, 0)
})

test('an address has one time for all, also where its connector never settles', async (t) => {
  const deaf: Behaviour = () => new Promise(() => {})
  const clock = new FakeClock()
  for (const behaviour of [hanging, deaf]) {
    const { connectors } = network({ 'a:1': behaviour })
    const connecting = connect(to('a:1'), { identity: ALICE, connectors, clock, timeout: 5000 })
    await settle()
    clock.advance(5000)
    const message = 'a:1 does not answer within 5000 ms'
    await t.throwsAsync(connecting, { code: 'ERR_UNREACHABLE', message })
    t.is(clock.pending, 0)
  }
  let answer = () => {}
  const slow: Behaviour = (signal) =>
    new Promise((resolve) => {
      answer = async () => resolve(await silent()(signal))
    })
  const { connectors } = network({ 'a:1': slow })
  const connecting = connect(to('a:1'), { identity: ALICE, connectors, clock, timeout: 5000 })
  await settle()
  clock.advance(4000)
  answer()
  await settle()
  clock.advance(1000)
  await t.throwsAsync(connecting, { code: 'ERR_UNREACHABLE', message: /not done within 5000 ms/ })
  t.is(clock.pending, 0)
})

test('the reason of a signal ends it at any time, and closes what stands', async (t) => {
  const clock = new FakeClock()
  const reason = new Error('enough')
  const taken: Duplex[] = []
  for (const behaviour of [hanging, silent(taken)]) {
    const { connectors } = network({ 'a:1': behaviour, 'b:1': hanging })
    const stop = new AbortController()
    const options = { identity: ALICE, connectors, clock, signal: stop.signal }
    const connecting = connect(to('a:1', 'b:1'), options)
    await settle()
    stop.abort(reason)
    t.is(await t.throwsAsync(connecting), reason)
    t.is(await t.throwsAsync(connect(to('a:1'), options)), reason)
    t.is(clock.pending, 0)
  }
  await whenLeft(taken[0]!)
})

test('only the peer is shown the secret, and one that lets us not in says so', async (t) => {
  const invitations = new Invitations()
  const secret = invitations.issue()
  const admitting: Behaviour = () => {
    const [near, far] = duplexPair()
    listen(far, { admit: (stranger) => invitations.admit(stranger) }).then(
      (guest) => guest.on('error', () => {}),
      () => {},
    )
    return near
  }
  const options = { connectors: network({ 'a:1': admitting }).connectors, clock: new FakeClock() }
  const first = await connect({ ...to('a:1'), secret }, { ...options, identity: ALICE })
  const again = await connect({ ...to('a:1'), secret }, { ...options, identity: ALICE })
  const other = connect({ ...to('a:1'), secret }, { ...options, identity: someone() })
  await t.throwsAsync(other, { code: 'ERR_IDENTITY', message: /does not let us in/ })
  for (const { duplex } of [first, again]) await once(duplex.destroy(), 'close')
})

/** Finds these addresses at once, and says so when there will be no more. */
function finder(...found: string[]) {
  const over = deferred<void>()
  let signal: AbortSignal | undefined
  const find: NonNullable<ConnectToPeerOptions['find']> = (_key, how) => {
    signal = how.signal
    for (const address of found) how.onFound(address)
    return over.promise
  }
  return { find, end: over.resolve, fail: over.reject, isStopped: () => signal!.aborted }
}

test('what is found is tried before what is left of the known, which may be nothing', async (t) => {
  for (const known of [[], ['a:1', 'b:1']]) {
    const { tried, connectors } = network({ 'a:1': hanging, 'b:1': hanging, 'c:1': peer() })
    const clock = new FakeClock()
    const { find, isStopped } = finder('c:1')
    const connecting = connect(to(...known), { identity: ALICE, connectors, clock, find })
    const { duplex, address } = await connecting
    t.is(address, 'c:1')
    t.deepEqual(tried, ['c:1'])
    t.true(isStopped(), 'nothing is looked for any more, and nobody waits for one that goes on')
    t.is(clock.pending, 0)
    duplex.destroy()
  }
})

test('what is found while others are tried has its turn after their head start, and once', async (t) => {
  const { tried, connectors } = network({ 'a:1': hanging, 'b:1': peer() })
  const clock = new FakeClock()
  let onFound = (_address: string) => {}
  const find: ConnectToPeerOptions['find'] = (_key, how) => {
    onFound = how.onFound
    return new Promise(() => {})
  }
  const connecting = connect(to('a:1'), { identity: ALICE, connectors, clock, find })
  await settle()
  for (const address of ['a:1', 'b:1', 'b:1']) onFound(address)
  await settle()
  t.deepEqual(tried, ['a:1'])
  clock.advance(250)
  const { duplex, address } = await connecting
  t.is(address, 'b:1')
  t.deepEqual(tried, ['a:1', 'b:1'])
  duplex.destroy()
})

test('a listener that is found at several addresses has one guest', async (t) => {
  const guests: SecureDuplex[] = []
  const { tried, connectors } = network({ 'a:1': peer(BOB, guests), 'b:1': peer(BOB, guests) })
  const { find } = finder('a:1', 'b:1')
  const { duplex } = await connect(to(), { identity: ALICE, connectors, clock: new FakeClock(), find })
  await settle()
  t.is(guests.length, 1)
  t.is(tried.length, 1)
  duplex.destroy()
})

test('who only claims to be the peer is passed over, and the peer is found beside; alone that is an alarm', async (t) => {
  const { connectors } = network({ 'a:1': peer(someone()), 'b:1': silent(), 'c:1': peer() })
  const clock = new FakeClock()
  const options = { identity: ALICE, connectors, clock }
  const connecting = connect(to(), { ...options, find: finder('c:1', 'b:1', 'a:1').find })
  let isOver = false
  const passing = connecting.finally(() => {
    isOver = true
  })
  for (; !isOver; clock.advance(100)) await settle()
  const { duplex, address } = await passing
  t.is(address, 'c:1')
  duplex.destroy()
  const { find, end } = finder('a:1')
  const alone = connect(to(), { ...options, find })
  end()
  await t.throwsAsync(alone, { code: 'ERR_IDENTITY' })
})

test('where nothing was found it is said beside what became of the known addresses, or alone', async (t) => {
  const { connectors } = network({ 'a:1': refused, 'b:1': refused })
  const looked = (known: string[], reason: Error | undefined) => {
    const { find, end, fail } = finder()
    if (reason) fail(reason)
    else end()
    return connect(to(...known), { identity: ALICE, connectors, clock: new FakeClock(), find })
  }
  const nobody = new SluiceError('ERR_UNREACHABLE', 'nobody is there')
  const at = 'nobody listens at there; start the other side first'
  const messages: [string[], Error | undefined, string | RegExp][] = [
    [['a:1'], nobody, `${at}; and nobody is there`],
    [['a:1', 'b:1'], nobody, `nobody answers as the peer at its 2 addresses: ${at}; and nobody is there`],
    [['a:1'], undefined, at],
    [[], nobody, 'nobody is there'],
    [[], undefined, /no connection could be made/],
  ]
  for (const [known, reason, message] of messages)
    await t.throwsAsync(looked(known, reason), { code: 'ERR_UNREACHABLE', message })
})

test('a bad option is named', async (t) => {
  for (const [destination, options, message] of [
    [to(), { identity: ALICE }, /^addresses/],
    [to(), { identity: ALICE, find: true }, /^find/],
    [to('a:1'), { identity: ALICE, most: 1 }, /most/],
    [to('nowhere'), { identity: ALICE }, /"nowhere" is not an address/],
  ] as const)
    await t.throwsAsync(connect(destination, options as never), { code: 'ERR_USAGE', message })
})
