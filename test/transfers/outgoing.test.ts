import type { Duplex } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import { deferred } from '../../lib/async.js'
import {
  type Accept,
  type ConnectToPeer,
  memoryParts,
  type Offer,
  type SendOptions,
  SluiceError,
  type Transfer,
  type TransferState,
  Transfers,
} from '../../lib/index.js'
import { type DuplexPairOptions, duplexPair, MemoryDisk, randomContent } from '../../lib/testing/index.js'
import { scale } from '../helpers/scale.js'

const BIG = randomContent(3_000_000)

/** A program that sends to Anna and Bob, who take what they are asked about. */
function scene(t: ExecutionContext, accept: (offer: Offer) => Accept | Promise<Accept> = () => true) {
  const disk = new MemoryDisk()
  for (const [path, content] of Object.entries({ big: BIG, a: 'a', b: 'b', c: 'c' }))
    disk.put(`/from/${path}`, content)
  disk.put('/other/a', 'another a')
  const peers = new Map(['anna', 'bob'].map((name) => [name, inbox(t, accept)]))
  const it = {
    connections: 0,
    faults: [] as DuplexPairOptions[],
    states: [] as TransferState[],
    ends: [] as Duplex[],
  }
  const connect: ConnectToPeer = (peer) => {
    it.connections++
    const to = peers.get(peer)
    if (!to) throw new SluiceError('ERR_UNREACHABLE', `${peer} is not there`)
    const [near, far] = duplexPair(it.faults.shift())
    it.ends.push(far)
    to.transfers.handle(far, { peer: 'me' }).catch(() => {})
    return near
  }
  const transfers = new Transfers({ receive: () => ({ dir: '/nowhere', accept: () => false }), connect })
  t.teardown(() => transfers.cancelAll())
  transfers.on('state', (_transfer, state) => it.states.push(state))
  const sending = (peer: string, paths: string[], options: SendOptions = {}) =>
    transfers.send(peer, paths, { fs: disk, retry: { pause: 0 }, ...options })
  return { it, transfers, sending, disk, anna: peers.get('anna')!, bob: peers.get('bob')! }
}

function inbox(t: ExecutionContext, accept: (offer: Offer) => Accept | Promise<Accept>) {
  const store = memoryParts()
  const transfers = new Transfers({ receive: () => ({ store, accept }) })
  t.teardown(() => transfers.cancelAll())
  const received = () => [...store.files.keys()].sort()
  return { store, transfers, received }
}

/** Resolves when a transfer comes into a state. */
function comesTo(transfer: Transfer, state: TransferState): Promise<void> {
  const { promise, resolve } = deferred<void>()
  transfer.on('state', (next) => next === state && resolve())
  return promise
}

test('paths go to a peer by its name; the transfer is listed, and ends by itself', async (t) => {
  const { transfers, sending, anna, bob } = scene(t)
  const transfer = await sending('anna', ['/from/a', '/from/big'])
  t.deepEqual(transfers.list({ peer: 'anna' }), [transfer])
  const { published } = await transfer.finished
  t.is(published, 2)
  t.deepEqual(anna.received(), ['a', 'big'])
  t.deepEqual(bob.received(), [])
  t.like(transfers.history[0], { peer: 'anna', direction: 'send', state: 'completed', files: 2 })
})

test('what is sent to a peer meanwhile is attached to the transfer that runs: one connection, also for two at once', async (t) => {
  const { it, sending, anna } = scene(t)
  const [one, other] = await Promise.all([
    sending('anna', ['/from/big']),
    sending('anna', ['/from/a']),
    sending('bob', ['/from/b']),
  ])
  t.is(one, other)
  one.pause()
  const third = sending('anna', ['/from/c'])
  t.is(await third, one)
  one.resume()
  const { published } = await one.finished
  t.is(published, 3)
  t.is(it.connections, 2)
  t.deepEqual(anna.received(), ['a', 'big', 'c'])
})

test('what a transfer that runs can take no more of goes by another one', async (t) => {
  const { it, sending, anna } = scene(t)
  const first = await sending('anna', ['/from/a', '/from/big'])
  first.pause()
  // the same name twice in one transfer
  const second = await sending('anna', ['/other/a'])
  t.not(second, first)
  await second.finished
  first.end()
  const third = await sending('anna', ['/from/c'])
  t.not(third, first)
  first.resume()
  await Promise.all([first.finished, third.finished])
  t.is(it.connections, 3)
  t.is(anna.received().length, 4)
})

test('wherever a transfer is at its end when more is sent, nothing is lost', async (t) => {
  for (let turns = 0; turns < scale(12, 60); turns++) {
    const { sending, anna } = scene(t)
    const first = await sending('anna', ['/from/a'])
    for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
    const second = await sending('anna', ['/from/b'])
    await Promise.all([first.finished, second.finished])
    t.deepEqual(anna.received(), ['a', 'b'], `${turns}`)
  }
})

test('a peer that is not there, or another one, is told by a code, by the event and by the history', async (t) => {
  const { it, transfers, sending } = scene(t)
  const both = await Promise.allSettled([sending('eve', ['/from/a']), sending('eve', ['/from/b'])])
  for (const one of both) t.like(one, { status: 'rejected', reason: { code: 'ERR_UNREACHABLE' } })
  t.is(it.connections, 1)
  t.deepEqual(it.states, ['connecting', 'failed'])
  t.like(transfers.history[0], { peer: 'eve', state: 'failed', error: { code: 'ERR_UNREACHABLE' } })
  const changed = new Transfers({
    receive: () => ({ dir: '/nowhere', accept: () => false }),
    connect: () => Promise.reject(new SluiceError('ERR_IDENTITY', 'another key')),
  })
  await t.throwsAsync(changed.send('anna', ['/from/a']), { code: 'ERR_IDENTITY' })
  t.like(changed.history[0], { peer: 'anna', state: 'failed', error: { code: 'ERR_IDENTITY' } })
})

