// Duplexes of the packages that people use.
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { PassThrough } from 'node:stream'
import { duplexPair } from '../../dist/lib/testing/index.js'
import { closing, tcp, wrapped } from './duplexes-of-node.js'

const require = createRequire(import.meta.url)

/** A Duplex of a library around a socket, as its documentation would have it. */
const around = (Duplex) => (socket) => {
  const duplex = new Duplex({
    read: () => socket.resume(),
    write: (chunk, _encoding, done) => socket.write(chunk, done),
    final: (done) => socket.end(done),
    destroy(error, done) {
      socket.destroy()
      done(error)
    },
  })
  socket.on('data', (chunk) => duplex.push(chunk) || socket.pause())
  socket.on('end', () => duplex.push(null))
  socket.on('error', (error) => duplex.destroy(error))
  socket.on('close', () => duplex.destroy())
  return duplex
}

/** streamx gives its methods no encoding. */
const aroundStreamx = (Duplex) => (socket) => {
  const duplex = new Duplex({
    read(done) {
      socket.resume()
      done()
    },
    write: (chunk, done) => void socket.write(chunk, done),
    final: (done) => void socket.end(done),
    destroy(done) {
      socket.destroy()
      done()
    },
  })
  socket.on('data', (chunk) => duplex.push(chunk) || socket.pause())
  socket.on('end', () => duplex.push(null))
  socket.on('error', (error) => duplex.destroy(error))
  socket.on('close', () => duplex.destroy())
  return duplex
}

async function webSocket() {
  const { WebSocketServer, WebSocket, createWebSocketStream } = await import('ws')
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  const accepted = once(server, 'connection')
  const client = new WebSocket(`ws://127.0.0.1:${server.address().port}`)
  const [peer] = await accepted
  await once(client, 'open')
  return closing([createWebSocketStream(client), createWebSocketStream(peer)], () => {
    client.terminate()
    peer.terminate()
    server.close()
  })
}

async function ssh() {
  const { default: ssh2 } = await import('ssh2')
  const { private: key } = ssh2.utils.generateKeyPairSync('ed25519')
  let accept
  const channel = new Promise((resolve) => {
    accept = resolve
  })
  const server = new ssh2.Server({ hostKeys: [key] }, (peer) => {
    peer.on('error', () => {})
    peer.on('authentication', (context) => context.accept())
    peer.on('ready', () => peer.on('session', (session) => session().on('exec', (run) => accept(run()))))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = new ssh2.Client()
  client.on('error', () => {})
  client.connect({ host: '127.0.0.1', port: server.address().port, username: 'u', password: 'p' })
  await once(client, 'ready')
  const near = await new Promise((resolve, reject) => {
    client.exec('sluice', (error, stream) => (error ? reject(error) : resolve(stream)))
  })
  return closing([near, await channel], () => {
    client.end()
    server.close()
  })
}

async function secretStream() {
  const { default: SecretStream } = await import('@hyperswarm/secret-stream')
  const ends = await tcp()
  return closing([new SecretStream(true, ends[0]), new SecretStream(false, ends[1])], () => {
    for (const end of ends) end.destroy()
  })
}

async function multiplexed() {
  const { default: multiplex } = await import('multiplex')
  const ends = await tcp()
  let accept
  const accepted = new Promise((resolve) => {
    accept = resolve
  })
  const carriers = [multiplex(), multiplex(accept)]
  for (const [at, carrier] of carriers.entries()) {
    carrier.on('error', () => {})
    ends[at]
      .on('error', () => {})
      .pipe(carrier)
      .pipe(ends[at])
  }
  const near = carriers[0].createStream('files')
  return closing([near, await accepted], () => {
    for (const end of ends) end.destroy()
    for (const carrier of carriers) carrier.destroy()
  })
}

async function yamux() {
  const { Client, Server } = await import('yamux-js')
  const ends = await tcp()
  let accept
  const accepted = new Promise((resolve) => {
    accept = resolve
  })
  const [client, server] = [new Client(), new Server(accept)]
  for (const [end, carrier] of [
    [ends[0], client],
    [ends[1], server],
  ]) {
    carrier.on('error', () => {})
    end.pipe(carrier).pipe(end)
  }
  const near = client.open()
  near.write('')
  return closing([near, await accepted], () => {
    for (const end of ends) end.destroy()
    client.destroy()
    server.destroy()
  })
}

async function udx() {
  const { default: UDX } = await import('udx-native')
  const udx = new UDX()
  const sockets = [udx.createSocket(), udx.createSocket()]
  for (const socket of sockets) socket.bind(0, '127.0.0.1')
  const streams = [udx.createStream(1), udx.createStream(2)]
  for (const [at, stream] of streams.entries())
    stream.connect(sockets[at], 2 - at, sockets[1 - at].address().port, '127.0.0.1')
  return closing(streams, async () => {
    for (const stream of streams) stream.destroy()
    await Promise.all(sockets.map((socket) => socket.close()))
  })
}

/** Made when it is asked for, so that each program loads one package only. */
const of =
  (name, make) =>
  async (...args) =>
    (await make(require(name)))(...args)

/** Two ends of a pair in memory, wrapped. */
const inMemory = (wrap) => () => duplexPair().map(wrap)

export const OF_PACKAGES = {
  'ws createWebSocketStream': webSocket,
  'ssh2 channel': ssh,
  '@hyperswarm/secret-stream': secretStream,
  'udx-native': udx,
  multiplex: multiplexed,
  'yamux-js': yamux,
  'streamx Duplex': of('streamx', ({ Duplex }) => wrapped(aroundStreamx(Duplex))),
  'readable-stream 4 Duplex': of('readable-stream', ({ Duplex }) => wrapped(around(Duplex))),
  'readable-stream 3 Duplex': of('readable-stream-3', ({ Duplex }) => wrapped(around(Duplex))),
  'readable-stream 2 Duplex': of('readable-stream-2', ({ Duplex }) => wrapped(around(Duplex))),
  duplexify: of('duplexify', (duplexify) => wrapped((end) => duplexify(end, end))),
  'duplexify in memory': of('duplexify', (duplexify) => inMemory((end) => duplexify(end, end))),
  pumpify: of('pumpify', (pumpify) => wrapped((end) => pumpify(new PassThrough(), end, new PassThrough()))),
  duplexer2: of('duplexer2', (duplexer) => wrapped((end) => duplexer(end, end))),
  duplexer3: of('duplexer3', ({ default: duplexer }) => wrapped((end) => duplexer(end, end))),
  duplexpair: of('duplexpair', (DuplexPair) => () => {
    const { socket1, socket2 } = new DuplexPair()
    return [socket1, socket2]
  }),
  'native-duplexpair': of('native-duplexpair', (DuplexPair) => () => {
    const { socket1, socket2 } = new DuplexPair()
    return [socket1, socket2]
  }),
  'stream-combiner2': of('stream-combiner2', (combine) =>
    wrapped((end) => combine(new PassThrough(), end, new PassThrough())),
  ),
}
