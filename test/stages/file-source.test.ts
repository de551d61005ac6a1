import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import fc from 'fast-check'
import { blockingFileSystem } from '../../lib/files/index.js'
import {
  fileSource,
  hashTap,
  type Item,
  isSluiceError,
  type Manifest,
  manifestFrom,
  manifestOf,
  type SluiceError,
} from '../../lib/index.js'
import { FakeClock, MemoryDisk, randomContent, readableConformance } from '../../lib/testing/index.js'
import { bitmapOf, type Range } from '../../lib/wire/positions.js'
import { conforms } from '../helpers/conforms.js'
import { plant, temporary } from '../helpers/folders.js'
import { scale } from '../helpers/scale.js'

import {
  allClosed,
  between,
  collect,
  ended,
  filesOf,
  KIB,
  LARGE,
  read,
  runsOf,
  SMALL,
} from '../helpers/sources.js'

test('first the offer, then runs in the order of the stream, with folders and empty files in their place', async (t) => {
  const fs = new MemoryDisk()
  for (const [path, text] of Object.entries({ a: 'first', c: '', d: 'second' })) fs.put(`/p/${path}`, text)
  fs.putFolder('/p/b')
  fs.putLink('/p/link', 'a')
  const manifest = await manifestOf(['/p'], { fs, symlinks: 'keep' })
  const items = await read(fs, manifest)
  t.deepEqual(items[0], { kind: 'offer', offer: manifest.offer })
  t.is(items.length, 2)
  const [run] = runsOf(items)
  t.deepEqual(
    run!.cuts.map(({ entry, offset, bytes, last }) => [entry.path, offset, bytes.toString(), last]),
    [
      ['p', 0, '', true],
      ['p/a', 0, 'first', true],
      ['p/b', 0, '', true],
      ['p/c', 0, '', true],
      ['p/d', 0, 'second', true],
      ['p/link', 0, '', true],
    ],
  )
  t.like(run, { position: 0, length: 11 })
})

test('the cuts of a run are views that stand next to each other in one memory', async (t) => {
  const fs = new MemoryDisk()
  for (let i = 0; i < 100; i++) fs.put(`/p/${i}`, randomContent(i * 7))
  const [run] = runsOf(await read(fs, await manifestOf(['/p'], { fs })))
  const cuts = run!.cuts.filter(({ bytes }) => bytes.length > 0)
  cuts.reduce((before, cut) => {
    t.is(cut.bytes.buffer, before.bytes.buffer)
    t.is(cut.bytes.byteOffset, before.bytes.byteOffset + before.bytes.length)
    return cut
  })
})

test('a large file comes in chunks of a size that follows its own', async (t) => {
  const fs = new MemoryDisk()
  fs.put('/big', randomContent(5 * 1024 * KIB + 1))
  const runs = runsOf(await read(fs, await manifestOf(['/big'], { fs })))
  t.is(runs[0]!.length, 1024 * KIB)
  t.is(runs.length, 6)
  t.deepEqual(
    runs.map(({ cuts }) => cuts[0]!.last),
    [...Array(5).fill(false), true],
  )
})

test('a zero-byte file and an empty folder are sent like all others (known failure 30)', async (t) => {
  const fs = new MemoryDisk()
  fs.put('/zero', '')
  fs.putFolder('/none')
  const manifest = await manifestOf(['/zero', '/none'], { fs })
  t.deepEqual(filesOf(t, await read(fs, manifest)), { zero: ended(''), none: ended('') })
  const items = await collect(fileSource(manifest, { fs }).pipe(hashTap()))
  t.is(runsOf(items)[0]!.cuts[0]!.digest!.length, 32)
})

test('short reads are gone on with until all is there (known failure 24)', async (t) => {
  const fs = new MemoryDisk()
  const content = randomContent(3000)
  fs.put('/p/a', content)
  fs.put('/p/b', 'small')
  fs.fail({ call: 'read', short: 1, once: false })
  const files = filesOf(t, await read(fs, await manifestOf(['/p'], { fs })))
  t.deepEqual(files['p/a'], ended(content.toString('latin1')))
  t.deepEqual(files['p/b'], ended('small'))
})

const tree = fc.array(fc.oneof(fc.constant(null), fc.nat(30), fc.integer({ min: 50, max: 400 })), {
  minLength: 1,
  maxLength: 15,
})

