import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import fc from 'fast-check'
import { type DemuxerOptions, demuxer } from '../../lib/stages/demuxer.js'
import type { Item } from '../../lib/stages/river/items.js'
import type { Frame } from '../../lib/wire/frame-parser.js'
import { FrameType } from '../../lib/wire/frames.js'
import { offerMessages } from '../../lib/wire/manifest.js'
import type { DigestRecord, Message } from '../../lib/wire/messages.js'
import { bitmapOf } from '../../lib/wire/positions.js'
import { amount, type Content, expected, offerOf } from '../helpers/items.js'

const CONTENT: Content = {
  d: null,
  'd/empty': Buffer.alloc(0),
  'd/one': Buffer.from('0123456789'),
  'd/two': Buffer.from('abcdef'),
  gone: Buffer.alloc(0),
  last: Buffer.from('xyz'),
}
const [EMPTY, ONE, TWO, GONE, LAST] = [1, 2, 3, 4, 5]
const FILES = [EMPTY, ONE, TWO, GONE, LAST]

const message = (message: Message): Frame => ({ kind: 'message', type: 0, message, size: 100 })
const offer = () => Array.from(offerMessages(offerOf(CONTENT)), message)
const data = (position: number, text: string): Frame => ({
  kind: 'data',
  position,
  length: text.length,
  chunks: [Buffer.from(text)],
})
const digest = (index: number): DigestRecord => {
  const said = Object.values(expected(CONTENT))[index]!.said
  return { index, digest: Buffer.from(said, 'hex') }
}
const digests = (...records: DigestRecord[]) => message({ type: 'digests', digests: records })
const END = message({ type: 'end' })
const ALL = [...offer(), data(0, '0123456789abcdefxyz'), digests(...FILES.map(digest)), END]

async function demuxed(frames: Frame[], options?: DemuxerOptions): Promise<Item[]> {
  const items: Item[] = []
  await pipeline(Readable.from(frames), demuxer(options), async (source) => {
    for await (const item of source as AsyncIterable<Item>) items.push(item)
  })
  return items
}

test('the stream is cut at file boundaries, folders and empty files in their places', async (t) => {
  const items = await demuxed(ALL)
  t.deepEqual(amount(items), expected(CONTENT))
  const run = items.find((item) => item.kind === 'run')!
  t.deepEqual(
    run.cuts.map(({ entry, offset, last }) => [entry.path, offset, last]),
    [
      ['d', 0, true],
      ['d/empty', 0, true],
      ['d/one', 0, true],
      ['d/two', 0, true],
      ['gone', 0, true],
      ['last', 0, true],
    ],
  )
})

test('data may come in pieces of any size', async (t) => {
  await fc.assert(
    fc.asyncProperty(fc.array(fc.integer({ min: 1, max: 18 })), async (cuts) => {
      const text = '0123456789abcdefxyz'
      const at = [0, ...new Set(cuts), text.length].sort((a, b) => a - b)
      const pieces = at.slice(1).map((end, i) => data(at[i]!, text.slice(at[i], end)))
      const frames = [...offer(), ...pieces.filter((piece) => piece.kind === 'data' && piece.length > 0)]
      t.deepEqual(amount(await demuxed([...frames, digests(...FILES.map(digest)), END])), expected(CONTENT))
    }),
  )
})

test('an empty file is there when its digest comes, or at the end', async (t) => {
  const items = await demuxed([
    ...offer(),
    digests(digest(EMPTY)),
    ...ALL.slice(-3, -2),
    digests(...FILES.slice(1).map(digest)),
    END,
  ])
  t.deepEqual(amount(items), expected(CONTENT))
})

