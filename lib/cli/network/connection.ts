import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { commandError } from '../terminal/exit.js'
import { resolveLoopback, showAddress } from './address.js'

/** Connects to HOST:PORT. Rejects with `ERR_USAGE` or `ERR_UNREACHABLE`, or when `signal` aborts. */
export async function connectTo(text: string, signal: AbortSignal): Promise<Socket> {
  const address = await resolveLoopback(text)
  const socket = connect({ ...address, noDelay: true })
  try {
    await once(socket, 'connect', { signal })
  } catch (error) {
    socket.destroy()
    throw commandError(error, showAddress(address))
  }
  return socket
}

/** Listens at HOST:PORT; port 0 is any free port. Returns the server and its address. Rejects with `ERR_USAGE`. */
export async function listenAt(text: string): Promise<{ server: Server; address: string }> {
  const wanted = await resolveLoopback(text)
  const server = createServer({ noDelay: true })
  server.listen(wanted)
  try {
    await once(server, 'listening')
  } catch (error) {
    throw commandError(error, showAddress(wanted))
  }
  const { port } = server.address() as { port: number }
  return { server, address: showAddress({ ...wanted, port }) }
}
