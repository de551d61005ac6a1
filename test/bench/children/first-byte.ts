// Goes on with a file of which much is there already, until its first new byte is written: both sides in one process,
// so that the time is that of the protocol.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as sluiceLibrary from '../../../lib/index.js'
import { through } from '../movers/mover.js'
import { done, job, readyAndTold } from './talk.js'

export interface FirstByteJob {
  /** Bytes of the file. */
  size: number
  /** Milliseconds that bytes take in each direction. */
  delay: number
  /** The folder of what the package exports. */
  library: string
}

/** How much of the file is there. */
const THERE = 0.9

const { size, delay, library } = job<FirstByteJob>()
const { manifestOfEntries, receive, send }: typeof sluiceLibrary = await import(
  pathToFileURL(join(library, 'index.js')).href
)

/** A file of zeros of any size: nothing of it stands anywhere. */
const zeros: sluiceLibrary.SourceStore = {
  rereadable: () => true,
  open: async () => ({
    read: async (_at, buffer) => void buffer.fill(0),
    verify: async () => {},
    close: async () => {},
  }),
}

/** A store in which so much of the file is there already; it keeps nothing of what is written. */
function claiming(written: () => void): sluiceLibrary.PartStore {
  const part: sluiceLibrary.Part = {
    write: written,
    read: (_at, into) => void into.fill(0),
    publish: () => ({}),
    discard: () => {},
    keep: () => {},
  }
  const ranges = [{ start: 0, end: Math.floor(size * THERE) }]
  return {
    claims: (files: readonly { index: number }[]) =>
      new Map(files.map(({ index }) => [index, { part, ranges }])),
    begin: () => part,
  }
}

async function firstByte(near: Socket, far: Socket): Promise<void> {
  const manifest = manifestOfEntries([{ path: 'zeros', size, mtime: 0 }], zeros, {
    name: 'zeros',
    algorithm: 'blocks',
  })
  const sent = send(near, manifest).finished
  await new Promise<void>((written, failed) => {
    const received = receive(far, { store: claiming(written), accept: 'all' }).finished
    // the part above publishes nothing: a transfer that ends before a byte of it was written has failed
    for (const finished of [sent, received])
      finished.then(() => failed(new Error('it has ended before a byte was written')), failed)
  })
}

const server = createServer({ noDelay: true }).listen(0, '127.0.0.1')
await once(server, 'listening')
await through(delay === 0 ? undefined : { delay }, (server.address() as AddressInfo).port, async (port) => {
  const near = connect({ port, host: '127.0.0.1', noDelay: true })
  const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [
    [Socket],
    unknown,
  ]
  await readyAndTold()
  await firstByte(near, far)
  await done()
  for (const socket of [near, far]) socket.destroy()
})
server.close()
