import { once } from 'node:events'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import fc from 'fast-check'
import type { SluiceError } from '../../lib/errors.js'
import { blockingFileSystem } from '../../lib/files/index.js'
import { fileSource } from '../../lib/stages/file-source.js'
import { hashTap } from '../../lib/stages/hash-tap.js'
import type { Manifest } from '../../lib/stages/manifest/builder.js'
import { manifestFrom, manifestOfEntries } from '../../lib/stages/manifest/manifest-from.js'
import { manifestOf } from '../../lib/stages/manifest/manifest-of.js'
import type { Item } from '../../lib/stages/river/items.js'
import { memorySources } from '../../lib/stores/memory-sources.js'
import { FakeClock, MemoryDisk, randomContent, readableConformance } from '../../lib/testing/index.js'
import { Plan } from '../../lib/transfer/plan.js'
import { cutsOf, digestIn } from '../../lib/wire/run.js'
import { conforms } from '../helpers/conforms.js'
import { plant, temporary } from '../helpers/folders.js'
import { planOf } from '../helpers/items.js'
import { scale } from '../helpers/scale.js'

import {
  allClosed,
  between,
  bytesOf,
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
  t.like(items[0], { kind: 'offer', offer: manifest.offer })
  const runs = runsOf(items)
  t.is(items.length, 1 + runs.length + 1)
  t.deepEqual(
    runs.map((run) => Array.from(cutsOf(run), ({ entry, bytes, last }) => [entry.path, `${bytes}`, last])),
    [
      [
        ['p', '', true],
        ['p/a', 'first', true],
        ['p/b', '', true],
        ['p/c', '', true],
        ['p/d', 'second', true],
      ],
      // what has no bytes goes with those behind it, and at the end by itself
      [['p/link', '', true]],
    ],
  )
  t.like(runs[0], { position: 0, length: 11, first: 0, last: 4, offset: 0, ends: true })
  t.like(runs[1], { position: 11, length: 0, first: 5, last: 5, buffers: [] })
  t.deepEqual(items.at(-1), { kind: 'end' })
})

test('the files of a run stand behind each other in one buffer, in the order of the stream', async (t) => {
  const fs = new MemoryDisk()
  for (let i = 0; i < 100; i++) fs.put(`/p/${i}`, randomContent(i * 7))
  const manifest = await manifestOf(['/p'], { fs })
  const [run, ...others] = runsOf(await read(fs, manifest))
  t.deepEqual(others, [])
  t.is(run!.buffers.length, 1)
  t.is(run!.last, 100)
  const content = manifest.offer.entries.slice(1).map(({ size }) => randomContent(size!))
  t.deepEqual(run!.buffers[0], Buffer.concat(content))
})

test('a run has 512 entries and 512 KiB of small files at most', async (t) => {
  const fs = new MemoryDisk()
  for (let i = 0; i < 1200; i++) fs.put(`/tiny/${i}`, 'x')
  for (let i = 0; i < 10; i++) fs.put(`/small/${i}`, randomContent(100 * KIB))
  const tiny = runsOf(await read(fs, await manifestOf(['/tiny'], { fs })))
  t.deepEqual(
    tiny.map(({ first, last }) => last - first + 1),
    [512, 512, 177],
  )
  const small = runsOf(await read(fs, await manifestOf(['/small'], { fs })))
  t.deepEqual(
    small.map(({ length }) => length),
    Array(2).fill(500 * KIB),
  )
})

test('a large file comes in chunks of a size that follows its own', async (t) => {
  const fs = new MemoryDisk()
  fs.put('/big', randomContent(5 * 1024 * KIB + 1))
  const runs = runsOf(await read(fs, await manifestOf(['/big'], { fs })))
  t.is(runs[0]!.length, 1024 * KIB)
  t.is(runs.length, 6)
  t.deepEqual(
    runs.map(({ ends }) => ends),
    [...Array(5).fill(false), true],
  )
})

