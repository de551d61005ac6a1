import { once } from 'node:events'
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import fc from 'fast-check'
import { deframer } from '../../lib/stages/deframer.js'
import { demuxer } from '../../lib/stages/demuxer.js'
import { framer } from '../../lib/stages/framer.js'
import type { DigestsItem, Item } from '../../lib/stages/river/items.js'
import { Plan } from '../../lib/transfer/plan.js'
import { FrameType } from '../../lib/wire/frames.js'
import { encodeMessage, type Message } from '../../lib/wire/messages.js'
import { encodePreface } from '../../lib/wire/preface.js'
import { cutsOf, digestIn, runOf } from '../../lib/wire/run.js'
import {
  amount,
  type Content,
  expected,
  inCuts,
  itemsOf,
  planOf,
  SMALL,
  withoutDigests,
} from '../helpers/items.js'
import { makeOffer } from '../helpers/make-offer.js'
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
        const items = itemsOf(SMALL, run)
        const bytes = await bytesOf(items, { maxFrame })
        t.deepEqual(amount(await parsed([bytes])), expected(SMALL))
        // as a stage of a user's makes them: the same bytes but for how the digests are paged
        t.deepEqual(amount(await parsed([await bytesOf(inCuts(items), { maxFrame })])), expected(SMALL))
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

/** The item of an offer that takes several pages. */
function longOffer(count: number): Item {
  const offer = makeOffer(
    { id: '0'.repeat(32), name: 'x', algorithm: 'sha256' },
    Array.from({ length: count }, (_, i) => ({
      type: 'file',
      path: `f${i}`,
      size: 0,
      mtime: 0,
      mode: 0o644,
    })),
  )
  return { kind: 'offer', offer, plan: new Plan() }
}

