import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setImmediate as turn } from 'node:timers/promises'
import test from 'ava'
import fc from 'fast-check'
import { deferred } from '../../lib/async.js'
import type { DemuxerOptions } from '../../lib/stages/demuxer/options.js'
import { demuxer } from '../../lib/stages/demuxer.js'
import type { Item } from '../../lib/stages/river/items.js'
import { Plan } from '../../lib/transfer/plan.js'
import type { Offer } from '../../lib/wire/entry.js'
import type { Frame } from '../../lib/wire/frame-parser.js'
import { FrameType } from '../../lib/wire/frames.js'
import type { Message } from '../../lib/wire/messages.js'
import { cutsOf } from '../../lib/wire/run.js'
import { amount, bytesOf, type Content, expected, offerOf, sha256 } from '../helpers/items.js'
import { offerMessages, payloadOf } from '../helpers/offer-messages.js'
import { growth } from '../helpers/turns.js'

const CONTENT: Content = {
  d: null,
  'd/empty': Buffer.alloc(0),
  'd/one': Buffer.from('0123456789'),
  'd/two': Buffer.from('abcdef'),
  gone: Buffer.alloc(0),
  last: Buffer.from('xyz'),
}
const [EMPTY, ONE, TWO, GONE, LAST] = [1, 2, 3, 4, 5] as const
const FILES = [EMPTY, ONE, TWO, GONE, LAST]

const message = (message: Message): Frame => {
  return { kind: 'message', type: 0, message, payload: payloadOf(message) }
}
const framesOfOffer = (made: Offer) => Array.from(offerMessages(made), message)
const offer = () => framesOfOffer(offerOf(CONTENT))
const data = (position: number, text: string): Frame => ({
  kind: 'data',
  position,
  length: text.length,
  chunks: [Buffer.from(text)],
})

/** What is said of one file: its digest, a code, or with its size a digest. */
type Said = Buffer | string | { digest: Buffer; size: number }

/** The digests of these entries in one message: the slots between them are empty. */
function digests(said: Record<number, Said>, slot = 32): Frame {
  const indices = Object.keys(said).map(Number)
  const first = Math.min(...indices)
  const count = Math.max(...indices) - first + 1
  const bytes = Buffer.alloc(count * slot)
  const failures = new Map<number, string>()
  const sizes = new Map<number, number>()
  for (const index of indices) {
    const one = said[index]!
    if (typeof one === 'string') failures.set(index, one)
    else (Buffer.isBuffer(one) ? one : one.digest).copy(bytes, (index - first) * slot)
    if (typeof one === 'object' && 'size' in one) sizes.set(index, one.size)
  }
  return message({ type: 'digests', first, count, bytes, failures, sizes })
}

/** Their true digests. */
const digestsOf = (...indices: number[]) => digests(Object.fromEntries(indices.map((i) => [i, digest(i)])))
const digest = (index: number) => sha256(bytesOf(Object.values(CONTENT)[index]!))
const SOME = Buffer.alloc(32, 1)
const END = message({ type: 'end' })
const ALL = [...offer(), data(0, '0123456789abcdefxyz'), digestsOf(...FILES), END]

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
    [...cutsOf(run)].map(({ entry, offset, last }) => [entry.path, offset, last]),
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
      t.deepEqual(amount(await demuxed([...frames, digestsOf(...FILES), END])), expected(CONTENT))
    }),
  )
})

test('an empty file is there when its digest comes, or at the end', async (t) => {
  const items = await demuxed([
    ...offer(),
    digestsOf(EMPTY),
    ...ALL.slice(-3, -2),
    digestsOf(...FILES.slice(1)),
    END,
  ])
  t.deepEqual(amount(items), expected(CONTENT))
})

test('a file that failed at the sender leaves a gap that is explained', async (t) => {
  const items = await demuxed([
    ...offer(),
    data(0, '01234'),
    digests({ [ONE]: 'ERR_SOURCE_CHANGED', [GONE]: 'ERR_SOURCE_READ' }),
    data(10, 'abcdef'),
    data(16, 'xyz'),
    digestsOf(EMPTY, TWO, LAST),
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
    digests({ [ONE]: 'ERR_OF_THE_FUTURE' }),
    data(10, 'abcdefxyz'),
    digestsOf(EMPTY, TWO, GONE, LAST),
    END,
  ])
  t.is(amount(items)['d/one']!.said, 'ERR_PEER')
})

