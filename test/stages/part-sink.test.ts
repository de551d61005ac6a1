import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { Readable, Transform } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import fc from 'fast-check'
import { finalizer } from '../../lib/stages/finalizer.js'
import { partSink } from '../../lib/stages/part-sink.js'
import type { Item } from '../../lib/stages/river/items.js'
import { MemoryDisk, transformConformance } from '../../lib/testing/index.js'
import type { Run } from '../../lib/wire/run.js'
import { conforms } from '../helpers/conforms.js'
import { listing, temporary } from '../helpers/folders.js'
import { arrivingOf, bytesOf, type Content, MTIME } from '../helpers/items.js'
import { receiveItems, statuses } from '../helpers/river.js'
import { scale } from '../helpers/scale.js'

const TREE = {
  photos: null,
  'photos/a.txt': 'hello',
  'photos/empty': '',
  'photos/nothing': null,
  'photos/deep': null,
  'photos/deep/c': randomBytes(70_000),
  'implied/parent/x': 'x',
  'report.pdf': randomBytes(250_000),
}

function memory(): MemoryDisk {
  const disk = new MemoryDisk()
  disk.putFolder('/dst')
  return disk
}

const textsOn = (disk: MemoryDisk) =>
  [...disk.snapshot()].map(([path, content]) => `${path}=${content.toString('latin1')}`).sort()

for (const [how, options] of [
  ['in the usual pieces', {}],
  ['in runs of 10,000 bytes', { run: 10_000 }],
  ['in cuts of 7 bytes', { cut: 7, run: 4096 }],
  ['in cuts, as behind a stage of a user', { inCuts: true, cut: 999, run: 30_000 }],
  ['without digests of a tap', { tapped: false, run: 30_000 }],
] as const) {
  test(`a tree arrives as it was, ${how}`, async (t) => {
    const disk = memory()
    const { outcomes, error } = await receiveItems(arrivingOf(TREE, options), { dir: '/dst', fs: disk })
    t.is(error, undefined)
    t.deepEqual(new Set(Object.values(statuses(outcomes))), new Set(['published']))
    t.deepEqual(
      outcomes.map(({ path }) => path),
      Object.keys(TREE),
    )
    for (const [path, content] of Object.entries(TREE)) {
      if (content !== null) t.true(disk.snapshot().get(`/dst/${path}`)?.equals(Buffer.from(content)), path)
    }
    t.deepEqual(disk.openHandles(), [])
    t.deepEqual(
      disk.list().filter((path) => path.includes('sluice') || path.endsWith('.part')),
      [],
    )
  })
}

test('a large file that came without a tap, and times before 1970, on the real disk', async (t) => {
  const dir = await temporary(t)
  const items = arrivingOf({ large: randomBytes(1_300_000) }, { tapped: false, run: 300_000 })
  const [first] = items as [Item & { kind: 'offer' }]
  first.offer.entries[0]!.mtime = -1500
  const { error } = await receiveItems(items, { dir })
  t.is(error, undefined)
  t.regex((await listing(dir)).large!, / 1300000 -1500 /)
})

test('on the real disk modes and times are kept, and nothing of ours is left', async (t) => {
  const dir = join(await temporary(t), 'not/there/yet')
  const modes = { photos: 0o555, 'photos/a.txt': 0o400, 'report.pdf': 0o666, 'photos/deep': 0o700 }
  const { error } = await receiveItems(arrivingOf(TREE, { modes }), { dir })
  t.is(error, undefined)
  const found = await listing(dir)
  t.is(found.photos, 'folder 555')
  t.is(found['photos/deep'], 'folder 700')
  t.regex(found['photos/a.txt']!, new RegExp(`^file 400 5 ${MTIME} `))
  t.regex(found['report.pdf']!, new RegExp(`^file 666 250000 ${MTIME} `))
  t.deepEqual(Object.keys(found).sort(), [...Object.keys(TREE), 'implied', 'implied/parent'].sort())
})

