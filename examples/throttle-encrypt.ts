#!/usr/bin/env node
// The conversation over an encrypted and throttled line, here between two ends in one process:
//   node dist/examples/throttle-encrypt.js SOURCE DIR [BYTES_PER_SECOND]
import { randomBytes } from 'node:crypto'
import { connect, createServer, type Socket } from 'node:net'
import { encryption, receive, send, throttle } from 'sluice'
import './one-line.js'

const [source, dir, rate = '1e7'] = process.argv.slice(2)
if (source === undefined || dir === undefined) {
  console.error('usage: throttle-encrypt SOURCE DIR [BYTES_PER_SECOND]')
  process.exit(2)
}

const key = randomBytes(32) // both sides have to know it
const server = createServer({ noDelay: true }).listen(0, '127.0.0.1')
await new Promise((resolve) => server.once('listening', resolve))
const { port } = server.address() as { port: number }

const arrived = new Promise<Socket>((resolve) => server.once('connection', resolve))
const sending = send(connect(port, '127.0.0.1'), [source], {
  stages: { wire: [encryption({ key }), throttle({ rate: Number(rate) })] }, // a throttle may stand on one side alone
})
const receiving = receive(await arrived, { dir, accept: 'all', stages: { wire: [encryption({ key })] } })

const [sent, received] = await Promise.all([sending.finished, receiving.finished])
console.log(`sent ${sent.bytes} bytes, published ${received.published} entries`)
server.close()