test('only what was asked for comes', async (t) => {
  const onOffer = (_offer: Offer, plan: Plan) => {
    plan.want(1)
    plan.skip(2)
    plan.want(1)
    plan.skip(2)
  }
  const items = await demuxed([...offer(), data(10, 'abcdef'), digestsOf(TWO), END], { onOffer })
  t.deepEqual(Object.keys(amount(items)), ['d', 'd/two'])
  await t.throwsAsync(demuxed(ALL, { onOffer }), { code: 'ERR_PROTOCOL' })
  await t.throwsAsync(demuxed([...offer(), digestsOf(ONE)], { onOffer }), { code: 'ERR_PROTOCOL' })
})

test('who is asked about the offer may refuse it', async (t) => {
  const error = new Error('no')
  t.is(await t.throwsAsync(demuxed(ALL, { onOffer: () => Promise.reject(error) })), error)
})

test('a file of unknown size ends with its digest', async (t) => {
  const made = offerOf({ a: Buffer.from('xx'), stdin: Buffer.alloc(0) })
  made.entries[1]!.size = null
  const said = (size?: number) => digests({ 0: SOME, 1: size === undefined ? SOME : { digest: SOME, size } })
  const before = [...framesOfOffer(made), data(0, 'xxhel'), data(5, 'lo')]
  const items = await demuxed([...before, said(5), END])
  t.like(amount(items).stdin, { content: 'hello', ended: true })
  for (const wrong of [said(6), said(4), said(), END])
    await t.throwsAsync(demuxed([...before, wrong]), { code: 'ERR_PROTOCOL' })
})

test('a file of unknown size may turn out to be empty', async (t) => {
  const made = offerOf({ stdin: '' })
  made.entries[0]!.size = null
  const items = await demuxed([...framesOfOffer(made), digests({ 0: { digest: SOME, size: 0 } }), END])
  t.like(amount(items).stdin, { content: '', ended: true })
})

const BEFORE = [...offer(), data(0, '0123456789')]
const refused: Record<string, [frames: Frame[], message: RegExp]> = {
  'HOSTILE-INPUT 47: a digest of entry N': [
    [...BEFORE, digests({ 6: SOME })],
    /a digest of entry 6, which is none/,
  ],
  'HOSTILE-INPUT 47: a digest of a folder': [
    [...BEFORE, digests({ 0: SOME })],
    /something that can be said only of files, about entry 0/,
  ],
  'HOSTILE-INPUT 47: a second digest': [
    [...BEFORE, digestsOf(ONE), digestsOf(ONE)],
    /a digest that nobody waits for of entry 2/,
  ],
  'HOSTILE-INPUT 47: a digest of a file that has not ended': [
    [...offer(), data(0, '01'), digestsOf(ONE)],
    /a digest before the last byte of entry 2/,
  ],
  'HOSTILE-INPUT 47: a digest of a file that has not begun': [
    [...BEFORE, digestsOf(LAST)],
    /a digest before the last byte of entry 5/,
  ],
  'HOSTILE-INPUT 40: a digest of the wrong length': [
    [...BEFORE, digests({ [ONE]: Buffer.alloc(20, 1) }, 20)],
    /a digest of 20 instead of 32 bytes for entry 2/,
  ],
  'HOSTILE-INPUT 40: empty slots of the wrong length': [
    [...BEFORE, digests({ [ONE]: 'ERR_SOURCE_READ' }, 1)],
    /a digest of 1 instead of 32 bytes for entry 2/,
  ],
  'HOSTILE-INPUT 48: bytes beyond the last file': [
    [...BEFORE, data(10, 'abcdefxyz!')],
    /bytes at 19, beyond the end of the offer/,
  ],
  'HOSTILE-INPUT 48: bytes far beyond': [[...BEFORE, data(2 ** 52, 'a')], /beyond the end of the offer/],
  'bytes that come twice': [[...BEFORE, data(9, '9')], /bytes at 9 that came already, of entry 2/],
  'HOSTILE-INPUT 49: a gap within a file, at its digest': [
    [...offer(), data(0, '01'), data(3, '3456789'), digestsOf(ONE)],
    /a digest before the last byte of entry 2/,
  ],
  'HOSTILE-INPUT 49: a file that is left out, at the end': [
    [...offer(), data(10, 'abcdefxyz'), digestsOf(EMPTY, TWO, GONE, LAST), END],
    /the end before the digest of entry 2/,
  ],
  'HOSTILE-INPUT 49: an early end': [
    [...BEFORE, digestsOf(ONE), END],
    /the end before the digest of entry 1/,
  ],
  'KNOWN-FAILURES 15: an end without digests': [
    [...offer(), data(0, '0123456789abcdefxyz'), END],
    /the end before the digest of entry 1/,
  ],
  'bytes of a file that failed': [
    [...offer(), digests({ [ONE]: 'ERR_SOURCE_READ' }), data(0, '0')],
    /bytes at 0 that were given up, of entry 2/,
  ],
  'a size that was known': [
    [...BEFORE, digests({ [ONE]: { digest: digest(ONE), size: 10 } })],
    /a size of 10 after one of 10 of entry 2/,
  ],
  'bytes after the end that nobody asked for': [[...ALL, data(0, '0')], /bytes at 0 that came already, of/],
  'a digest after the end': [[...ALL, digestsOf(ONE)], /a digest that nobody waits for of entry 2/],
  'a second end': [[...ALL, END], /the end twice/],
  'an offer behind one that is not open': [
    [...offer(), ...framesOfOffer(offerOf({ more: 'm' }))],
    /not open/,
  ],
  'a second offer within the first': [[offer()[0]!, offer()[0]!], /an offer where it does not belong/],
}
for (const [name, [frames, message]] of Object.entries(refused)) {
  test(`${name} is refused`, async (t) => {
    await t.throwsAsync(demuxed(frames), { code: 'ERR_PROTOCOL', message })
  })
}

