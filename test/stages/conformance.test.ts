import assert from 'node:assert/strict'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { deframer } from '../../lib/stages/deframer.js'
import { demuxer } from '../../lib/stages/demuxer.js'
import { fileSource } from '../../lib/stages/file-source.js'
import { finalizer } from '../../lib/stages/finalizer.js'
import { framer } from '../../lib/stages/framer.js'
import { hashTap } from '../../lib/stages/hash-tap.js'
import { manifestOf } from '../../lib/stages/manifest/manifest-of.js'
import { partSink } from '../../lib/stages/part-sink.js'
import { framesOf } from '../../lib/stages/river/frames-of.js'
import type { Item } from '../../lib/stages/river/items.js'
import type { StoreCalls } from '../../lib/stages/river/store-calls.js'
import {
  MemoryDisk,
  readableConformance,
  transformConformance,
  writableConformance,
} from '../../lib/testing/index.js'
import { type Frame, FrameParser } from '../../lib/wire/frame-parser.js'
import { DEFAULT_LIMITS } from '../../lib/wire/limits.js'
import { encodeMessage } from '../../lib/wire/messages.js'
import { encodePreface } from '../../lib/wire/preface.js'
import { cutsOf } from '../../lib/wire/run.js'
import { conforms } from '../helpers/conforms.js'
import {
  amount,
  arrivingOf,
  bytesOf,
  type Content,
  expected,
  inCuts,
  itemsOf,
  SMALL,
  sha256,
  withoutDigests,
} from '../helpers/items.js'

// The seven stages of the river, each by itself, against the suite that is there for the stages of users, too.

const KIB = 1024
const LARGE = { large: Buffer.alloc(5 * KIB * KIB, 'large') }
const MANY = () => itemsOf(LARGE, 2 * KIB)
const END = encodeMessage({ type: 'end' })

/** The frames of items, the last one END. */
function framesFrom(items: Iterable<Item>): Buffer[] {
  return [...items].flatMap((item) =>
    [...framesOf(item, { frame: KIB, message: 1 << 20 })].map((pieces) => Buffer.concat(pieces)),
  )
}

const recorded = (items: Iterable<Item>) => [encodePreface([]), ...framesFrom(items)]

/** Frames by their content: data that follows without a gap may come in pieces of any size. */
function contentOf(frames: readonly Frame[]): unknown[] {
  const all: unknown[] = []
  let data: { position: number; text: string } | undefined
  for (const frame of frames) {
    if (frame.kind === 'message') {
      data = undefined
      all.push(frame.message)
      continue
    }
    const text = Buffer.concat(frame.chunks).toString('latin1')
    if (data && data.position + data.text.length === frame.position) data.text += text
    else {
      data = { position: frame.position, text }
      all.push(data)
    }
  }
  return all
}

const sameFrames = (found: Frame[], wanted: Frame[]) => assert.deepEqual(contentOf(found), contentOf(wanted))

/** The frames of a stream, as they are parsed of one chunk each. */
function parsed(chunks: readonly Buffer[]): Frame[] {
  const parser = new FrameParser(DEFAULT_LIMITS, DEFAULT_LIMITS.message)
  return chunks.flatMap((chunk) => [...parser.parse([chunk])])
}

const dataOf = (frames: readonly Frame[]) =>
  frames.reduce((sum, frame) => sum + (frame.kind === 'data' ? frame.length : 0), 0)

const lengthOf = (chunks: readonly Uint8Array[]) => chunks.reduce((sum, { length }) => sum + length, 0)

conforms(
  'framer',
  transformConformance<Item, Buffer>(() => framer({ maxFrame: KIB }), {
    input: () => itemsOf(SMALL),
    expected: () => recorded(itemsOf(SMALL)),
    many: MANY,
    prompt: (given, written) => lengthOf(given) >= lengthOf(recorded(written)) - END.length,
    badOptions: [() => framer({ maxFrame: 0 }), () => framer({ maxFrame: 2 ** 21 })],
  }),
)

conforms(
  'deframer',
  transformConformance<Buffer, Frame>(() => deframer(), {
    input: () => [Buffer.concat(recorded(itemsOf(SMALL)))],
    expected: () => parsed(recorded(itemsOf(SMALL))),
    same: sameFrames,
    many: () => recorded(MANY()),
    // frames that wait for the reader, beside what waits to be parsed
    bound: 2 * KIB * KIB + KIB,
    truncated: { codes: ['ERR_TRUNCATED'] },
    prompt: (given, written) => dataOf(given) === dataOf(parsed(written)),
    badOptions: [
      () => deframer({ limits: { frame: 0 } }),
      () => deframer({ limits: { path: '9' as never } }),
    ],
  }),
)

const sameItems = (found: Item[], wanted: Item[]) => assert.deepEqual(amount(found), amount(wanted))

conforms(
  'demuxer',
  transformConformance<Frame, Item>(() => demuxer(), {
    input: () => parsed(recorded(itemsOf(SMALL))),
    expected: () => arrivingOf(SMALL, { run: 600 }),
    same: sameItems,
    many: () => parsed(recorded(MANY())),
    truncated: { codes: ['ERR_TRUNCATED'] },
    prompt: (given, written) =>
      given.reduce((sum, item) => sum + (item.kind === 'run' ? item.length : 0), 0) === dataOf(written),
    badOptions: [() => demuxer({ limits: { frames: 1 } as object })],
  }),
)

