import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import test from 'ava'
import type { SluiceError } from '../../lib/errors.js'
import { fileSource } from '../../lib/stages/file-source.js'
import { hashTap } from '../../lib/stages/hash-tap.js'
import { manifestFrom, manifestOfEntries } from '../../lib/stages/manifest/manifest-from.js'
import type { Item } from '../../lib/stages/river/items.js'
import type { SourceEntry, SourceStore } from '../../lib/stores/sources.js'
import { piecesOf, randomContent } from '../../lib/testing/splits.js'
import { Plan } from '../../lib/transfer/plan.js'
import { digestIn } from '../../lib/wire/run.js'
import { planOf } from '../helpers/items.js'
import { bytesOf, collect, ended, failed, filesOf, runsOf } from '../helpers/sources.js'

test('a stream of unknown size comes in runs and ends with a run of no bytes', async (t) => {
  const content = randomContent(5000)
  for (const pieces of [piecesOf(content, 1), piecesOf(content, 2000), [content], []]) {
    const manifest = manifestFrom(Readable.from(pieces), { name: 'x' })
    const items = await collect(fileSource(manifest, { maxRun: 700 }).pipe(hashTap()))
    const bytes = Buffer.concat(pieces)
    t.deepEqual(filesOf(t, items), { x: ended(bytes.toString('latin1')) })
    const last = runsOf(items).at(-1)!
    t.like(last, { position: bytes.length, length: 0, offset: bytes.length, ends: true })
    t.is(digestIn(last.digests, 0)!.length, 32)
    t.true(runsOf(items).every(({ length }) => length <= 700))
  }
})

test('a stream may give text and arrays of bytes; one that gives objects fails', async (t) => {
  const given = (chunks: unknown[]) =>
    manifestFrom(Readable.from(chunks, { objectMode: true }), { name: 'x' })
  const good = await collect(fileSource(given(['tex', 't ', new Uint8Array([0x62, 0x79])])))
  t.deepEqual(filesOf(t, good), { x: ended('text by') })
  t.deepEqual(filesOf(t, await collect(fileSource(given(['a', { b: 1 }])))), {
    x: failed('ERR_SOURCE_READ', 'a'),
  })
})

test('a stream that got an encoding, from a store or after it was offered, fails the file', async (t) => {
  const text = () => Readable.from([Buffer.from([0xff])]).setEncoding('utf8')
  const late = Readable.from([Buffer.from([0xff])])
  const offered = manifestFrom(late, { name: 'x' })
  late.setEncoding('utf8')
  const store = { rereadable: () => false, stream: text }
  const ofStore = manifestOfEntries([{ path: 'x', size: 3 }], store, { name: 'x' })
  for (const manifest of [offered, ofStore])
    t.deepEqual(filesOf(t, await collect(fileSource(manifest))), { x: failed('ERR_SOURCE_READ') })
})

test('a stream that fails, is cut off, or was read before fails the file', async (t) => {
  const failing = async (stream: Readable, text = '', before: () => unknown = () => {}) => {
    const errors: SluiceError[] = []
    const manifest = manifestFrom(stream, { name: 'x' })
    await before()
    const source = fileSource(manifest, { onFailure: (error) => errors.push(error) })
    t.deepEqual(filesOf(t, await collect(source)), { x: failed('ERR_SOURCE_READ', text) })
    return errors[0]!
  }
  const boom = new Error('boom')
  async function* broken() {
    yield Buffer.from('begun')
    throw boom
  }
  t.is((await failing(Readable.from(broken()), 'begun')).cause, boom)
  const early = new PassThrough()
  const destroyed = () => once(early.destroy(boom), 'close').catch(() => {})
  t.is((await failing(early, '', destroyed)).cause, boom)
  const cut = new PassThrough()
  await failing(cut, '', () => cut.destroy())
  const read = Readable.from(['x'])
  await failing(read, '', () => collect(read))
  for (const over of [early, cut, read]) {
    const error = t.throws<SluiceError>(() => manifestFrom(over, { name: 'x' }), { code: 'ERR_USAGE' })
    t.is(error!.cause, over === early ? boom : undefined)
  }
})

test('a stream is not read ahead of who reads', async (t) => {
  let given = 0
  const endless = new Readable({
    highWaterMark: 1,
    read() {
      given++
      this.push(Buffer.alloc(1000))
    },
  })
  const source = fileSource(manifestFrom(endless, { name: 'x' }))
  await once(source, 'readable')
  for (let i = 0; i < 50; i++) await new Promise((resolve) => setImmediate(resolve))
  t.true(given <= 5, `${given} chunks were read`)
  source.destroy()
  await once(source, 'close')
  t.true(endless.destroyed)
})

test('destroying the source ends one that waits for its stream, and tells no failure', async (t) => {
  const silent = new PassThrough()
  const failures: SluiceError[] = []
  const source = fileSource(manifestFrom(silent, { name: 'x' }), {
    onFailure: (error) => failures.push(error),
  })
  const boom = new Error('boom')
  t.is((await once(source.resume(), 'data'))[0].kind, 'offer')
  await new Promise((resolve) => setImmediate(resolve))
  source.destroy(boom)
  t.is(await t.throwsAsync(once(source, 'close')), boom)
  if (!source.closed) await once(source, 'close')
  t.true(silent.destroyed)
  t.deepEqual(failures, [])
})

