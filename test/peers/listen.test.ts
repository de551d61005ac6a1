import { once } from 'node:events'
import { Server, connect as tcpConnect } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import { deferred } from '../../lib/async.js'
import type { SluiceError } from '../../lib/errors.js'
import { connect } from '../../lib/peers/connect.js'
import type { Connector } from '../../lib/peers/connectors/connector.js'
import { Invitations } from '../../lib/peers/invitations.js'
import { type From, type ListenForPeersOptions, listen } from '../../lib/peers/listen.js'
import type { SecureDuplex } from '../../lib/peers/secure.js'
import { turns } from '../../lib/testing/conformance/harness/probe.js'
import { duplexPair, FakeClock } from '../../lib/testing/index.js'
import { temporary } from '../helpers/folders.js'
import { ALICE, BOB, dial as dialled, SAID, someone, whenLeft } from '../helpers/secure.js'

/** A dialler that does not mind how it ends. */
const dial = async (...args: Parameters<typeof dialled>) => (await dialled(...args)).on('error', () => {})

/** Bob listens; connections come from wherever a test says. */
async function scene(options: Partial<ListenForPeersOptions> = {}) {
  let come = (_duplex: Duplex, _from: From) => {}
  let isClosed = false
  const close = async () => {
    isClosed = true
  }
  const connector: Connector = {
    takes: () => true,
    connect: () => Promise.reject(new Error()),
    async listen(_address, { onConnection }) {
      come = onConnection
      return { addresses: ['a:1'], close }
    },
  }
  const clock = new FakeClock()
  const guests: { duplex: SecureDuplex; from: From }[] = []
  const refused: { error: SluiceError; from: From }[] = []
  const waiting: (() => void)[] = []
  const told = () => {
    for (const resolve of waiting.splice(0)) resolve()
  }
  const listening = await listen({
    identity: BOB,
    addresses: ['a:1'],
    connectors: [connector],
    admit: () => true,
    onConnection(duplex, from) {
      guests.push({ duplex: duplex.on('error', () => {}), from })
      told()
    },
    onRefused(error, from) {
      refused.push({ error, from })
      told()
    },
    clock,
    ...options,
  })
  /** A raw connection from an address, which the listener has been given. */
  const from = (address?: string, faults?: Parameters<typeof duplexPair>[0]): Duplex => {
    const [near, far] = duplexPair(faults)
    near.on('error', () => {})
    come(far, address === undefined ? {} : { address })
    return near
  }
  /** Resolves when the listener has told of the next connection. */
  const next = () => new Promise<void>((resolve) => waiting.push(resolve))
  return { listening, clock, guests, refused, from, next, isClosed: () => isClosed }
}

test('whoever proves a key and is let in is handed over, with the address from where it comes', async (t) => {
  const { guests, refused, from, next, clock } = await scene()
  const come = next()
  const duplex = await dial(from('10.0.0.1'))
  await come
  t.deepEqual(guests[0]!.from, { address: '10.0.0.1' })
  t.deepEqual(Buffer.from(guests[0]!.duplex.peerKey), Buffer.from(ALICE.publicKey))
  duplex.end('hello')
  const [bytes] = await once(guests[0]!.duplex, 'data')
  t.is(String(bytes), 'hello')
  t.deepEqual([guests.length, refused.length, clock.pending], [1, 0, 0])
  guests[0]!.duplex.destroy()
})

test('of each that came to nothing it is told once, and the others are not affected', async (t) => {
  const admit = () => {
    throw new Error('not you')
  }
  const { guests, refused, from, next, clock } = await scene({ admit, timeout: 1000 })
  const after = async (act: () => unknown) => {
    const told = next()
    await act()
    await told
  }
  await after(() => from('a').end('GET / HTTP/1.1\r\n\r\n'))
  await after(() => from('b').end())
  await after(() => from('c').destroy())
  await after(() => t.throwsAsync(dial(from('d')), { code: 'ERR_IDENTITY' }))
  await after(() => t.throwsAsync(dial(from('e'), { key: someone().publicKey }), { code: 'ERR_IDENTITY' }))
  const silent = from('f')
  await after(() => clock.advance(1000))
  await whenLeft(silent)
  t.deepEqual(
    refused.map(({ error, from }) => [from.address, error.code]),
    [
      ['a', 'ERR_IDENTITY'],
      ['b', 'ERR_UNREACHABLE'],
      ['c', 'ERR_UNREACHABLE'],
      ['d', 'ERR_IDENTITY'],
      ['e', 'ERR_IDENTITY'],
      ['f', 'ERR_TIMEOUT'],
    ],
  )
  t.regex(refused[3]!.error.message, /not you/)
  t.is(guests.length, 0)
  t.is(clock.pending, 0)
})

test('who is in handshake for longest makes room for one that comes, and who comes too often is not heard', async (t) => {
  const limits = { atOnce: 2, perMinute: 3 }
  const { guests, refused, from, next } = await scene({ limits })
  const silent = [from('a'), from('a')].map((duplex) => duplex.resume())
  let come = next()
  const guest = await dial(from('a'))
  await come
  await whenLeft(silent[0]!)
  while (guests.length + refused.length < 2) await next()
  t.deepEqual([guests.length, refused.length], [1, 1])
  t.is(refused[0]!.error.code, 'ERR_LIMIT')
  t.false(silent[1]!.destroyed)
  come = next()
  await whenLeft(from('a'))
  await come
  t.is(refused[1]!.error.code, 'ERR_LIMIT')
  const other = await dial(from('b'))
  for (const duplex of [guest, other, ...silent]) duplex.destroy()
})