test('a file that failed at the sender leaves a gap that is explained', async (t) => {
  const items = await demuxed([
    ...offer(),
    data(0, '01234'),
    digests({ index: ONE, failure: 'ERR_SOURCE_CHANGED' }, { index: GONE, failure: 'ERR_SOURCE_READ' }),
    data(10, 'abcdef'),
    data(16, 'xyz'),
    digests(digest(EMPTY), digest(TWO), digest(LAST)),
    END,
  ])
  const found = amount(items)
  t.like(found['d/one'], { content: '01234', ended: false, said: 'ERR_SOURCE_CHANGED' })
  t.like(found.gone, { content: '', ended: false, said: 'ERR_SOURCE_READ' })
  t.deepEqual(found['d/two'], expected(CONTENT)['d/two'])
  t.deepEqual(found.last, expected(CONTENT).last)
})

test('a failure that this side does not know keeps being one', async (t) => {
  const items = await demuxed([
    ...offer(),
    digests({ index: ONE, failure: 'ERR_OF_THE_FUTURE' }),
    data(10, 'abcdefxyz'),
    digests(...[EMPTY, TWO, GONE, LAST].map(digest)),
    END,
  ])
  t.is(amount(items)['d/one']!.said, 'ERR_PEER')
})

test('only what was asked for comes', async (t) => {
  const onOffer = () => bitmapOf(6, (index) => index === 0 || index === TWO)
  const items = await demuxed([...offer(), data(10, 'abcdef'), digests(digest(TWO)), END], { onOffer })
  t.deepEqual(Object.keys(amount(items)), ['d', 'd/two'])
  await t.throwsAsync(demuxed(ALL, { onOffer }), { code: 'ERR_PROTOCOL' })
  await t.throwsAsync(demuxed([...offer(), digests(digest(ONE))], { onOffer }), { code: 'ERR_PROTOCOL' })
})

test('who is asked about the offer may refuse it', async (t) => {
  const error = new Error('no')
  t.is(await t.throwsAsync(demuxed(ALL, { onOffer: () => Promise.reject(error) })), error)
})

test('a file of unknown size ends with its digest', async (t) => {
  const made = offerOf({ a: Buffer.from('xx'), stdin: Buffer.alloc(0) })
  made.entries[1]!.size = null
  const frames = [
    ...Array.from(offerMessages(made), message),
    data(0, 'xxhel'),
    data(5, 'lo'),
    digests({ index: 0, digest: Buffer.alloc(32) }, { index: 1, digest: Buffer.alloc(32), size: 5 }),
    END,
  ]
  const items = await demuxed(frames)
  t.like(amount(items).stdin, { content: 'hello', ended: true })
  const wrong = digests(
    { index: 0, digest: Buffer.alloc(32) },
    { index: 1, digest: Buffer.alloc(32), size: 6 },
  )
  await t.throwsAsync(demuxed([...frames.slice(0, -2), wrong]), { code: 'ERR_PROTOCOL' })
  await t.throwsAsync(demuxed([...frames.slice(0, -2), END]), { code: 'ERR_PROTOCOL' })
})

