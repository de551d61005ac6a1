// One side of a transfer, in a process of its own. The job comes as an argument, the signals by the channel of fork().
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { basename } from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { meter, type Usage } from './measure.js'
import { PROGRAMS } from './programs.js'

export interface Job {
  role: 'send' | 'receive'
  program: string
  /** The folder to send; the receiver uses its last name. */
  source: string
  target: string
  /** Measures the event-loop delay too. */
  delay?: boolean
}

/** Milliseconds that the event loop was late. */
export interface Delay {
  p50: number
  p99: number
  max: number
  samples: number
}

export type Report =
  | { kind: 'ready'; port: number }
  | { kind: 'done'; usage: Usage; delay: Delay | undefined }
export type Order = { kind: 'go'; port: number }

/** Milliseconds between two looks; each interval that the histogram records has it in it. */
const RESOLUTION = 1

function delayMeter(): () => Delay {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION })
  histogram.enable()
  const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION)
  return () => {
    histogram.disable()
    return {
      p50: late(histogram.percentile(50)),
      p99: late(histogram.percentile(99)),
      max: late(histogram.max),
      samples: histogram.count,
    }
  }
}

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
  const used = meter()
  const delay = job.delay ? delayMeter() : undefined
  if (job.role === 'send') await program.send(socket, job.source)
  else await program.receive(socket, job.target, basename(job.source))
  await tell({ kind: 'done', usage: used(), delay: delay?.() })
  process.disconnect()
}

await main(JSON.parse(process.argv[2]!) as Job)
