import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile, utimes } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import test, { type ExecutionContext } from 'ava'
import { deferred } from '../lib/async.js'
import {
  type Connect,
  mapCuts,
  memoryParts,
  type ReceiveOptions,
  readHistory,
  type SendOptions,
  SluiceError,
  send,
  type Transfer,
  type TransferState,
  Transfers,
  type TransfersOptions,
  throttle,
} from '../lib/index.js'
import {
  type DuplexPairOptions,
  duplexPair,
  FakeClock,
  MemoryDisk,
  randomBySeed,
} from '../lib/testing/index.js'
import { told } from '../lib/wire/outcome.js'
import { listing, plant, temporary } from './helpers/folders.js'
import { closed } from './helpers/offer-messages.js'
import { Peer } from './helpers/peer.js'
import { scale } from './helpers/scale.js'

const HELLO = { type: 'hello' as const, version: 1, agent: 'a test', features: ['reconnect'] }

const MIB = 1024 * 1024
const CONTENT = randomBytes(3 * MIB + 77)
const FILES = { 'a/large': CONTENT, 'a/empty': '', 'a/small': 'small', b: 'b', 'c/none': null, 'd/e/f': 'f' }

/** A receiver of files that are sent, how often it was asked, and the connections to it, each with its faults. */
async function scene(
  t: ExecutionContext,
  options: Partial<TransfersOptions> & { receiving?: Partial<ReceiveOptions> } = {},
) {
  const { receiving, ...others } = options
  const dir = await temporary(t)
  const from = await plant(join(await temporary(t), 'sent'), FILES)
  const accept = () => {
    it.asked++
    return true
  }
  const it = { asked: 0, dir, from, transfers: new Transfers({ receive, ...others }), ends: [] as Duplex[] }
  t.teardown(() => it.transfers.cancelAll())
  function receive(): ReceiveOptions {
    return { ...(receiving?.store === undefined && { dir }), accept, ...receiving }
  }
  /** Makes connections with these faults, one after the other, then without any. */
  const over =
    (...faults: DuplexPairOptions[]): Connect =>
    () => {
      const [near, far] = duplexPair(faults.shift())
      it.ends.push(far)
      it.transfers.handle(far)
      return near
    }
  const sending = (connect: Connect, more: SendOptions = {}) =>
    send(connect, [from], { retry: { pause: 0 }, algorithm: 'blocks', ...more })
  const isEqual = async () => t.deepEqual(await listing(join(dir, 'sent')), await listing(from))
  return { ...it, it, over, sending, isEqual }
}

/** The first transfer that is offered to a receiver. */
async function offered(transfers: Transfers): Promise<Transfer> {
  const [transfer] = (await once(transfers, 'transfer')) as [Transfer]
  return transfer
}

/** Resolves when a transfer is in a state. */
async function until(transfer: Transfer, state: TransferState): Promise<void> {
  while (transfer.state !== state) await once(transfer, 'state')
}

test('a transfer goes on over other connections: nobody is asked again, and what was told is not told again', async (t) => {
  const { it, transfers, over, sending, isEqual } = await scene(t)
  const transfer = sending(over({ forth: { cutAfter: 1_400_000 } }, { forth: { errorAfter: 1_600_000 } }))
  const received = offered(transfers)
  const states: TransferState[] = []
  const files: string[] = []
  const lost: number[] = []
  let bytes = 0
  transfer.on('state', (state) => states.push(state))
  transfer.on('file', ({ path }) => files.push(path))
  transfer.on('reconnecting', ({ attempt, attempts }) => lost.push(attempt, attempts))
  transfer.on('progress', (progress) => {
    t.true(progress.bytes >= bytes && progress.bytes <= progress.totalBytes!)
    bytes = progress.bytes
  })
  const there: TransferState[] = []
  transfers.on('state', (_, state) => there.push(state))
  const result = await transfer.finished
  const way = ['connecting', 'offered', 'sending'] as const
  t.deepEqual(states, [...way, 'interrupted', ...way, 'interrupted', ...way, 'completed'])
  t.deepEqual(lost, [1, 10, 2, 10])
  t.is(it.asked, 1)
  const arrived = await (await received).finished
  t.deepEqual(
    there,
    states.slice(2).map((state) => (state === 'sending' ? 'receiving' : state)),
  )
  t.deepEqual(files.sort(), result.files.map(({ path }) => path).sort())
  t.is(new Set(files).size, files.length)
  t.deepEqual(arrived.files.map(told), result.files.map(told))
  // what came in whole blocks does not come again, but for a run that was on its way
  t.true(arrived.bytes < CONTENT.length + MIB, String(arrived.bytes))
  const { bytes: shown, totalBytes, resumedBytes } = (await received).progress
  t.deepEqual([shown, resumedBytes], [totalBytes, 0])
  t.deepEqual(transfers.list(), [])
  t.like(transfers.history[0], { id: result.id, state: 'completed', bytes: shown })
  await isEqual()
})