const ours = (disk: MemoryDisk) => disk.list().filter((path) => /\.part$|sluice/.test(path))

async function receive(disk: MemoryDisk, files: Content, options = {}, run = 1000) {
  const received = await receiveItems(arrivingOf(files, { run }), { dir: '/dst', fs: disk, ...options })
  if (disk.openHandles().length > 0) throw new Error(`open: ${disk.openHandles().join()}`)
  return { ...received, found: statuses(received.outcomes) }
}

test('KNOWN-FAILURES 2, 30: empty files and folders are real', async (t) => {
  const disk = memory()
  const { error } = await receive(disk, { empty: '', folder: null, 'in/empty': '' })
  t.is(error, undefined)
  t.deepEqual(disk.list(), ['/dst/', '/dst/empty', '/dst/folder/', '/dst/in/', '/dst/in/empty'])
})

test('KNOWN-FAILURES 12; HOSTILE-INPUT 21: names like those of our parts all survive', async (t) => {
  const files = {
    x: '1',
    'x.part': '2',
    'X.1.PART': '3',
    'd/x.part': '6',
    'd/x': '7',
  }
  const disk = memory()
  const seen = new Set<string>()
  disk.hook = () => {
    for (const path of disk.list()) seen.add(path)
  }
  const { error } = await receive(disk, files)
  t.is(error, undefined)
  for (const [path, content] of Object.entries(files)) {
    t.is(disk.snapshot().get(`/dst/${path}`)?.toString(), content, path)
  }
  t.deepEqual(ours(disk).sort(), ['/dst/d/x.part', '/dst/x.part'])
  t.true(seen.has('/dst/x.2.part'))
})

test('KNOWN-FAILURES 12: a real file that is called like a part is never touched', async (t) => {
  const disk = memory()
  disk.put('/dst/a.part', 'mine')
  const { error } = await receive(disk, { a: 'new' })
  t.is(error, undefined)
  t.is(disk.snapshot().get('/dst/a.part')!.toString(), 'mine')
  t.is(disk.snapshot().get('/dst/a')!.toString(), 'new')
})

test('HOSTILE-INPUT 18: names that differ in case only both survive, also where they are one', async (t) => {
  for (const fold of [undefined, (name: string) => name.toLowerCase()]) {
    const disk = new MemoryDisk({ fold })
    disk.putFolder('/dst')
    const { error } = await receive(disk, { 'A.txt': 'one', 'a.TXT': 'two', 'D/x': '3', 'd/X': '4' })
    t.is(error, undefined)
    t.deepEqual([...disk.snapshot().values()].map(String).sort(), ['3', '4', 'one', 'two'])
  }
})

test('a folder over a standing file gets a suffix as a whole, and merges into a standing folder', async (t) => {
  const disk = memory()
  disk.put('/dst/photos', 'a file')
  disk.put('/dst/music/old', 'old')
  const files = { photos: null, 'photos/a': 'a', 'photos/deep/b': 'b', 'music/new': 'new' }
  const { found } = await receive(disk, files)
  t.is(found.photos, 'published as photos_1')
  t.is(found['photos/deep/b'], 'published as photos_1/deep/b')
  t.is(disk.snapshot().get('/dst/photos')!.toString(), 'a file')
  t.is(disk.snapshot().get('/dst/photos_1/deep/b')!.toString(), 'b')
  t.is(disk.snapshot().size, 5)
  const again = await receive(disk, files)
  t.is(again.found['photos/a'], 'skipped as photos_1/a identical')
  t.is(disk.snapshot().size, 5)
})

test('KNOWN-FAILURES 13; HOSTILE-INPUT 28: a link in the place of a folder ends it, and nothing is outside', async (t) => {
  const disk = memory()
  disk.putFolder('/outside')
  disk.putLink('/dst/d', '/outside')
  const { error } = await receive(disk, { a: 'a', 'd/x': 'x', z: 'z' })
  t.is(error!.code, 'ERR_UNSAFE_LINK')
  t.deepEqual(
    disk.list().filter((path) => path.startsWith('/outside/') && path !== '/outside/'),
    [],
  )
})