test('an algorithm that nobody has is refused', async (t) => {
  const made = offerOf(CONTENT)
  made.algorithm = 'md17'
  await t.throwsAsync(demuxed(framesOfOffer(made)), { code: 'ERR_UNSUPPORTED' })
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
  const said = (path: string) => sha256(bytesOf(content[path]!))
  const [empty, file] = [5000, 5002] as const
  const ways: Frame[][] = [
    [digests({ [empty]: said('empty') }), data(0, 'x')],
    [data(0, 'x'), digests({ [empty]: said('empty') })],
  ]
  for (const way of ways) {
    const stage = demuxer()
    const items: Item[] = []
    let most = 0
    const frames = [...framesOfOffer(offerOf(content)), ...way]
    frames.push(digests({ [file]: said('file') }), END)
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
  const end = pipeline(Readable.from([...framesOfOffer(offerOf(folders)), END]), stage)
  await once(stage, 'readable')
  let count = 0
  for (let item = stage.read(); ; item = stage.read()) {
    if (item === null) {
      if (stage.readableEnded) break
      await Promise.race([once(stage, 'readable'), once(stage, 'end')])
      continue
    }
    if (item.kind === 'run') count += item.last - item.first + 1
    t.true(stage.readableLength <= 2)
  }
  await end
  t.is(count, 5000)
})

// ——— what the plan wants is taken, in whichever order and how often it comes; what it does not want is refused ———

/** A plan of which all of `d/one` was claimed but for some, and the rest is skipped. */
const claiming = (start: number, end: number) => (_offer: Offer, plan: Plan) => {
  plan.skip(2)
  plan.claim([{ start, end }])
  plan.skip(3)
}

/** The pieces of the runs: where each begins within the file, and its bytes. */
const piecesOf = (items: Item[]) =>
  items.flatMap((item) =>
    item.kind === 'run'
      ? [...cutsOf(item)].map(({ entry, offset, bytes, last }) => [entry.path, offset, String(bytes), last])
      : [],
  )

test('a start in the middle of a file is taken where the rest is claimed', async (t) => {
  const onOffer = claiming(0, 4)
  const both = (made: Offer, plan: Plan) => {
    onOffer(made, plan)
    plan.prove(ONE, [{ start: 0, end: 4 }])
  }
  const plan = new Plan()
  const frames = [...offer(), data(4, '456789'), digestsOf(ONE), END]
  const items = await demuxed(frames, { plan, onOffer: both })
  t.deepEqual(piecesOf(items), [['d/one', 4, '456789', true]])
  t.true(plan.isThere(ONE))
  await t.throwsAsync(demuxed([...offer(), data(3, '3456789')], { onOffer }), {
    code: 'ERR_PROTOCOL',
    message: /bytes at 3 that are only to be proved, of entry 2/,
  })
})

test('a gap within a file is taken, and filled later', async (t) => {
  const frames = [
    ...offer(),
    data(0, '012'),
    data(7, '789abcdefxyz'),
    data(3, '3456'),
    digestsOf(...FILES),
    END,
  ]
  const items = await demuxed(frames)
  t.deepEqual(
    piecesOf(items).filter(([path]) => path === 'd/one'),
    [
      ['d/one', 0, '012', false],
      ['d/one', 7, '789', true],
      ['d/one', 3, '3456', false],
    ],
  )
  await t.throwsAsync(demuxed([...frames.slice(0, -2), data(3, '3')]), {
    message: /bytes at 3 that came already, of entry 2/,
  })
})

test('files come in any order', async (t) => {
  const frames = [
    ...offer(),
    data(16, 'xyz'),
    data(10, 'abcdef'),
    data(0, '0123456789'),
    digestsOf(...FILES),
    END,
  ]
  const items = await demuxed(frames)
  t.deepEqual(amount(items), expected(CONTENT))
  t.deepEqual(
    piecesOf(items).map(([path]) => path),
    ['d', 'd/empty', 'gone', 'last', 'd/two', 'd/one'],
  )
})

/** Gives a demuxer one frame after the other, and does what stands between them in its place. */
async function stepwise(plan: Plan, steps: (Frame | (() => void))[]): Promise<Item[]> {
  const stage = demuxer({ plan })
  const items: Item[] = []
  stage.on('data', (item: Item) => items.push(item))
  const ended = once(stage, 'end')
  ended.catch(() => {})
  for (const step of steps) {
    if (typeof step === 'function') step()
    else
      await new Promise<void>((resolve, reject) =>
        stage.write(step, (error) => (error ? reject(error) : resolve())),
      )
  }
  stage.end()
  await ended
  return items
}

test('bytes come again where they are asked for again, and only then', async (t) => {
  const plan = new Plan()
  const before = [...offer(), data(0, '0123456789abcdefxyz')]
  const ask = () => plan.ask(ONE, [{ start: 2, end: 5 }])
  const items = await stepwise(plan, [
    ...before,
    ask,
    digestsOf(...FILES),
    data(2, '234'),
    digestsOf(ONE),
    END,
  ])
  t.deepEqual(piecesOf(items).at(-1), ['d/one', 2, '234', false])
  t.is(plan.cameBytes, 22)
  await t.throwsAsync(stepwise(new Plan(), [...before, data(2, '234')]), {
    code: 'ERR_PROTOCOL',
    message: /bytes at 2 that came already, of entry 2/,
  })
})

test('bytes after END are taken as long as somebody asked for them', async (t) => {
  const plan = new Plan()
  const ask = () => plan.ask(TWO, [{ start: 1, end: 3 }])
  const steps = [...ALL, ask, data(11, 'bc'), digestsOf(TWO)]
  const items = await stepwise(plan, steps)
  t.deepEqual(piecesOf(items).at(-1), ['d/two', 1, 'bc', false])
  const short = new Plan()
  await t.throwsAsync(stepwise(short, [...ALL, () => short.ask(TWO)]), {
    code: 'ERR_TRUNCATED',
    message: /before what was asked for again of entry 3/,
  })
  const other = new Plan()
  const again = [...ALL, () => other.ask(TWO, [{ start: 1, end: 3 }]), data(11, 'bc'), data(11, 'b')]
  await t.throwsAsync(stepwise(other, again), {
    code: 'ERR_PROTOCOL',
    message: /bytes at 11 that came already, of entry 3/,
  })
})

test('bytes of a file that has its outcome already are thrown away, and no digest of it is owed', async (t) => {
  const plan = new Plan()
  const items = await stepwise(plan, [
    ...offer(),
    data(0, '01'),
    () => plan.close(ONE),
    data(2, '23456789abcdefxyz'),
    digestsOf(EMPTY, TWO, GONE, LAST),
    END,
  ])
  t.is(amount(items)['d/one']!.content, '01')
  t.deepEqual(amount(items).last, expected(CONTENT).last)
})

test('entries of no bytes go with the run that passes them, once, in whichever order the others come', async (t) => {
  const frames = [
    ...offer(),
    data(16, 'xyz'),
    data(0, '0123456789'),
    data(10, 'abcdef'),
    digestsOf(...FILES),
    END,
  ]
  const paths = piecesOf(await demuxed(frames)).map(([path]) => path)
  t.deepEqual([...paths].sort(), Object.keys(CONTENT).sort())
})

test('digests do not hold on to the chunk that they came in', async (t) => {
  const chunk = Buffer.alloc(100_000, 1)
  const bytes = chunk.subarray(50_000, 50_000 + 5 * 32)
  const said: Frame = message({ type: 'digests', first: 1, count: 5, bytes })
  const items = await demuxed([...ALL.slice(0, -2), said, END])
  const item = items.find(({ kind }) => kind === 'digests') as Item & { kind: 'digests' }
  t.deepEqual(item.bytes, bytes)
  t.is(item.bytes.buffer.byteLength, bytes.length)
})

test('very many entries are planned in slices, between which others have their turn', async (t) => {
  const plan = new Plan()
  const folders = Object.fromEntries(Array.from({ length: 6000 }, (_, i) => [`d${i}`, null]))
  const added = growth(() => plan.entries.length)
  const decided = growth(() => plan.undecided)
  await demuxed([...framesOfOffer(offerOf(folders)), END], { plan })
  t.is(plan.wanted.entries, 6000)
  t.true(added.stop() <= 1000)
  t.true(decided.stop() <= 1000)
})

test('what a large offer named is taken in again in slices when another one is attached', async (t) => {
  const folders = Object.fromEntries(Array.from({ length: 6000 }, (_, i) => [`d${i}`, null]))
  const first = { ...offerOf(folders), open: true as const }
  const stage = demuxer()
  stage.resume()
  const write = (frame: Frame) => new Promise((resolve) => stage.write(frame, resolve))
  for (const frame of framesOfOffer(first)) await write(frame)
  let turns = 0
  let isOver = false
  const count = () => {
    turns++
    if (!isOver) setImmediate(count)
  }
  setImmediate(count)
  await write(message({ type: 'offer', id: first.id, name: 'x', algorithm: 'sha256' }))
  isOver = true
  t.true(turns >= 5)
  const again = { type: 'directory', path: 'd5999', size: 0, mtime: 0, mode: 0o755 } as const
  stage.write(message({ type: 'entries', entries: [again] }))
  const [error] = await once(stage, 'error')
  t.regex(error.message, /d5999 is there twice/)
})

test('entries are told page by page as they come, before anybody is asked about their offer', async (t) => {
  const folders = Object.fromEntries(Array.from({ length: 1200 }, (_, i) => [`d${i}`, null]))
  const first = { ...offerOf(folders), open: true as const }
  const attached = { ...offerOf({ more: null }), id: first.id, first: 1200, open: true as const }
  attached.entries[0]!.index = 1200
  const told: unknown[] = []
  const stage = demuxer({
    onOffer: ({ entries }) => {
      told.push(`all ${entries.length}`)
    },
  })
  stage.on('entries', (entries: readonly unknown[]) => told.push(entries.length))
  await pipeline([...framesOfOffer(first), ...framesOfOffer(attached), END], stage.resume())
  // what is attached is told of as a whole only
  t.deepEqual(told, [500, 500, 200, 'all 1200', 'all 1'])
})

test('what comes of an attached offer waits until it was decided about', async (t) => {
  const first = { ...offerOf({ a: Buffer.from('a') }), open: true as const }
  const attached = {
    ...offerOf({ b: Buffer.from('b') }),
    id: first.id,
    first: 1,
    position: 1,
    open: true as const,
  }
  Object.assign(attached.entries[0]!, { index: 1, start: 1 })
  const asked = deferred<void>()
  const answer = deferred<void>()
  const onOffer = async (made: Offer) => {
    if (made.first === 0) return
    asked.resolve()
    await answer.promise
  }
  const stage = demuxer({ onOffer })
  const kinds: string[] = []
  const passing = pipeline(
    [
      ...framesOfOffer(first),
      ...framesOfOffer(attached),
      data(0, 'a'),
      data(1, 'b'),
      digests({ 0: SOME, 1: SOME }),
      END,
    ],
    stage,
    async (source) => {
      for await (const { kind } of source as AsyncIterable<Item>) kinds.push(kind)
    },
  )
  await asked.promise
  for (let times = 0; times < 20; times++) await turn()
  t.deepEqual(kinds, ['offer', 'run'])
  answer.resolve()
  await passing
  t.deepEqual(kinds, ['offer', 'run', 'offer', 'run', 'digests', 'end'])
})

for (const way of ['the first connection', 'a lane'])
  test(`what is thrown where items are told of ends the stream, over ${way}`, async (t) => {
    const onItem = (item: Item) => {
      if (item.kind === 'run') throw new Error('no more of it')
    }
    const demux = demuxer({ onItem })
    demux.resume()
    const failed = once(demux, 'error')
    for (const frame of offer()) demux.write(frame)
    await once(demux, 'data')
    if (way === 'a lane') demux.confluence.inlet(() => {}).write(data(0, '0123'), () => {})
    else demux.write(data(0, '0123'))
    const [error] = await failed
    t.is(error.message, 'no more of it')
    t.true(demux.destroyed)
  })
