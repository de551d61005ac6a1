#!/usr/bin/env node
// A receiver of one's own, that goes on after a break:  node dist/examples/files/receiver.js DIR [PORT]
//
// Who connects sends one line of JSON, { "name", "size", "digest" } with the SHA-256 of the file, and is told the
// position from which on the bytes are wanted. It hears "ok" when the file has its name, and "again" where the content
// is not the one that was promised: then all of it may come again.
import { createServer, type Socket } from 'node:net'
import { basename, join } from 'node:path'
import { PartFile } from 'sluice/files'

const [dir, port = '0'] = process.argv.slice(2)
if (dir === undefined) {
  console.error('usage: receiver DIR [PORT]')
  process.exit(2)
}

const LONGEST_HEADER = 4096

/** The peer chooses a name, but no folder. What else it says is checked by `PartFile.open`. */
function open(header: string): Promise<PartFile> {
  const { name, size, digest } = JSON.parse(header)
  // the journal finds what an earlier connection left of this very content, and proves it
  return PartFile.open(join(dir!, basename(`${name}`)), { size, expected: digest, journal: true })
}

async function receive(socket: Socket): Promise<void> {
  let part: PartFile | undefined
  let bytes: Buffer = Buffer.alloc(0)
  try {
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      bytes = Buffer.concat([bytes, chunk])
      if (!part) {
        const end = bytes.indexOf(10)
        if (end === -1 && bytes.length > LONGEST_HEADER) throw new Error('no header')
        if (end === -1) continue
        part = await open(bytes.toString('utf8', 0, end))
        bytes = bytes.subarray(end + 1)
        socket.write(`${part.position}\n`)
      }
      if (bytes.length > 0) await write(part, bytes, socket)
      bytes = Buffer.alloc(0)
      if (part.published) break
    }
  } finally {
    // what came so far stays for the next connection
    await part?.close()
  }
  if (part?.published) console.log(`${part.published.name} is there`)
  socket.end(part?.published ? 'ok\n' : '')
}

/** Once the last byte is there the file has its name, or its content was not the right one. */
async function write(part: PartFile, bytes: Buffer, socket: Socket): Promise<void> {
  try {
    await part.write(part.position, bytes)
  } catch (error) {
    // after the third time it is gone
    if ((error as { code?: string }).code !== 'ERR_DIGEST' || !part.exists) throw error
    socket.write('again\n')
  }
}

const server = createServer({ allowHalfOpen: true }, (socket) => {
  receive(socket).catch((error: Error) => {
    console.log(`not received: ${error.message}`)
    socket.destroy()
  })
})
server.listen(Number(port), '127.0.0.1', () => {
  const address = server.address()
  if (address !== null && typeof address === 'object') console.log(`127.0.0.1:${address.port}`)
})