test('HOSTILE-INPUT 1, 34; KNOWN-FAILURES 19: an offer that cannot be taken leaves no trace', async (t) => {
  const disk = new MemoryDisk({ capacity: 1000 })
  disk.putFolder('/home')
  const dir = '/home/not/there'
  const before = disk.list()
  const tooMuch = await receiveItems(arrivingOf({ a: 'x'.repeat(2000) }), { dir, fs: disk })
  t.is(tooMuch.error!.code, 'ERR_DISK_FULL')
  t.regex(tooMuch.error!.message, /2000 bytes.*1000 bytes are free/)
  const items = arrivingOf({ ok: 'x', 'also/ok': 'x' })
  for (const path of ['../x', '/etc/x', 'a//b', 'a\0b']) {
    const [offer, ...rest] = items as [Item & { kind: 'offer' }, ...Item[]]
    const entries = offer.offer.entries.map((entry, i) => (i === 1 ? { ...entry, path } : entry))
    const bad: Item = { ...offer, offer: { ...offer.offer, entries } }
    t.is((await receiveItems([bad, ...rest], { dir, fs: disk })).error!.code, 'ERR_PATH')
  }
  const portable = { dir, fs: disk, names: 'portable' as const }
  t.is((await receiveItems(arrivingOf({ 'a:b': 'x' }), portable)).error!.code, 'ERR_PATH')
  t.is(
    (await receiveItems(arrivingOf({ nul: 'x' }), { dir, fs: disk, platform: 'win32' })).error!.code,
    'ERR_PATH',
  )
  t.deepEqual(disk.list(), before)
})

test('HOSTILE-INPUT 24, 48: entries that were not offered, other paths and bytes beyond the end are refused', async (t) => {
  const [offer, run] = arrivingOf({ a: 'abc' }, { inCuts: true }) as [Item, Run]
  const [cut] = run.cuts!
  const entry = cut!.entry
  for (const [change, code, message] of [
    [
      { entry: { ...entry, index: 7 } },
      'ERR_PROTOCOL',
      /^a stage in front of partSink\(\) gave the entry a, which is in no offer/,
    ],
    [{ entry: { ...entry, path: '../a' } }, 'ERR_PATH', /\.\.\/a/],
    [
      { offset: 1 },
      'ERR_PROTOCOL',
      /^a stage in front .* more than its 3 bytes: it gives the entry its new size, or null/,
    ],
  ] as const) {
    const disk = memory()
    const { error } = await receiveItems([offer, { ...run, cuts: [{ ...cut!, ...change }] }], {
      dir: '/dst',
      fs: disk,
    })
    t.is(error!.code, code)
    t.regex(error!.message, message)
    t.deepEqual(disk.list(), ['/dst/'])
  }
})

test('one file that cannot be written fails alone, at any of its cuts, and the others go on', async (t) => {
  const files = { a: 'a'.repeat(250_000), b: 'b', 'c/d': 'd' }
  for (const nth of [1, 2, 3]) {
    const disk = memory()
    disk.fail({ call: 'write', path: '/dst/a.part', nth, error: 'EIO' })
    const { found, error } = await receive(disk, files, {}, 50_000)
    t.is(error!.code, 'ERR_FILES_FAILED')
    t.deepEqual(found, { a: 'failed ERR_WRITE', b: 'published', 'c/d': 'published' })
    t.true(ours(disk).includes('/dst/a.part'), 'KNOWN-FAILURES 20')
  }
  const disk = memory()
  disk.fail({ call: 'open', path: '/dst/a.part', error: 'EACCES' })
  disk.fail({ call: 'mkdir', path: '/dst/c', error: 'EACCES' })
  const { found } = await receive(disk, { ...files, c: null })
  t.deepEqual(found, {
    a: 'failed ERR_PERMISSION',
    b: 'published',
    'c/d': 'failed ERR_PERMISSION',
    c: 'published',
  })
  t.deepEqual(ours(disk), [])
})

