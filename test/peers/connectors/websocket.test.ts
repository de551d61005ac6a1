import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import {
  type AddressInfo,
  connect as connectTcp,
  createServer as createTcpServer,
  type Socket,
} from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { promisify } from 'node:util'
import test, { type ExecutionContext } from 'ava'
import { WebSocket, WebSocketServer } from 'ws'
import { websocket } from '../../../lib/peers/connectors/websocket.js'
import { connectorConformance, randomContent } from '../../../lib/testing/index.js'
import { conforms } from '../../helpers/conforms.js'
import { errorAtClose, heardOn } from '../../helpers/heard.js'

conforms(
  'websocket',
  connectorConformance(() => ({ connector: websocket(), address: 'ws://127.0.0.1:0/here' })),
)

/** A listener, which is closed when the test ends, with all that it accepts. */
async function listener(t: ExecutionContext<unknown>, { server }: { server?: Server } = {}) {
  const accepted: Duplex[] = []
  let took = () => {}
  const listening = await websocket({ server }).listen!('ws://127.0.0.1:0/files', {
    onConnection(duplex) {
      accepted.push(duplex)
      took()
    },
  })
  t.teardown(async () => {
    await listening.close()
    for (const duplex of accepted) duplex.destroy()
  })
  const next = async () => {
    if (accepted.length === 0)
      await new Promise<void>((resolve) => {
        took = resolve
      })
    return accepted.shift()!
  }
  return { listening, address: listening.addresses[0]!, next }
}

/** A client that knows WebSockets, and nothing of ours. */
async function stranger(t: ExecutionContext<unknown>, address: string): Promise<WebSocket> {
  const socket = new WebSocket(address).on('error', () => {})
  t.teardown(() => socket.terminate())
  await once(socket, 'open')
  return socket
}

async function webServer(
  t: ExecutionContext<unknown>,
  server = createServer((_request, response) => response.end('hello')),
) {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close().closeAllConnections())
  return { server, port: (server.address() as AddressInfo).port }
}

test('on the wire the bytes are binary messages, and one without any is the end', async (t) => {
  const { address, next } = await listener(t)
  const socket = await stranger(t, address)
  const far = await next()
  const heard: Buffer[] = []
  socket.on('message', (data: Buffer, isBinary) => heard.push(isBinary ? data : Buffer.from('text')))
  socket.send(Buffer.from('one'))
  socket.send(Buffer.from('two'))
  socket.send(Buffer.alloc(0))
  t.is(String(await heardOn(far)), 'onetwo')
  const content = randomContent(150_000)
  far.write(Buffer.alloc(0))
  far.end(content)
  const [code] = await once(socket, 'close')
  t.is(code, 1005)
  t.deepEqual(
    heard.map(({ length }) => length),
    [65_536, 65_536, 18_928, 0],
  )
  t.deepEqual(Buffer.concat(heard), content)
})

const WRONG: Record<string, [say: (socket: WebSocket) => void, code: string]> = {
  'a message of text': [(socket) => socket.send('hello'), 'ERR_PROTOCOL'],
  'a message behind the end': [
    (socket) => {
      socket.send(Buffer.alloc(0))
      socket.send(Buffer.from('more'))
    },
    'ERR_PROTOCOL',
  ],
  'a message of more than 64 KiB': [
    (socket) => socket.send(Buffer.alloc(65_537)),
    'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
  ],
  'a WebSocket that is closed before its end': [(socket) => socket.close(), 'ERR_INTERRUPTED'],
  'a WebSocket that is cut': [(socket) => socket.terminate(), 'ERR_INTERRUPTED'],
}
for (const [what, [say, code]] of Object.entries(WRONG))
  test(`${what} breaks the connection`, async (t) => {
    const { address, next } = await listener(t)
    const socket = await stranger(t, address)
    const far = await next()
    const error = errorAtClose(far.resume())
    say(socket)
    t.is((await error)?.code, code)
  })

