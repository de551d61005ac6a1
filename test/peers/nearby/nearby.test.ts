// Peers that are found in a network in memory: who is, who is not, and what strangers can do to it.
import test from 'ava'
import { SluiceError } from '../../../lib/errors.js'
import { type AnnounceOptions, announce, announceOver } from '../../../lib/peers/nearby/announce.js'
import { announcementOf, answerOf, QUESTION } from '../../../lib/peers/nearby/announcement.js'
import { loadCodec } from '../../../lib/peers/nearby/codec.js'
import { findOver, findPeer } from '../../../lib/peers/nearby/find-peer.js'
import { FakeClock, randomContent } from '../../../lib/testing/index.js'
import { interfaceWith, Network, settle } from '../../helpers/nearby.js'
import { ALICE, BOB } from '../../helpers/secure.js'

const codec = await loadCodec()
const question = codec.encode(QUESTION)
const answer = (key: Uint8Array, port: number) => codec.encode(answerOf(announcementOf(key, port)))

/** Bob listens at all addresses of his machine, by port 7000. */
const bob = (network: Network, clock: FakeClock, options: AnnounceOptions = {}) =>
  announceOver(network.machine('10.0.0.2', 'fe80::2'), BOB.publicKey, ['10.0.0.2:7000'], options, clock)

/** Somebody looks for Bob. */
function looking(network: Network, clock: FakeClock, options: { signal?: AbortSignal } = {}) {
  const found: string[] = []
  const onFound = (address: string) => void found.push(address)
  const over = findOver(network.machine('10.0.0.1', 'fe80::1'), BOB.publicKey, { onFound, clock, ...options })
  over.catch(() => {})
  return { found, over }
}

/** Lets so much time pass, and whatever happens in it. */
async function pass(clock: FakeClock, ms: number): Promise<void> {
  await settle()
  clock.advance(ms)
  await settle()
}

test('who is announced is found, at each address from which it answers, and nothing stays open', async (t) => {
  const [network, clock] = [new Network(), new FakeClock()]
  const announcing = await bob(network, clock)
  const { found, over } = looking(network, clock)
  await pass(clock, 0)
  t.deepEqual(found, ['10.0.0.2:7000', '[fe80::2%eth0]:7000'])
  await pass(clock, 5000)
  await over
  await announcing.close()
  t.is(network.open.size, 0)
  t.is(clock.pending, 0)
})

test('who starts while it is asked for is found', async (t) => {
  const [network, clock] = [new Network(), new FakeClock()]
  const { found } = looking(network, clock)
  await pass(clock, 500)
  const announcing = await bob(network, clock)
  await pass(clock, 500)
  t.deepEqual(found, ['10.0.0.2:7000', '[fe80::2%eth0]:7000'])
  await announcing.close()
})

test('who is not announced is not found, whoever else is', async (t) => {
  const [network, clock] = [new Network(), new FakeClock()]
  const other = await announceOver(network.machine('10.0.0.3'), ALICE.publicKey, ['10.0.0.3:1'], {}, clock)
  const { found, over } = looking(network, clock)
  await pass(clock, 5000)
  const message = /^nobody in this network answers as the peer within 5000 ms; .*--find/
  await t.throwsAsync(over, { code: 'ERR_UNREACHABLE', message })
  t.deepEqual(found, [])
  await other.close()
})

test('nobody is told anything who has not asked, and a network hears one answer a second', async (t) => {
  const [network, clock] = [new Network(), new FakeClock()]
  const announcing = await bob(network, clock)
  const answers = () => network.sent.filter(({ from }) => from === '10.0.0.2').length
  t.is(answers(), 0)
  network.send(
    codec.encode({ type: 'query', questions: [{ type: 'A', name: '_sluice._tcp.local' }] }),
    '10.0.0.9',
  )
  await settle()
  t.is(answers(), 0)
  for (let at = 0; at < 100; at++) network.send(question, '10.0.0.9')
  await settle()
  t.is(answers(), 1)
  await pass(clock, 1000)
  network.send(question, '10.0.0.9')
  await settle()
  t.is(answers(), 2)
  await announcing.close()
})

test('an announcement says neither key nor name, nor an address', async (t) => {
  const [network, clock] = [new Network(), new FakeClock()]
  const announcing = await bob(network, clock)
  network.send(question, '10.0.0.9')
  await announcing.close()
  const said = network.sent.filter(({ from }) => from === '10.0.0.2').map(({ packet }) => packet)
  t.is(said.length, 2)
  for (const packet of said) {
    // all of it: labels of the service, three records, and 16 random bytes
    t.true(packet.length < 400)
    for (const secret of [Buffer.from(BOB.publicKey), Buffer.of(10, 0, 0, 2)]) {
      t.false(packet.includes(secret))
      t.false(packet.includes(secret.toString('hex')))
    }
  }
})

test('closed, it is taken back, and nobody is answered any more; a signal does the same', async (t) => {
  for (const way of ['close', 'signal']) {
    const [network, clock] = [new Network(), new FakeClock()]
    const stop = new AbortController()
    const announcing = await bob(network, clock, { signal: stop.signal })
    if (way === 'signal') stop.abort()
    await announcing.close()
    await announcing.close()
    const last = codec.decode(network.sent.at(-1)!.packet)!
    t.true(last.answers!.every((record) => 'ttl' in record && record.ttl === 0))
    const before = network.sent.length
    network.send(question, '10.0.0.9')
    await settle()
    t.is(network.sent.length, before + 1)
    t.is(network.open.size, 0)
    t.is(clock.pending, 0)
  }
})

