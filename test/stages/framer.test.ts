import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import fc from 'fast-check'
import { deframer } from '../../lib/stages/deframer.js'
import { demuxer } from '../../lib/stages/demuxer.js'
import { framer } from '../../lib/stages/framer.js'
import type { Item } from '../../lib/stages/items.js'
import { FrameType } from '../../lib/wire/frames.js'
import { encodeMessage, type Message } from '../../lib/wire/messages.js'
import { encodePreface } from '../../lib/wire/preface.js'
import { amount, expected, itemsOf, SMALL } from '../helpers/items.js'
import { scale } from '../helpers/scale.js'

function bytesOf(items: Iterable<Item>, options = {}): Promise<Buffer> {
  return buffer(Readable.from(items, { objectMode: true }).pipe(framer(options)))
}

async function parsed(chunks: Iterable<Buffer>): Promise<Item[]> {
  const items: Item[] = []
  await pipeline(Readable.from(chunks, { objectMode: true }), deframer(), demuxer(), async (source) => {
    for await (const item of source as AsyncIterable<Item>) items.push(item)
  })
  return items
}

function pieces(bytes: Buffer, cuts: readonly number[]): Buffer[] {
  const at = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length]
  return at.slice(1).map((end, i) => bytes.subarray(at[i]!, end))
}

test('what is framed comes out of deframer and demuxer, in runs of any size and frames of any size', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      fc.integer({ min: 1, max: 4000 }),
      fc.integer({ min: 1, max: 4000 }),
      async (run, maxFrame) => {
        t.deepEqual(amount(await parsed([await bytesOf(itemsOf(SMALL, run), { maxFrame })])), expected(SMALL))
      },
    ),
    { numRuns: scale(30, 300) },
  )
})

test('the input may be split anywhere', async (t) => {
  const bytes = await bytesOf(itemsOf(SMALL))
  t.deepEqual(amount(await parsed(Array.from(bytes, (byte) => Buffer.from([byte])))), expected(SMALL))
  await fc.assert(
    fc.asyncProperty(fc.array(fc.nat(bytes.length), { maxLength: 20 }), async (cuts) => {
      t.deepEqual(amount(await parsed(pieces(bytes, cuts))), expected(SMALL))
    }),
    { numRuns: scale(50, 1000) },
  )
})

test('the input may end nowhere but at its end', async (t) => {
  const bytes = await bytesOf(itemsOf(SMALL))
  const step = scale(7, 1)
  for (let length = 0; length < bytes.length; length += step) {
    await t.throwsAsync(
      parsed([bytes.subarray(0, length)]),
      { code: 'ERR_TRUNCATED' },
      `cut off at ${length}`,
    )
  }
})

test('data is passed on as it is, never copied', async (t) => {
  const items = itemsOf(SMALL, 1e6)
  const stream = Readable.from(items).pipe(framer())
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  await new Promise((resolve) => stream.once('end', resolve))
  const given = SMALL.c!
  t.true(chunks.some((chunk) => chunk.buffer === given.buffer && chunk.byteOffset === given.byteOffset))
})

test('files that stand next to each other in memory leave in one piece', async (t) => {
  const slab = Buffer.from('onetwothree')
  const content = { 1: slab.subarray(0, 3), 2: slab.subarray(3, 6), 3: slab.subarray(6) }
  const chunks: string[] = []
  const stream = Readable.from(itemsOf(content, 1e6)).pipe(framer())
  stream.on('data', (chunk: Buffer) => chunks.push(chunk.toString('latin1')))
  await new Promise((resolve) => stream.once('end', resolve))
  t.true(chunks.includes('onetwothree'))
})

test('a message gets between two frames, never into one, and does not wait for what was not framed yet', async (t) => {
  const stream = framer({ maxFrame: 100 })
  const talk: Message[] = []
  const frames = deframer({
    onTalk: (message) => {
      talk.push(message)
      return true
    },
  })
  const items: Item[] = []
  const flowing = pipeline(Readable.from(itemsOf(SMALL)), stream, frames, demuxer(), async (source) => {
    for await (const item of source as AsyncIterable<Item>) items.push(item)
  })
  stream.on('data', (chunk: Buffer) => {
    if (talk.length < 5 && chunk.length === 13) stream.talk({ type: 'ping' }) // in the middle of a frame
  })
  await flowing
  t.true(talk.length >= 5)
  t.deepEqual(amount(items), expected(SMALL))
})

