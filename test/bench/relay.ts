import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'

/** A way to a port of this machine that counts what goes over it. */
export interface Relay {
  port: number
  /** In both directions. */
  readonly bytes: number
  close(): void
}

/**
 * What is compared goes over the same relay, so that it costs all of them the same.
 * @param cutAfter bytes after which the connection breaks
 */
export async function countingRelay(port: number, cutAfter = Number.POSITIVE_INFINITY): Promise<Relay> {
  let bytes = 0
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => to.destroy()).on('close', () => to.end())
      from.on('data', (chunk) => {
        bytes += chunk.length
        if (bytes >= cutAfter) near.destroy()
      })
      from.pipe(to)
    }
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    get bytes() {
      return bytes
    },
    close: () => server.close(),
  }
}
