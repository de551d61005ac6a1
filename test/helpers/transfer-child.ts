// One side of a transfer in a process of its own, killed at a given call of the file system:
//   transfer-child receive DIR KILL_AT | transfer-child send PORT SOURCE KILL_AT
import { connect, createServer } from 'node:net'
import { nodeFileSystem } from '../../lib/files/disk/node-fs.js'
import { receive } from '../../lib/receive.js'
import { send } from '../../lib/send.js'
import { killedFileSystem } from './killed-fs.js'

const [role, first, second, third] = process.argv.slice(2)
const fs = killedFileSystem(nodeFileSystem, Number(role === 'send' ? third : second))

function report(finished: Promise<unknown>): Promise<void> {
  return finished.then(
    () => {
      process.send?.({ calls: fs.calls })
      process.disconnect?.()
    },
    (error) => {
      process.send?.({ error: error.code ?? String(error) })
      process.disconnect?.()
      process.exitCode = 1
    },
  )
}

if (role === 'send') {
  void report(send(connect(Number(first), '127.0.0.1'), [second!], { fs }).finished)
} else {
  const server = createServer((socket) => {
    server.close()
    void report(receive(socket, { dir: first!, accept: 'all', fs }).finished)
  })
  server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as { port: number }).port }))
}
