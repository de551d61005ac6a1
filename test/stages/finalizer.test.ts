import { randomBytes } from 'node:crypto'
import { readFile, stat, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import type { SluiceError } from '../../lib/errors.js'
import { type FinalizerOptions, finalizer } from '../../lib/stages/finalizer.js'
import { partSink } from '../../lib/stages/part-sink.js'
import type { AnsweredPlan, Item } from '../../lib/stages/river/items.js'
import type { StoreCalls } from '../../lib/stages/river/store-calls.js'
import { MemoryDisk, writableConformance } from '../../lib/testing/index.js'
import { failureOf, type Outcome } from '../../lib/wire/outcome.js'
import { sliceRun } from '../../lib/wire/run.js'
import { conforms } from '../helpers/conforms.js'
import { plant, temporary } from '../helpers/folders.js'
import { arrivingOf, type Content, saying, sha256 } from '../helpers/items.js'
import { receiveItems, statuses } from '../helpers/river.js'
import { growth } from '../helpers/turns.js'

function memory(files: Record<string, string> = {}): MemoryDisk {
  const disk = new MemoryDisk()
  disk.putFolder('/dst')
  for (const [path, content] of Object.entries(files)) disk.put(`/dst/${path}`, content)
  return disk
}

async function receive(
  disk: MemoryDisk,
  files: Content,
  options: FinalizerOptions & { items?: (items: Item[]) => Item[] } = {},
) {
  const { items = (all: Item[]) => all, ...rest } = options
  const received = await receiveItems(items(arrivingOf(files)), { dir: '/dst', fs: disk, ...rest })
  return { ...received, found: statuses(received.outcomes) }
}

const text = (disk: MemoryDisk, path: string) => disk.snapshot().get(`/dst/${path}`)?.toString()
const ours = (disk: MemoryDisk) => disk.list().filter((path) => /\.part$|sluice/.test(path))

for (const [conflict, expected, old, suffixed] of [
  ['rename', 'published as a_1.txt', 'old', 'new'],
  ['overwrite', 'published', 'new', undefined],
  ['replace', 'published', 'new', undefined],
  ['skip', 'skipped conflict ERR_SKIPPED', 'old', undefined],
  ['fail', 'failed ERR_CONFLICT', 'old', undefined],
] as const) {
  test(`KNOWN-FAILURES 9, 10, 31: with conflict '${conflict}' a taken name is ${expected}`, async (t) => {
    const disk = memory({ 'a.txt': 'old' })
    const { found, error } = await receive(disk, { 'a.txt': 'new', b: 'b' }, { conflict })
    t.deepEqual(found, { 'a.txt': expected, b: 'published' })
    t.is(text(disk, 'a.txt'), old)
    t.is(text(disk, 'a_1.txt'), suffixed)
    t.is(error?.code, conflict === 'fail' ? 'ERR_FILES_FAILED' : undefined)
    t.deepEqual(ours(disk), [])
  })
}

test('what stands there with the same content is not written again, and no second copy is made', async (t) => {
  for (const [unless, standing, expected] of [
    ['identical', 'same', 'skipped identical'],
    ['identical', 'Same', 'published as a_1'],
    ['nothing', 'same', 'published as a_1'],
    ['unchanged', 'same', 'published as a_1'],
    ['newer', 'other', 'skipped newer'],
  ] as const) {
    const disk = memory({ a: standing })
    const { found } = await receive(disk, { a: 'same' }, { unless })
    t.is(found.a, expected, `${unless} ${standing}`)
    t.is(text(disk, 'a'), standing)
    t.deepEqual(ours(disk), [])
  }
  const disk = memory()
  await receive(disk, { a: 'same' })
  t.is((await receive(disk, { a: 'SAME' }, { unless: 'unchanged' })).found.a, 'skipped unchanged')
  disk.remove('/dst/a')
  await receive(disk, { a: 'same' })
  disk.put('/dst/b', 'older')
  t.is((await receive(disk, { a: 'same', a_1: 'x' })).found.a, 'skipped identical')
})

test('KNOWN-FAILURES 8: what does not match its digest gets no name, and its part goes', async (t) => {
  const disk = memory({ a: 'good' })
  const { found, error, outcomes } = await receive(
    disk,
    { a: 'bad', b: 'fine' },
    {
      conflict: 'overwrite',
      items: (items) => saying(items, { a: Buffer.alloc(32, 1) }),
    },
  )
  t.deepEqual(found, { a: 'failed ERR_DIGEST', b: 'published' })
  t.is(text(disk, 'a'), 'good')
  t.is(error!.code, 'ERR_FILES_FAILED')
  t.is(error!.outcomes, outcomes)
  t.regex(error!.message, /1 of 2 entries failed.*a does not match/)
  t.deepEqual(ours(disk), [])
})

test('KNOWN-FAILURES 15; HOSTILE-INPUT 51: a file without a digest of the sender is not published', async (t) => {
  const disk = memory()
  const items = (all: Item[]) => saying(all, { a: null })
  const { found, error } = await receive(disk, { a: 'a', b: 'b' }, { items })
  t.deepEqual(found, { a: 'failed ERR_DIGEST', b: 'published' })
  t.is(error!.code, 'ERR_FILES_FAILED')
  t.deepEqual(disk.snapshot().has('/dst/a'), false)
})

test('HOSTILE-INPUT 63: a file that the sender gave up fails with its code, begun or not, and its part goes', async (t) => {
  const files = { a: 'a'.repeat(5000), b: 'b', c: 'c' }
  const items = arrivingOf(files, { run: 1000 })
  const kept = items.flatMap((item) => {
    if (item.kind !== 'run' || item.position === 0) return item
    return item.last === 2 ? sliceRun(item, 2, 2) : []
  })
  const given = saying(kept, { a: 'ERR_SOURCE_CHANGED', b: 'ERR_SOURCE_CHANGED' })
  const disk = memory()
  const { outcomes, error } = await receiveItems(given, { dir: '/dst', fs: disk })
  t.deepEqual(statuses(outcomes), {
    a: 'failed ERR_SOURCE_CHANGED',
    b: 'failed ERR_SOURCE_CHANGED',
    c: 'published',
  })
  t.is(error!.code, 'ERR_FILES_FAILED')
  t.deepEqual(ours(disk), [])
})

test('entries that never came are no success, and their parts stay', async (t) => {
  const disk = memory()
  const { error } = await receive(disk, { a: 'a', b: 'b' }, { items: (items) => items.slice(0, 1) })
  t.is(error!.code, 'ERR_TRUNCATED')
})

test('entries that the plan left out have an outcome, too', async (t) => {
  const files = { a: 'a', d: null, b: 'b' }
  const items = () => arrivingOf(files, { want: ({ path }) => path === 'b' })
  const options = { dir: '/dst', fs: memory() }
  t.deepEqual(statuses((await receiveItems(items(), options)).outcomes), {
    a: 'skipped unwanted ERR_SKIPPED',
    d: 'skipped unwanted ERR_SKIPPED',
    b: 'published',
  })
  t.deepEqual(statuses((await receiveItems(items(), options)).outcomes), {
    a: 'skipped unwanted ERR_SKIPPED',
    d: 'skipped unwanted ERR_SKIPPED',
    b: 'skipped identical',
  })
})

test('a batch of outcomes is told once it is as safe as was asked for, and the next one waits', async (t) => {
  for (const durability of ['crash', 'power'] as const) {
    const disk = memory()
    const told: string[] = []
    let busy = false
    const calls: string[] = []
    disk.hook = ({ call, path }) => {
      if (call === 'fsync') calls.push(path)
    }
    await receive(
      disk,
      { 'd/a': 'a', 'd/b': 'b', e: null },
      {
        durability,
        onOutcome: async (batch) => {
          t.false(busy)
          busy = true
          for (const { path } of batch) {
            told.push(path)
            if (durability === 'power' && path !== 'e') {
              t.true(calls.some((synced) => synced.includes('.journal')))
              t.true(calls.includes('/dst') && calls.includes('/dst/d'))
            }
          }
          await new Promise((resolve) => setImmediate(resolve))
          busy = false
        },
      },
    )
    t.deepEqual(told, ['d/a', 'd/b', 'e'])
    t.is(calls.length > 0, durability === 'power')
  }
})

test('durability of the finalizer holds for the whole', async (t) => {
  const disk = memory()
  const synced: string[] = []
  disk.hook = ({ call, path }) => {
    if (call === 'fsync') synced.push(path)
  }
  const last = finalizer({ durability: 'power' })
  await pipeline(Readable.from(arrivingOf({ a: 'a' })), partSink({ dir: '/dst', fs: disk }), last)
  t.true(synced.includes('/dst/a.part'))
})

test('symbolic links are skipped and reported, or made at the end; asked for, one that leads out fails', async (t) => {
  const files = {
    'd/link': { target: '../a' },
    out: { target: '../../etc/passwd' },
    abs: { target: '/etc' },
    'd/up': { target: '..' },
    through: { target: 'd/up/../secret' },
    taken: { target: 'a' },
    a: 'a',
  }
  const disk = memory({ taken: 'mine' })
  const warnings: SluiceError[] = []
  const { found } = await receive(disk, files, { warn: (warning) => warnings.push(warning) })
  t.is(found['d/link'], 'skipped symlink ERR_SKIPPED')
  t.false(disk.list().some((path) => path.includes('->')))
  const kept = await receive(disk, files, { symlinks: 'keep' })
  t.deepEqual(kept.found, {
    'd/link': 'published',
    out: 'failed ERR_LINK',
    abs: 'failed ERR_LINK',
    'd/up': 'published',
    through: 'failed ERR_LINK',
    taken: 'published as taken_1',
    a: 'skipped identical',
  })
  t.true(disk.list().includes('/dst/d/link -> ../a'))
  t.is((await receive(disk, files, { symlinks: 'keep' })).found['d/link'], 'skipped identical')
  const broken = memory()
  broken.fail({ call: 'symlink', error: 'EACCES' })
  t.is((await receive(broken, files, { symlinks: 'keep' })).found['d/link'], 'failed ERR_PERMISSION')
})

test('HOSTILE-INPUT 27, 31: a link at the name is not followed, a folder at the name is not removed', async (t) => {
  const dir = await plant(await temporary(t), { precious: 'mine', 'in/folder/x': 'mine' })
  await symlink('../precious', join(dir, 'in/link'))
  for (const conflict of ['overwrite', 'rename'] as const) {
    const { outcomes } = await receiveItems(arrivingOf({ folder: 'new' }), { dir: join(dir, 'in'), conflict })
    t.is(outcomes[0]!.name?.startsWith('folder_1'), true)
  }
  await receiveItems(arrivingOf({ link: 'new' }), { dir: join(dir, 'in'), conflict: 'overwrite' })
  t.is(await readFile(join(dir, 'precious'), 'utf8'), 'mine')
  t.is(await readFile(join(dir, 'in/folder/x'), 'utf8'), 'mine')
})

test('HOSTILE-INPUT 25: folders get mode and time last, and one that cannot is a warning', async (t) => {
  const dir = await temporary(t)
  const { outcomes } = await receiveItems(
    arrivingOf({ d: null, 'd/e': null, 'd/e/x': 'x' }, { modes: { d: 0o500, 'd/e': 0o555 } }),
    { dir },
  )
  t.is(outcomes.length, 3)
  const { mode, mtimeMs } = await stat(join(dir, 'd'))
  t.is(mode & 0o7777, 0o500)
  t.is(Math.floor(mtimeMs), 1_600_000_000_123)
  const disk = memory()
  disk.fail({ call: 'futimes', path: '/dst/d', error: 'EPERM' })
  const warnings: SluiceError[] = []
  const { found } = await receive(disk, { d: null }, { warn: (warning) => warnings.push(warning) })
  t.is(found.d, 'published ERR_PERMISSION')
  t.is(warnings.length, 1)
})

test('a file whose part cannot be published fails alone, and its part stays for a later run', async (t) => {
  const disk = memory()
  disk.fail({ call: 'link', path: '/dst/a', error: 'EIO', once: false })
  const { found } = await receive(disk, { a: 'a', b: 'b' })
  t.deepEqual(found, { a: 'failed ERR_WRITE', b: 'published' })
  t.true(ours(disk).includes('/dst/a.part'))
  disk.heal()
  const again = await receive(disk, { a: 'a', b: 'b' })
  t.deepEqual(again.found, { a: 'published', b: 'skipped identical' })
  t.deepEqual(ours(disk), [])
})

test('it says so where it does not stand behind partSink', async (t) => {
  const [offer, run] = arrivingOf({ a: 'a' })
  await t.throwsAsync(pipeline(Readable.from([offer]), finalizer()), { code: 'ERR_STATE' })
  await t.throwsAsync(pipeline(Readable.from([run]), finalizer()), { code: 'ERR_STATE' })
  const sink = partSink({ dir: '/dst', fs: memory() })
  const items: Item[] = []
  await pipeline(
    Readable.from([offer]),
    sink,
    new Writable({
      objectMode: true,
      write: (item, _e, done) => {
        items.push(item)
        done()
      },
    }),
  )
  await t.throwsAsync(pipeline(Readable.from(items), finalizer()), { code: 'ERR_STATE' })
})

test('outcomes that nobody asks for crash nothing, and whoever asks late hears', async (t) => {
  const last = finalizer()
  last.destroy()
  await new Promise((resolve) => last.once('close', resolve))
  await t.throwsAsync(last.outcomes, { code: 'ERR_DESTROYED' })
})

// ——— what every Writable of a river keeps ———

const FILES = { d: null, 'd/a': 'hello', 'd/b': randomBytes(3000), empty: '', c: 'c' }
let current = memory()

async function stored(files: Content): Promise<Item[]> {
  const items: Item[] = []
  // held for ever: the parts must be there as long as the case runs
  const sink = partSink({ dir: '/dst', fs: current })
  await new Promise<void>((resolve, reject) => {
    sink.on('data', (item: Item) => {
      if (item.kind === 'offer') (item.store as StoreCalls).hold()
      items.push(item)
    })
    sink.on('error', reject).on('end', resolve)
    for (const item of arrivingOf(files, { run: 2000 })) sink.write(item)
    sink.end()
  })
  return items
}

conforms(
  'finalizer',
  writableConformance<Item>(() => finalizer(), {
    input: () => {
      current = memory()
      return stored(FILES)
    },
    check: async (stream) => {
      const outcomes = await (stream as ReturnType<typeof finalizer>).outcomes
      if (outcomes.some(({ status }: Outcome) => status === 'failed')) throw new Error('some failed')
    },
    many: () => {
      current = memory()
      return stored(Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, 'x'.repeat(100)])))
    },
    bound: 2,
    // that END was heard is the demuxer's to say
    truncated: { codes: ['ERR_TRUNCATED', 'ERR_FILES_FAILED'], whole: [0, 6] },
    badOptions: [
      () => finalizer({ conflict: 'whatever' as never }),
      () => finalizer({ unless: 'never' as never }),
      () => finalizer({ durability: 'much' as never }),
      () => finalizer({ symlinks: 'follow' as never }),
      () => finalizer({ concurrency: 0 }),
    ],
  }),
)

