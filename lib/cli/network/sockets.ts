import { createServer, type Server, type Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Clock } from '../../clock.js'
import { backgroundClock } from '../../files/own/lease.js'
import { showAddress } from '../../peers/connectors/address.js'
import { listenAtFirst } from '../../peers/connectors/listening.js'
import type { LookUp } from '../../peers/connectors/resolve.js'
import { dial, SOCKET } from '../../peers/connectors/tcp.js'
import { resolveLoopback } from './address.js'

/** Milliseconds that a peer has to take in that the user stopped the program; twice that is still below a second. */
const FAREWELL = 400

/** Connects to HOST:PORT. Rejects with `ERR_USAGE` or `ERR_UNREACHABLE`, or when `signal` aborts. */
export async function connectTo(text: string, signal: AbortSignal, lookUp?: LookUp): Promise<Socket> {
  return dial(await resolveLoopback(text, signal, lookUp), { signal })
}

/** Listens at HOST:PORT; port 0 is any free port. Returns the server and its address. Rejects with `ERR_USAGE`. */
export async function listenAt(
  text: string,
  signal: AbortSignal,
): Promise<{ server: Server; address: string }> {
  const server = createServer(SOCKET)
  const [bound] = await listenAtFirst(server, await resolveLoopback(text, signal))
  return { server, address: showAddress(bound!) }
}

/**
 * Closes what is still open after a while: who stops the program does not wait for a peer that takes no notice. Twice
 * the time has a last word that a throttle may still hold back, and a peer that has it and is to end first.
 */
export function farewell(
  sockets: () => Iterable<Pick<Duplex, 'writableEnded' | 'writableLength' | 'destroy'>>,
  clock: Clock = backgroundClock,
): void {
  const close = (isLast: boolean) => {
    for (const socket of sockets())
      if (isLast || socket.writableEnded || socket.writableLength > 0) socket.destroy()
  }
  clock.after(FAREWELL, () => close(false))
  clock.after(2 * FAREWELL, () => close(true))
}