test('others have their turn between two pages of an offer', async (t) => {
  const stream = framer()
  let turn = 0
  let isOver = false
  const count = () => {
    turn++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  const turns: number[] = []
  stream.on('data', (bytes: Buffer) => {
    if (bytes[0] === FrameType.ENTRIES) turns.push(turn)
  })
  await new Promise((resolve) => stream.write(longOffer(2600), resolve))
  isOver = true
  t.is(turns.length, 7)
  t.is(new Set(turns).size, 7)
})

test('a framer may be closed in the middle of an offer', async (t) => {
  const stream = framer()
  const chunks: Buffer[] = []
  stream.on('data', (bytes: Buffer) => chunks.push(bytes))
  stream.write(longOffer(2600))
  stream.close()
  await once(stream, 'end')
  await new Promise((resolve) => setImmediate(resolve))
  t.true(chunks.filter((bytes) => bytes[0] === FrameType.ENTRIES).length < 6)
  stream.destroy()
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
    for await (const item of source as AsyncIterable<Item>) {
      items.push(item)
      if (item.kind === 'end') frames.finish()
    }
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
  await t.throwsAsync(bytesOf(withoutDigests(items)), { code: 'ERR_STATE', message: /hashTap/ })
  const cuts = withoutDigests(items).map((item) =>
    item.kind === 'run' ? runOf(item, [...cutsOf(item)]) : item,
  )
  await t.throwsAsync(bytesOf(cuts), { code: 'ERR_STATE', message: /hashTap/ })
  // one of many that has none
  const [offer, run, ...rest] = itemsOf(SMALL, 1e6)
  if (run?.kind !== 'run') throw new Error('there is no run')
  const bytes = Buffer.from(run.digests!.bytes)
  bytes.fill(0, 64, 96)
  const broken: Item[] = [offer!, { ...run, digests: { ...run.digests!, bytes } }, ...rest]
  await t.throwsAsync(bytesOf(broken), { code: 'ERR_STATE', message: /hashTap/ })
})

test('items that end without an end are refused: nobody could tell that from a river that was cut off', async (t) => {
  for (const items of [[], itemsOf(SMALL).slice(0, 1), itemsOf(SMALL).slice(0, -1)])
    await t.throwsAsync(bytesOf(items), { code: 'ERR_STATE', message: /end/ })
  // in a conversation the session ends it
  const stream = framer()
  stream.close()
  t.deepEqual(await buffer(stream), encodePreface([]))
})

/** The messages of a stream of frames. */
async function messagesOf(
  items: Iterable<Item>,
  limits?: { message?: number; frame?: number },
): Promise<Message[]> {
  const stream = framer()
  if (limits) stream.limit(limits)
  const messages: Message[] = []
  await pipeline(Readable.from(items, { objectMode: true }), stream, deframer(), async (frames) => {
    for await (const frame of frames) if (frame.kind === 'message') messages.push(frame.message)
  })
  return messages
}

type Digests = Extract<Message, { type: 'digests' }>
const digestsOf = (messages: Message[]) =>
  messages.filter((message): message is Digests => message.type === 'digests')

test('the digests of a run are one message, from its first file to its last', async (t) => {
  const said = digestsOf(await messagesOf(itemsOf(SMALL, 1e6)))
  // docs and z are folders: nothing is said of those at either end
  t.like(said, [{ first: 1, count: 6 }])
  t.is(digestIn(said[0], 3), undefined, 'a folder in between has an empty slot')
  t.truthy(digestIn(said[0], 4))
  t.is(said[0]!.failures, undefined)
  t.is(said[0]!.sizes, undefined)
  const cuts = digestsOf(await messagesOf(inCuts(itemsOf(SMALL, 1e6))))
  t.like(cuts, [
    { first: 1, count: 2 },
    { first: 4, count: 3 },
  ])
})

test('a run of folders, or in the middle of a file, says nothing', async (t) => {
  t.deepEqual(digestsOf(await messagesOf(itemsOf({ a: null, b: null }))), [])
  const parts = digestsOf(await messagesOf(itemsOf({ a: Buffer.alloc(1000, 'a') }, 300)))
  t.like(parts, [{ first: 0, count: 1 }])
})

test('an entry of unknown size gets its size with its digest', async (t) => {
  const [offer, run, end] = itemsOf({ a: Buffer.from('hello') })
  if (offer?.kind !== 'offer' || run?.kind !== 'run') throw new Error('no run')
  const unknown = { ...offer.offer.entries[0]!, size: null }
  const entries = [unknown]
  const items: Item[] = [
    { ...offer, offer: { ...offer.offer, bytes: 0, entries }, plan: planOf({ ...offer.offer, entries }) },
    { ...run, entries, ends: false, digests: undefined! },
    { ...run, entries, position: 5, length: 0, buffers: [], offset: 5 },
    end!,
  ]
  for (const some of [items, [items[0]!, ...inCuts(items.slice(1, 2)), ...inCuts(items.slice(2))]]) {
    const [said] = digestsOf(await messagesOf(some))
    t.like(said, { first: 0, count: 1, sizes: new Map([[0, 5]]) })
    t.deepEqual(digestIn(said, 0), digestIn(run.digests, 0))
  }
})

test('failures are passed on, with their slots empty', async (t) => {
  const [offer] = itemsOf(SMALL)
  const item: DigestsItem = {
    kind: 'digests',
    first: 1,
    count: 2,
    bytes: Buffer.alloc(64),
    failures: new Map([
      [1, 'ERR_SOURCE_READ'],
      [2, 'ERR_SOURCE_CHANGED'],
    ]),
  }
  const [said] = digestsOf(await messagesOf([offer!, item, { kind: 'end' }]))
  t.like(said, { first: 1, count: 2, failures: item.failures })
})

test('messages stay below what the other side takes, and say all of it', async (t) => {
  const content: Content = {}
  for (let i = 0; i < 3000; i++) content[`f${i}`] = Buffer.from(String(i))
  const items = itemsOf(content, 1e6)
  const failures = new Map(Array.from({ length: 700 }, (_, i) => [i, 'ERR_SOURCE_CHANGED'] as const))
  items.splice(1, 0, { kind: 'digests', first: 0, count: 700, bytes: Buffer.alloc(700 * 32), failures })
  for (const message of [4096, 20_000]) {
    const said = await messagesOf(items, { message })
    for (const one of said) t.true(encodeMessage(one).length <= message + 5, one.type)
    const digests = digestsOf(said)
    t.is(
      digests.reduce((sum, { count }) => sum + count, 0),
      3700,
    )
    t.is(
      digests.reduce((sum, { failures }) => sum + (failures?.size ?? 0), 0),
      700,
    )
    t.deepEqual(said.at(-1), { type: 'end' })
  }
})

test('what a stage left out of a run leaves a gap in the data, and nothing else', async (t) => {
  const items = itemsOf(SMALL, 1e6)
  const some = items.map((item) => {
    if (item.kind !== 'run') return item
    return runOf(
      item,
      [...cutsOf(item)].filter(({ entry }) => entry.path !== 'docs/b'),
    )
  })
  const data: [number, number][] = []
  await pipeline(Readable.from(some), framer(), deframer(), async (frames) => {
    for await (const frame of frames) if (frame.kind === 'data') data.push([frame.position, frame.length])
  })
  t.deepEqual(data, [
    [0, 5],
    [1005, 1700],
  ])
})

test('options are checked at once', (t) => {
  for (const maxFrame of [0, -1, 1.5, Number.NaN, 2 ** 21]) {
    t.throws(() => framer({ maxFrame }), { code: 'ERR_USAGE' })
    t.throws(() => framer({ maxFrame: () => maxFrame }), { code: 'ERR_USAGE' })
  }
})

test('a function says how large frames are, from the next item on', async (t) => {
  let asked = 0
  const maxFrame = () => (asked++ < 4 ? 200 : 50)
  const lengths: number[] = []
  const stage = framer({ maxFrame }).on('data', (chunk: Buffer) => {
    // type, length and position; then come the bytes
    if (chunk.length === 13 && chunk[0] === FrameType.DATA) lengths.push(chunk.readUInt32BE(1) - 8)
  })
  await pipeline(Readable.from(itemsOf(SMALL, 200)), stage)
  const lastLarge = lengths.findLastIndex((length) => length > 50)
  t.true(lastLarge >= 0 && lastLarge < 5, `${lengths}`)
  t.is(Math.max(...lengths.slice(lastLarge + 1)), 50)
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
    'digests before an offer': [{ type: 'digests', first: 0, count: 1, bytes: Buffer.alloc(32, 1) }],
    'entries before an offer': [
      { type: 'entries', entries: [{ type: 'file', path: 'a', size: 0, mtime: 0, mode: 0 }] },
    ],
    'the end before an offer': [{ type: 'end' }],
    'talk on a stream that goes one way': [{ type: 'ping' }],
    'the end within an offer': [
      { type: 'offer', id: '0'.repeat(32), name: '', algorithm: 'sha256' },
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
  })
  const bytes = Buffer.concat([encodePreface([]), payload, frame(FrameType.ENTRIES, size)])
  for (const byte of bytes) parser.write(Buffer.from([byte]))
  const before = process.memoryUsage().arrayBuffers
  for (let i = 0; i < size - 1; i++) parser.write(Buffer.alloc(1))
  t.true(process.memoryUsage().arrayBuffers - before < 64e6)
  parser.destroy()
})
