import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { ExecutionContext } from 'ava'

/** What a relay does with bytes on the way; `at` is how many have gone that way before. */
type Change = (bytes: Buffer, at: number) => Buffer

/** What was said over one connection. */
interface Recorded {
  /** By whoever connected, and by the other side. */
  forth: Buffer[]
  back: Buffer[]
}

/**
 * Stands between two sides on a port of its own: writes down what they say, and may change it.
 * @param target the port of the other side, or what gives it once somebody connects
 */
export async function relay(
  t: ExecutionContext<unknown>,
  target: number | (() => number),
  change: { forth?: Change; back?: Change } = {},
): Promise<{ port: number; recorded: Recorded[] }> {
  const recorded: Recorded[] = []
  const pass = (from: Socket, to: Socket, heard: Buffer[], alter: Change = (bytes) => bytes) => {
    let at = 0
    from.on('data', (bytes: Buffer) => {
      heard.push(bytes)
      to.write(alter(bytes, at))
      at += bytes.length
    })
    from.on('end', () => to.end())
    from.on('error', () => to.destroy())
    from.on('close', () => to.destroy())
  }
  const port = await serverOf(t, (near) => {
    const far = connect({
      port: typeof target === 'number' ? target : target(),
      host: '127.0.0.1',
      allowHalfOpen: true,
    })
    t.teardown(() => far.destroy())
    const said: Recorded = { forth: [], back: [] }
    recorded.push(said)
    pass(near, far, said.forth, change.forth)
    pass(far, near, said.back, change.back)
  })
  return { port, recorded }
}

/** Changes one bit of the byte that is the `index`th on its way. */
export const flipAt =
  (index: number): Change =>
  (bytes, at) => {
    if (index < at || index >= at + bytes.length) return bytes
    const changed = Buffer.from(bytes)
    changed[index - at]! ^= 1 << (index % 8)
    return changed
  }

/** The port of a server that does so with each connection; both end with the test. */
export async function serverOf(
  t: ExecutionContext<unknown>,
  behave: (socket: Socket) => void,
): Promise<number> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    t.teardown(() => socket.destroy())
    behave(socket.on('error', () => {}))
  }).listen(0, '127.0.0.1')
  t.teardown(() => server.close())
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}