test('a callback that fails without an error fails the transfer nevertheless', async (t) => {
  const disk = new MemoryDisk()
  const onOutcome = () => Promise.reject(undefined)
  const { error } = await receiveItems(arrivingOf({ a: 'hello' }), { dir: '/dst', fs: disk, onOutcome })
  t.is(error?.code, 'ERR_DESTROYED')
})

test('with outcomes: failed, only what failed is there at the end, and onOutcome is told of all', async (t) => {
  const told: string[] = []
  const items = saying(arrivingOf({ a: 'a', b: 'b', c: 'c' }), { b: Buffer.alloc(32, 1) })
  const { error } = await receiveItems(items, {
    dir: '/dst',
    fs: new MemoryDisk(),
    outcomes: 'failed',
    onOutcome: (batch) => {
      for (const { path } of batch) told.push(path)
    },
  })
  t.is(error?.code, 'ERR_FILES_FAILED')
  t.deepEqual(
    error?.outcomes?.map(({ path }) => path),
    ['b'],
  )
  t.regex(error!.message, /1 of 3 entries failed/)
  t.deepEqual(told.sort(), ['a', 'b', 'c'])
})

test('the outcomes of very many folders are told in parts', async (t) => {
  const folders = Object.fromEntries(Array.from({ length: 1200 }, (_, i) => [`d${i}`, null]))
  const told: number[] = []
  const { error } = await receiveItems(arrivingOf(folders), {
    dir: '/dst',
    fs: new MemoryDisk(),
    onOutcome: (batch) => {
      told.push(batch.length)
    },
  })
  t.is(error, undefined)
  t.deepEqual(told, [500, 500, 200])
})