test('closed, or stopped by its signal, it gives up who is in handshake, and lets go on who is through', async (t) => {
  const stop = new AbortController()
  for (const way of ['close', 'signal'] as const) {
    const { listening, guests, refused, from, next, clock, isClosed } = await scene({ signal: stop.signal })
    const come = next()
    const guest = await dial(from('a'))
    await come
    const silent = from('b').resume()
    const told = next()
    if (way === 'close') await listening.close()
    else stop.abort()
    await told
    await whenLeft(silent)
    t.is(refused[0]!.error.code, 'ERR_CANCELLED')
    t.is(clock.pending, 0)
    if (way === 'close') t.true(isClosed())
    guest.end('still there')
    const [bytes] = await once(guests[0]!.duplex, 'data')
    t.is(String(bytes), 'still there')
    guests[0]!.duplex.destroy()
  }
})

test('who is refused, and stays until it makes room or the listener closes, is told of as refused', async (t) => {
  for (const way of ['room', 'close'] as const) {
    const asked = deferred<void>()
    const admit = () => {
      asked.resolve()
      throw new Error('not you')
    }
    const { listening, refused, from, next } = await scene({ admit, limits: { atOnce: 1 } })
    const told = next()
    // it never hears that it was refused, and so it does not leave
    const near = from('a', { back: { dropAfter: SAID.listener } })
    const dialling = t.throwsAsync(dial(near))
    await asked.promise
    await turns(10)
    if (way === 'close') await listening.close()
    else from('b')
    await told
    t.is(refused[0]!.error.code, 'ERR_IDENTITY')
    t.regex(refused[0]!.error.message, /not you/)
    near.destroy()
    await dialling
    await listening.close()
  }
})

test('a ticket that has expired lets nobody in who has not come before', async (t) => {
  const time = new FakeClock()
  const invitations = new Invitations({ clock: time })
  const secret = invitations.issue({ ttl: 1000, many: 2 })
  const { guests, refused, from, next } = await scene({ admit: (stranger) => invitations.admit(stranger) })
  const first = await dial(from('a'), { secret })
  time.advance(1000)
  const told = next()
  await t.throwsAsync(dial(from('b'), { secret, identity: someone() }), { code: 'ERR_IDENTITY' })
  await told
  t.regex(refused[0]!.error.message, /its ticket has expired/)
  const again = await dial(from('c'), { secret })
  while (guests.length < 2) await setImmediate()
  for (const duplex of [first, again]) duplex.destroy()
})

test('over TCP it tells its addresses, at which a dialler finds it, until it is closed', async (t) => {
  const guests: SecureDuplex[] = []
  const listening = await listen({
    identity: BOB,
    addresses: ['127.0.0.1:0'],
    admit: () => true,
    onConnection: (duplex) => guests.push(duplex.on('error', () => {})),
  })
  t.teardown(() => listening.close())
  const { addresses } = listening
  const { duplex, address } = await connect({ addresses, publicKey: BOB.publicKey }, { identity: ALICE })
  t.is(address, addresses[0]!)
  duplex.on('error', () => {})
  await listening.close()
  const again = tcpConnect(Number(address.split(':')[1]!), '127.0.0.1')
  const [error] = await once(again, 'error')
  t.is(error.code, 'ECONNREFUSED')
  while (guests.length === 0) await setImmediate()
  guests[0]!.end()
  await whenLeft(duplex)
  duplex.destroy()
  guests[0]!.destroy()
})

test.serial('a connection that the system does not accept ends nothing', async (t) => {
  const servers: Server[] = []
  const { listen: asItWas } = Server.prototype
  Server.prototype.listen = function (this: Server, ...args: unknown[]) {
    servers.push(this)
    return Reflect.apply(asItWas, this, args)
  } as typeof asItWas
  t.teardown(() => {
    Server.prototype.listen = asItWas
  })
  const addresses = ['127.0.0.1:0', 'ws://127.0.0.1:0/', `unix:${join(await temporary(t), 's')}`]
  const listening = await listen({ identity: BOB, addresses, admit: () => true, onConnection: () => {} })
  t.is(servers.length, addresses.length)
  // as Node does where accept(2) fails
  for (const server of servers) t.notThrows(() => server.emit('error', new Error('accept ENOBUFS')))
  for (const address of listening.addresses) {
    const { duplex } = await connect({ addresses: [address], publicKey: BOB.publicKey }, { identity: ALICE })
    duplex.on('error', () => {}).destroy()
  }
  await listening.close()
})

test('a bad option is named, and nothing listens then', async (t) => {
  const options = { identity: BOB, admit: () => true, onConnection: () => {} }
  for (const [wrong, message] of [
    [{ addresses: [] }, /^addresses/],
    [{ admit: undefined }, /^admit/],
    [{ onConnection: 1 }, /^onConnection/],
    [{ most: 1 }, /most/],
    [{ limits: { atOnce: 0 } }, /^atOnce/],
    [{ addresses: ['nowhere'] }, /"nowhere" is not an address/],
  ] as const)
    await t.throwsAsync(listen({ ...options, ...wrong } as never), { code: 'ERR_USAGE', message })
  const { isClosed } = await scene()
  t.false(isClosed())
})