test('who reads slowly gets all, also behind the end of both sides', async (t) => {
  const { address, next } = await listener(t)
  const near = await websocket().connect(address)
  const far = await next()
  const content = randomContent(10_000)
  far.end(content)
  near.end()
  await once(far.resume(), 'end')
  // what came is held here, and the other side has closed the WebSocket
  await once(near, 'readable')
  for (let turn = 0; turn < 50; turn++) await new Promise(setImmediate)
  t.deepEqual(await heardOn(near), content)
  t.is(await errorAtClose(near), null)
  t.is(await errorAtClose(far), null)
})

test('a server of a web application is shared, and left as it was', async (t) => {
  const { server, port } = await webServer(t)
  const others = new WebSocketServer({ noServer: true })
  server.on('upgrade', (request, socket, head) => {
    if (request.url === '/chat') others.handleUpgrade(request, socket, head, (chat) => chat.send('chat'))
  })
  const { listening, address, next } = await listener(t, { server })
  t.is(address, `ws://127.0.0.1:${port}/files`)
  const near = await websocket().connect(`${address}?token=1`)
  const chat = new WebSocket(`ws://127.0.0.1:${port}/chat`)
  const [said] = await once(chat, 'message')
  t.is(String(said), 'chat')
  const far = await next()
  await listening.close()
  t.is(await (await fetch(`http://127.0.0.1:${port}/`)).text(), 'hello')
  near.end('still here')
  t.is(String(await heardOn(far)), 'still here')
  far.destroy()
  t.is((await errorAtClose(near))?.code, 'ERR_INTERRUPTED')
  chat.terminate()
  t.is(server.listenerCount('upgrade'), 1)
})

test('what is no WebSocket, or at another path, is refused', async (t) => {
  const { address } = await listener(t)
  const http = address.replace('ws:', 'http:')
  t.is((await fetch(http)).status, 426)
  const elsewhere = address.replace('/files', '/elsewhere')
  await t.throwsAsync(websocket().connect(`${elsewhere}?secret=1`), {
    code: 'ERR_UNREACHABLE',
    message: `${elsewhere} answers 404 (Not Found), and takes no WebSocket there`,
  })
  // nobody else is asked who might answer on a server that is shared
  const { server, port } = await webServer(t)
  await listener(t, { server })
  await t.throwsAsync(websocket().connect(`ws://127.0.0.1:${port}/elsewhere`), { message: /answers 404/ })
})

/** A connection that says nothing yet. */
async function silentOne(t: ExecutionContext<unknown>, address: string): Promise<Socket> {
  const socket = connectTcp(Number(new URL(address).port), '127.0.0.1').on('error', () => {})
  t.teardown(() => socket.destroy())
  await once(socket, 'connect')
  return socket
}

test('a stranger can have a listener hold no more than 8 KiB of headers', async (t) => {
  const { address } = await listener(t)
  const talker = await silentOne(t, address)
  talker.write(`GET /files HTTP/1.1\r\nx: ${'x'.repeat(8 * 1024)}`)
  t.regex(String(await heardOn(talker)), /^HTTP\/1\.1 431 /)
})

test('of connections that ask for nothing 256 are borne, also when very many come at once', async (t) => {
  const { address } = await listener(t)
  const silent = await Promise.all(Array.from({ length: 400 }, () => silentOne(t, address)))
  const closed = silent.map((socket) => once(socket.resume(), 'close'))
  let left = 400 - 256
  await new Promise<void>((resolve) => {
    for (const one of closed) one.then(() => --left === 0 && resolve())
  })
  t.is(silent.filter((socket) => !socket.destroyed).length, 256)
})

test('of 256 connections that ask for nothing the oldest makes room for one that does', async (t) => {
  const { address, next } = await listener(t)
  const silent: Socket[] = []
  // one after the other, so that it is known which is the oldest
  for (let i = 0; i < 256; i++) silent.push((await silentOne(t, address)).resume())
  const dropped = once(silent[0]!, 'close')
  const near = await websocket().connect(address)
  const far = await next()
  await dropped
  // whoever has become a WebSocket is none of them any more
  const other = await silentOne(t, address)
  near.end('here')
  t.is(String(await heardOn(far)), 'here')
  far.end()
  await errorAtClose(near.resume())
  t.deepEqual(
    [...silent, other].filter((socket) => socket.destroyed),
    [silent[0]],
  )
})