test('wherever a connection breaks, the next one goes on', async (t) => {
  for (let seed = 1; seed <= scale(4, 1000); seed++) {
    const random = randomBySeed(seed)
    const { it, transfers, over, sending, isEqual } = await scene(t)
    const faults = Array.from({ length: 1 + Math.floor(random() * 4) }, (): DuplexPairOptions => {
      const fault = random() < 0.5 ? 'cutAfter' : 'errorAfter'
      // among the first messages as often as in the middle, and in what the receiver says
      const after = Math.floor(random() * (random() < 0.5 ? 800 : 2 * CONTENT.length))
      const way = { [fault]: after, pieces: random() < 0.2 ? ('random' as const) : undefined, seed }
      return random() < 0.6 ? { forth: way } : { back: { [fault]: after % 700 } }
    })
    const transfer = sending(over(...faults))
    const received = offered(transfers)
    const end = await transfer.finished.catch((error: SluiceError) => error)
    if (end instanceof SluiceError) {
      // nothing was accepted yet
      t.is(end.code === 'ERR_TRUNCATED' || end.code === 'ERR_INTERRUPTED', true, `${seed}: ${end.message}`)
      continue
    }
    const there = await (await received).finished
    t.is(it.asked, 1, String(seed))
    t.deepEqual(there.files.map(told), end.files.map(told), String(seed))
    await isEqual()
  }
})

test('a file that has its name, but was not told of when the connection broke, gets no second one', async (t) => {
  const fs = new MemoryDisk()
  const turns = async (count: number) => {
    for (let n = 0; n < count; n++) await new Promise((resolve) => setImmediate(resolve))
  }
  let links = 0
  const { it, over, sending } = await scene(t, { receiving: { dir: '/in', fs, unless: 'nothing' } })
  const transfer = sending(over(), { algorithm: 'sha256' })
  fs.delay = async ({ call, path }) => {
    if (call === 'link') links++
    if (call !== 'unlink' || !path.endsWith('large.part')) return
    fs.delay = undefined
    // it has its name by now, and this ends only when all else has
    it.ends[0]!.destroy()
    await once(transfer, 'reconnecting')
    await turns(100)
  }
  await transfer.finished
  t.true(links > 0)
  t.deepEqual((await fs.readdir('/in/sent/a')).map(String).sort(), ['empty', 'large', 'small'])
})

/** How names are given, what is sent, and the names that it gets: `c` asks for that of `a`. */
const TWICE = {
  overwrite: { how: { conflict: 'overwrite' }, sent: { a: 'first', b: CONTENT, c: 'other' } },
  replace: { how: { conflict: 'replace' }, sent: { 'a/x': 'first', b: CONTENT, c: 'other' } },
  'unless unchanged': { how: { unless: 'unchanged' }, sent: { a: 'first', b: CONTENT, c: 'other' } },
} as const
for (const [name, { how, sent }] of Object.entries(TWICE))
  for (const where of ['a folder', 'a store in memory'])
    test(`what has its name loses it to nothing that comes over the next connection: ${name}, in ${where}`, async (t) => {
      const store = where === 'a folder' ? undefined : memoryParts()
      const rename = () =>
        mapCuts((cut) => (cut.entry.path === 'c' ? { ...cut, entry: { ...cut.entry, path: 'a' } } : cut))
      const receiving = { ...how, stages: { file: [rename] }, ...(store && { store }) }
      const { it, transfers, over, dir } = await scene(t, { receiving })
      const from = await plant(join(await temporary(t), 'sent'), sent)
      for (const path of ['a', 'c']) await utimes(join(from, path), 1e9, 1e9)
      const received = offered(transfers)
      const paths = ['a', 'b', 'c'].map((path) => join(from, path))
      const transfer = send(over(), paths, { retry: { pause: 0 } })
      const [first] = Object.keys(sent)
      ;(await received).on('file', ({ path }) => {
        if (path === first && it.ends.length === 1) it.ends[0]!.destroy()
      })
      const { files } = await transfer.finished
      t.is(it.ends.length, 2)
      const names = Object.fromEntries(files.map(({ path, name = path }) => [path, name]))
      t.is(names[first!], first)
      t.is(names.c, 'a_1')
      const contentOf = async (path: string) =>
        (store ? store.files.get(path)!.bytes : await readFile(join(dir, path))).toString()
      t.is(await contentOf(first!), 'first')
      t.is(await contentOf('a_1'), 'other')
    })

