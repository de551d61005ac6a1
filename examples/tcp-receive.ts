#!/usr/bin/env node
// Receives over TCP into a folder:  node dist/examples/tcp-receive.js DIR [PORT]
import { createServer } from 'node:net'
import { receive } from 'sluice'
import './one-line.js'

const [dir, port = '0'] = process.argv.slice(2)
if (dir === undefined) {
  console.error('usage: tcp-receive DIR [PORT]')
  process.exit(2)
}

const server = createServer({ noDelay: true }, async (socket) => {
  try {
    const { files, bytes } = await receive(socket, { dir, accept: (offer) => offer.bytes < 1e9 }).finished
    console.log(`${files.length} entries, ${bytes} bytes`)
  } catch (error) {
    console.error(`not received: ${(error as Error).message}`)
    socket.destroy() // nobody else does where an option is wrong
    process.exitCode = 1
  }
  server.close() // one transfer is enough for an example
})
server.listen(Number(port), '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address === 'object') console.log(`127.0.0.1:${address.port}`)
})
