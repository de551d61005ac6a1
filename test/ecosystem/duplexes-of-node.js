// Duplexes that Node itself makes, over loopback or in memory.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rm } from 'node:fs/promises'
import { createServer as createHttp, request } from 'node:http'
import http2 from 'node:http2'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import stream, { compose, Duplex, PassThrough } from 'node:stream'
import tls from 'node:tls'
import { MessageChannel } from 'node:worker_threads'

/** Waits until a server listens, and says what to connect to. */
async function listening(server, path) {
  server.listen(path ?? { port: 0, host: '127.0.0.1' })
  await once(server, 'listening')
  return path ?? { port: server.address().port, host: '127.0.0.1' }
}

/** Both ends of a connection. Each pair is `[near, far]`, and has `close` where more than its ends is open. */
export async function tcp(options) {
  const server = createServer(options ?? {})
  const address = await listening(server)
  const accepted = once(server, 'connection')
  const near = connect({ ...address, ...options })
  const [far] = await accepted
  server.close()
  return [near, far]
}

/** Both ends of a TCP connection, each wrapped by a function, which are destroyed at the end whatever the wrapper does. */
export const wrapped =
  (wrap, options = { allowHalfOpen: true }) =>
  async () => {
    const ends = await tcp(options)
    // what a wrapper does not tell of its socket is told to nobody
    for (const end of ends) end.on('error', () => {})
    return closing(
      ends.map((end, at) => wrap(end, at)),
      () => {
        for (const end of ends) end.destroy()
      },
    )
  }

export const closing = (ends, close) => Object.assign(ends, { close })

async function unixSocket() {
  const path =
    process.platform === 'win32'
      ? String.raw`\\.\pipe\sluice-${process.pid}`
      : join(tmpdir(), `sluice-${process.pid}.sock`)
  await rm(path, { force: true })
  const server = createServer()
  await listening(server, path)
  const accepted = once(server, 'connection')
  const near = connect(path)
  const [far] = await accepted
  server.close()
  return [near, far]
}

/** With a secret that both know: no certificate has to be made. */
async function overTls() {
  const psk = Buffer.alloc(32, 5)
  const common = { ciphers: 'PSK', maxVersion: 'TLSv1.2', minVersion: 'TLSv1.2' }
  const server = tls.createServer({ ...common, pskCallback: () => psk })
  const address = await listening(server)
  const accepted = once(server, 'secureConnection')
  const near = tls.connect({
    ...common,
    ...address,
    pskCallback: () => ({ psk, identity: 'sluice' }),
    checkServerIdentity: () => undefined,
  })
  const [far] = await accepted
  server.close()
  return [near, far]
}

async function upgraded() {
  const server = createHttp()
  const address = await listening(server)
  const accepted = new Promise((resolve) => {
    server.once('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: sluice\r\n\r\n')
      resolve(socket)
    })
  })
  const asked = request({ ...address, headers: { connection: 'Upgrade', upgrade: 'sluice' } }).end()
  const [, near] = await once(asked, 'upgrade')
  const far = await accepted
  server.close()
  // the server leaves its sockets half-open: whoever takes one over closes it
  return closing([near, far], () => {
    near.destroy()
    far.destroy()
  })
}

async function connected() {
  const server = createHttp()
  const address = await listening(server)
  const accepted = once(server, 'connect')
  const asked = request({ ...address, method: 'CONNECT', path: 'files:1' }).end()
  const [, far] = await accepted
  far.write('HTTP/1.1 200 OK\r\n\r\n')
  const [, near] = await once(asked, 'connect')
  server.close()
  return closing([near, far], () => {
    near.destroy()
    far.destroy()
  })
}

async function http2Stream() {
  const server = http2.createServer()
  const address = await listening(server)
  const accepted = once(server, 'stream')
  const session = http2.connect(`http://127.0.0.1:${address.port}`)
  const near = session.request({ ':method': 'POST', ':path': '/' }, { endStream: false })
  const [far] = await accepted
  far.respond({ ':status': 200 })
  await once(near, 'response')
  return closing([near, far], () => {
    session.destroy()
    server.close()
  })
}

/** Both sides of a port between threads: a chunk is asked for before it is sent. */
class PortDuplex extends Duplex {
  #port
  #written
  constructor(port) {
    super({ allowHalfOpen: true })
    this.#port = port
    port.on('message', (message) => {
      if (message === 'more') {
        const written = this.#written
        this.#written = undefined
        written?.()
      } else if (message === 'end') this.push(null)
      else if (this.push(Buffer.from(message))) port.postMessage('more')
    })
    port.on('close', () => this.destroy())
  }
  _read() {
    this.#port.postMessage('more')
  }
  _write(chunk, _encoding, done) {
    this.#written = done
    this.#port.postMessage(chunk)
  }
  _final(done) {
    this.#port.postMessage('end')
    done()
  }
  _destroy(error, done) {
    this.#port.close()
    done(error)
  }
}

function threadPort() {
  const { port1, port2 } = new MessageChannel()
  return [new PortDuplex(port1), new PortDuplex(port2)]
}

/** Standard input and output of a child that connects them to the far end. */
async function childProcess() {
  const server = createServer({ allowHalfOpen: true })
  const { port } = await listening(server)
  const accepted = once(server, 'connection')
  // the output of a child is a socket, too, which can be ended
  const program = `const { Socket, connect } = require('net')
    const socket = connect({ port: ${port}, host: '127.0.0.1', allowHalfOpen: true })
    const output = new Socket({ fd: 1, readable: false, writable: true })
    process.stdin.pipe(socket).pipe(output)
    for (const stream of [process.stdin, socket, output]) stream.on('error', () => process.exit())`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['pipe', 'pipe', 'inherit'] })
  const [far] = await accepted
  server.close()
  const near = Duplex.from({ readable: child.stdout, writable: child.stdin })
  return closing([near, far], async () => {
    far.destroy()
    child.kill('SIGKILL')
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  })
}

const around = (end) => compose(new PassThrough(), end, new PassThrough())

/** Two one-way streams, crosswise. */
function crossed() {
  const [forth, backward] = [new PassThrough(), new PassThrough()].map((stream) =>
    stream.on('error', () => {}),
  )
  return [
    Duplex.from({ writable: forth, readable: backward }),
    Duplex.from({ writable: backward, readable: forth }),
  ]
}

export const OF_NODE = {
  'net.Socket': () => tcp(),
  'net.Socket, half-open': () => tcp({ allowHalfOpen: true }),
  'unix socket': unixSocket,
  'tls.TLSSocket': overTls,
  'http upgrade': upgraded,
  'http CONNECT': connected,
  'http2 stream': http2Stream,
  'child process by Duplex.from': childProcess,
  'port of a worker thread': threadPort,
  'Duplex.from of two PassThroughs': crossed,
  'Duplex.fromWeb': wrapped((end) => Duplex.fromWeb(Duplex.toWeb(end))),
  'stream.compose': wrapped(around),
  ...('duplexPair' in stream && { 'stream.duplexPair': () => stream.duplexPair() }),
}
