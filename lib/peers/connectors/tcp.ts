import { connect, createServer, isIPv6, type Socket } from 'node:net'
import { deferred } from '../../async.js'
import { type Clock, systemClock } from '../../clock.js'
import { errorCode } from '../../files/disk/disk-error.js'
import { checkCallback, checkKeys } from '../../options.js'
import { type Address, isHostAndPort, parseAddress, schemeOf, showAddress } from './address.js'
import { unreachable } from './connection-error.js'
import type { Connector } from './connector.js'
import { checkConnecting, checkListening, handOver, listenAtFirst, listeningUntil } from './listening.js'
import { type LookUp, resolveAddress } from './resolve.js'

/** Options of {@link tcp}. */
export interface TcpOptions {
  /** What asks for the addresses of a host, in the place of `lookup` of `node:dns/promises`. */
  lookUp?: LookUp
}

/**
 * How sockets are: the end of one side is not that of the other; no waiting for more to send; and a peer whose machine
 * is gone is noticed some time, also by whoever only waits.
 */
export const SOCKET = {
  allowHalfOpen: true,
  noDelay: true,
  keepAlive: true,
  keepAliveInitialDelay: 30_000,
} as const

/** Milliseconds that an attempt is given before the next address is tried beside it (RFC 8305, section 8). */
const HEAD_START = 250

/**
 * Connections over TCP, to `HOST:PORT`, `[IPv6]:PORT` or `tcp:HOST:PORT`. All addresses of a host are tried: one that
 * does not answer holds up none of the others. To listen, `*` as the host is any address of this machine, and port 0
 * any free port.
 */
export function tcp(options: TcpOptions = {}): Connector {
  checkKeys('options', options, { lookUp: true })
  const { lookUp } = options
  checkCallback('lookUp', lookUp)
  const parsed = (address: string) => parseAddress(address.replace(/^tcp:/i, ''))
  return {
    takes: (address) => schemeOf(address) === 'tcp' || isHostAndPort(address),
    async connect(address, options = {}) {
      checkConnecting(options)
      const { signal } = options
      const wanted = parsed(address)
      signal?.throwIfAborted()
      return dial(await resolveAddress(wanted, signal, lookUp), { signal })
    },
    async listen(address, options) {
      checkListening(options)
      const { signal, onConnection } = options
      const wanted = parsed(address)
      signal?.throwIfAborted()
      const server = createServer(SOCKET, (socket) => handOver(socket, onConnection, socket.remoteAddress))
      const addresses = await listenAtFirst(server, await resolveAddress(wanted, signal, lookUp))
      // its callback waits for the connections, too
      return listeningUntil(signal, addresses.map(showAddress), () => void server.close())
    },
  }
}

/** How {@link dial} goes about it; a test has its own clock, and its own sockets. */
interface Dialling {
  signal?: AbortSignal | undefined
  clock?: Clock | undefined
  open?: (address: Address) => Socket
}

/**
 * Connects to whichever of the addresses answers first: each is tried as soon as the one before has failed, or has had
 * its head start (RFC 8305). The other attempts are given up then.
 * @throws SluiceError `ERR_UNREACHABLE`, or the reason of `signal`
 */
export async function dial(
  addresses: readonly Address[],
  { signal, clock = systemClock, open = (address) => connect({ ...address, ...SOCKET }) }: Dialling = {},
): Promise<Socket> {
  signal?.throwIfAborted()
  const { promise, resolve, reject } = deferred<Socket>()
  const attempts = new Set<Socket>()
  const failures: unknown[] = []
  const left = alternating(addresses)
  let cancel = () => {}
  const next = () => {
    cancel()
    const address = left.shift()
    if (!address) return
    const socket = open(address)
    attempts.add(socket)
    socket.once('connect', () => resolve(socket))
    socket.once('error', (error) => {
      failures.push(error)
      if (failures.length < addresses.length) next()
      else reject(unreachable(plainest(failures), addresses.map(showAddress).join(' or ')))
    })
    if (left.length > 0) cancel = clock.after(HEAD_START, next)
  }
  const stop = () => reject(signal!.reason)
  signal?.addEventListener('abort', stop)
  try {
    next()
    const socket = await promise
    attempts.delete(socket)
    // whoever gets it may listen to its errors only later
    return socket
      .removeAllListeners('connect')
      .removeAllListeners('error')
      .on('error', () => {})
  } finally {
    cancel()
    signal?.removeEventListener('abort', stop)
    for (const socket of attempts) socket.destroy()
  }
}

/** As they are, but for the families, which take turns: often all of one are out of reach. */
function alternating(addresses: readonly Address[]): Address[] {
  const isSix = ({ host }: Address) => isIPv6(host)
  const isFirst = (address: Address) => isSix(address) === isSix(addresses[0]!)
  const others = addresses.filter((address) => !isFirst(address))
  const ordered = addresses.filter(isFirst).flatMap((address) => [address, ...others.splice(0, 1)])
  return [...ordered, ...others]
}

/** Somebody who refuses is there; of the others the last one says as much as any. */
function plainest(failures: readonly unknown[]): unknown {
  return failures.find((failure) => errorCode(failure) === 'ECONNREFUSED') ?? failures.at(-1)
}