test('very many entries that are not wanted are told in slices, between which others have their turn', async (t) => {
  const folders = Object.fromEntries(Array.from({ length: 6000 }, (_, i) => [`d${i}`, null]))
  for (const want of [() => false, ({ index }: { index: number }) => index % 2 === 0]) {
    const told = new Set<number>()
    const turns = growth(() => told.size)
    const { error } = await receiveItems(arrivingOf(folders, { want }), {
      dir: '/dst',
      fs: new MemoryDisk(),
      outcomes: 'failed',
      onSettled: async (ranges) => {
        for (const { first, last, reason } of ranges)
          for (let index = first; index <= last; index++) if (reason === 'unwanted') told.add(index)
      },
    })
    t.is(error, undefined)
    t.true(turns.stop() <= 1000)
    t.is(told.size, want({ index: 0 }) ? 3000 : 6000)
  }
})

test('what a peer says of a million files holds no million stacks', (t) => {
  const [offer] = arrivingOf({ a: 'abc' }) as [Item & { kind: 'offer' }]
  const error = failureOf(offer.offer.entries[0]!, 'ERR_SOURCE_READ')
  t.is(error.stack, `SluiceError: ${error.message}`)
})

test('what a stage held back until its outcome was told is not published, and leaves nothing', async (t) => {
  const files = { a: 'aaa', b: 'bbb', large: 'l'.repeat(100_000), c: 'c' }
  const [offer, ...rest] = arrivingOf(files, { run: 60_000 })
  const late = [
    offer!,
    ...rest.filter(({ kind }) => kind === 'digests'),
    ...rest.filter(({ kind }) => kind !== 'digests'),
  ]
  const disk = memory()
  const { outcomes, error } = await receiveItems(late, { dir: '/dst', fs: disk, missing: 'skip' })
  t.is(error, undefined)
  t.deepEqual(new Set(Object.values(statuses(outcomes))), new Set(['skipped filtered ERR_SKIPPED']))
  t.deepEqual(disk.list(), ['/dst/'])
})