const BEFORE = [...offer(), data(0, '0123456789')]
const refused: Record<string, Frame[]> = {
  'HOSTILE-INPUT 47: a digest of entry N': [...BEFORE, digests({ index: 6, digest: Buffer.alloc(32) })],
  'HOSTILE-INPUT 47: a digest of a folder': [...BEFORE, digests({ index: 0, digest: Buffer.alloc(32) })],
  'HOSTILE-INPUT 47: a second digest': [...BEFORE, digests(digest(ONE)), digests(digest(ONE))],
  'HOSTILE-INPUT 47: a digest of a file that has not ended': [
    ...offer(),
    data(0, '01'),
    digests(digest(ONE)),
  ],
  'HOSTILE-INPUT 47: a digest of a file that has not begun': [...BEFORE, digests(digest(LAST))],
  'HOSTILE-INPUT 40: a digest of the wrong length': [
    ...BEFORE,
    digests({ index: ONE, digest: Buffer.alloc(20) }),
  ],
  'HOSTILE-INPUT 48: bytes beyond the last file': [...BEFORE, data(10, 'abcdefxyz!')],
  'HOSTILE-INPUT 48: bytes far beyond': [...BEFORE, data(2 ** 52, 'a')],
  'bytes that come twice': [...BEFORE, data(9, '9')],
  'HOSTILE-INPUT 49: a gap within a file': [...offer(), data(0, '01'), data(3, '3')],
  'HOSTILE-INPUT 49: a file that is left out': [...offer(), data(10, 'abcdef')],
  'HOSTILE-INPUT 49: a jump into a file': [...BEFORE, data(12, 'c')],
  'HOSTILE-INPUT 49: an early end': [...BEFORE, digests(digest(ONE)), END],
  'KNOWN-FAILURES 15: an end without digests': [...offer(), data(0, '0123456789abcdefxyz'), END],
  'bytes of a file that failed': [
    ...offer(),
    digests({ index: ONE, failure: 'ERR_SOURCE_READ' }),
    data(0, '0'),
  ],
  'a size that was known': [...BEFORE, digests({ ...digest(ONE), size: 10 })],
  'frames after the end': [...ALL, data(0, '0')],
  'a second offer within the first': [offer()[0]!, offer()[0]!],
}
for (const [name, frames] of Object.entries(refused)) {
  test(`${name} is refused`, async (t) => {
    await t.throwsAsync(demuxed(frames), { code: 'ERR_PROTOCOL' })
  })
}

test('an algorithm that nobody has is refused', async (t) => {
  const made = offerOf(CONTENT)
  made.algorithm = 'md17'
  await t.throwsAsync(demuxed(Array.from(offerMessages(made), message)), { code: 'ERR_UNSUPPORTED' })
})

test('KNOWN-FAILURES 23: the end of the stream between two files is not the end of the transfer', async (t) => {
  for (let length = 0; length < ALL.length - 1; length++) {
    await t.throwsAsync(demuxed(ALL.slice(0, length)), { code: 'ERR_TRUNCATED' })
  }
})

test('the types of frames are those of the specification', (t) => {
  t.is(new Set(Object.values(FrameType)).size, Object.keys(FrameType).length)
})

test('folders without any data come one by one, as the reader wants them', async (t) => {
  const folders = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`d${i}`, null]))
  const content: Content = { ...folders, empty: Buffer.alloc(0), ...{ z: null, file: Buffer.from('x') } }
  const said = (path: string) => Buffer.from(expected(content)[path]!.said, 'hex')
  const [empty, file] = [5000, 5002]
  const ways: Frame[][] = [
    [digests({ index: empty, digest: said('empty') }), data(0, 'x')],
    [data(0, 'x'), digests({ index: empty, digest: said('empty') })],
  ]
  for (const way of ways) {
    const stage = demuxer()
    const items: Item[] = []
    let most = 0
    const frames = [...Array.from(offerMessages(offerOf(content)), message), ...way]
    frames.push(digests({ index: file, digest: said('file') }), END)
    await pipeline(Readable.from(frames), stage, async (source) => {
      for await (const item of source as AsyncIterable<Item>) {
        items.push(item)
        most = Math.max(most, stage.readableLength)
      }
    })
    t.true(most <= 2, String(most))
    t.deepEqual(amount(items), expected(content))
  }
})

test('at the end no more is given out than the reader has room for', async (t) => {
  const folders = Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`d${i}`, null]))
  const stage = demuxer()
  const end = pipeline(Readable.from([...Array.from(offerMessages(offerOf(folders)), message), END]), stage)
  await once(stage, 'readable')
  let count = 0
  for (let item = stage.read(); ; item = stage.read()) {
    if (item === null) {
      if (stage.readableEnded) break
      await Promise.race([once(stage, 'readable'), once(stage, 'end')])
      continue
    }
    if (item.kind === 'run') count += item.cuts.length
    t.true(stage.readableLength <= 2)
  }
  await end
  t.is(count, 5000)
})
