import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { ExecutionContext } from 'ava'

/** Two ends of a TCP connection over loopback, destroyed when the test ends. */
export async function connection(t: ExecutionContext<unknown>): Promise<[Socket, Socket]> {
  const server = createServer({ noDelay: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  const near = connect({ port, host: '127.0.0.1', noDelay: true })
  const [far] = (await once(server, 'connection')) as [Socket]
  server.close()
  t.teardown(() => {
    near.destroy()
    far.destroy()
  })
  return [near, far]
}