test('a disk that is full ends it with path and numbers; the parts stay, and a later run needs nothing of them', async (t) => {
  const disk = memory()
  const files = { a: 'a', b: 'b'.repeat(5000) }
  disk.hook = ({ call, path }) => {
    if (call === 'open' && path === '/dst/b.part') disk.capacity = disk.used + 2500
  }
  const { error } = await receive(disk, files)
  t.is(error!.code, 'ERR_DISK_FULL')
  t.regex(error!.message, /room for b: it has 5000 bytes, 0 bytes are free/)
  t.true(disk.list().includes('/dst/b.part'))
  disk.hook = undefined
  disk.capacity = Number.POSITIVE_INFINITY
  t.is((await receive(disk, files)).error, undefined)
  t.deepEqual(ours(disk), [])
})

test('KNOWN-FAILURES 7: a write that takes fewer bytes goes on; one that takes none is a full disk', async (t) => {
  const disk = memory()
  disk.fail({ call: 'write', path: '/dst/a.part', short: 1, once: false })
  t.is((await receive(disk, { a: 'abcdef' })).error, undefined)
  const full = memory()
  full.fail({ call: 'write', path: '/dst/a.part', short: 0 })
  t.is((await receive(full, { a: 'abcdef' })).error!.code, 'ERR_DISK_FULL')
})

test('the input may not end in the middle of a file', async (t) => {
  for (const [size, run] of [
    [3000, 1000],
    [100_000, 40_000],
  ] as const) {
    const disk = memory()
    const items = arrivingOf({ a: 'a'.repeat(size) }, { run }).slice(0, 2)
    const { error } = await receiveItems(items, { dir: '/dst', fs: disk })
    t.is(error!.code, 'ERR_TRUNCATED')
    t.is(disk.snapshot().get('/dst/a.part')?.length, run)
  }
})

/** A disk that is slower than what arrives, so that what arrives has to wait. */
function slow(): MemoryDisk {
  const disk = memory()
  disk.delay = async ({ call }) => {
    if (call === 'write') for (let n = 0; n < 20; n++) await new Promise((done) => setImmediate(done))
  }
  return disk
}

test('what arrives while the disk is busy takes one write, and stands where it belongs', async (t) => {
  const disk = slow()
  const items = arrivingOf(TREE, { run: 1000 })
  const { error } = await receiveItems(items, { dir: '/dst', fs: disk })
  t.is(error, undefined)
  for (const [path, content] of Object.entries(TREE))
    if (content !== null) t.true(disk.snapshot().get(`/dst/${path}`)?.equals(Buffer.from(content)), path)
  const runs = items.filter(({ kind }) => kind === 'run').length
  t.true(disk.calls < runs / 2, `${disk.calls} calls for ${runs} runs`)
})

test('a file whose write fails while more of it waits fails alone', async (t) => {
  const files = { first: randomBytes(90_000), second: randomBytes(90_000), last: 'x' }
  const seen = new Set<string>()
  for (let nth = 1; nth <= 12; nth++) {
    const disk = slow()
    disk.fail({ call: 'write', path: /(first|second)\.part$/, error: 'EIO', nth })
    const { outcomes, error } = await receiveItems(arrivingOf(files, { run: 3000 }), {
      dir: '/dst',
      fs: disk,
    })
    const failed = outcomes.filter(({ status }) => status === 'failed').map(({ path }) => path)
    t.true(failed.length <= 1)
    t.is(error?.code, failed.length === 1 ? 'ERR_FILES_FAILED' : undefined)
    for (const [path, content] of Object.entries(files))
      t.deepEqual(
        disk.snapshot().get(`/dst/${path}`),
        failed.includes(path) ? undefined : Buffer.from(content),
      )
    t.deepEqual(disk.openHandles(), [])
    for (const path of failed) seen.add(path)
  }
  t.deepEqual([...seen].sort(), ['first', 'second'])
})

