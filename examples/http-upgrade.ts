#!/usr/bin/env node
// An HTTP server with routes of its own that takes transfers on an upgraded connection beside them:
//   node dist/examples/http-upgrade.js DIR [PORT]
//   node dist/examples/http-upgrade.js --send PORT PATH...
import { createServer, request } from 'node:http'
import type { Duplex } from 'node:stream'
import { receive, send } from 'sluice'
import './one-line.js'

function serve(dir: string, port: number): void {
  const server = createServer((_request, response) => response.end('hello from the other route\n'))
  server.on('upgrade', async (req, socket: Duplex, head) => {
    if (req.headers.upgrade !== 'sluice') {
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
      return
    }
    socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: sluice\r\n\r\n')
    try {
      const { files } = await receive(socket, { dir, head, accept: (offer) => offer.bytes < 1e9 }).finished
      console.log(`received ${files.length} entries`)
    } catch (error) {
      console.log(`not received: ${(error as Error).message}`) // the server goes on
      socket.destroy() // nobody else does where an option is wrong
    }
  })
  server.listen(port, '127.0.0.1', () => {
    const address = server.address()
    if (address !== null && typeof address === 'object') console.log(`127.0.0.1:${address.port}`)
  })
}

function upload(port: number, paths: string[]): void {
  const req = request({ port, host: '127.0.0.1', headers: { connection: 'Upgrade', upgrade: 'sluice' } })
  req.on('upgrade', async (_response, socket, head) => {
    const { published } = await send(socket, paths, { head }).finished
    console.log(`published ${published}`)
  })
  req.on('response', (response) => {
    console.error(`the server answered ${response.statusCode}`)
    process.exitCode = 1
  })
  req.end()
}

const [first, second, ...paths] = process.argv.slice(2)
if (first === '--send' && second !== undefined && paths.length > 0) upload(Number(second), paths)
else if (first !== undefined && first !== '--send') serve(first, Number(second ?? 0))
else {
  console.error('usage: http-upgrade DIR [PORT] | http-upgrade --send PORT PATH...')
  process.exitCode = 2
}