test('a stream that nobody wants stays with its owner', async (t) => {
  const stream = Readable.from(['x'])
  const manifest = manifestFrom(stream, { name: 'x' })
  const plan = new Plan()
  plan.add(manifest.offer)
  plan.skip(1)
  const source = fileSource(manifest, { plan })
  source.finish()
  t.deepEqual(
    (await collect(source)).map(({ kind }) => kind),
    ['offer', 'end'],
  )
  t.false(stream.destroyed)
  stream.destroy()
})

test('a stream whose file got its outcome is left and destroyed', async (t) => {
  const stream = Readable.from(Array(100).fill(Buffer.alloc(1000)))
  const manifest = manifestFrom(stream, { name: 'x' })
  const plan = planOf(manifest.offer)
  const source = fileSource(manifest, { plan })
  source.finish()
  const items: Item[] = []
  for await (const item of source) {
    items.push(item)
    if (items.length === 3) plan.close(0)
  }
  t.true(bytesOf(items).length < 10_000)
  t.deepEqual(items.at(-1), { kind: 'end' })
  t.true(stream.destroyed)
})

/** Files that can be read once, each a stream of these chunks. */
function readOnce(
  files: Record<string, { size: number | null; chunks: string[] }>,
): [SourceEntry[], SourceStore] {
  const entries = Object.entries(files).map(([path, { size }]) => ({ path, size }))
  return [
    entries,
    {
      rereadable: () => false,
      stream: ({ path }) => Readable.from(files[path]!.chunks, { objectMode: false }),
    },
  ]
}

test('files of known size may be streams, and must have that size at their end', async (t) => {
  const [entries, store] = readOnce({
    whole: { size: 6, chunks: ['abc', 'def'] },
    empty: { size: 0, chunks: [] },
    short: { size: 6, chunks: ['abc'] },
    long: { size: 5, chunks: ['abc', 'def'] },
    longer: { size: 3, chunks: ['abc', 'def'] },
    'not empty': { size: 0, chunks: ['x'] },
    last: { size: null, chunks: ['any', 'thing'] },
  })
  for (const maxRun of [1, 2, 100]) {
    const manifest = manifestOfEntries(entries, store, { name: 'x' })
    const items = await collect(fileSource(manifest, { maxRun }).pipe(hashTap()))
    const { short, long, longer, ...others } = filesOf(t, items)
    t.deepEqual(others, {
      whole: ended('abcdef'),
      empty: ended(''),
      'not empty': failed('ERR_SOURCE_CHANGED'),
      last: ended('anything'),
    })
    t.like(short, { ended: false, failure: 'ERR_SOURCE_CHANGED' })
    t.like(long, { ended: false, failure: 'ERR_SOURCE_CHANGED' })
    // its size was reached, but not its end: the last bytes are held back
    t.like(longer, { ended: false, failure: 'ERR_SOURCE_CHANGED' })
    for (const run of runsOf(items)) t.true(run.length <= maxRun)
  }
})

test('a store that lacks what its entries need, or throws, fails the files', async (t) => {
  const stores: SourceStore[] = [
    { rereadable: () => true, stream: () => Readable.from(['x']) },
    { rereadable: () => false, open: () => Promise.reject(new Error('no')) },
    { rereadable: () => true, open: () => Promise.reject(new Error('no')) },
    {
      rereadable: () => true,
      open: () => Promise.reject(new Error('no')),
      readRun: () => Promise.reject(new Error('no')),
    },
    {
      rereadable: () => false,
      stream: () => {
        throw new Error('no')
      },
    },
  ]
  for (const store of stores) {
    const manifest = manifestOfEntries(
      [
        { path: 'a', size: 1 },
        { path: 'b', size: 1 },
      ],
      store,
      { name: 'x' },
    )
    t.deepEqual(filesOf(t, await collect(fileSource(manifest))), {
      a: failed('ERR_SOURCE_READ'),
      b: failed('ERR_SOURCE_READ'),
    })
  }
})

test('a store that cannot be closed leaves no file open, and hides no error', async (t) => {
  const boom = new Error('boom')
  const mistakes: [string, SourceStore['close']][] = [
    [
      'thrown',
      () => {
        throw boom
      },
    ],
    ['rejected', () => Promise.reject(boom)],
  ]
  for (const [name, close] of mistakes) {
    for (const reason of [undefined, new Error('destroyed')]) {
      let open = 0
      const store: SourceStore = {
        rereadable: () => true,
        open: async () => {
          open++
          return {
            read: async () => {},
            verify: async () => {},
            close: async () => {
              await new Promise((resolve) => setTimeout(resolve, 5))
              open--
            },
          }
        },
        close,
      }
      const manifest = manifestOfEntries([{ path: 'large', size: 8 * 1024 * 1024 }], store, { name: 'x' })
      const source = fileSource(manifest)
      for (let items = 0; items < 2; )
        items += source.read() ? 1 : await once(source, 'readable').then(() => 0)
      t.is(open, 1, name)
      let error: unknown
      source.on('error', (one) => {
        error = one
      })
      source.destroy(reason)
      await new Promise((resolve) => source.once('close', resolve))
      t.is(error, reason ?? boom, name)
      t.is(open, 0, name)
    }
  }
})