test('the id of a transfer is its own until it is over: whoever offers under it without its secret is refused', async (t) => {
  const { it, transfers, over, sending, isEqual } = await scene(t)
  const transfer = sending(over({ forth: { stallAfter: MIB } }))
  const received = await offered(transfers)
  await until(received, 'receiving')
  const offers = (id: string, resume: object) => {
    const [near, far] = duplexPair()
    const peer = new Peer(near)
    peer.say({ ...HELLO, ...resume })
    const handled = transfers.handle(far)
    peer.say(...closed({ type: 'offer', id, name: 'x', algorithm: 'sha256' }))
    return { peer, handled }
  }
  for (const secret of [undefined, Buffer.alloc(16), Buffer.alloc(16, 0xff)]) {
    const resume = secret && { resume: { id: received.id, secret } }
    const { peer, handled } = offers(received.id, { ...resume })
    const refused = t.throwsAsync(handled, { code: 'ERR_REJECTED', message: /of this id is on its way here/ })
    const { accept, reason } = await peer.hears('answer')
    t.false(accept)
    t.regex(reason!, /of this id/)
    peer.leave()
    await refused
  }
  t.is(it.asked, 1)
  t.deepEqual(transfers.list(), [received])
  t.is(received.state, 'receiving')
  it.ends[0]!.destroy()
  await transfer.finished
  await received.finished
  await isEqual()
  const { peer, handled } = offers(received.id, {})
  t.true((await peer.hears('answer')).accept)
  t.not(await handled, received)
  peer.leave()
})

test('only the peer whose transfer it is goes on with it, whoever else knows its secret', async (t) => {
  const { it, transfers, sending } = await scene(t)
  const peers = ['bob', 'bob', 'eve']
  const handled: Promise<Transfer>[] = []
  const transfer = sending(() => {
    const [near, far] = duplexPair(handled.length < 2 ? { forth: { cutAfter: MIB } } : {})
    handled.push(transfers.handle(far, { peer: peers[handled.length]! }))
    return near
  })
  await t.throwsAsync(transfer.finished, { code: 'ERR_REJECTED' })
  const [first, second, third] = handled
  t.is(await second, await first)
  await t.throwsAsync(third!, { code: 'ERR_REJECTED' })
  t.is(it.asked, 1)
})

test('what the receiver cancelled while its sender was away stays cancelled when that comes back', async (t) => {
  const { it, transfers, over, sending } = await scene(t)
  const back = deferred<void>()
  const connect = over({ forth: { cutAfter: MIB } })
  const transfer = sending(async (attempt, signal) => {
    if (attempt > 0) await back.promise
    return connect(attempt, signal)
  })
  const received = await offered(transfers)
  await until(received, 'interrupted')
  await received.cancel('enough')
  back.resolve()
  await t.throwsAsync(transfer.finished, { code: 'ERR_CANCELLED', message: /receiver has cancelled/ })
  t.is(transfer.state, 'cancelled')
  t.is(it.asked, 1)
})

/** Two ends of a connection, of which only the first one is told when it breaks: the second waits for ever. */
function halfOpen(bytes: number): { near: Duplex; far: Duplex; broken: Promise<void> } {
  const [near, relay] = duplexPair()
  const [back, far] = duplexPair()
  const broken = deferred<void>()
  let passed = 0
  relay.on('data', (chunk: Buffer) => {
    passed += chunk.length
    if (passed > bytes) {
      relay.destroy()
      broken.resolve()
    } else if (!back.write(chunk)) {
      relay.pause()
      back.once('drain', () => relay.resume())
    }
  })
  back.on('data', (chunk: Buffer) => relay.destroyed || relay.write(chunk))
  for (const end of [relay, back]) end.on('error', () => {})
  return { near, far, broken: broken.promise }
}