test('destroyed while the disk is busy it begins no write any more', async (t) => {
  const disk = memory()
  let goOn = () => {}
  const late: string[] = []
  let writes = 0
  const sink = partSink({ dir: '/dst', fs: disk })
  const busy = new Promise<void>((reached) => {
    disk.delay = ({ call, path }) => {
      if (call !== 'write' || !path.endsWith('large.part')) return
      // the first one makes the part, and is waited for
      if (writes++ === 0) return
      if (sink.destroyed) late.push(path)
      reached()
      return new Promise((done) => {
        goOn = done
      })
    }
  })
  const flowing = pipeline(
    Readable.from(arrivingOf({ large: randomBytes(90_000) }, { run: 1000 })),
    sink,
    async (files) => {
      for await (const _ of files);
    },
  )
  await busy
  // until it takes no more
  for (let before = -1; before !== sink.writableLength; ) {
    before = sink.writableLength
    await new Promise((done) => setImmediate(done))
  }
  const closed = new Promise((done) => sink.once('close', done))
  sink.destroy(new Error('cancelled'))
  goOn()
  await t.throwsAsync(flowing, { message: 'cancelled' })
  await closed
  t.deepEqual(late, [])
  t.deepEqual(disk.openHandles(), [])
})

test('KNOWN-FAILURES 32: destroyed at any moment, nothing half has a name, and a later run starts clean', async (t) => {
  const files = { d: null, 'd/a': 'a'.repeat(3000), b: 'b', large: 'l'.repeat(70_000), c: 'c'.repeat(2000) }
  for (let stop = 0; stop < 160; stop += 3) {
    const disk = memory()
    const sink = partSink({ dir: '/dst', fs: disk })
    const last = finalizer()
    const closed = Promise.all(
      [sink, last].map((stream) => new Promise((resolve) => stream.once('close', resolve))),
    )
    const abort = new AbortController()
    let calls = 0
    disk.hook = () => {
      if (calls++ === stop) abort.abort()
    }
    const done = await pipeline(Readable.from(arrivingOf(files, { run: 9000 })), sink, last, {
      signal: abort.signal,
    }).then(
      () => true,
      () => false,
    )
    await closed
    disk.hook = undefined
    t.deepEqual(disk.openHandles(), [])
    for (const [path, content] of disk.snapshot()) {
      if (!/\.part$|sluice/.test(path)) t.is(content.toString(), files[path.slice(5) as 'b'], path)
    }
    if (done) break
    t.is((await receive(disk, files)).error, undefined)
    t.deepEqual(ours(disk), [])
  }
})

test('a slow disk does not hold the event loop, and a stage between may take its time', async (t) => {
  const disk = memory()
  disk.delay = ({ call }) => (call === 'write' ? new Promise((resolve) => setImmediate(resolve)) : undefined)
  const slow = new Transform({
    objectMode: true,
    transform: (item, _encoding, done) => setImmediate(() => done(null, item)),
  })
  const { error } = await receiveItems(arrivingOf(TREE), { dir: '/dst', fs: disk }, [slow])
  t.is(error, undefined)
})

test('more files than handles arrive with few of them open', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`f${i}`, `${i}`]))
  const disk = memory()
  let most = 0
  disk.hook = () => {
    most = Math.max(most, disk.openHandles().length)
  }
  const { error } = await receiveItems(arrivingOf(files, { tapped: false }), {
    dir: '/dst',
    fs: disk,
    handles: 4,
  })
  t.is(error, undefined)
  t.true(most < 10, `${most}`)
})

