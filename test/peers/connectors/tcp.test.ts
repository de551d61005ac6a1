import { once } from 'node:events'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import { dial, tcp } from '../../../lib/peers/connectors/tcp.js'
import { connectorConformance, FakeClock } from '../../../lib/testing/index.js'
import { conforms } from '../../helpers/conforms.js'

conforms(
  'tcp',
  connectorConformance(() => ({ connector: tcp(), address: '127.0.0.1:0' })),
)

const loopback = (...hosts: string[]) =>
  hosts.map((address) => ({ address, family: address.includes(':') ? 6 : 4 }))

/** A listener, which is closed when the test ends. */
async function listener(t: ExecutionContext<unknown>, address = '127.0.0.1:0') {
  const accepted: { duplex: Duplex; from: { address?: string } }[] = []
  const listening = await tcp().listen!(address, {
    onConnection: (duplex, from) => void accepted.push({ duplex, from }),
  })
  t.teardown(async () => {
    await listening.close()
    for (const { duplex } of accepted) duplex.destroy()
  })
  return { accepted, listening, port: Number(/\d+$/.exec(listening.addresses[0]!)![0]) }
}

/** Attempts that come to nothing by themselves. */
function attempts(...hosts: string[]) {
  const begun: { host: string; socket: Socket }[] = []
  const clock = new FakeClock()
  const stop = new AbortController()
  const dialled = dial(
    hosts.map((host) => ({ host, port: 7 })),
    {
      clock,
      signal: stop.signal,
      open({ host }) {
        const socket = new Socket()
        begun.push({ host, socket })
        return socket
      },
    },
  )
  const fail = (index: number, code: string) =>
    begun[index]!.socket.emit('error', Object.assign(new Error(code), { code }))
  return { begun, clock, dialled, stop, fail, hosts: () => begun.map(({ host }) => host) }
}

test('an address has a head start before the next is tried beside it; who answers first is taken', async (t) => {
  const { begun, clock, dialled, hosts } = attempts('1.1.1.1', '2.2.2.2', '3.3.3.3')
  clock.advance(249)
  t.deepEqual(hosts(), ['1.1.1.1'])
  clock.advance(1)
  t.deepEqual(hosts(), ['1.1.1.1', '2.2.2.2'])
  begun[1]!.socket.emit('connect')
  t.is(await dialled, begun[1]!.socket)
  t.deepEqual(
    begun.map(({ socket }) => socket.destroyed),
    [true, false],
  )
  t.is(clock.pending, 0)
  const unheard = () => begun[1]!.socket.emit('error', new Error('reset'))
  t.notThrows(unheard, 'whoever gets it may listen only later')
})

test('one that fails makes room for the next at once, and the families take turns', async (t) => {
  const { clock, dialled, hosts, fail } = attempts('::1', '::2', '1.1.1.1', '::3')
  fail(0, 'ENETUNREACH')
  fail(1, 'ECONNREFUSED')
  t.deepEqual(hosts(), ['::1', '1.1.1.1', '::2'])
  clock.advance(250)
  t.deepEqual(hosts(), ['::1', '1.1.1.1', '::2', '::3'])
  fail(3, 'ETIMEDOUT')
  fail(2, 'ETIMEDOUT')
  await t.throwsAsync(dialled, {
    code: 'ERR_UNREACHABLE',
    message: 'nobody listens at [::1]:7 or [::2]:7 or 1.1.1.1:7 or [::3]:7; start the other side first',
  })
})

test('who stops waits for no address', async (t) => {
  const { begun, clock, dialled, stop } = attempts('1.1.1.1', '2.2.2.2')
  clock.advance(250)
  const reason = new Error('stopped')
  stop.abort(reason)
  t.is(await t.throwsAsync(dialled), reason)
  t.true(begun.every(({ socket }) => socket.destroyed))
})

test('of two that answer at once the second is let go of', async (t) => {
  const { begun, clock, dialled } = attempts('1.1.1.1', '2.2.2.2')
  clock.advance(250)
  for (const { socket } of begun) socket.emit('connect')
  t.is(await dialled, begun[0]!.socket)
  t.true(begun[1]!.socket.destroyed)
})

test('a host is looked up, and each of its addresses tried', async (t) => {
  const { port } = await listener(t)
  const lookUp = async () => loopback('127.0.0.9', '127.0.0.1', '127.0.0.1')
  const duplex = (await tcp({ lookUp }).connect(`host:${port}`)) as Socket
  t.is(duplex.remoteAddress, '127.0.0.1')
  duplex.destroy()
})

test('what is wrong with an address is said', async (t) => {
  const { port, listening } = await listener(t)
  const unknown = tcp({ lookUp: () => Promise.reject(new Error('no such host')) })
  await t.throwsAsync(unknown.connect('host:1'), {
    code: 'ERR_UNREACHABLE',
    message: 'the host host is not known',
  })
  await t.throwsAsync(tcp().connect('tcp:host'), { code: 'ERR_USAGE' })
  const onConnection = () => {}
  await t.throwsAsync(tcp().listen!(`127.0.0.1:${port}`, { onConnection }), {
    code: 'ERR_USAGE',
    message: `the address 127.0.0.1:${port} is in use; choose another port, or 0 for any`,
  })
  await t.throwsAsync(tcp().listen!('203.0.113.1:0', { onConnection }), {
    code: 'ERR_USAGE',
    message: /is no address of this machine/,
  })
  await listening.close()
  await t.throwsAsync(tcp().connect(`127.0.0.1:${port}`), {
    code: 'ERR_UNREACHABLE',
    message: `nobody listens at 127.0.0.1:${port}; start the other side first`,
  })
  // as a program without types writes it
  await t.throwsAsync(tcp().listen!('127.0.0.1:0', { onConection() {} } as never), { code: 'ERR_USAGE' })
  t.throws(() => tcp({ lookup: () => {} } as never), { code: 'ERR_USAGE', message: /did you mean lookUp/ })
})

test('at any address it is reached by each of its own, and says of IPv4 what it is', async (t) => {
  const { accepted, port, listening } = await listener(t, '*:0')
  t.true(listening.addresses.length > 0)
  const duplex = await tcp().connect(`127.0.0.1:${port}`)
  duplex.write('x')
  while (accepted.length === 0) await new Promise(setImmediate)
  await once(accepted[0]!.duplex, 'data')
  t.deepEqual(accepted[0]!.from, { address: '127.0.0.1' })
  duplex.destroy()
})

test('a stranger that hangs up before anybody listens does not end the process', async (t) => {
  const { accepted, port } = await listener(t)
  const duplex = (await tcp().connect(`tcp:127.0.0.1:${port}`)) as Socket
  while (accepted.length === 0) await new Promise(setImmediate)
  const gone = new Promise((resolve) => accepted[0]!.duplex.once('close', resolve))
  // a reset, which is an error of the other end
  accepted[0]!.duplex.resume()
  duplex.resetAndDestroy()
  await gone
  t.is((accepted[0]!.duplex.errored as NodeJS.ErrnoException | null)?.code, 'ECONNRESET')
})
