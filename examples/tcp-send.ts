#!/usr/bin/env node
// Sends files and folders over TCP:  node dist/examples/tcp-send.js PORT PATH...
import { connect } from 'node:net'
import { send } from 'sluice'
import './one-line.js'

const [port, ...paths] = process.argv.slice(2)
if (port === undefined || paths.length === 0) {
  console.error('usage: tcp-send PORT PATH...')
  process.exit(2)
}

const transfer = send(connect({ port: Number(port), host: '127.0.0.1', noDelay: true }), paths)
transfer.on('file', ({ path, status }) => console.log(status, path))
try {
  const { published, skipped } = await transfer.finished
  console.log(`${published} published, ${skipped} there already or not asked for`)
} catch (error) {
  console.error(`not sent: ${(error as Error).message}`)
  process.exitCode = 1
}