test('a server that takes the connection and answers nothing is left when it is stopped', async (t) => {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => void server.close())
  const taken = once(server, 'connection')
  const stop = new AbortController()
  const { port } = server.address() as AddressInfo
  const connecting = websocket().connect(`ws://127.0.0.1:${port}/`, { signal: stop.signal })
  const [socket] = await taken
  const left = once(socket.on('error', () => {}).resume(), 'close')
  stop.abort(new Error('enough'))
  await t.throwsAsync(connecting, { message: 'enough' })
  await left
})

test('the headers are sent', async (t) => {
  const { server, port } = await webServer(t)
  const asked = once(server, 'upgrade')
  await listener(t, { server })
  const near = await websocket({ headers: { authorization: 'Bearer x' } }).connect(
    `ws://127.0.0.1:${port}/files`,
  )
  const [{ headers }] = await asked
  t.is(headers.authorization, 'Bearer x')
  t.is(headers['sec-websocket-extensions'], undefined)
  near.destroy()
})

test('what is wrong with an address is said', async (t) => {
  const { listening, address } = await listener(t)
  const onConnection = () => {}
  for (const wrong of ['ws://', 'ws://host:99999', 'ws://host/#part', 'http://host'])
    await t.throwsAsync(
      websocket().connect(wrong),
      { code: 'ERR_USAGE', message: /write ws:\/\/HOST:PORT\/PATH/ },
      wrong,
    )
  await t.throwsAsync(websocket().listen!('wss://127.0.0.1:0/', { onConnection }), {
    code: 'ERR_USAGE',
    message: 'wss://127.0.0.1:0/ needs a certificate: give websocket() a server of node:https',
  })
  await t.throwsAsync(websocket().listen!(address, { onConnection }), {
    code: 'ERR_USAGE',
    message: /is in use/,
  })
  await listening.close()
  await t.throwsAsync(websocket().connect(address.replace('//', '//user:secret@')), {
    code: 'ERR_UNREACHABLE',
    message: `nobody listens at ${address}; start the other side first`,
  })
  t.throws(() => websocket({ server: {} as Server }), {
    code: 'ERR_USAGE',
    message: /server must be a server of/,
  })
})

test('at any address it is reached by each of its own', async (t) => {
  const listening = await websocket().listen!('ws://*:0/files', {
    onConnection: (duplex) => duplex.end('here'),
  })
  const port = /:(\d+)\/files$/.exec(listening.addresses[0]!)![1]
  const near = await websocket().connect(`ws://127.0.0.1:${port}/files`)
  t.is(String(await heardOn(near)), 'here')
  near.destroy()
  await listening.close()
})

test('with a certificate it is wss, which the client wants to see', async (t) => {
  const dir = await mkdtemp(join(tmpdir(), 'sluice-test-'))
  t.teardown(() => rm(dir, { recursive: true }))
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(dir, name)) as [string, string]
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1']
  const made = await promisify(execFile)('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-keyout', key, '-out', cert, ...subject],
  ]).catch((error: NodeJS.ErrnoException) => error)
  if (made instanceof Object && 'code' in made && made.code === 'ENOENT') {
    t.log('skipped: openssl, which makes the certificate, is not there')
    return t.pass()
  }
  const ca = await readFile(cert)
  const { server, port } = await webServer(
    t,
    createSecureServer({ key: await readFile(key), cert: ca }) as never,
  )
  const { address, next } = await listener(t, { server })
  t.is(address, `wss://127.0.0.1:${port}/files`)
  await t.throwsAsync(websocket().connect(address), {
    code: 'ERR_UNREACHABLE',
    message: /self-signed certificate/,
  })
  const near = await websocket({ ca }).connect(address)
  const far = await next()
  const content = randomContent(300_000)
  near.end(content)
  t.deepEqual(await heardOn(far), content)
  far.end()
  await once(near.resume(), 'close')
})
