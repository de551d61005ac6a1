// One side of a transfer, in a process of its own.
import { once } from 'node:events'
import { mkdirSync, mkdtempSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { basename, join } from 'node:path'
import { files, large } from '../work/work.js'
import { makeProgram, type ProgramOptions } from './programs.js'
import { done, job, readyAndTold } from './talk.js'

export interface PeerJob {
  role: 'sender' | 'receiver'
  program: ProgramOptions
  /** The folder to send; the receiver uses its last name. */
  source: string
  target: string
  /** Where a first transfer is made, which is not measured: a server has made some. */
  warmIn?: string | undefined
}

const MIB = 2 ** 20

const { role, program: options, source, target, warmIn } = job<PeerJob>()
const program = await makeProgram(options)
const how = { noDelay: true, allowHalfOpen: program.halfOpen }
if (warmIn !== undefined) await warmUp(mkdtempSync(join(warmIn, 'warm-')))
if (role === 'sender') {
  const { port } = await readyAndTold()
  await send(port, source)
} else {
  const { port, connection } = await listening()
  await readyAndTold(port)
  await receive(await connection, target, source)
}
await done()

function send(port: number, source: string): Promise<void> {
  return program.send(connect({ port, host: '127.0.0.1', ...how }), source)
}

async function listening(): Promise<{ port: number; connection: Promise<Socket> }> {
  const server = createServer(how).listen(0, '127.0.0.1')
  const connection = (once(server, 'connection') as Promise<[Socket]>).then(([socket]) => {
    server.close()
    return socket
  })
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, connection }
}

function receive(socket: Socket, target: string, source: string): Promise<void> {
  mkdirSync(target, { recursive: true })
  return program.receive(socket, target, basename(source))
}

/**
 * Moves small files and a larger one from one end of this process to the other. They stay: many removed files make the
 * next ones slow.
 */
async function warmUp(folder: string): Promise<void> {
  const source = join(folder, 'source')
  files(500, 4096).make(join(source, 'small'))
  large(8 * MIB).make(source)
  const { port, connection } = await listening()
  const received = connection.then((socket) => receive(socket, join(folder, 'target'), source))
  await Promise.all([send(port, source), received])
}