/** The digest of each file, where it is in the runs. */
const digestsIn = (items: Item[]) =>
  items.flatMap((item) => {
    if (item.kind !== 'run') return item.kind
    return [...cutsOf(item)].map(({ entry, digest }) => `${entry.path} ${digest?.toString('hex')}`)
  })

/** Items as a source gives them: without digests. */
const undigested = (content: Content, run?: number) => withoutDigests(itemsOf(content, { run }))

for (const [how, form] of [
  ['in columns', (items: Item[]) => items],
  ['in cuts', inCuts],
] as const)
  conforms(
    `hashTap on runs ${how}`,
    transformConformance<Item, Item>(() => hashTap(), {
      input: () => form(undigested(SMALL)),
      expected: () => itemsOf(SMALL),
      same: (found, wanted) => assert.deepEqual(digestsIn(found), digestsIn(wanted)),
      many: () => form(undigested(LARGE, 2 * KIB)),
      prompt: (given, written) => given.length === written.length,
    }),
  )

// ——— with a disk ———

const disks: MemoryDisk[] = []

function newDisk(): MemoryDisk {
  const disk = new MemoryDisk()
  disks.push(disk)
  return disk
}

const open = () => disks.reduce((sum, disk) => sum + disk.openHandles().length, 0)
const after = () => void disks.splice(0)

async function sourceOf(content: Content, maxRun: number): Promise<Readable> {
  const fs = newDisk()
  for (const [path, bytes] of Object.entries(content)) {
    if (bytes === null) fs.putFolder(`/from/${path}`)
    else fs.put(`/from/${path}`, bytesOf(bytes))
  }
  return fileSource(await manifestOf(['/from'], { fs }), { maxRun })
}

const arrived = (content: Content) =>
  Object.entries(expected(content)).map(([path, { content, ended }]) => [`from/${path}`, content, ended])

conforms(
  'fileSource',
  readableConformance<Item>(() => sourceOf(SMALL, 600), {
    expected: () => [],
    same: (found) => {
      const contents = Object.entries(amount(found)).map(([path, { content, ended }]) => [
        path,
        content,
        ended,
      ])
      const wanted = [['from', '', true], ...arrived(SMALL)]
      assert.deepEqual(contents.sort(), wanted.sort())
    },
    many: () => sourceOf(LARGE, KIB),
    open,
    after,
  }),
)

const ONE = { one: Buffer.alloc(100 * KIB, 'one') }

conforms(
  'partSink',
  transformConformance<Item, Item>(() => partSink({ dir: '/in', fs: newDisk() }), {
    input: () => arrivingOf(ONE, { run: 20 * KIB }),
    expected: () => arrivingOf(ONE, { run: 20 * KIB }),
    same: (found, wanted) => {
      assert.deepEqual(
        found.map(({ kind }) => kind),
        ['offer', 'stored', 'digests', 'end'],
      )
      const [last] = disks.slice(-1)
      const [part] = [...last!.snapshot()].filter(([path]) => path.endsWith('.part'))
      assert.deepEqual(part, ['/in/one.part', ONE.one])
      assert.equal(wanted.length, 8)
    },
    many: MANY,
    gathers: true,
    // nothing was begun before the first run
    // what the sender says is not missed here: that is the demuxer's
    truncated: { codes: ['ERR_TRUNCATED'], whole: [0, 1, 6, 7] },
    badOptions: [() => partSink({ dir: '' }), () => partSink({ dir: '/in', concurrency: 0 })],
    open,
    after,
  }),
)

const held: StoreCalls[] = []
/** `pipeline` does not wait until its streams are closed. */
const closes: Promise<unknown>[] = []

/** What `partSink` makes of items, its folder held open as by a finalizer. */
async function stored(content: Content, run: number): Promise<Item[]> {
  const items: Item[] = []
  const hold = new Writable({
    objectMode: true,
    write(item: Item, _encoding, done) {
      if (item.kind === 'offer') {
        const store = item.store as StoreCalls
        store.hold()
        held.push(store)
      }
      items.push(item)
      done()
    },
  })
  const fs = newDisk()
  const sink = partSink({ dir: '/in', fs })
  closes.push(new Promise((resolve) => sink.once('close', resolve)))
  await pipeline(Readable.from(arrivingOf(content, { run })), sink, hold)
  return items
}

function newFinalizer(): Writable {
  const stream = finalizer()
  closes.push(new Promise((resolve) => stream.once('close', resolve)))
  return stream
}

const SOME: Content = Object.fromEntries(
  Array.from({ length: 40 }, (_, i) => [`${i}`, sha256(Buffer.from(`${i}`)).toString('hex')]),
)

conforms(
  'finalizer',
  writableConformance<Item>(newFinalizer, {
    input: () => stored({ a: Buffer.from('a'), b: Buffer.from('b') }, 1),
    check: () => {
      const files = [...disks.at(-1)!.snapshot()].map(([path, bytes]) => `${path} ${bytes}`)
      assert.deepEqual(files.sort(), ['/in/a a', '/in/b b'])
    },
    many: () => stored(SOME, 64),
    truncated: { codes: ['ERR_TRUNCATED', 'ERR_FILES_FAILED'], whole: [0, 5] },
    badOptions: [() => finalizer({ conflict: 'maybe' as 'fail' }), () => finalizer({ concurrency: 0 })],
    after: async () => {
      await Promise.all(held.splice(0).map((store) => store.release()))
      await Promise.all(closes.splice(0))
      assert.equal(open(), 0, 'a handle is left open')
      after()
    },
  }),
)
