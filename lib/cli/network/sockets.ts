import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Clock } from '../../clock.js'
import { isSluiceError } from '../../errors.js'
import { errorCode } from '../../files/disk/disk-error.js'
import { backgroundClock } from '../../files/own/lease.js'
import { commandError } from '../ui/exit.js'
import { type Address, resolveLoopback, showAddress } from './address.js'

/** Milliseconds that a peer has to take in that the user stopped the program; twice that is still below a second. */
const FAREWELL = 400

/** Connects to HOST:PORT. Rejects with `ERR_USAGE` or `ERR_UNREACHABLE`, or when `signal` aborts. */
export async function connectTo(text: string, signal: AbortSignal, lookUp = lookup): Promise<Socket> {
  return firstOf(await resolveLoopback(text, signal, lookUp), async (address) => {
    const socket = connect({ ...address, noDelay: true })
    try {
      await once(socket, 'connect', { signal })
    } catch (error) {
      socket.destroy()
      throw error
    }
    signal.addEventListener('abort', () => farewell(() => [socket]))
    return socket
  })
}

/** Listens at HOST:PORT; port 0 is any free port. Returns the server and its address. Rejects with `ERR_USAGE`. */
export async function listenAt(
  text: string,
  signal: AbortSignal,
): Promise<{ server: Server; address: string }> {
  return firstOf(await resolveLoopback(text, signal), async (wanted) => {
    const server = createServer({ noDelay: true })
    server.listen(wanted)
    await once(server, 'listening').catch((error) => {
      // where others listen already, nothing else is taken instead
      throw errorCode(error) === 'EADDRINUSE' ? commandError(error, showAddress(wanted)) : error
    })
    const { port } = server.address() as { port: number }
    return { server, address: showAddress({ ...wanted, port }) }
  })
}

/**
 * Closes what is still open after a while: who stops the program does not wait for a peer that takes no notice. Twice
 * the time has a last word that a throttle may still hold back, and a peer that has it and is to end first.
 */
export function farewell(
  sockets: () => Iterable<Pick<Socket, 'writableEnded' | 'writableLength' | 'destroy'>>,
  clock: Clock = backgroundClock,
): void {
  const close = (isLast: boolean) => {
    for (const socket of sockets())
      if (isLast || socket.writableEnded || socket.writableLength > 0) socket.destroy()
  }
  clock.after(FAREWELL, () => close(false))
  clock.after(2 * FAREWELL, () => close(true))
}

/** A host may have several addresses, as `localhost` has: the first at which it works. */
async function firstOf<T>(
  addresses: readonly Address[],
  attempt: (address: Address) => Promise<T>,
): Promise<T> {
  let failure: unknown
  for (const address of addresses) {
    try {
      return await attempt(address)
    } catch (error) {
      if (isSluiceError(error)) throw error
      failure = error
    }
  }
  throw commandError(failure, addresses.map(showAddress).join(' or '))
}
