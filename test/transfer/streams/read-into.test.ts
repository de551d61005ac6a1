import { once } from 'node:events'
import { createServer, request } from 'node:http'
import { type AddressInfo, Socket, type SocketConstructorOpts } from 'node:net'
import { PassThrough } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import test from 'ava'
import { MemoryPool } from '../../../lib/stages/bytes/memory-pool.js'
import { randomContent } from '../../../lib/testing/index.js'
import { type InputReader, readAsData, readInto } from '../../../lib/transfer/streams/read-into.js'
import { connection } from '../../helpers/sockets.js'

const CONTENT = randomContent(3_000_000)

/** A reader that copies what comes, and uses it at once. */
function copying(isAlone = () => true) {
  const memory = new MemoryPool()
  const copies: Buffer[] = []
  const seen = new Set<ArrayBufferLike>()
  const reader: InputReader = {
    memory,
    isAlone,
    came: (bytes) => {
      seen.add(bytes.buffer)
      copies.push(Buffer.from(bytes))
      memory.used(bytes)
    },
  }
  return { reader, seen, copies, content: () => Buffer.concat(copies) }
}

async function has(copies: readonly Buffer[], length: number): Promise<void> {
  const count = () => copies.reduce((sum, bytes) => sum + bytes.length, 0)
  while (count() < length) await setImmediate()
}

const canRead = process.platform === 'win32' ? test.skip : test

canRead('a socket that was accepted is read into one slot, as long as that is used at once', async (t) => {
  const [near, far] = await connection(t)
  const { reader, seen, content } = copying()
  t.true(readInto(far, reader))
  far.on('data', () => t.fail('it came as data'))
  far.resume()
  near.end(CONTENT)
  await once(far, 'end')
  t.true(content().equals(CONTENT))
  t.is(seen.size, 1)
})

canRead('what was read before comes as data, ahead of the rest', async (t) => {
  const [near, far] = await connection(t)
  near.write('before')
  await once(far, 'readable')
  far.removeAllListeners('readable')
  const { reader, copies, content } = copying()
  t.true(readInto(far, reader))
  far.on('data', (bytes: Buffer) => copies.push(bytes))
  far.resume()
  near.end(CONTENT)
  await once(far, 'end')
  t.true(content().equals(Buffer.concat([Buffer.from('before'), CONTENT])))
})

canRead('a pause stops the reading, and nothing is lost by it', async (t) => {
  const [near, far] = await connection(t)
  const { reader, content } = copying()
  const { came } = reader
  reader.came = (bytes) => {
    came(bytes)
    far.pause()
    setTimeout(() => far.resume(), 0)
  }
  t.true(readInto(far, reader))
  far.resume()
  near.end(CONTENT)
  await once(far, 'end')
  t.true(content().equals(CONTENT))
})

canRead('where others listen as well all comes as data, in memory of its own', async (t) => {
  const [near, far] = await connection(t)
  let isAlone = true
  const { reader, copies, content } = copying(() => isAlone)
  t.true(readInto(far, reader))
  far.resume()
  near.write(CONTENT)
  await has(copies, CONTENT.length)
  isAlone = false
  const heard: Buffer[] = []
  far.on('data', (bytes: Buffer) => heard.push(bytes))
  near.end(CONTENT)
  await once(far, 'end')
  t.true(content().equals(CONTENT))
  t.true(Buffer.concat(heard).equals(CONTENT))
})

canRead('a socket that is given back gives data, paused or not, until another one reads it', async (t) => {
  const [near, far] = await connection(t)
  const [one, other] = [copying(), copying()]
  t.true(readInto(far, one.reader))
  far.resume()
  near.write(CONTENT)
  await has(one.copies, CONTENT.length)
  readAsData(far)
  far.pause()
  near.write('between')
  const given = once(far, 'data')
  far.resume()
  t.is(String((await given)[0]), 'between')
  far.removeAllListeners('data')
  t.true(readInto(far, other.reader))
  far.resume()
  near.end(CONTENT)
  await once(far, 'end')
  t.true(one.content().equals(CONTENT))
  t.true(other.content().equals(CONTENT))
})

canRead('the socket of an upgrade is read so, too', async (t) => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => void server.close())
  const { port } = server.address() as AddressInfo
  const asked = request({
    port,
    host: '127.0.0.1',
    headers: { connection: 'upgrade', upgrade: 'sluice' },
  }).end()
  const [, far] = (await once(server, 'upgrade')) as [unknown, Socket]
  const { reader, content } = copying()
  t.true(readInto(far, reader))
  far.resume()
  far.write('HTTP/1.1 101 Switching\r\nconnection: upgrade\r\nupgrade: sluice\r\n\r\n')
  const [, near] = (await once(asked, 'upgrade')) as [unknown, Socket]
  near.end(CONTENT)
  await once(far, 'end')
  far.end()
  t.true(content().equals(CONTENT))
})

test('what is no socket of Node, is made otherwise, or has onread already, gives data', async (t) => {
  const { reader } = copying()
  t.false(readInto(new PassThrough(), reader))
  t.false(readInto(new Socket(), reader))
  t.false(
    readInto(
      new Socket({ onread: { buffer: Buffer.alloc(10), callback: () => true } } as SocketConstructorOpts),
      reader,
    ),
  )
  t.false(readInto(new (class Own extends Socket {})(), reader))
  const [, far] = await connection(t)
  t.false(readInto(far, reader, 'win32'))
  const handle = (far as unknown as { _handle: object })._handle
  Object.defineProperty(handle, 'useUserBuffer', { value: undefined })
  t.false(readInto(far, reader))
})