test('the runs joined are the files joined, for any tree, ranges and size of a run', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      tree,
      fc.array(fc.nat(2000), { maxLength: 6 }),
      fc.integer({ min: 1, max: 300 }),
      async (sizes, marks, maxRun) => {
        const fs = new MemoryDisk()
        const contents = sizes.map((size, i) => {
          const name = `/p/${String(i).padStart(3, '0')}`
          if (size === null) fs.putFolder(name)
          else fs.put(name, randomContent(size, i + 1))
          return randomContent(size ?? 0, i + 1)
        })
        const manifest = await manifestOf(['/p'], { fs })
        const stream = Buffer.concat(contents)
        t.is(manifest.offer.bytes, stream.length)
        const whole = await read(fs, manifest, { maxRun })
        t.deepEqual(joined(whole), stream)
        t.true(Object.values(filesOf(t, whole)).every((file) => file.ended))
        const bounds = marks.map((mark) => Math.min(mark, stream.length)).sort((a, b) => a - b)
        const ranges: Range[] = []
        for (let i = 0; i + 1 < bounds.length; i += 2) ranges.push({ start: bounds[i]!, end: bounds[i + 1]! })
        const some = await read(fs, manifest, { maxRun, ranges })
        t.deepEqual(joined(some), Buffer.concat(ranges.map(({ start, end }) => stream.subarray(start, end))))
        for (const run of runsOf(some)) {
          t.true(run.length <= maxRun)
          t.true(
            run.length === 0 || ranges.some(({ start, end }) => run.position >= start && run.position < end),
          )
        }
      },
    ),
    { numRuns: scale(60, 1000) },
  )
})

function joined(items: Item[]): Buffer {
  return Buffer.concat(runsOf(items).flatMap(({ cuts }) => cuts.map(({ bytes }) => bytes)))
}

test('the entries that are wanted may be said after the offer was given', async (t) => {
  const fs = new MemoryDisk()
  for (const name of ['a', 'b', 'c', 'd']) fs.put(`/p/${name}`, name === 'c' ? '' : name.repeat(3))
  const manifest = await manifestOf(['/p'], { fs })
  let answer = (_bits: Uint8Array) => {}
  const wanted = new Promise<Uint8Array>((resolve) => {
    answer = resolve
  })
  const source = fileSource(manifest, { fs, wanted })
  const iterator = source[Symbol.asyncIterator]()
  t.is((await iterator.next()).value.kind, 'offer')
  const calls = fs.calls
  answer(bitmapOf(5, (index) => index === 2 || index === 3))
  const rest: Item[] = []
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) rest.push(next.value)
  t.true(fs.calls > calls)
  t.deepEqual(filesOf(t, rest), { 'p/b': ended('bbb'), 'p/c': ended('') })
  t.is(runsOf(rest)[0]!.position, 3)
})

test('the source of an attached offer counts on from the one before', async (t) => {
  const fs = new MemoryDisk()
  fs.put('/a', '12345')
  fs.put('/b', '678')
  fs.put('/c', '9')
  const { offer } = await manifestOf(['/a'], { fs })
  const manifest = await manifestOf(['/b', '/c'], { fs, after: offer })
  t.like(runsOf(await read(fs, manifest)), [{ position: 5, length: 4 }])
  const wanted = bitmapOf(2, (index) => index === 1)
  t.like(runsOf(await read(fs, manifest, { wanted })), [{ position: 8, length: 1 }])
})

test('it closes what it opened when it is destroyed in mid-read, and not before that read is over', async (t) => {
  for (const content of [SMALL, LARGE]) {
    for (const call of ['open', 'fstat', 'read', 'close'] as const) {
      const { fs, manifest } = await between(content)
      let go = () => {}
      const held = new Promise<void>((resolve) => {
        go = resolve
      })
      let reached = () => {}
      const arrived = new Promise<void>((resolve) => {
        reached = resolve
      })
      fs.delay = (event) => {
        if (event.call !== call || event.path !== '/p/m') return
        reached()
        return held
      }
      const failures: SluiceError[] = []
      const source = fileSource(manifest, { fs, onFailure: (error) => failures.push(error) })
      source.resume()
      await arrived
      source.destroy()
      const closed = once(source, 'close')
      go()
      await closed
      allClosed(fs)
      t.deepEqual(failures, [])
    }
  }
})