test('whoever aborts, or cancels, at any turn of a transfer ends it, unless it is over: then nothing changes', async (t) => {
  const turns = ['connecting', 'offered', 'sending', 'interrupted', 'completed'] as const
  for (const how of ['aborts', 'cancels'] as const)
    for (const turn of turns)
      for (const isLate of [false, true]) {
        const { over, sending } = await scene(t)
        const stop = new AbortController()
        const faults = turn === 'interrupted' ? [{ forth: { cutAfter: 2_000_000 } }] : []
        const transfer = sending(over(...faults), { signal: stop.signal })
        const end = () => {
          if (how === 'aborts') stop.abort()
          else transfer.cancel()
        }
        transfer.on('state', (state) => {
          if (state !== turn) return
          if (isLate) queueMicrotask(() => queueMicrotask(end))
          else end()
        })
        const code = await transfer.finished.then(
          () => 'completed',
          (error: SluiceError) => error.code,
        )
        t.is(code, turn === 'completed' ? 'completed' : 'ERR_CANCELLED', `${how} ${turn} ${isLate}`)
        t.is(transfer.state, turn === 'completed' ? 'completed' : 'cancelled')
      }
})

test('a connection that hangs is given up for the newest one that proves to be of the same sender', async (t) => {
  const { it, transfers, over, sending, isEqual } = await scene(t)
  let left = 3
  const transfer = sending((attempt, signal) => {
    if (left-- === 0) return over()(attempt, signal)
    const { near, far } = halfOpen(600_000)
    transfers.handle(far)
    return near
  })
  const received = await offered(transfers)
  let interrupted = 0
  received.on('state', (state) => state === 'interrupted' && interrupted++)
  await transfer.finished
  await received.finished
  t.is(interrupted, 3)
  t.is(it.asked, 1)
  await isEqual()
})

/** Listens for connections to be handled. */
async function listening(
  t: ExecutionContext,
  transfers: Transfers,
  where: { host: string; port: number } | { path: string },
): Promise<{ server: Server; sockets: Socket[] }> {
  const sockets: Socket[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    transfers.handle(socket)
  })
  server.listen(where)
  await once(server, 'listening')
  t.teardown(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { server, sockets }
}

const portOf = ({ server }: { server: Server }) => (server.address() as { port: number }).port

/** Goes on when so many bytes of a transfer have come. */
async function came(transfer: Transfer, bytes: number): Promise<void> {
  for await (const progress of transfer) if (progress.bytes >= bytes) return
}

test('a transfer goes on over another address, and over another kind of connection', async (t) => {
  const { it, transfers, sending, isEqual } = await scene(t)
  const path =
    process.platform === 'win32'
      ? `\\\\.\\pipe\\${randomBytes(8).toString('hex')}`
      : join(await temporary(t), 's')
  const first = await listening(t, transfers, { host: '127.0.0.1', port: 0 })
  const second = await listening(t, transfers, { host: '127.0.0.2', port: 0 })
  const third = await listening(t, transfers, { path })
  const ways = [
    () => connect({ host: '127.0.0.1', port: portOf(first) }),
    () => connect({ host: '127.0.0.1', port: portOf(first) }),
    () => connect({ host: '127.0.0.2', port: portOf(second) }),
    () => connect(path),
  ]
  const slow = { stages: { wire: [throttle({ rate: 2 * MIB })] } }
  const transfer = sending(() => ways.shift()!(), slow)
  const received = await offered(transfers)
  const lost: string[] = []
  transfer.on('reconnecting', ({ error }) => lost.push(error.code))
  await came(received, 100_000)
  // the address is taken away, with what listens there
  first.server.close()
  const connected = once(second.server, 'connection')
  first.sockets[0]!.destroy()
  await connected
  await came(received, MIB)
  second.sockets[0]!.destroy()
  await Promise.all([transfer.finished, received.finished])
  t.is(it.asked, 1)
  t.is(lost.length, 3)
  t.deepEqual(
    [first, second, third].map(({ sockets }) => sockets.length),
    [1, 1, 1],
  )
  await isEqual()
})

test('a receiver that was started again knows no secret: it asks, and goes on by its journal', async (t) => {
  const { it, dir, transfers, sending, isEqual } = await scene(t)
  let asked = 0
  const restarted = new Transfers({ receive: () => ({ dir, accept: () => ++asked > 0 }) })
  t.teardown(() => restarted.cancelAll())
  let first = true
  const files: string[] = []
  const transfer = sending(() => {
    const [near, far] = duplexPair(first ? { forth: { cutAfter: 2_500_000 } } : {})
    const place = first ? transfers : restarted
    first = false
    place.handle(far)
    return near
  })
  transfer.on('file', ({ path }) => files.push(path))
  const received = await offered(transfers)
  await until(received, 'interrupted')
  const result = await transfer.finished
  t.deepEqual([it.asked, asked], [1, 1])
  t.is(new Set(files).size, files.length)
  t.is(result.published + result.skipped, result.files.length)
  await isEqual()
})

