// One side of a transfer, in a process of its own. The job comes as an argument, the signals by the channel of fork().
// Builds are compared by running the peer.js of each: what Job, Report and Order say, and the names of the programs,
// stay as they are. What is measured is not said here: probe.ts adds it to the last report.
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { basename } from 'node:path'
import { PROGRAMS } from './programs.js'

export interface Job {
  role: 'send' | 'receive'
  program: string
  /** The folder to send; the receiver uses its last name. */
  source: string
  target: string
}

export type Report = { kind: 'ready'; port: number } | { kind: 'done' }
export type Order = { kind: 'go'; port: number }

const tell = (report: Report) => new Promise<void>((done) => process.send!(report, () => done()))

async function main(job: Job): Promise<void> {
  const program = await PROGRAMS[job.program]!()
  let socket: Socket
  const go = once(process, 'message') as Promise<[Order]>
  if (job.role === 'receive') {
    mkdirSync(job.target, { recursive: true })
    const server = createServer().listen(0, '127.0.0.1')
    const connection = once(server, 'connection') as Promise<[Socket]>
    await once(server, 'listening')
    await tell({ kind: 'ready', port: (server.address() as AddressInfo).port })
    ;[socket] = await connection
    server.close()
  } else {
    await tell({ kind: 'ready', port: 0 })
    const [{ port }] = await go
    socket = connect(port, '127.0.0.1')
  }
  socket.setNoDelay(true)
  if (job.role === 'send') await program.send(socket, job.source)
  else await program.receive(socket, job.target, basename(job.source))
  await tell({ kind: 'done' })
  process.disconnect()
}

await main(JSON.parse(process.argv[2]!) as Job)
