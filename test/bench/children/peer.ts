// One side of a transfer, in a process of its own.
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { basename } from 'node:path'
import { makeProgram, type ProgramOptions } from './programs.js'
import { done, job, readyAndTold } from './talk.js'

export interface PeerJob {
  role: 'sender' | 'receiver'
  program: ProgramOptions
  /** The folder to send; the receiver uses its last name. */
  source: string
  target: string
}

const { role, program: options, source, target } = job<PeerJob>()
const program = await makeProgram(options)
const how = { noDelay: true, allowHalfOpen: program.halfOpen }
if (role === 'sender') {
  const { port } = await readyAndTold()
  const socket = connect({ port, host: '127.0.0.1', ...how })
  await program.send(socket, source)
} else {
  mkdirSync(target, { recursive: true })
  const server = createServer(how).listen(0, '127.0.0.1')
  const connection = once(server, 'connection') as Promise<[Socket]>
  await once(server, 'listening')
  await readyAndTold((server.address() as AddressInfo).port)
  const [socket] = await connection
  server.close()
  await program.receive(socket, target, basename(source))
}
await done()
