import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import { isSluiceError, type SluiceError } from '../lib/errors.js'
import { receive } from '../lib/receive.js'
import { deframer } from '../lib/stages/deframer.js'
import { demuxer } from '../lib/stages/demuxer.js'
import { finalizer } from '../lib/stages/finalizer.js'
import { framer } from '../lib/stages/framer.js'
import { hashTap } from '../lib/stages/hash-tap.js'
import { partSink } from '../lib/stages/part-sink.js'
import { MemoryDisk } from '../lib/testing/disk/memory-disk.js'
import { duplexPair } from '../lib/testing/faulty-duplex.js'
import { encodeMessage, type Message } from '../lib/wire/messages.js'
import { itemsOf, SMALL } from './helpers/items.js'
import { scale } from './helpers/scale.js'

const EXPECTED = Object.fromEntries(
  Object.entries(SMALL)
    .filter(([, bytes]) => bytes !== null)
    .map(([path, bytes]) => [`/in/${path}`, bytes!.toString('latin1')]),
)

function disk(): MemoryDisk {
  const made = new MemoryDisk()
  made.mkdir('/in')
  return made
}

/** The content of all files on the disk. */
function files(of: MemoryDisk): Record<string, string> {
  return Object.fromEntries(Array.from(of.snapshot(), ([path, bytes]) => [path, bytes.toString('latin1')]))
}

/** Files under names that are final: neither a part nor of our own folder. */
function published(of: MemoryDisk): Record<string, string> {
  return Object.fromEntries(
    Object.entries(files(of)).filter(([path]) => !path.endsWith('.part') && !path.startsWith('/in/.sluice')),
  )
}

async function unpack(chunks: readonly Buffer[], fs: MemoryDisk): Promise<void> {
  const sink = partSink({ dir: '/in', fs })
  const last = finalizer()
  const closed = Promise.all(
    [sink, last].map((stage) => new Promise((resolve) => stage.once('close', resolve))),
  )
  try {
    await pipeline(Readable.from(chunks, { objectMode: true }), deframer(), demuxer(), hashTap(), sink, last)
  } finally {
    await closed
  }
}

/** One way: preface, OFFER, ENTRIES, DATA, DIGESTS, END. */
const oneWay = buffer(Readable.from(itemsOf(SMALL)).pipe(framer()))

/** What a sender says in a whole conversation; its part of the recording of a session. */
async function conversation(): Promise<Buffer> {
  const river = await oneWay
  const say = (message: Message) => encodeMessage(message)
  const prefaceLength = river.indexOf('\x1a\n', 0, 'latin1') + 4
  return Buffer.concat([
    river.subarray(0, prefaceLength),
    say({ type: 'hello', version: 1, agent: 'recorded', features: [] }),
    say({ type: 'ping' }),
    river.subarray(prefaceLength),
  ])
}

async function replay(chunks: readonly Buffer[], fs: MemoryDisk): Promise<SluiceError | undefined> {
  const [near, far] = duplexPair()
  const limits = { handshakeTimeout: 1e6, closeTimeout: 1e6 }
  const { finished } = receive(far, { dir: '/in', fs, accept: 'all', limits })
  near.resume()
  for (const chunk of chunks) near.write(chunk)
  near.end()
  return finished.then(
    () => undefined,
    (error) => error,
  )
}

function offsets(bytes: Buffer): number[] {
  const step = scale(89, 1, 5)
  return Array.from({ length: Math.ceil(bytes.length / step) }, (_, i) => i * step)
}

test('a one-way stream in two pieces, cut at every offset, makes the same files', async (t) => {
  t.timeout(10 * 60_000)
  const bytes = await oneWay
  for (const at of offsets(bytes)) {
    const fs = disk()
    await unpack([bytes.subarray(0, at), bytes.subarray(at)], fs)
    t.deepEqual(files(fs), EXPECTED, `cut at ${at}`)
    t.deepEqual(fs.openHandles(), [])
  }
})

test('a one-way stream byte by byte makes the same files', async (t) => {
  const fs = disk()
  await unpack(
    Array.from(await oneWay, (byte) => Buffer.from([byte])),
    fs,
  )
  t.deepEqual(files(fs), EXPECTED)
})

test('a one-way stream that is cut off at any offset publishes nothing unverified, and says so', async (t) => {
  t.timeout(10 * 60_000)
  const bytes = await oneWay
  for (const at of offsets(bytes)) {
    const fs = disk()
    const error = await t.throwsAsync(unpack([bytes.subarray(0, at)], fs), undefined, `cut off at ${at}`)
    t.true(isSluiceError(error, 'ERR_TRUNCATED'), `cut off at ${at}: ${error?.stack}`)
    for (const [path, content] of Object.entries(published(fs)))
      t.is(content, EXPECTED[path]!, `${path}, ${at}`)
    t.deepEqual(fs.openHandles(), [])
  }
})

test('a recorded session in two pieces, cut at every offset, makes the same files', async (t) => {
  t.timeout(10 * 60_000)
  const bytes = await conversation()
  for (const at of offsets(bytes)) {
    const fs = disk()
    t.is(await replay([bytes.subarray(0, at), bytes.subarray(at)], fs), undefined)
    t.deepEqual(files(fs), EXPECTED, `cut at ${at}`)
    t.deepEqual(fs.openHandles(), [])
  }
})

test('a recorded session byte by byte makes the same files', async (t) => {
  const fs = disk()
  const bytes = await conversation()
  t.is(
    await replay(
      Array.from(bytes, (byte) => Buffer.from([byte])),
      fs,
    ),
    undefined,
  )
  t.deepEqual(files(fs), EXPECTED)
})

test('a session that is cut off at any offset is interrupted, and publishes nothing unverified', async (t) => {
  t.timeout(10 * 60_000)
  const bytes = await conversation()
  for (const at of offsets(bytes)) {
    const fs = disk()
    const error = await replay([bytes.subarray(0, at)], fs)
    t.true(isSluiceError(error, 'ERR_TRUNCATED'), `cut off at ${at}: ${error?.stack}`)
    for (const [path, content] of Object.entries(published(fs)))
      t.is(content, EXPECTED[path]!, `${path}, ${at}`)
    t.deepEqual(fs.openHandles(), [])
  }
})