test('files of which some failed to be written each have one outcome, and the others are published', async (t) => {
  const files = Object.fromEntries(Array.from({ length: 9 }, (_, i) => [`f${i}`, 'x'.repeat(i + 1)]))
  for (const failing of [[0], [8], [3, 4], [0, 2, 4, 6, 8]]) {
    const disk = memory()
    for (const i of failing)
      disk.fail({ call: 'open', path: `/dst/f${i}.part`, error: 'EACCES', once: false })
    const told: string[] = []
    const onOutcome = (batch: readonly Outcome[]) => void told.push(...batch.map(({ path }) => path))
    const { found } = await receive(disk, files, { onOutcome })
    for (let i = 0; i < 9; i++)
      t.is(found[`f${i}`], failing.includes(i) ? 'failed ERR_PERMISSION' : 'published', `f${i} of ${failing}`)
    t.deepEqual(told.sort(), Object.keys(files))
    t.deepEqual(ours(disk), [])
  }
})

test('outcomes have the digests of their contents, whether files were published together or alone', async (t) => {
  const files = { a: 'aaa', b: 'bbb', d: null, taken: 'new', same: 'same' }
  const { outcomes } = await receive(memory({ taken: 'old', same: 'same' }), files)
  for (const { path, digest } of outcomes)
    t.deepEqual(
      digest,
      files[path as 'a'] === null ? undefined : sha256(Buffer.from(files[path as 'a'])),
      path,
    )
})

