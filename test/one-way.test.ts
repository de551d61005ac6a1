// One way: a stream that was cut off and is sent again takes up where it was.
import { Readable } from 'node:stream'
import { buffer } from 'node:stream/consumers'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import { deferred } from '../lib/async.js'
import {
  deframer,
  demuxer,
  digestOf,
  type FinalizerOptions,
  fileSource,
  finalizer,
  framer,
  hashTap,
  manifestOfEntries,
  mapCuts,
  memoryParts,
  memorySources,
  type Part,
  type PartSinkOptions,
  type PartStore,
  partSink,
  type SluiceError,
} from '../lib/index.js'
import { MemoryDisk, piecesOf, randomBySeed, randomContent } from '../lib/testing/index.js'
import { scale } from './helpers/scale.js'

const KIB = 1024

/** A stream as `pack` makes it. */
function packed(contents: Record<string, Buffer>, { mtime = 5000, algorithm = 'blocks' } = {}) {
  const sources = memorySources(new Map(Object.entries(contents)))
  const entries = sources.entries.map((entry) => ({ ...entry, mtime }))
  const manifest = manifestOfEntries(entries, sources, { name: 'x', algorithm })
  return streamOf(fileSource(manifest))
}

async function streamOf(source: Readable): Promise<Buffer> {
  const bytes = framer()
  const [all] = await Promise.all([buffer(bytes), pipeline(source, hashTap(), bytes)])
  return all
}

/** A disk that tells how many bytes were written, by path; also of calls that are made at once. */
function counting() {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  let written = new Map<string, number>()
  let length = 0
  disk.hook = ({ call, path }) => {
    if (call === 'write') written.set(path, (written.get(path) ?? 0) + length)
  }
  const counted = (_fd: number, buffers: readonly Uint8Array[]) => {
    length = buffers.reduce((sum, one) => sum + one.length, 0)
  }
  const wrap = <T extends object>(calls: T): T =>
    new Proxy(calls, {
      get(target, name) {
        const value = Reflect.get(target, name, target)
        if (name === 'sync') return value && wrap(value as object)
        if (typeof value !== 'function') return value
        return (...args: Parameters<typeof counted>) => {
          if (name === 'write') counted(...args)
          return value.apply(target, args)
        }
      },
    })
  /** Bytes of content that were written since this was asked before. */
  const take = () => {
    const content = [...written].filter(([path]) => !path.startsWith('/d/.sluice'))
    written = new Map()
    return content.reduce((sum, [, bytes]) => sum + bytes, 0)
  }
  const files = () =>
    Object.fromEntries(
      [...disk.snapshot()]
        .filter(([path]) => path.startsWith('/d/'))
        .map(([path, bytes]) => [path.slice(3), bytes]),
    )
  return { disk, fs: wrap(disk), take, files }
}

/** To be compared: contents byte by byte would take long. */
const digests = (files: Record<string, Buffer>) =>
  Object.fromEntries(
    Object.entries(files).map(([path, bytes]) => [path, digestOf('sha256', bytes).toString('hex')]),
  )

/** Takes what there is of a stream; gives the code of the error, if it failed, and the outcomes. */
async function unpacked(
  bytes: Buffer,
  {
    piece = 16 * KIB,
    between = [],
    ...options
  }: PartSinkOptions & { piece?: number; between?: ReturnType<typeof mapCuts>[] },
  last = finalizer({} satisfies FinalizerOptions),
) {
  const pieces = function* () {
    for (let at = 0; at < bytes.length; at += piece) yield bytes.subarray(at, at + piece)
  }
  const sink = partSink(options)
  const cut = deferred<void>()
  const demux = demuxer({ onCut: () => sink.drain(demux.plan.cameBytes).then(cut.resolve) })
  const closed = Promise.all(
    [sink, last].map((stream) => new Promise((resolve) => stream.once('close', resolve))),
  )
  const code = await pipeline([
    Readable.from(pieces()),
    deframer({ afterCut: () => cut.promise }),
    demux,
    hashTap(),
    ...between,
    sink,
    last,
  ]).then(
    () => undefined,
    (error: SluiceError) => error.code,
  )
  await closed
  return { code, outcomes: await last.outcomes.catch(() => []) }
}

const CONTENTS: Record<string, Buffer> = {
  empty: Buffer.alloc(0),
  ...Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`s${i}`, randomContent(500 + i * 300, i + 1)])),
  large: randomContent(1300 * KIB + 77, 31),
  middle: randomContent(300 * KIB, 32),
  end: randomContent(10, 33),
}
const TOTAL = Object.values(CONTENTS).reduce((sum, { length }) => sum + length, 0)

test('cut off anywhere and sent again, what stands in parts is not written again, and nothing else is there in the end', async (t) => {
  for (const algorithm of ['blocks', 'sha256']) {
    const bytes = await packed(CONTENTS, { algorithm })
    const random = randomBySeed(7)
    for (let n = 0; n < scale(12, 500); n++) {
      const { fs, take, files } = counting()
      const cut = Math.floor(random() * bytes.length)
      const broken = await unpacked(bytes.subarray(0, cut), { dir: '/d', fs })
      t.is(broken.code, 'ERR_TRUNCATED')
      take()
      const left = Object.entries(files())
      const inParts = left
        .filter(([path]) => path.endsWith('.part'))
        .reduce((sum, [, { length }]) => sum + length, 0)
      // all that came was written: the rest of the stream has what is missing of the content
      const named = left.filter(([path]) => path in CONTENTS).reduce((sum, [, { length }]) => sum + length, 0)
      t.true(TOTAL - inParts - named <= bytes.length - cut, `${cut}`)
      const again = await unpacked(bytes, { dir: '/d', fs })
      t.is(again.code, undefined)
      t.true(take() <= TOTAL - inParts, `${cut}`)
      t.deepEqual(digests(files()), digests(CONTENTS))
    }
  }
})

