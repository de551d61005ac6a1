import { once } from 'node:events'
import type { Server } from 'node:net'
import type { Duplex } from 'node:stream'
import { errorCode } from '../../files/disk/disk-error.js'
import { checkAbortSignal, checkFunction, checkKeys, checkObject } from '../../options.js'
import { type Address, ANY_HOST, reachableHosts, showAddress } from './address.js'
import { cannotListen } from './connection-error.js'
import type { ConnectOptions, Listening, ListenOptions } from './connector.js'

/** Throws `ERR_USAGE` for options of `connect` that are none. */
export function checkConnecting(options: ConnectOptions): void {
  checkObject('options', options)
  checkKeys<object>('options', options, { signal: true })
  checkAbortSignal('signal', options.signal)
}

/** Throws `ERR_USAGE` for options of `listen` that are none. */
export function checkListening(options: ListenOptions): void {
  checkObject('options', options)
  checkKeys<object>('options', options, { signal: true, onConnection: true })
  checkFunction('onConnection', options.onConnection)
  checkAbortSignal('signal', options.signal)
}

/**
 * Has a server listen at the first of the addresses at which it can; where others listen already, nothing else is taken
 * instead. Port 0 is any free one.
 * @returns the addresses at which it is reached
 * @throws SluiceError `ERR_USAGE`
 */
export async function listenAtFirst(server: Server, addresses: readonly Address[]): Promise<Address[]> {
  let failure: unknown
  for (const wanted of addresses) {
    try {
      server.listen(wanted.host === ANY_HOST ? { port: wanted.port } : wanted)
      await once(server, 'listening')
      surviveAccept(server)
      const { address, port } = server.address() as { address: string; port: number }
      const hosts = reachableHosts(wanted.host === ANY_HOST ? address : wanted.host)
      return hosts.map((host) => ({ host, port }))
    } catch (error) {
      if (errorCode(error) === 'EADDRINUSE') throw cannotListen(error, showAddress(wanted))
      failure = error
    }
  }
  throw cannotListen(failure, addresses.map(showAddress).join(' or '))
}

/**
 * A connection that could not be accepted, as where the system has no memory for it, or a firewall forbids it, is lost,
 * and its maker hears of that. Nothing else is: without this, it would end the process.
 */
export function surviveAccept(server: Server): void {
  server.on('error', () => {})
}

/** What listens until it is closed, or `signal` aborts: then `end` is called, once. */
export async function listeningUntil(
  signal: AbortSignal | undefined,
  addresses: readonly string[],
  end: () => Promise<void> | void,
): Promise<Listening> {
  let closing: Promise<void> | undefined
  const close = () => {
    signal?.removeEventListener('abort', stop)
    closing ??= (async () => end())()
    return closing
  }
  const stop = () => void close().catch(() => {})
  signal?.addEventListener('abort', stop)
  if (signal?.aborted) {
    await close()
    throw signal.reason
  }
  return { addresses, close }
}

/**
 * Hands a new connection over. Whoever gets it may listen to its errors only later: a stranger that hangs up before
 * does not end the process.
 */
export function handOver(
  duplex: Duplex,
  onConnection: ListenOptions['onConnection'],
  address?: string | undefined,
): void {
  duplex.on('error', () => {})
  // as a socket for both families has it
  onConnection(duplex, address === undefined ? {} : { address: address.replace(/^::ffff:(?=[\d.]+$)/, '') })
}