test('one way nothing may follow the end, be it ever so short', async (t) => {
  const bytes = await bytesOf(itemsOf(SMALL))
  for (const more of [Buffer.from('x'), Buffer.from('x\n'), Buffer.from([FrameType.END, 0, 0, 0]), bytes]) {
    await t.throwsAsync(parsed([Buffer.concat([bytes, more])]), { code: 'ERR_PROTOCOL' })
    await t.throwsAsync(parsed([bytes, more]), { code: 'ERR_PROTOCOL' })
  }
})

test('a file that ends without a digest is not sent', async (t) => {
  const items = itemsOf(SMALL)
  for (const item of items) if (item.kind === 'run') for (const cut of item.cuts) delete cut.digest
  await t.throwsAsync(bytesOf(items), { code: 'ERR_STATE', message: /hashTap/ })
})

test('options are checked at once', (t) => {
  for (const maxFrame of [0, -1, 1.5, Number.NaN, 2 ** 21]) {
    t.throws(() => framer({ maxFrame }), { code: 'ERR_USAGE' })
  }
})

/** A stream by hand: a preface and these frames. */
const stream = (...frames: Buffer[]) => parsed([Buffer.concat([encodePreface([]), ...frames])])
const frame = (type: number, length: number, payload = Buffer.alloc(0)) => {
  const header = Buffer.alloc(5)
  header[0] = type
  header.writeUInt32BE(length, 1)
  return Buffer.concat([header, payload])
}

test('HOSTILE-INPUT 43: an enormous length is refused before anything is allocated', async (t) => {
  for (const type of [FrameType.DATA, FrameType.OFFER]) {
    const before = process.memoryUsage().arrayBuffers
    await t.throwsAsync(stream(frame(type, 0xffff_ffff)), { code: 'ERR_LIMIT' })
    t.true(process.memoryUsage().arrayBuffers - before < 1e6)
  }
})

test('HOSTILE-INPUT 44: empty frames are refused', async (t) => {
  await t.throwsAsync(stream(frame(FrameType.DATA, 8, Buffer.alloc(8))), { code: 'ERR_PROTOCOL' })
  await t.throwsAsync(stream(frame(FrameType.END, 0)), { code: 'ERR_PROTOCOL' })
})

test('HOSTILE-INPUT 45: an unknown type, or a frame in the wrong state, is refused', async (t) => {
  await t.throwsAsync(stream(frame(0x77, 1, Buffer.from([0x80]))), { code: 'ERR_PROTOCOL', message: /0x77/ })
  const messages: Record<string, Message[]> = {
    'digests before an offer': [{ type: 'digests', digests: [{ index: 0, failure: 'ERR_SOURCE_READ' }] }],
    'entries before an offer': [
      { type: 'entries', entries: [{ type: 'file', path: 'a', size: 0, mtime: 0, mode: 0 }] },
    ],
    'the end before an offer': [{ type: 'end' }],
    'talk on a stream that goes one way': [{ type: 'ping' }],
    'the end within an offer': [
      { type: 'offer', id: '0'.repeat(32), name: '', algorithm: 'sha256', entries: 1, bytes: 0 },
      { type: 'end' },
    ],
  }
  for (const [name, sent] of Object.entries(messages)) {
    await t.throwsAsync(stream(...sent.map(encodeMessage)), { code: 'ERR_PROTOCOL' }, name)
  }
  const whole = await bytesOf(itemsOf(SMALL))
  await t.throwsAsync(parsed([whole, encodeMessage({ type: 'end' })]), { code: 'ERR_PROTOCOL' })
})

test('HOSTILE-INPUT 46: input that dribbles is not copied again and again', (t) => {
  const size = 200_000
  const parser = deframer()
  const payload = encodeMessage({
    type: 'offer',
    id: '0'.repeat(32),
    name: '',
    algorithm: 'x',
    entries: 1e6,
    bytes: 0,
  })
  const bytes = Buffer.concat([encodePreface([]), payload, frame(FrameType.ENTRIES, size)])
  for (const byte of bytes) parser.write(Buffer.from([byte]))
  const before = process.memoryUsage().arrayBuffers
  for (let i = 0; i < size - 1; i++) parser.write(Buffer.alloc(1))
  t.true(process.memoryUsage().arrayBuffers - before < 64e6)
  parser.destroy()
})
