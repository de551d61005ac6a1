import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { Socket } from 'node:net'
import { join } from 'node:path'
import { type Duplex, Transform } from 'node:stream'
import test from 'ava'
import {
  cutsOf,
  type Item,
  limitRate,
  memoryParts,
  Rate,
  receive,
  send,
  throttle,
  type WireStage,
} from '../../lib/index.js'
import { duplexPair } from '../../lib/testing/faulty-duplex.js'
import { plant, temporary } from '../helpers/folders.js'
import { connection } from '../helpers/sockets.js'

// The memory of what is sent and received is used again, or freed. Here stands who may rely on that it is not.

const CONTENT = randomBytes(12 * 1024 * 1024)

async function source(t: Parameters<typeof temporary>[0]): Promise<string> {
  return join(await plant(await temporary(t), { large: CONTENT }), 'large')
}

test('what waits for a slow connection is not overwritten by what is read behind it', async (t) => {
  const [near, far] = await connection(t)
  const dir = await temporary(t)
  const path = await source(t)
  const sender = send(near, [path])
  const receiver = receive(far, { dir, accept: 'all' })
  await once(receiver, 'progress')
  // all that the system buffers is full then, and the sender has read as far ahead as it may
  far.pause()
  await new Promise<void>((resolve) => {
    const look = () => (near.writableLength > 0 ? resolve() : void setImmediate(look))
    look()
  })
  for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate)
  far.resume()
  await Promise.all([sender.finished, receiver.finished])
  t.true(CONTENT.equals(await readFile(join(dir, 'large'))))
})

test('who listens to the socket as well keeps the chunks that it was given', async (t) => {
  const [near, far] = await connection(t)
  const dir = await temporary(t)
  const heard: Buffer[] = []
  const receiver = receive(far, { dir, accept: 'all' })
  far.on('data', (chunk: Buffer) => heard.push(chunk))
  await Promise.all([send(near, [await source(t)]).finished, receiver.finished])
  t.true(heard.every(({ length }) => length > 0))
  t.true(Buffer.concat(heard).includes(CONTENT.subarray(0, 50_000)))
})

test('so does who listens for one chunk only, ahead of the transfer, whenever that begins', async (t) => {
  for (const isBefore of [true, false]) {
    const [near, far] = await connection(t)
    const heard: Buffer[] = []
    const listen = () => far.prependOnceListener('data', (chunk: Buffer) => heard.push(chunk))
    if (isBefore) listen()
    const receiver = receive(far, { dir: await temporary(t), accept: 'all' })
    receiver.on('progress', listen)
    await Promise.all([send(near, [await source(t)]).finished, receiver.finished])
    t.true(heard.length > 0)
    t.true(heard.every(({ length }) => length > 0))
  }
})

test('a file stage and a store of the user keep what they were given', async (t) => {
  for (const isStage of [true, false]) {
    const [near, far] = await connection(t)
    const kept: Buffer[] = []
    const keeping = () =>
      new Transform({
        objectMode: true,
        transform(item: Item, _encoding, done) {
          if (item.kind === 'run') for (const { bytes } of cutsOf(item)) kept.push(bytes)
          done(null, item)
        },
      })
    const store = memoryParts()
    const begin = store.begin.bind(store)
    store.begin = async (entry) => {
      const part = await begin(entry)
      const write = part.write.bind(part)
      part.write = (offset, buffers, ends) => {
        kept.push(...buffers)
        return write(offset, buffers, ends)
      }
      return part
    }
    const options = isStage ? { dir: await temporary(t), stages: { file: [keeping] } } : { store }
    const receiver = receive(far, { ...options, accept: 'all' })
    await Promise.all([send(near, [await source(t)]).finished, receiver.finished])
    t.true(CONTENT.equals(Buffer.concat(kept)), isStage ? 'the stage' : 'the store')
  }
})

test('a duplex that is no socket keeps the chunks that were written to it', async (t) => {
  const [near, far] = duplexPair() as [Duplex, Duplex]
  const dir = await temporary(t)
  const written: Buffer[] = []
  const write = near.write.bind(near) as (chunk: Buffer, ...rest: unknown[]) => boolean
  near.write = ((chunk: Buffer, ...rest: unknown[]) => {
    written.push(chunk)
    return write(chunk, ...rest)
  }) as typeof near.write
  await Promise.all([send(near, [await source(t)]).finished, receive(far, { dir, accept: 'all' }).finished])
  t.true(Buffer.concat(written).includes(CONTENT.subarray(0, 50_000)))
  t.true(Buffer.concat(written.filter(({ length }) => length > 100_000)).equals(CONTENT))
})

test('a socket whose methods the user has replaced keeps what passes there, and may send it later', async (t) => {
  const [near, far] = await connection(t)
  const dir = await temporary(t)
  const sent: Buffer[] = []
  const late: (() => void)[] = []
  near.write = ((chunk: Buffer, done?: () => void) => {
    sent.push(chunk)
    late.push(() => Socket.prototype.write.call(near, chunk))
    setImmediate(() => late.shift()!())
    if (done) done()
    return true
  }) as typeof near.write
  const came: Buffer[] = []
  far.push = ((chunk: Buffer | null) => {
    if (chunk) came.push(chunk)
    return Socket.prototype.push.call(far, chunk)
  }) as typeof far.push
  await Promise.all([send(near, [await source(t)]).finished, receive(far, { dir, accept: 'all' }).finished])
  t.true(Buffer.concat(sent.filter(({ length }) => length > 100_000)).equals(CONTENT))
  t.true(Buffer.concat(came).includes(CONTENT.subarray(0, 50_000)))
  t.true(came.every(({ length }) => length > 0))
})

const tapped: Record<string, (record: (chunk: Buffer) => void) => WireStage> = {
  'limitRate() in a stage of the user': (record) => ({
    outgoing: () => limitRate({ rate: new Rate() }).on('data', record),
  }),
  'throttle() in a stage of the user': (record) => ({
    outgoing: () => throttle({ rate: new Rate() }).outgoing!().on('data', record),
  }),
  'throttle() with another outgoing in its place': (record) => {
    const stage = throttle({ rate: new Rate() })
    const { outgoing } = stage
    return Object.assign(stage, { outgoing: () => outgoing!().on('data', record) })
  },
  'throttle() with both sides made together': (record) =>
    Object.assign(throttle({ rate: new Rate() }), {
      paired: () => ({
        outgoing: limitRate({ rate: new Rate() }).on('data', record),
        incoming: limitRate({ rate: new Rate() }),
      }),
    }),
}
for (const [how, make] of Object.entries(tapped)) {
  test(`who listens to ${how} keeps the chunks that it was given`, async (t) => {
    const [near, far] = await connection(t)
    const kept: Buffer[] = []
    const copies: Buffer[] = []
    const stage = make((chunk) => {
      kept.push(chunk)
      copies.push(Buffer.from(chunk))
    })
    const receiver = receive(far, { dir: await temporary(t), accept: 'all' })
    await Promise.all([
      send(near, [await source(t)], { stages: { wire: [stage] } }).finished,
      receiver.finished,
    ])
    t.true(Buffer.concat(copies).length > CONTENT.length)
    t.true(Buffer.concat(kept).equals(Buffer.concat(copies)))
  })
}
