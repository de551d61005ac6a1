import { once } from 'node:events'
import type { IncomingMessage, RequestListener, Server } from 'node:http'
import type { Server as SecureServer } from 'node:https'
import type { AddressInfo, Server as NetServer, Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { messageOf, printable, SluiceError } from '../../errors.js'
import { checkKeys, checkObject, checkOption } from '../../options.js'
import { type Address, ANY_HOST, reachableHosts, schemeOf, showAddress } from './address.js'
import { knownConnectionError } from './connection-error.js'
import type { Connector } from './connector.js'
import { checkConnecting, checkListening, handOver, listenAtFirst, listeningUntil } from './listening.js'
import { resolveAddress, untilAborted } from './resolve.js'
import { SOCKET } from './tcp.js'
import { MOST_MESSAGE, WebSocketStream } from './web-socket-stream.js'

/** Options of {@link websocket}. */
export interface WebSocketOptions {
  /**
   * To listen on a server that is there already, as that of a web application: of the address only the path counts
   * then. It is left as it is when the listener closes. Without it, an HTTP server is made at the address.
   */
  server?: Server | SecureServer
  /**
   * Sent with the request when it connects, as for a proxy that asks for a token: to each `ws:` and `wss:` address that
   * it is given, also one of a ticket that somebody else wrote.
   */
  headers?: Readonly<Record<string, string>>
  /** Certificates, in PEM, of those who may vouch for a `wss:` server, in the place of those that Node knows. */
  ca?: string | Buffer
}

/** Only where there is a WebSocket: from Node 22 on, its import loads the WebSocket of Node too, and takes 12 MB. */
const http = () => import('node:http')

/** Compression would cost more than it gives: what is worth it is compressed before. */
const HOW = { perMessageDeflate: false, maxPayload: MOST_MESSAGE } as const

/** Milliseconds in which a request has its headers, and its answer. */
const FOR_HEADERS = 10_000

/** How a server of our own is: what a stranger can have us hold before there is a WebSocket, which a gate can count. */
const OWN_SERVER = {
  ...SOCKET,
  headersTimeout: FOR_HEADERS,
  connectionsCheckingInterval: 1000,
  maxHeaderSize: 8 * 1024,
} as const

/** Connections to it at once that have made no request yet, or none for a WebSocket. */
const MOST_SILENT = 256

/**
 * Connections over WebSocket, to `ws://HOST[:PORT]/PATH` or `wss://…`: through proxies, and into web servers. It
 * listens at `ws://HOST:PORT/PATH`, where `*` as the host is any address of this machine, and port 0 any free port; for
 * `wss:` it needs a server with a certificate. A page in any browser can connect to what listens, too: nothing but what
 * is said inside tells who it is.
 */
export function websocket(options: WebSocketOptions = {}): Connector {
  checkKeys('options', options, { server: true, headers: true, ca: true })
  const { server: given, headers, ca } = options
  if (given !== undefined)
    checkOption('server', given, isServer(given), 'a server of node:http or node:https')
  if (headers !== undefined) checkObject('headers', headers)
  return {
    takes: (address) => ['ws', 'wss'].includes(schemeOf(address) ?? ''),
    async connect(address, options = {}) {
      checkConnecting(options)
      const { signal } = options
      const url = urlOf(address)
      signal?.throwIfAborted()
      const { WebSocket } = await import('ws')
      const socket = new WebSocket(url, { ...HOW, headers, ca, handshakeTimeout: FOR_HEADERS })
      socket.once('upgrade', (response) => response.socket.setKeepAlive(true, SOCKET.keepAliveInitialDelay))
      try {
        const stream = new WebSocketStream(socket)
        // the WebSocket tells of what fails until it is open; whoever gets it may listen to its errors only later
        stream.on('error', () => {})
        await untilAborted(once(socket, 'open'), signal)
        return stream
      } catch (error) {
        socket.terminate()
        if (signal?.aborted) throw signal.reason
        throw await noWebSocket(error, url)
      }
    },
    async listen(address, options) {
      checkListening(options)
      const { signal, onConnection } = options
      const url = urlOf(address)
      signal?.throwIfAborted()
      const { WebSocketServer } = await import('ws')
      const sockets = new WebSocketServer({ ...HOW, noServer: true, clientTracking: false })
      const silent = new Set<Socket>()
      const server = given ?? limitSilent((await http()).createServer(OWN_SERVER, refuseRequest), silent)
      const upgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => {
        if (pathOf(request) !== url.pathname) {
          // of a server that is shared others may have that path
          if (server.listenerCount('upgrade') === 1) refuse(socket)
          return
        }
        silent.delete(request.socket)
        sockets.handleUpgrade(request, socket, head, (accepted) =>
          handOver(new WebSocketStream(accepted), onConnection, request.socket.remoteAddress),
        )
      }
      server.on('upgrade', upgrade)
      const addresses = given ? addressesOf(given) : await listenAtFirst(server, await placesOf(url, signal))
      const scheme = isSecure(server) ? 'wss' : 'ws'
      const shown = addresses.map((one) => `${scheme}://${showAddress(one)}${url.pathname}`)
      return listeningUntil(signal, given && shown.length === 0 ? [address] : shown, () => {
        server.off('upgrade', upgrade)
        if (given) return
        server.close()
        server.closeAllConnections()
      })
    },
  }
}

/**
 * Keeps a server from holding too many that ask for nothing: the one that has been at it longest is dropped for the one
 * that comes. An honest one asks at once, and is not kept out by any number of them.
 * @param silent those that have not asked yet: whoever hears one ask takes it out
 */
function limitSilent(server: Server, silent: Set<Socket>): Server {
  return server.on('connection', (socket) => {
    silent.add(socket)
    socket.once('close', () => silent.delete(socket))
    if (silent.size <= MOST_SILENT) return
    const [oldest] = silent
    silent.delete(oldest!)
    oldest!.destroy()
  })
}

function urlOf(address: string): URL {
  // a URL has no such host
  const text = address.replace(/^(wss?:\/\/)\*(?=[:/]|$)/i, '$1[::]')
  const url = URL.canParse(text) ? new URL(text) : undefined
  if (url && ['ws:', 'wss:'].includes(url.protocol) && url.hash === '') return url
  const message = `"${printable(address, 100)}" is not an address; write ws://HOST:PORT/PATH`
  throw new SluiceError('ERR_USAGE', message)
}

/** Without what may be a password or a token. */
const shownUrl = ({ protocol, host, pathname }: URL) => printable(`${protocol}//${host}${pathname}`, 300)

async function noWebSocket(cause: unknown, url: URL): Promise<SluiceError> {
  const where = shownUrl(url)
  const { STATUS_CODES } = await http()
  const status = /^Unexpected server response: (\d+)$/.exec(messageOf(cause))?.[1]
  const why =
    status === undefined
      ? `cannot be reached: ${printable(messageOf(cause), 300)}`
      : `answers ${status}${STATUS_CODES[status] ? ` (${STATUS_CODES[status]})` : ''}, and takes no WebSocket there`
  return (
    knownConnectionError(cause, where) ?? new SluiceError('ERR_UNREACHABLE', `${where} ${why}`, { cause })
  )
}

async function placesOf(url: URL, signal: AbortSignal | undefined): Promise<Address[]> {
  if (url.protocol === 'wss:') {
    const message = `${shownUrl(url)} needs a certificate: give websocket() a server of node:https`
    throw new SluiceError('ERR_USAGE', message)
  }
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1')
  return resolveAddress({ host: host === '::' ? ANY_HOST : host, port: Number(url.port || 80) }, signal)
}

function isServer(given: unknown): boolean {
  const { listen, headersTimeout } = (given ?? {}) as Partial<Server>
  return typeof listen === 'function' && headersTimeout !== undefined
}

const isSecure = (server: NetServer) => 'setSecureContext' in server

/** Where a server listens that somebody else has made; nowhere, if it does not yet. */
function addressesOf(server: NetServer): Address[] {
  const bound = server.address() as AddressInfo | string | null
  if (bound === null || typeof bound === 'string') return []
  return reachableHosts(bound.address).map((host) => ({ host, port: bound.port }))
}

const pathOf = ({ url = '/' }: IncomingMessage) => url.replace(/\?.*$/s, '')

const refuseRequest: RequestListener = (_request, response) => {
  response.writeHead(426, { connection: 'close', upgrade: 'websocket' }).end()
}

function refuse(socket: Duplex): void {
  socket.on('error', () => {})
  const head = 'HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n'
  socket.end(head, () => socket.destroy())
}