test('a sender that is waited for too long, or beside too many others, ends as interrupted', async (t) => {
  const clock = new FakeClock()
  const { transfers, over, from } = await scene(t, { clock, patience: 5000, mostLost: 2 })
  const lost = async () => {
    const received = offered(transfers)
    // of a sender that never comes back
    const never: Connect = (attempt, signal) =>
      attempt === 0 ? over({ forth: { cutAfter: MIB } })(attempt, signal) : new Promise(() => {})
    const sender = send(never, [from], { retry: { pause: 0 } })
    t.teardown(() => sender.cancel())
    await until(await received, 'interrupted')
    return received
  }
  const [first, second, third] = [await lost(), await lost(), await lost()]
  await failure(first)
  t.true(first.isOver)
  t.deepEqual(transfers.list({ state: 'interrupted' }), [second, third])
  await second.cancel('no more')
  t.like(await failure(second), { code: 'ERR_CANCELLED' })
  clock.advance(4999)
  t.false(third.isOver)
  clock.advance(1)
  await failure(third)
  t.deepEqual(
    transfers.history.map(({ state }) => state),
    ['interrupted', 'cancelled', 'interrupted'],
  )
})

/** The error of a transfer. */
async function failure(transfer: Transfer): Promise<SluiceError> {
  const [{ reason }] = (await Promise.allSettled([transfer.finished])) as [PromiseRejectedResult]
  return reason
}

test('so many run at once, others wait for their turn, and beyond that they are rejected', async (t) => {
  const { it, transfers, over, sending } = await scene(t, { most: 1, mostWaiting: 1 })
  const running = sending(over({ forth: { stallAfter: MIB } }))
  await until(await offered(transfers), 'receiving')
  const told = once(transfers, 'waiting')
  const waiting = sending(over())
  const [transfer, ahead] = await told
  t.is(ahead, 1)
  t.is((transfer as Transfer).state, 'offered')
  t.like(await failure(sending(over())), { code: 'ERR_REJECTED' })
  // a turn ends with the connection, not with the transfer: one that hangs keeps nobody out
  it.ends[0]!.destroy()
  await Promise.all([running.finished, waiting.finished])
  t.is(it.asked, 3)
})

test('what the receiver has said at last, and the sender has not heard, is said over the next connection', async (t) => {
  const { it, transfers, over, sending, isEqual } = await scene(t)
  const transfer = sending(over())
  // the last word of the receiver is on its way
  const received = await offered(transfers)
  const end = it.ends[0]!
  const write = end.write.bind(end) as (chunk: Buffer) => boolean
  end.write = (chunk: Buffer) => {
    if (!chunk.includes('completed')) return write(chunk)
    end.destroy()
    return false
  }
  const there = await received.finished
  t.is(there.failed, 0)
  t.like(transfers.history[0], { state: 'completed' })
  const here = await transfer.finished
  t.deepEqual(here.files.map(told), there.files.map(told))
  t.is(it.asked, 1)
  t.is(transfers.history.length, 1)
  await isEqual()
})

test('what is over stands in the history file, with why it failed; where that cannot be, there is a warning', async (t) => {
  const historyFile = join(await temporary(t), 'history.json')
  const { transfers, over, sending } = await scene(t, { historyFile })
  await sending(over()).finished
  const second = sending(over({ forth: { stallAfter: MIB } }))
  await until(await offered(transfers), 'receiving')
  await transfers.cancelAll('no more')
  await failure(second)
  const [first, last] = await readHistory(historyFile)
  t.like(first, { direction: 'receive', state: 'completed', files: 11 })
  t.like(last, { state: 'cancelled', code: 'ERR_CANCELLED' })
  t.true(Date.parse(first!.ended) <= Date.parse(last!.ended))
  const {
    transfers: others,
    over: again,
    sending: sendingTo,
  } = await scene(t, {
    historyFile: join(historyFile, 'below a file'),
  })
  const warned = once(others, 'warning')
  await sendingTo(again()).finished
  const [{ message }] = (await warned) as [SluiceError]
  t.regex(message, /below a file/)
  t.throws(() => new Transfers({ receive: () => ({ dir: '', accept: 'all' }), historyFile: 1 as never }), {
    code: 'ERR_USAGE',
  })
})