/** Trees of files and folders: names are numbers, so that no path is below a file. */
const tree = fc
  .array(
    fc.record({
      folder: fc.constantFrom('', 'd', 'd/e', 'x'),
      value: fc.oneof(
        { weight: 6, arbitrary: fc.string({ maxLength: 40 }) },
        { weight: 2, arbitrary: fc.constantFrom('', null) },
        {
          weight: 1,
          arbitrary: fc.integer({ min: 65_530, max: 70_000 }).map((size) => Buffer.alloc(size, 'l')),
        },
      ),
      mode: fc.constantFrom(0o644, 0o600, 0o400, 0o755),
    }),
    { minLength: 1, maxLength: 14 },
  )
  .map((entries) => {
    const sorted = entries.map((entry, i) => ({ ...entry, path: `${entry.folder}/${i}`.replace(/^\//, '') }))
    return {
      content: Object.fromEntries(sorted.map(({ path, value }) => [path, value])) as Content,
      modes: Object.fromEntries(
        sorted.map(({ path, mode, value }) => [path, value === null ? mode | 0o700 : mode]),
      ),
    }
  })

const bytes = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 10, max: 100_000 }))

test('in columns, in cuts, byte by byte, in any runs and buffers, together or alone: the same stands there', async (t) => {
  const standing = async (disk: MemoryDisk) => {
    const list = disk.list()
    const stats = await Promise.all(list.map((path) => disk.lstat(path)))
    return list.map((path, i) => [path, stats[i]!.mode, stats[i]!.isFile() && stats[i]!.mtimeMs])
  }
  await fc.assert(
    fc.asyncProperty(
      tree,
      fc.record({
        run: bytes,
        cut: bytes,
        inCuts: fc.boolean(),
        tapped: fc.boolean(),
        most: fc.constantFrom(3, 512),
      }),
      fc.boolean(),
      async ({ content, modes }, options, sync) => {
        const large = Object.values(content).some((value) => Buffer.isBuffer(value))
        const plain = memory()
        const first = await receiveItems(arrivingOf(content, { modes }), { dir: '/dst', fs: plain })
        t.is(first.error, undefined)
        for (const [path, value] of Object.entries(content))
          if (value !== null) t.true(plain.snapshot().get(`/dst/${path}`)?.equals(bytesOf(value)), path)
        // a large one byte by byte takes its time
        const run = large ? Math.max(options.run, 5000) : options.run
        const disk = new MemoryDisk({ sync })
        disk.putFolder('/dst')
        const items = arrivingOf(content, { ...options, run, modes })
        const other = await receiveItems(items, { dir: '/dst', fs: disk })
        t.is(other.error, undefined)
        t.deepEqual(statuses(other.outcomes), statuses(first.outcomes))
        t.deepEqual(textsOn(disk), textsOn(plain))
        t.deepEqual(await standing(disk), await standing(plain))
        t.deepEqual(disk.openHandles(), [])
      },
    ),
    { numRuns: scale(20, 2000, 283) },
  )
})

// ——— what every Transform of a river keeps ———

const FILES = { d: null, 'd/a': 'hello', 'd/b': randomBytes(3000), empty: '' }
let disk = memory()
const kinds = (items: Item[]) => items.map(({ kind }) => kind).join()

conforms(
  'partSink',
  transformConformance<Item, Item>(
    () => {
      disk = memory()
      return partSink({ dir: '/dst', fs: disk })
    },
    {
      input: () => arrivingOf(FILES, { run: 4000 }),
      expected: () => arrivingOf(FILES, { run: 4000 }),
      same: (output, expected) => {
        const stored = (items: Item[]) =>
          kinds(items)
            .replaceAll('run', 'stored')
            .replace(/(stored,)+/g, '$1')
        if (stored(output) !== stored(expected)) throw new Error(kinds(output))
      },
      many: () =>
        arrivingOf(Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`f${i}`, 'x'.repeat(100)])), {
          run: 200,
        }),
      bound: 2,
      prompt: (given, written) => given.length >= written.length,
      open: () => disk.openHandles().length,
      badOptions: [
        () => partSink({ dir: '' }),
        () => partSink({} as never),
        () => partSink({ dir: 'x', durability: 'none' as never }),
        () => partSink({ dir: 'x', names: 'any' as never }),
        () => partSink({ dir: 'x', concurrency: 1.5 }),
        () => partSink({ dir: 'x', handles: 0 }),
      ],
    },
  ),
)
