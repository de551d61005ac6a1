#!/usr/bin/env node
// Receives over TCP into an SQLite database:  node dist/examples/receive-into-sqlite.js FILE.db [PORT]
import { createServer } from 'node:net'
import sqlite from 'node-sqlite3-wasm'
import { receive } from 'sluice'
import './one-line.js'
import { sqliteParts } from './sqlite-parts.js'

const [file, port = '0'] = process.argv.slice(2)
if (file === undefined) {
  console.error('usage: receive-into-sqlite FILE.db [PORT]')
  process.exit(2)
}

const db = new sqlite.Database(file)
const server = createServer({ noDelay: true }, async (socket) => {
  const transfer = receive(socket, { store: sqliteParts(db), accept: (offer) => offer.bytes < 1e9 })
  try {
    const { published, bytes } = await transfer.finished
    console.log(`${published} entries, ${bytes} bytes`)
  } catch (error) {
    console.error(`not received: ${(error as Error).message}`)
    process.exitCode = 1
  }
  db.close()
  server.close() // one transfer is enough for an example
})
server.listen(Number(port), '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address === 'object') console.log(`127.0.0.1:${address.port}`)
})