test('what comes is what counts: of a part that was damaged since, that is written, and no more', async (t) => {
  for (const algorithm of ['blocks', 'sha256']) {
    const { disk, fs, take, files } = counting()
    const contents = { large: CONTENTS.large! }
    const bytes = await packed(contents, { algorithm })
    await unpacked(bytes.subarray(0, 1_100_000), { dir: '/d', fs })
    const part = Buffer.from(files()['large.part']!)
    for (const at of [0, 700_000, 700_001]) part[at]! ^= 1
    const fd = await disk.open('/d/large.part', 1)
    await disk.write(fd, [part], 0)
    await disk.close(fd)
    take()
    t.is((await unpacked(bytes, { dir: '/d', fs })).code, undefined)
    const missing = contents.large.length - part.length
    t.true(take() <= missing + 2 * 64 * KIB)
    t.deepEqual(digests(files()), digests(contents))
  }
})

test('cut off again and again it gets there, each time a little further, and there is one part', async (t) => {
  const { fs, take, files } = counting()
  const bytes = await packed({ large: CONTENTS.large! })
  for (let cut = 400_000; cut < bytes.length; cut += 400_000) {
    t.is((await unpacked(bytes.subarray(0, cut), { dir: '/d', fs })).code, 'ERR_TRUNCATED')
    t.deepEqual(
      Object.keys(files()).filter((path) => !path.startsWith('.sluice')),
      ['large.part'],
    )
  }
  t.is((await unpacked(bytes, { dir: '/d', fs })).code, undefined)
  t.is(take(), CONTENTS.large!.length)
  t.deepEqual(digests(files()), digests({ large: CONTENTS.large! }))
})

test('a store in memory takes up where it was, too; one that takes all bytes in their order begins anew', async (t) => {
  for (const order of ['any', 'ascending'] as const) {
    const parts = memoryParts()
    let written = 0
    const counted = (part: Part): Part => {
      const write: Part['write'] = (offset, buffers, ends) => {
        written += buffers.reduce((sum, { length }) => sum + length, 0)
        return part.write(offset, buffers, ends)
      }
      return new Proxy(part, {
        get: (target, name) => {
          if (name === 'write') return write
          const value = Reflect.get(target, name, target)
          return typeof value === 'function' ? value.bind(target) : value
        },
      })
    }
    const store: PartStore = {
      features: { order },
      claims: async (entries) => {
        const claims = await parts.claims!(entries)
        return new Map(
          [...claims].map(([index, { part, ranges }]) => [index, { part: counted(part), ranges }]),
        )
      },
      begin: async (entry) => counted(await parts.begin(entry)),
      close: () => parts.close!(),
    }
    const { large } = CONTENTS as { large: Buffer }
    const bytes = await packed({ large })
    await unpacked(bytes.subarray(0, 900_000), { store })
    const before = written
    t.is((await unpacked(bytes, { store })).code, undefined)
    t.is(written - before, order === 'any' ? large.length - before : large.length)
    t.true(parts.files.get('large')?.bytes.equals(large))
  }
})

test('what was left of one file is not what a stage makes of another, nor of a source that changed', async (t) => {
  const contents = { a: randomContent(200 * KIB, 1), b: randomContent(200 * KIB, 2) }
  const bytes = await packed(contents)
  const swap = () =>
    mapCuts((cut) => ({ ...cut, entry: { ...cut.entry, path: cut.entry.path === 'a' ? 'b' : 'a' } }))
  for (const [next, between, expected] of [
    [bytes, [swap()], { a: contents.b, b: contents.a }],
    [bytes, [mapCuts((cut) => cut)], contents],
    [await packed({ ...contents, a: contents.b }, { mtime: 6000 }), [], { a: contents.b, b: contents.b }],
    [
      await packed({ ...contents, a: contents.a.subarray(1) }),
      [],
      { ...contents, a: contents.a.subarray(1) },
    ],
  ] as const) {
    const { fs, files } = counting()
    await unpacked(bytes.subarray(0, 150 * KIB), { dir: '/d', fs })
    t.is((await unpacked(next, { dir: '/d', fs, between: [...between] })).code, undefined)
    const found = Object.entries(files()).filter(([path]) => path.length === 1)
    t.deepEqual(digests(Object.fromEntries(found)), digests(expected))
  }
})

test('without a word of when it was cut off what had been written stays, and is gone on with', async (t) => {
  const { fs, take, files } = counting()
  const { large } = CONTENTS as { large: Buffer }
  const bytes = await packed({ large })
  const river = () => [deframer(), demuxer(), hashTap(), partSink({ dir: '/d', fs }), finalizer()] as const
  const pieces = () => Readable.from(piecesOf(bytes.subarray(0, 1_100_000), 10_000))
  const sink = river()
  const closed = new Promise((resolve) => sink[3].once('close', resolve))
  await t.throwsAsync(pipeline(pieces(), ...sink), { code: 'ERR_TRUNCATED' })
  await closed
  const there = files()['large.part']!.length
  t.true(there > 0)
  take()
  await pipeline(Readable.from([bytes]), ...river())
  t.is(take(), large.length - there)
  t.deepEqual(digests(files()), digests({ large }))
})
