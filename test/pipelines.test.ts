// The pipelines that README.md shows, and their variants.
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { connect, createServer as createTcpServer, type Socket } from 'node:net'
import { join } from 'node:path'
import type { Duplex, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { constants, createGunzip, createGzip } from 'node:zlib'
import test, { type ExecutionContext } from 'ava'
import {
  decrypt,
  deframer,
  demuxer,
  encrypt,
  encryption,
  fileSource,
  finalizer,
  framer,
  gunzip,
  gzip,
  hashTap,
  manifestFrom,
  manifestOf,
  partSink,
  progressTap,
  receive,
  send,
  type WireStage,
} from 'sluice'
import through, { type ClassicTransformFn } from 'through2'
import { listing, plant, temporary } from './helpers/folders.js'
import { connection } from './helpers/sockets.js'

const TREE = {
  'photos/a': 'hello',
  'photos/empty': '',
  'photos/none': null,
  'photos/deep/b': randomBytes(1_500_000),
  'photos/deep/c': Buffer.alloc(400_000),
}

async function setup(t: ExecutionContext<unknown>) {
  const source = await plant(await temporary(t), TREE)
  return { source, photos: join(source, 'photos'), dir: join(await temporary(t), 'in') }
}

/** Sends and receives by hand, with stages of bytes between framer and socket, and socket and deframer. */
async function byHand(t: ExecutionContext<unknown>, outgoing: Duplex[], incoming: Duplex[]) {
  const { source, photos, dir } = await setup(t)
  const [near, far] = await connection(t)
  const manifest = await manifestOf([photos])
  const sending = pipeline([fileSource(manifest), hashTap(), framer(), ...outgoing, near])
  const last = finalizer({ conflict: 'rename' })
  const receiving = pipeline([far, ...incoming, deframer(), demuxer(), hashTap(), partSink({ dir }), last])
  await Promise.all([sending, receiving])
  t.deepEqual(await listing(dir), await listing(source))
  return last.outcomes
}

/** A Transform of a user's own: turns the bits of every byte. */
const turn: ClassicTransformFn = (chunk: Buffer, _encoding, done) =>
  done(
    null,
    chunk.map((byte) => byte ^ 0xff),
  )
const turned = () => through(turn) as unknown as Transform

test('by hand, encrypted, as the page shows it', async (t) => {
  const key = randomBytes(32)
  const { source, photos, dir } = await setup(t)
  const [near, socket] = await connection(t)

  const manifest = await manifestOf([photos])
  const sending = pipeline(fileSource(manifest), hashTap(), framer(), encrypt({ key }), near)

  const last = finalizer({ conflict: 'rename' })
  await pipeline(socket, decrypt({ key }), deframer(), demuxer(), hashTap(), partSink({ dir }), last)
  const outcomes = await last.outcomes

  await sending
  t.deepEqual(await listing(dir), await listing(source))
  t.is(outcomes.length, 7)
  t.true(outcomes.every(({ status }) => status === 'published'))
})

test('by hand with zlib of Node', async (t) => {
  await byHand(t, [createGzip({ flush: constants.Z_SYNC_FLUSH })], [createGunzip()])
})

test('by hand with a cipher of Node', async (t) => {
  const key = randomBytes(32)
  const iv = randomBytes(16)
  await byHand(t, [createCipheriv('aes-256-ctr', key, iv)], [createDecipheriv('aes-256-ctr', key, iv)])
})

test('by hand with a through2 one-liner of a user, and our own stages around it', async (t) => {
  await byHand(t, [gzip(), turned()], [turned(), gunzip()])
})

test('by hand with a tap among the items', async (t) => {
  const { photos, dir } = await setup(t)
  let told = { bytes: 0, files: 0 }
  const last = finalizer()
  await pipeline(
    fileSource(await manifestOf([photos])),
    progressTap((passed) => {
      told = passed
    }),
    hashTap(),
    framer(),
    deframer(),
    demuxer(),
    hashTap(),
    partSink({ dir }),
    last,
  )
  t.is(told.bytes, 1_900_005)
})

test('a wire stage on one side only ends with both lists of formats in the message, by hand too', async (t) => {
  const key = randomBytes(32)
  for (const [outgoing, incoming] of [
    [[encrypt({ key })], []],
    [[], [decrypt({ key })]],
  ] as [Duplex[], Duplex[]][]) {
    const error = await t.throwsAsync(byHand(t, outgoing, incoming), { code: 'ERR_FORMATS' })
    t.regex(error!.message, /\[\].*\[encryption-1\]|\[encryption-1\].*\[\]/)
  }
})

async function overServer(t: ExecutionContext<unknown>, stages: () => WireStage[]) {
  const { source, photos, dir } = await setup(t)
  let finished: Promise<unknown> = Promise.resolve()
  const server = createServer((_req, res) => res.end('mine'))
  server.on('upgrade', (_req, socket, head) => {
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: sluice\r\n\r\n')
    const transfer = receive(socket, {
      dir,
      head,
      accept: (offer) => offer.bytes < 1e9,
      stages: { wire: stages() },
    })
    finished = transfer.finished
  })
  t.teardown(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const req = request({ port, host: '127.0.0.1', headers: { connection: 'Upgrade', upgrade: 'sluice' } })
  req.end()
  const [, socket, head] = (await once(req, 'upgrade')) as [unknown, Socket, Buffer]
  const { files } = await send(socket, [photos], { head, stages: { wire: stages() } }).finished
  await finished
  t.is(files.length, 7)
  t.deepEqual(await listing(dir), await listing(source))
}

test('the server of the page takes a transfer on an upgraded connection', async (t) => {
  const key = randomBytes(32)
  await overServer(t, () => [encryption({ key })])
})

test('the server takes wire stages made of what Node and users have', async (t) => {
  const key = randomBytes(32)
  const iv = randomBytes(16)
  await overServer(t, () => [
    {
      format: 'zlib',
      outgoing: () => createGzip({ flush: constants.Z_SYNC_FLUSH }),
      incoming: () => createGunzip(),
    },
    {
      format: 'aes',
      outgoing: () => createCipheriv('aes-256-ctr', key, iv),
      incoming: () => createDecipheriv('aes-256-ctr', key, iv),
    },
    { format: 'turned', outgoing: () => turned(), incoming: () => turned() },
  ])
})

test('standard input, or any Readable, goes as a file', async (t) => {
  const content = randomBytes(3_000_000)
  const source = await plant(await temporary(t), { content })
  const dir = await temporary(t)
  const [near, far] = await connection(t)
  const { createReadStream } = await import('node:fs')
  const receiving = receive(far, { dir, accept: 'all' })
  await send(near, manifestFrom(createReadStream(join(source, 'content')), { name: 'stdin.bin' })).finished
  await receiving.finished
  const [line] = Object.values(await listing(dir, { times: false }))
  t.is(
    line?.split(' ').at(-1),
    Object.values(await listing(source, { times: false }))[0]
      ?.split(' ')
      .at(-1),
  )
})

test('one listener serves a protocol of its own and Sluice, also after a transfer failed', async (t) => {
  const { source, photos, dir } = await setup(t)
  const failures: string[] = []
  const server = createTcpServer((socket) => {
    socket.once('data', (head: Buffer) => {
      socket.pause()
      if (head[0] !== 0x89) {
        socket.end(`echo ${head}`)
        return
      }
      receive(socket, { dir, head, accept: 'all', limits: { closeTimeout: 100 } }).finished.catch((error) =>
        failures.push(error.code),
      )
    })
    socket.on('error', () => {})
  })
  t.teardown(() => server.close())
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const echo = async () => {
    const socket = connect(port, '127.0.0.1')
    socket.write('hello')
    return String((await once(socket, 'data'))[0])
  }
  t.is(await echo(), 'echo hello')
  const broken = connect(port, '127.0.0.1')
  broken.end(Buffer.from('\x89SLUICE and then nonsense', 'latin1')).resume()
  await once(broken, 'close')
  t.is(await echo(), 'echo hello')
  const { published } = await send(connect(port, '127.0.0.1'), [photos]).finished
  t.is(published, 7)
  t.is(await echo(), 'echo hello')
  t.deepEqual(failures, ['ERR_NOT_SLUICE'])
  t.deepEqual(await listing(dir), await listing(source))
})

test('by hand over HTTP upgrades, no socket is left half-open, whoever went away first', async (t) => {
  const { photos, dir } = await setup(t)
  const server = createServer()
  const ended: string[] = []
  const left: Promise<unknown>[] = []
  server.on('upgrade', (_req, socket: Socket, head) => {
    left.push(once(socket, 'close'))
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: sluice\r\n\r\n')
    if (head.length > 0) socket.unshift(head)
    const last = finalizer()
    pipeline(
      socket,
      deframer(),
      demuxer(),
      hashTap(),
      partSink({ dir: join(dir, String(left.length)) }),
      last,
    )
      .then(() => ended.push('done'))
      .catch(() => ended.push('failed'))
      .finally(() => socket.destroy())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  const { port } = server.address() as { port: number }
  for (let i = 0; i < 6; i++) {
    const asked = request({
      port,
      host: '127.0.0.1',
      headers: { connection: 'Upgrade', upgrade: 'sluice' },
    }).end()
    const [, socket] = (await once(asked, 'upgrade')) as [unknown, Socket]
    const sent = pipeline(
      fileSource(await manifestOf([photos])),
      hashTap(),
      framer(),
      socket.on('error', () => {}),
    )
    if (i % 2 === 0) await sent
    else {
      socket.destroy()
      await t.throwsAsync(sent)
    }
  }
  t.is(left.length, 6)
  await Promise.all(left)
  t.deepEqual(ended.toSorted(), ['done', 'done', 'done', 'failed', 'failed', 'failed'])
  const count = () => new Promise((resolve) => server.getConnections((_error, open) => resolve(open)))
  t.is(await count(), 0)
})