test('an answered plan need not be of our making: anything that knows what is wanted, and is told what is over, serves', async (t) => {
  const disk = memory()
  const closed = new Set<number>()
  const { outcomes, error } = await receiveItems(
    arrivingOf({ a: 'aaa', b: 'bbb' }).map((item) => {
      if (item.kind !== 'offer') return item
      const plan: AnsweredPlan = {
        entries: item.offer.entries,
        isWanted: () => true,
        isSkipped: () => false,
        isClosed: (index) => closed.has(index),
        get closedEntries() {
          return closed.size
        },
        close(first, end = first + 1) {
          for (let index = first; index < end; index++) closed.add(index)
        },
      }
      return { ...item, plan }
    }),
    { dir: '/dst', fs: disk },
  )
  t.is(error, undefined)
  t.deepEqual(statuses(outcomes), { a: 'published', b: 'published' })
  t.is(closed.size, 2)
})

test('what came over connections before is taken in by slices, between which others have their turn, before anything gets a name', async (t) => {
  const earlier = ['a', ...Array.from({ length: 6000 }, (_, i) => `d/${i}`)]
  const disk = memory({ a: 'of before', b: 'old' })
  let taken = 0
  function* acknowledged() {
    for (const path of earlier) {
      taken++
      yield path
    }
  }
  const turns = growth(() => taken)
  const { found, error } = await receive(
    disk,
    { a: 'new', b: 'new' },
    { conflict: 'overwrite', acknowledged },
  )
  t.is(error, undefined)
  // one more than a slice is looked at before it ends
  t.true(turns.stop() <= 1001)
  t.is(taken, earlier.length)
  t.deepEqual(found, { a: 'published as a_1 ERR_CONFLICT', b: 'published' })
  t.deepEqual([text(disk, 'a'), text(disk, 'a_1'), text(disk, 'b')], ['of before', 'new', 'new'])
})
