import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { deferred } from '../../lib/async.js'
import {
  manifestOfEntries,
  type Part,
  type PartStore,
  receive,
  type SourceStore,
  send,
} from '../../lib/index.js'
import { median, table } from './measure.js'

const GIB = 2 ** 30
/** How much of the file is there. */
const THERE = 0.9

/** Two ends of a TCP connection whose bytes arrive after so many milliseconds. */
async function distant(delay: number): Promise<[near: Socket, far: Socket, close: () => void]> {
  const servers = [createServer({ noDelay: true }), createServer({ noDelay: true })] as const
  for (const server of servers) server.listen(0, '127.0.0.1')
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const to = (server: (typeof servers)[number]) =>
    connect({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', noDelay: true })
  const [receiving, relay] = servers
  const [near, [middle]] = await Promise.all([to(relay), once(relay, 'connection')])
  const [beyond, [far]] = await Promise.all([to(receiving), once(receiving, 'connection')])
  for (const [from, into] of [
    [middle, beyond],
    [beyond, middle],
  ]) {
    from.on('error', () => into.destroy()).on('close', () => into.destroy())
    from.on('data', (chunk: Buffer) => setTimeout(() => into.destroyed || into.write(chunk), delay))
  }
  for (const socket of [near, far, middle, beyond]) socket.on('error', () => {})
  const close = () => {
    for (const socket of [near, far, middle, beyond]) socket.destroy()
    for (const server of servers) server.close()
  }
  return [near, far, close]
}

/** A file of zeros of any size: nothing of it stands anywhere. */
const zeros: SourceStore = {
  rereadable: () => true,
  open: async () => ({
    read: async (_at, buffer) => void buffer.fill(0),
    verify: async () => {},
    close: async () => {},
  }),
}

/**
 * Milliseconds from the beginning of a transfer that goes on with a file until its first new byte is written. The file
 * is one of zeros, nine tenths of which the receiver claims to have.
 */
export async function firstByte(size: number, delay: number): Promise<number> {
  const [near, far, close] = await distant(delay)
  const written = deferred<void>()
  const part: Part = {
    write: () => written.resolve(),
    read: (_at, into) => void into.fill(0),
    publish: () => ({}),
    discard: () => {},
    keep: () => {},
  }
  const claims = (files: readonly { index: number }[]) =>
    new Map(
      files.map(({ index }) => [index, { part, ranges: [{ start: 0, end: Math.floor(size * THERE) }] }]),
    )
  const store: PartStore = { claims, begin: () => part }
  const manifest = manifestOfEntries([{ path: 'zeros', size, mtime: 0 }], zeros, {
    name: 'zeros',
    algorithm: 'blocks',
  })
  const began = performance.now()
  const both = [send(near, manifest), receive(far, { store, accept: 'all' })]
  const ended = both.map(({ finished }) => finished)
  try {
    // The parts above publish nothing, so that a transfer that ends before a byte of it was written has failed.
    await Promise.race([written.promise, Promise.all(ended)])
    return performance.now() - began
  } finally {
    close()
    await Promise.allSettled(ended)
  }
}

/** The time to the first new byte where much is there already, of small and of very large files. */
export async function compareFirstByte(rounds: number, log: (line: string) => void): Promise<string> {
  const rows: string[][] = []
  for (const delay of [0, 44]) {
    const of: string[] = []
    for (const gib of [1, 16, 400]) {
      const times: number[] = []
      for (let round = 0; round < rounds; round++) {
        times.push(await firstByte(gib * GIB, delay))
        await wait(10)
      }
      of.push(`${Math.round(median(times))} ms`)
      log(`first byte of ${gib} GiB, ${2 * delay} ms round trip: ${of.at(-1)}`)
    }
    rows.push([`${2 * delay} ms`, ...of])
  }
  return table(['round trip', '1 GiB', '16 GiB', '400 GiB'], rows)
}