test('a network that is joined later is told, too; that there is none is said once, or is an error', async (t) => {
  const [network, clock] = [new Network(), new FakeClock()]
  const warnings: SluiceError[] = []
  const machine = network.machine('10.0.0.2')
  let isJoined = false
  const interfaces = () => (isJoined ? machine.interfaces() : { lo: interfaceWith('127.0.0.1') })
  const options = { onWarning: (warning: SluiceError) => void warnings.push(warning) }
  const announcing = await announceOver(
    { ...machine, interfaces },
    BOB.publicKey,
    ['127.0.0.1:7000'],
    options,
    clock,
  )
  await pass(clock, 10_000)
  t.deepEqual(
    warnings.map(({ code }) => code),
    ['ERR_UNREACHABLE'],
  )
  const silently = announceOver({ ...machine, interfaces }, BOB.publicKey, ['127.0.0.1:7000'], {}, clock)
  await t.throwsAsync(silently, { code: 'ERR_UNREACHABLE' })
  isJoined = true
  await pass(clock, 10_000)
  network.send(question, '10.0.0.9')
  await settle()
  t.is(network.sent.at(-1)!.from, '10.0.0.2')
  t.is(warnings.length, 1)
  await announcing.close()
})

test('who repeats what a peer has said is looked at, and the peer is found beside', async (t) => {
  const [network, clock] = [new Network(), new FakeClock()]
  const announcing = await bob(network, clock)
  const { found } = looking(network, clock)
  await settle()
  network.send(answer(BOB.publicKey, 666), '10.0.0.66')
  await pass(clock, 0)
  t.deepEqual(found, ['10.0.0.66:666', '10.0.0.2:7000', '[fe80::2%eth0]:7000'])
  await announcing.close()
})

test('however much is said, 16 addresses are told at most, 4 of one machine, each once', async (t) => {
  const [network, clock] = [new Network(), new FakeClock()]
  const { found } = looking(network, clock)
  await settle()
  for (let port = 1; port <= 1000; port++) network.send(answer(BOB.publicKey, port), '10.0.0.66')
  t.is(found.length, 4)
  for (let host = 1; host <= 100; host++)
    for (let times = 0; times < 2; times++) network.send(answer(BOB.publicKey, 7000), `10.0.1.${host}`)
  t.is(found.length, 16)
  t.is(new Set(found).size, 16)
  await pass(clock, 5000)
})

test('garbage, and what is said of others, is passed over on both sides', async (t) => {
  const [network, clock] = [new Network(), new FakeClock()]
  const announcing = await bob(network, clock)
  const { found } = looking(network, clock)
  await settle()
  const label = Buffer.from('\u0007_sluice')
  for (let at = 0; at < 1000; at++) {
    const noise = randomContent(at)
    network.send(noise, '10.0.0.66')
    network.send(Buffer.concat([noise, label, noise]), '10.0.0.66')
    network.send(answer(ALICE.publicKey, 1 + at), '10.0.0.66')
  }
  await pass(clock, 0)
  t.deepEqual(found, ['10.0.0.2:7000', '[fe80::2%eth0]:7000'])
  await announcing.close()
})

test('the reason of a signal ends it', async (t) => {
  const [network, clock] = [new Network(), new FakeClock()]
  const stop = new AbortController()
  const reason = new SluiceError('ERR_CANCELLED', 'enough')
  const { over } = looking(network, clock, { signal: stop.signal })
  await pass(clock, 100)
  stop.abort(reason)
  t.is(await t.throwsAsync(over), reason)
  t.is(clock.pending, 0)
  t.is(network.open.size, 0)
  t.is(await t.throwsAsync(looking(network, clock, { signal: stop.signal }).over), reason)
})

test('what is stopped while it begins is not announced', async (t) => {
  const [network, clock, stop] = [new Network(), new FakeClock(), new AbortController()]
  const announcing = bob(network, clock, { signal: stop.signal })
  const reason = new Error('enough')
  stop.abort(reason)
  t.is(await t.throwsAsync(announcing), reason)
  t.is(network.open.size, 0)
  t.is(clock.pending, 0)
})

test('a network that takes no question is told of, with the way out', async (t) => {
  const [network, clock] = [new Network(), new FakeClock()]
  const machine = network.machine('10.0.0.1')
  const mute: typeof machine.open = async (address, onPacket) => ({
    ...(await machine.open(address, onPacket)),
    send: () => Promise.reject(Object.assign(new Error(), { code: 'EPERM' })),
  })
  const over = findOver({ ...machine, open: mute }, BOB.publicKey, { onFound: () => {}, clock })
  over.catch(() => {})
  await pass(clock, 0)
  await t.throwsAsync(over, { code: 'ERR_UNREACHABLE', message: /refuses multicast \(EPERM\)/ })
  t.is(clock.pending, 0)
})

test('a bad option is named', async (t) => {
  const usage = (message: RegExp) => ({ code: 'ERR_USAGE', message })
  const onFound = () => {}
  await t.throwsAsync(findPeer(Buffer.alloc(3), { onFound }), usage(/publicKey/))
  await t.throwsAsync(findPeer(BOB.publicKey, {} as never), usage(/onFound/))
  await t.throwsAsync(findPeer(BOB.publicKey, { onFound, timeout: 0 }), usage(/timeout/))
  await t.throwsAsync(announce(Buffer.alloc(3), []), usage(/publicKey/))
  await t.throwsAsync(announce(BOB.publicKey, 'x' as never), usage(/addresses/))
  await t.throwsAsync(announce(BOB.publicKey, ['unix:/x']), usage(/HOST:PORT/))
})