test('it may be destroyed while it waits for what is wanted, and a late answer harms nobody', async (t) => {
  const fs = new MemoryDisk()
  fs.put('/a', 'x')
  const manifest = await manifestOf(['/a'], { fs })
  let reject = (_error: Error) => {}
  const wanted = new Promise<undefined>((_resolve, no) => {
    reject = no
  })
  const source = fileSource(manifest, { fs, wanted }).resume()
  await once(source, 'data')
  source.destroy()
  await once(source, 'close')
  reject(new Error('too late'))
  await new Promise((resolve) => setImmediate(resolve))
  t.is(fs.openHandles().length, 0)
})

test('an answer that is an error, or no range of the offer, fails the stream', async (t) => {
  const fs = new MemoryDisk()
  fs.put('/a', 'x')
  const manifest = await manifestOf(['/a'], { fs })
  const boom = new Error('boom')
  t.is(await t.throwsAsync(read(fs, manifest, { wanted: Promise.reject(boom) })), boom)
  const ranges = Promise.resolve([{ start: 0, end: 9 }])
  t.true(isSluiceError(await t.throwsAsync(read(fs, manifest, { ranges })), 'ERR_USAGE'))
})

test('an answer that is an error before anybody reads is not unhandled', async (t) => {
  const { fs, manifest } = await between(SMALL)
  const source = fileSource(manifest, { fs, wanted: Promise.reject(new Error('boom')) })
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
  source.destroy()
  await once(source, 'close')
  t.is(fs.openHandles().length, 0)
})

test('a signal destroys it', async (t) => {
  const { fs, manifest } = await between(LARGE)
  const controller = new AbortController()
  const reading = read(fs, manifest, { signal: controller.signal })
  controller.abort()
  t.is((await t.throwsAsync(reading))?.name, 'AbortError')
  allClosed(fs)
})

test('what onFailure throws fails the stream', async (t) => {
  const { fs, manifest } = await between(SMALL)
  fs.remove('/p/m')
  const boom = new Error('boom')
  const onFailure = () => {
    throw boom
  }
  t.is(await t.throwsAsync(read(fs, manifest, { onFailure })), boom)
})

test('others have their turn also when the file system is a blocking one', async (t) => {
  const dir = await plant(await temporary(t), { a: randomContent(12_000_000), b: 'b' })
  const clock = new FakeClock()
  const manifest = await manifestOf([dir], { fs: blockingFileSystem })
  let turns = 0
  let over = false
  const count = () => {
    turns++
    if (!over) setImmediate(count)
  }
  setImmediate(count)
  const now = () => {
    // each look at it takes five milliseconds
    clock.advance(5)
    return clock.now()
  }
  const slow = { after: clock.after.bind(clock), now }
  const source = fileSource(manifest, { fs: blockingFileSystem, clock: slow })
  let bytes = 0
  await pipeline(source, async (items: AsyncIterable<Item>) => {
    for await (const item of items) if (item.kind === 'run') bytes += item.length
  })
  over = true
  t.is(bytes, manifest.offer.bytes)
  t.true(turns >= 5, `${turns} turns`)
})

// ——— the contract ———

const many = new MemoryDisk({ now: () => 1000 })
for (let i = 0; i < 40; i++) many.put(`/many/${i}`, randomContent(300 * KIB))
const few = new MemoryDisk({ now: () => 1000 })
few.put('/few/a', 'aaa')
few.put('/few/b', randomContent(400 * KIB))
few.put('/few/c', '')
const ID = '1'.repeat(32)
const sourceOf = async (fs: MemoryDisk, path: string) =>
  fileSource(await manifestOf([path], { fs, id: ID }), { fs })

conforms(
  'the file source',
  readableConformance<Item>(() => sourceOf(few, '/few'), {
    expected: async () => collect(await sourceOf(few, '/few')),
    many: () => sourceOf(many, '/many'),
    bound: 2,
    open: () => few.openHandles().length + many.openHandles().length,
    badOptions: [
      () => fileSource(undefined as unknown as Manifest),
      () => fileSource({ offer: {} } as unknown as Manifest),
      ...[0, -1, 1.5, 1024 * KIB + 1, Number.NaN, '1' as unknown as number].map(
        (maxRun) => () => fileSource(manifestFrom(Readable.from([]), { name: 'x' }), { maxRun }),
      ),
      () => fileSource(manifestFrom(Readable.from([]), { name: 'x' }), { ranges: [{ start: -1, end: 0 }] }),
    ],
  }),
)