test('a rejection is one of these paths: of those that wait beside them the peer is asked all the same', async (t) => {
  const { it, transfers, sending, anna } = scene(t, ({ entries }) => entries[0]!.path !== 'a')
  const [one, other] = await Promise.allSettled([
    sending('anna', ['/from/a']),
    sending('anna', ['/from/big']),
  ])
  t.like(one, { reason: { code: 'ERR_REJECTED' } })
  t.is(other.status, 'fulfilled')
  const [running] = transfers.list({ peer: 'anna' })
  running!.pause()
  await t.throwsAsync(sending('anna', ['/from/a']), { code: 'ERR_REJECTED' })
  running!.resume()
  await running!.finished
  t.deepEqual(anna.received(), ['big'])
  t.is(it.connections, 2)
  t.deepEqual(
    transfers.history.map(({ state }) => state),
    ['rejected', 'completed'],
  )
})

test('a break is told by the state, and what was attached goes on over the next connection: nobody is asked again', async (t) => {
  const asked: string[][] = []
  const { it, sending, anna } = scene(t, ({ entries }) => {
    asked.push(entries.map(({ path }) => path))
    return entries[0]!.path !== 'c'
  })
  it.faults = [{ forth: { cutAfter: 1_500_000 } }, { forth: { cutAfter: 900_000 } }]
  const transfer = await sending('anna', ['/from/a'], { algorithm: 'blocks', open: true })
  transfer.pause()
  t.is(await sending('anna', ['/from/big']), transfer)
  await t.throwsAsync(sending('anna', ['/from/c']), { code: 'ERR_REJECTED' })
  const broken = comesTo(transfer, 'interrupted')
  transfer.resume()
  await broken
  // waits for the next connection
  t.is(await sending('anna', ['/from/b']), transfer)
  transfer.end()
  const { published, skipped } = await transfer.finished
  t.deepEqual([published, skipped], [3, 1])
  t.is(it.connections, 3)
  t.deepEqual(asked, [['a'], ['big'], ['c'], ['b']])
  t.deepEqual(anna.received(), ['a', 'b', 'big'])
  t.true(anna.store.files.get('big')!.bytes.equals(BIG))
  t.is(it.states.filter((state) => state === 'interrupted').length, 2)
})

test('what is attached when the connection is lost, and was not answered, is offered once more', async (t) => {
  const heard = deferred<void>()
  let asked = 0
  const { it, sending, anna } = scene(t, async ({ entries }) => {
    if (entries[0]!.path !== 'b' || ++asked > 1) return true
    heard.resolve()
    // the question is in vain when the connection is lost
    return new Promise(() => {})
  })
  const transfer = await sending('anna', ['/from/a'], { open: true, algorithm: 'blocks' })
  const waiting = sending('anna', ['/from/b'])
  const behind = sending('anna', ['/from/big'])
  await heard.promise
  it.ends[0]!.destroy()
  t.is(await waiting, transfer)
  t.is(await behind, transfer)
  transfer.end()
  const { published } = await transfer.finished
  t.is(published, 3)
  t.deepEqual([asked, it.connections], [2, 2])
  t.deepEqual(anna.received(), ['a', 'b', 'big'])
})

test('as many as you like wait for a transfer to be accepted, and Node warns of no leak', async (t) => {
  const warnings: Error[] = []
  const warned = (warning: Error) => warnings.push(warning)
  process.on('warning', warned)
  t.teardown(() => process.off('warning', warned))
  const answer = deferred<boolean>()
  const { it, sending, disk } = scene(t, ({ first }) => (first === 0 ? answer.promise : true))
  const names = Array.from({ length: 150 }, (_, n) => `/from/many-${n}`)
  for (const name of names) disk.put(name, name)
  const all = names.map((name) => sending('anna', [name], { open: true }))
  // each of them has its turn to wait
  await new Promise(setImmediate)
  answer.resolve(true)
  const [transfer, ...others] = await Promise.all(all)
  t.true(others.every((one) => one === transfer))
  transfer!.end()
  const { published } = await transfer!.finished
  t.deepEqual([published, it.connections], [150, 1])
  t.deepEqual(warnings, [])
})

test('cancelling ends what waits for the transfer, and no other one begins', async (t) => {
  const { it, transfers, sending } = scene(t, () => new Promise(() => {}))
  const both = [sending('anna', ['/from/a']), sending('anna', ['/from/b'])]
  const [transfer] = transfers.list({ peer: 'anna' })
  await comesTo(transfer!, 'offered')
  await transfer!.cancel('enough')
  for (const one of both) await t.throwsAsync(one, { code: 'ERR_CANCELLED' })
  t.is(it.connections, 1)
  t.is(transfers.history[0]!.state, 'cancelled')
})

test('without a way to connect nothing can be sent', async (t) => {
  const transfers = new Transfers({ receive: () => ({ dir: '/nowhere', accept: () => false }) })
  await t.throwsAsync(transfers.send('anna', ['/from/a']), { code: 'ERR_STATE', message: /connect/ })
})
