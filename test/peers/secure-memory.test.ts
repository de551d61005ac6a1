import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate } from 'node:timers/promises'
import test, { type ExecutionContext } from 'ava'
import { receive, send } from '../../lib/index.js'
import { freeMemory } from '../../lib/stages/bytes/free-memory.js'
import { randomContent } from '../../lib/testing/index.js'
import { isPlain } from '../../lib/transfer/streams/plain-duplex.js'
import { plant, temporary } from '../helpers/folders.js'
import { both } from '../helpers/secure.js'
import { connection } from '../helpers/sockets.js'

// The memory of what goes over a secure channel is used again, or freed. Here stands who may rely on that it is not.

const CONTENT = randomContent(12 * 1024 * 1024)

async function source(t: ExecutionContext): Promise<string> {
  return join(await plant(await temporary(t), { large: CONTENT }), 'large')
}

test('what was written is sealed when its callback is called, and what came has memory of its own', async (t) => {
  const [near, far] = await both(await connection(t))
  t.true(isPlain(near))
  const content = randomContent(500_000)
  const written = Buffer.from(content)
  const heard: Buffer[] = []
  far.on('data', (bytes: Buffer) => {
    t.is(bytes.length, bytes.buffer.byteLength)
    heard.push(Buffer.from(bytes))
    freeMemory([bytes])
  })
  near.write(written, () => written.fill(0))
  near.end()
  await once(far, 'end')
  t.true(Buffer.concat(heard).equals(content))
  far.end()
})

test('what waits for a slow connection is not overwritten by what is sealed behind it', async (t) => {
  const raw = await connection(t)
  const [near, far] = await both(raw)
  const dir = await temporary(t)
  const sender = send(near, [await source(t)])
  const receiver = receive(far, { dir, accept: 'all' })
  await once(receiver, 'progress')
  raw[1].pause()
  while (raw[0].writableLength === 0) await setImmediate()
  for (let turn = 0; turn < 100; turn++) await setImmediate()
  raw[1].resume()
  await Promise.all([sender.finished, receiver.finished])
  t.true(CONTENT.equals(await readFile(join(dir, 'large'))))
})

test('what came over one channel is not overwritten by what comes over others: they read into the same memory', async (t) => {
  const one = async () => {
    const [near, far] = await both(await connection(t))
    const content = randomContent(3_000_000)
    const heard: Buffer[] = []
    far.on('data', (bytes: Buffer) => heard.push(bytes))
    near.end(content)
    await once(far, 'end')
    far.end()
    return Buffer.concat(heard).equals(content)
  }
  t.deepEqual(await Promise.all([one(), one(), one(), one()]), [true, true, true, true])
})

test('who listens to the channel as well keeps the chunks that it was given', async (t) => {
  const [near, far] = await both(await connection(t))
  const heard: Buffer[] = []
  const receiver = receive(far, { dir: await temporary(t), accept: 'all' })
  far.on('data', (chunk: Buffer) => heard.push(chunk))
  await Promise.all([send(near, [await source(t)]).finished, receiver.finished])
  t.true(heard.every(({ length }) => length > 0))
  t.true(Buffer.concat(heard).includes(CONTENT.subarray(0, 50_000)))
})