test('a zero-byte file and an empty folder are sent like all others (known failure 30)', async (t) => {
  const fs = new MemoryDisk()
  fs.put('/zero', '')
  fs.putFolder('/none')
  const manifest = await manifestOf(['/zero', '/none'], { fs })
  t.deepEqual(filesOf(t, await read(fs, manifest)), { zero: ended(''), none: ended('') })
  const items = await collect(fileSource(manifest).pipe(hashTap()))
  t.is(digestIn(runsOf(items)[0]!.digests, 0)!.length, 32)
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

test('a function says how long runs are, each time', async (t) => {
  const fs = new MemoryDisk()
  fs.put('/p/a', Buffer.alloc(3_000_000))
  let asked = 0
  const maxRun = () => (asked++ < 2 ? 4000 : 1000)
  const runs = runsOf(await read(fs, await manifestOf(['/p'], { fs }), { maxRun }))
  t.is(runs[0]!.length, 4000)
  t.true(runs.at(-1)!.length <= 1000)
  const none = manifestFrom(Readable.from([]), { name: 'x' })
  t.throws(() => fileSource(none, { maxRun: () => 0 }), { code: 'ERR_USAGE' })
})

const tree = fc.array(fc.oneof(fc.constant(null), fc.nat(30), fc.integer({ min: 50, max: 400 })), {
  minLength: 1,
  maxLength: 15,
})

test('the runs joined are the files joined, for any tree, wanted ranges and size of a run', async (t) => {
  await fc.assert(
    fc.asyncProperty(
      tree,
      fc.array(fc.nat(2000), { maxLength: 6 }),
      fc.integer({ min: 1, max: 300 }),
      fc.boolean(),
      async (sizes, marks, maxRun, sync) => {
        const fs = new MemoryDisk({ sync })
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
        t.deepEqual(bytesOf(whole), stream)
        t.true(Object.values(filesOf(t, whole)).every((file) => file.ended))
        t.is(Object.keys(filesOf(t, whole)).length, manifest.offer.entries.length)
        const bounds = marks.map((mark) => Math.min(mark, stream.length)).sort((a, b) => a - b)
        const plan = new Plan()
        plan.add(manifest.offer)
        let expected = 0
        const isWanted = (at: number) => bounds.filter((bound) => bound <= at).length % 2 === 1
        for (const { index, type, size, start } of manifest.offer.entries) {
          const other: { start: number; end: number }[] = []
          for (let at = 0; at < size!; at++) {
            if (isWanted(start + at)) expected++
            else other.push({ start: at, end: at + 1 })
          }
          if (type === 'file' && size! > 0 && other.length === size) plan.skip(1)
          else if (other.length === 0) plan.want(1)
          else {
            plan.claim(other)
            plan.prove(index, other)
          }
        }
        const source = fileSource(manifest, { maxRun, plan })
        const some: Item[] = []
        if (expected === 0) source.finish()
        for await (const item of source) {
          some.push(item)
          if (item.kind !== 'run' || bytesOf(some).length < expected) continue
          // of a file whose end was not asked for, somebody else says the digest
          for (const { index } of manifest.offer.entries)
            if (plan.isOpen(index) && plan.isThere(index)) plan.answer(index)
          source.finish()
        }
        allClosed(fs)
        t.is(bytesOf(some).length, expected)
        for (const run of runsOf(some)) {
          t.true(run.length <= maxRun)
          const bytes = Buffer.concat(run.buffers)
          t.deepEqual(bytes, stream.subarray(run.position, run.position + run.length))
          for (let at = 0; at < bytes.length; at++) t.true(isWanted(run.position + at))
        }
        t.true(plan.isEnded)
      },
    ),
    { numRuns: scale(60, 1000) },
  )
})

/** Gives out one item after the other. */
const reading = (source: Readable) => {
  const iterator = source[Symbol.asyncIterator]()
  return async (): Promise<Item | undefined> => (await iterator.next()).value
}

test('what is wanted may be said after the offer was given, page by page, and comes as soon as it is said', async (t) => {
  const fs = new MemoryDisk()
  for (const name of ['a', 'b', 'c', 'd', 'e']) fs.put(`/p/${name}`, name === 'c' ? '' : name.repeat(3))
  const manifest = await manifestOf(['/p'], { fs })
  const plan = new Plan()
  plan.add(manifest.offer)
  const source = fileSource(manifest, { plan })
  const next = reading(source)
  t.like(await next(), { kind: 'offer', offer: manifest.offer, plan })
  const calls = fs.calls
  await new Promise((resolve) => setImmediate(resolve))
  t.is(fs.calls, calls, 'nothing is read before')
  plan.skip(2)
  plan.want(1)
  source.wake()
  t.like(await next(), { kind: 'run', position: 3, length: 3, first: 2, last: 2 })
  // an empty one is not held back until there is more
  plan.want(1)
  source.wake()
  t.like(await next(), { kind: 'run', position: 6, length: 0, first: 3, last: 3 })
  plan.skip(1)
  plan.want(1)
  source.finish()
  t.like(await next(), { kind: 'run', position: 9, length: 3, first: 5, last: 5 })
  t.deepEqual(await next(), { kind: 'end' })
  t.is(await next(), undefined)
  allClosed(fs)
})

test('what is said while the source reads is not missed', async (t) => {
  const fs = new MemoryDisk()
  for (const name of ['a', 'b']) fs.put(`/p/${name}`, name)
  const manifest = await manifestOf(['/p'], { fs })
  const plan = new Plan()
  plan.add(manifest.offer)
  plan.want(2)
  const source = fileSource(manifest, { plan })
  fs.hook = ({ call }) => {
    if (call !== 'close') return
    fs.hook = undefined
    plan.want(1)
    source.finish()
  }
  t.deepEqual(Object.keys(filesOf(t, await collect(source))), ['p', 'p/a', 'p/b'])
})

test('a file that is open while nothing is asked for is closed', async (t) => {
  const fs = new MemoryDisk()
  fs.put('/m', LARGE)
  const manifest = await manifestOf(['/m'], { fs })
  const plan = new Plan()
  plan.add(manifest.offer)
  plan.claim([{ start: 1000, end: LARGE.length }])
  plan.prove(0, plan.claimed(0))
  const source = fileSource(manifest, { plan })
  const next = reading(source)
  t.is((await next())?.kind, 'offer')
  t.like(await next(), { length: 1000, ends: false })
  t.like(await next(), { kind: 'answered', index: 0 })
  for (let i = 0; i < 3; i++) await new Promise((resolve) => setImmediate(resolve))
  allClosed(fs)
  plan.ask(0, [{ start: 1000, end: LARGE.length }])
  source.wake()
  t.like(await next(), { position: 1000, length: 256 * KIB })
  source.destroy()
  await once(source, 'close')
  allClosed(fs)
})

test('what got its outcome is left off, be it in the middle of a file', async (t) => {
  const fs = new MemoryDisk()
  fs.put('/p/a', 'aaa')
  fs.put('/p/m', LARGE)
  fs.put('/p/y', 'yyy')
  fs.put('/p/z', 'zzz')
  const manifest = await manifestOf(['/p'], { fs })
  const plan = planOf(manifest.offer)
  const source = fileSource(manifest, { plan })
  source.finish()
  const items: Item[] = []
  for await (const item of source) {
    items.push(item)
    // one more chunk of it was read ahead
    if (item.kind === 'run' && item.length === 256 * KIB) {
      plan.close(2)
      plan.close(3)
    }
  }
  allClosed(fs)
  const { 'p/m': m, ...others } = filesOf(t, items)
  t.deepEqual(others, { p: ended(''), 'p/a': ended('aaa'), 'p/z': ended('zzz') })
  t.false(m!.ended)
  t.is(m!.text.length, 512 * KIB)
})

test('what gets its outcome while it is read is not sent', async (t) => {
  const fs = new MemoryDisk()
  for (const name of ['a', 'b', 'c']) fs.put(`/p/${name}`, name.repeat(3))
  const manifest = await manifestOf(['/p'], { fs })
  const plan = planOf(manifest.offer)
  fs.hook = ({ call, path }) => {
    if (call === 'read' && path === '/p/c') plan.close(2)
  }
  const source = fileSource(manifest, { plan })
  source.finish()
  const items = await collect(source)
  t.deepEqual(Object.keys(filesOf(t, items)), ['p', 'p/a', 'p/c'])
})

test('the source of an attached offer counts on from the one before', async (t) => {
  const fs = new MemoryDisk()
  fs.put('/a', '12345')
  fs.put('/b', '678')
  fs.put('/c', '9')
  const { offer } = await manifestOf(['/a'], { fs, open: true })
  const manifest = await manifestOf(['/b', '/c'], { fs, after: offer })
  const source = (wants: boolean[]) => {
    const plan = new Plan()
    plan.add(offer)
    plan.add(manifest.offer)
    for (const isWanted of wants) isWanted ? plan.want(1) : plan.skip(1)
    const stream = fileSource(manifest, { plan })
    stream.finish()
    return collect(stream)
  }
  t.like(runsOf(await source([false, true, true])), [{ position: 5, length: 4 }])
  t.like(runsOf(await source([false, false, true])), [{ position: 8, length: 1 }])
  t.throws(() => fileSource(manifest), { code: 'ERR_USAGE', message: /follows another/ })
  t.throws(() => fileSource(manifest, { plan: new Plan() }), { code: 'ERR_USAGE', message: /plan\.add/ })
})

test('pages of a plan are served one by one, and what is not decided yet costs nothing for each', async (t) => {
  const plan = new Plan()
  const fs = new MemoryDisk()
  fs.put('/a', 'a')
  const manifest = await manifestOf(['/a'], { fs })
  const { offer } = manifest
  const [entry] = offer.entries
  const count = scale(100_000, 1_000_000)
  for (let index = 1; index < count; index++)
    offer.entries.push({ ...entry!, index, path: `${index}`, size: 1, start: index, type: 'file' })
  offer.bytes = count
  plan.add(offer)
  const store = {
    rereadable: () => true,
    readRun: async () => new Map<number, Error>(),
    open: async () => Promise.reject(new Error('readRun is there')),
  }
  const source = fileSource({ offer, store, skipped: [] }, { plan })
  const next = reading(source)
  await next()
  const begun = performance.now()
  // far from the end: looking at each of the others in vain would take minutes in the long run
  for (let i = 0; i < scale(1000, 100_000); i++) {
    plan.skip(1)
    plan.want(1)
    source.wake()
    t.is((await next())?.kind, 'run')
  }
  t.true(performance.now() - begun < 30_000)
  source.destroy()
  await once(source, 'close')
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
      const source = fileSource(manifest, { onFailure: (error) => failures.push(error) })
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
  const plan = new Plan()
  plan.add(manifest.offer)
  const source = fileSource(manifest, { plan }).resume()
  await once(source, 'data')
  await new Promise((resolve) => setImmediate(resolve))
  source.destroy()
  await once(source, 'close')
  plan.want(1)
  source.wake()
  source.finish()
  await new Promise((resolve) => setImmediate(resolve))
  allClosed(fs)
  t.is(source.errored, null)
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
  const source = fileSource(manifest, { clock: slow })
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
const sourceOf = async (fs: MemoryDisk, path: string) => fileSource(await manifestOf([path], { fs, id: ID }))

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
      () => fileSource(manifestFrom(Readable.from([]), { name: 'x' }), { plan: new Plan() }),
    ],
  }),
)

test('a plan that the caller has not decided to its end, or that was sent before, is named as the mistake', async (t) => {
  const sources = memorySources(new Map([['a', 'hello']]))
  const manifest = manifestOfEntries(sources.entries, sources, { name: 'test' })
  const plan = new Plan()
  plan.add(manifest.offer)
  const source = fileSource(manifest, { plan })
  source.finish()
  const early = {
    code: 'ERR_STATE',
    message: 'finish() was called before plan.want() or plan.skip() of entry 0',
  }
  await t.throwsAsync(source.toArray(), early)
  plan.want(1)
  const again = fileSource(manifest, { plan })
  again.finish()
  await again.toArray()
  t.throws(() => fileSource(manifest, { plan }), { code: 'ERR_USAGE', message: /not sent to its end before/ })
})
