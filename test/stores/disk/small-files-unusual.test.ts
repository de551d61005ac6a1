import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import test from 'ava'
import { OPEN } from '../../../lib/files/index.js'
import { readJournal } from '../../../lib/files/journal/read-journal.js'
import type { FinalizerOptions } from '../../../lib/stages/finalizer.js'
import { type PartSinkOptions, partSink } from '../../../lib/stages/part-sink.js'
import type { DiskEvent } from '../../../lib/testing/disk/disk-faults.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import type { MemoryDiskOptions } from '../../../lib/testing/disk/memory-store.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { collectAll } from '../../helpers/collect-all.js'
import { temporary } from '../../helpers/folders.js'
import { arrivingOf, type Content, type ItemOptions, MTIME } from '../../helpers/items.js'
import { receiveItems, statuses } from '../../helpers/river.js'
import { stopClock } from '../../helpers/stopped-clock.js'

// Runs of small whole files by calls that are made at once: one of them is unusual in each test.

const FILES = { d: null, 'd/a': 'aaa', 'd/b': 'bbb', 'd/c': 'ccc', top: 'top' }
const ALL = Object.fromEntries(Object.keys(FILES).map((path) => [path, 'published']))
/** The same where the folder was there before. */
const STOOD = { ...ALL, d: 'skipped identical' }

function scene(standing: Record<string, string> = {}, options: MemoryDiskOptions = {}): MemoryDisk {
  const disk = new MemoryDisk(options)
  disk.putFolder('/dst')
  for (const [path, content] of Object.entries(standing)) disk.put(`/dst/${path}`, content)
  return disk
}

async function receive(
  disk: MemoryDisk,
  files: Content = FILES,
  options: Partial<PartSinkOptions & FinalizerOptions> & ItemOptions = {},
) {
  const { outcomes, error } = await receiveItems(arrivingOf(files, options), {
    dir: '/dst',
    fs: disk,
    ...options,
  })
  if (disk.openHandles().length > 0) throw new Error(`open: ${disk.openHandles().join()}`)
  return { outcomes, error, found: statuses(outcomes) }
}

const text = (disk: MemoryDisk, path: string) => disk.snapshot().get(`/dst/${path}`)?.toString()
const ours = (disk: MemoryDisk) => disk.list().filter((path) => /\.part$|sluice/.test(path))

/** The calls on parts that were made, and whether at once. */
function watched(disk: MemoryDisk): DiskEvent[] {
  const events: DiskEvent[] = []
  disk.hook = (event) => void events.push(event)
  return events
}

const onParts = (events: readonly DiskEvent[]) => events.filter(({ path }) => path.endsWith('.part'))

test.serial(
  'they are made, filled and named by calls made at once, with one record in the journal for all',
  async (t) => {
    stopClock(t)
    const disk = scene()
    const events = watched(disk)
    const { found, outcomes } = await receive(disk)
    t.deepEqual(found, ALL)
    t.true(onParts(events).length > 8)
    t.true(onParts(events).every(({ sync }) => sync))
    const journal = events.filter(({ call, path }) => call === 'write' && path.includes('.journal'))
    t.true(journal.length <= 3, `${journal.length} writes`)
    t.deepEqual(ours(disk), [])
    for (const [path, content] of Object.entries(FILES)) if (content !== null) t.is(text(disk, path), content)
    for (const path of ['d/a', 'd/b', 'd/c', 'top'])
      t.is(Math.floor((await disk.lstat(`/dst/${path}`)).mtimeMs), MTIME)
    t.true(outcomes.every(({ entry, digest }) => entry.type === 'directory' || digest?.length === 32))
  },
)

test('where the disk makes no calls at once they go one by one', async (t) => {
  const disk = scene({}, { sync: false })
  const events = watched(disk)
  t.deepEqual((await receive(disk)).found, ALL)
  t.true(onParts(events).length > 8)
  t.false(onParts(events).some(({ sync }) => sync))
})

test('what another process put in the place of a part, or wrote to it, gets no name', async (t) => {
  for (const [how, content] of [
    ['exchanged', 'xyz'],
    ['longer', 'aaaa'],
  ] as const) {
    const disk = scene()
    disk.hook = ({ call, path }) => {
      if (call !== 'open' || !path.endsWith('top.part')) return
      disk.hook = undefined
      if (how === 'exchanged') return disk.put('/dst/d/a.part', content)
      const fd = disk.sync!.open('/dst/d/a.part', OPEN.update)
      disk.sync!.write(fd, [Buffer.from('a')], 3)
      disk.sync!.close(fd)
    }
    const { found } = await receive(disk)
    t.deepEqual(found, { ...ALL, 'd/a': 'failed ERR_WRITE' }, how)
    t.is(text(disk, 'd/a'), undefined)
    t.is(text(disk, 'd/a.part'), content)
    // it is not ours any more: nobody collects it
    if (how === 'exchanged') t.deepEqual(ours(disk), ['/dst/d/a.part'])
  }
})

for (const [conflict, b, standing, suffixed] of [
  ['rename', 'published as d/b_1', 'mine', 'bbb'],
  ['overwrite', 'published', 'bbb', undefined],
  ['replace', 'published', 'bbb', undefined],
  ['skip', 'skipped conflict ERR_SKIPPED', 'mine', undefined],
  ['fail', 'failed ERR_CONFLICT', 'mine', undefined],
] as const)
  test(`one whose name is taken is dealt with alone: ${conflict}`, async (t) => {
    const disk = scene({ 'd/b': 'mine' })
    const { found } = await receive(disk, FILES, { conflict })
    t.deepEqual(found, { ...STOOD, 'd/b': b })
    t.is(text(disk, 'd/b'), standing)
    t.is(text(disk, 'd/b_1'), suffixed)
    t.deepEqual(ours(disk), [])
  })

for (const [unless, content, b] of [
  ['identical', 'bbb', 'skipped identical'],
  ['identical', 'BBB', 'published as d/b_1'],
  ['nothing', 'bbb', 'published as d/b_1'],
  ['newer', 'older', 'skipped newer'],
  ['unchanged', 'BBB', 'published as d/b_1'],
] as const)
  test(`one that may be there already is dealt with alone: ${unless}, ${content}`, async (t) => {
    const disk = scene({ 'd/b': content })
    t.deepEqual((await receive(disk, FILES, { unless })).found, { ...STOOD, 'd/b': b })
    t.is(text(disk, 'd/b'), content)
    t.deepEqual(ours(disk), [])
  })

test('all of them are there already: nothing is written a second time', async (t) => {
  const disk = scene()
  await receive(disk)
  const before = disk.list()
  const { found } = await receive(disk)
  t.deepEqual(found, {
    d: 'skipped identical',
    'd/a': 'skipped identical',
    'd/b': 'skipped identical',
    'd/c': 'skipped identical',
    top: 'skipped identical',
  })
  t.deepEqual(disk.list(), before)
})

test('a part of the user, and a name of the offer that looks like one, are left as they are', async (t) => {
  const disk = scene({ 'd/b.part': 'mine' })
  const files = { ...FILES, 'd/c.part': 'sent' }
  t.deepEqual((await receive(disk, files)).found, { ...STOOD, 'd/c.part': 'published' })
  t.is(text(disk, 'd/b.part'), 'mine')
  t.is(text(disk, 'd/c.part'), 'sent')
  t.is(text(disk, 'd/b'), 'bbb')
  t.deepEqual(ours(disk).sort(), ['/dst/d/b.part', '/dst/d/c.part'])
})

test('a part that had to take another name is known to the journal: after a crash it is collected, and the other one is not', async (t) => {
  const disk = scene({ 'd/b.part': 'mine' })
  let isDead = false
  disk.hook = ({ call }) => {
    isDead ||= call === 'link'
    if (isDead) throw new Error('dead')
  }
  await receiveItems(arrivingOf(FILES), { dir: '/dst', fs: disk }).catch(() => {})
  disk.hook = undefined
  t.true(disk.list().includes('/dst/d/b.1.part'))
  await collectAll(disk, '/dst')
  t.deepEqual(ours(disk), ['/dst/d/b.part'])
  t.is(text(disk, 'd/b.part'), 'mine')
})

test('a call that fails once with one of them is tried again', async (t) => {
  for (const call of ['open', 'write', 'futimes', 'close', 'link', 'unlink'] as const) {
    const disk = scene()
    disk.fail({ call, path: '/dst/d/b.part', error: call === 'open' ? 'EACCES' : 'EIO' })
    const { found } = await receive(disk)
    t.deepEqual(found, ALL, call)
    t.is(text(disk, 'd/b'), 'bbb', call)
    t.deepEqual(ours(disk), [], call)
  }
})

test('a write that takes fewer bytes goes on, and one that takes none is a full disk', async (t) => {
  const disk = scene()
  disk.fail({ call: 'write', path: '/dst/d/b.part', short: 1, once: false })
  t.deepEqual((await receive(disk)).found, ALL)
  t.is(text(disk, 'd/b'), 'bbb')
  const full = scene()
  full.fail({ call: 'write', path: '/dst/d/b.part', short: 0, once: false })
  t.is((await receive(full)).error?.code, 'ERR_DISK_FULL')
})

test('a write that never succeeds fails that file alone, and its part stays for a later run', async (t) => {
  const disk = scene()
  disk.fail({ call: 'write', path: '/dst/d/b.part', error: 'EIO', once: false })
  const { found, error } = await receive(disk)
  t.deepEqual(found, { ...ALL, 'd/b': 'failed ERR_WRITE' })
  t.is(error?.code, 'ERR_FILES_FAILED')
  t.true(ours(disk).includes('/dst/d/b.part'))
  disk.heal()
  t.is((await receive(disk)).found['d/b'], 'published')
  t.deepEqual(ours(disk), [])
})

test('one of which the part can neither be filled nor removed fails alone, and a later run removes it', async (t) => {
  const disk = scene()
  disk.fail({ call: 'write', path: '/dst/d/b.part', error: 'EIO' })
  disk.fail({ call: 'unlink', path: '/dst/d/b.part', error: 'EIO' })
  t.deepEqual((await receive(disk)).found, { ...ALL, 'd/b': 'failed ERR_WRITE' })
  t.true(ours(disk).includes('/dst/d/b.part'))
  t.is((await receive(disk)).found['d/b'], 'published')
  t.deepEqual(ours(disk), [])
})

test('what does not match its digest is not published, and the others are', async (t) => {
  const disk = scene()
  const items = arrivingOf(FILES).map((item) => {
    if (item.kind !== 'digests') return item
    const bytes = Buffer.from(item.bytes)
    bytes.fill(7, 2 * 32, 3 * 32)
    return { ...item, bytes }
  })
  const { outcomes } = await receiveItems(items, { dir: '/dst', fs: disk })
  t.deepEqual(statuses(outcomes), { ...ALL, 'd/b': 'failed ERR_DIGEST' })
  t.is(text(disk, 'd/b'), undefined)
  t.deepEqual(ours(disk), [])
})

for (const umask of [0o022, 0o077, 0o777])
  test.serial(
    `modes are those that were sent, whatever the umask of ${umask.toString(8)} takes away, also such as nobody may open`,
    async (t) => {
      stopClock(t)
      const modes: Record<string, number> = {
        a: 0o644,
        b: 0o600,
        c: 0o755,
        d: 0o400,
        e: 0o444,
        f: 0,
        g: 0o200,
        h: 0o666,
      }
      const disk = scene({}, { umask })
      const files = Object.fromEntries(Object.keys(modes).map((path) => [path, path]))
      const events = watched(disk)
      const { error } = await receive(disk, files, { modes })
      t.is(error, undefined)
      for (const [path, mode] of Object.entries(modes))
        t.is((await disk.lstat(`/dst/${path}`)).mode & 0o777, mode, path)
      t.true(onParts(events).every(({ sync }) => sync))
      t.deepEqual(ours(disk), [])
    },
  )

test('a mode that forbids to open it is set when nothing else is to be done; where the name is taken, later still', async (t) => {
  const modes = { 'd/a': 0o400, 'd/b': 0o400, 'd/c': 0o400 }
  for (const [standing, b] of [
    [{ 'd/b': 'mine' }, 'published as d/b_1'],
    [{ 'd/b': 'bbb' }, 'skipped identical'],
  ] as const) {
    const disk = scene(standing)
    t.deepEqual((await receive(disk, FILES, { modes })).found, { ...STOOD, 'd/b': b })
    t.is((await disk.lstat('/dst/d/a')).mode & 0o777, 0o400)
    if (b.endsWith('_1')) t.is((await disk.lstat('/dst/d/b_1')).mode & 0o777, 0o400)
    t.deepEqual(ours(disk), [])
  }
  for (const [call, after] of [
    ['link', false],
    ['link', true],
    ['unlink', false],
    ['unlink', true],
    ['fchmod', false],
    ['fstat', false],
    ['close', false],
  ] as const) {
    const disk = scene()
    disk.fail({ call, path: '/dst/d/b.part', error: 'EIO', after, nth: call === 'close' ? 2 : 1 })
    const what = `${call}${after ? ' after it was done' : ''}`
    t.deepEqual((await receive(disk, FILES, { modes })).found, ALL, what)
    t.is((await disk.lstat('/dst/d/b')).mode & 0o777, 0o400, what)
    // one whose part could not be removed is left to a later run, of the same file
    await receive(disk, FILES, { modes })
    t.deepEqual(ours(disk), [], what)
  }
})

test('a file that somebody puts in the place of a part gets no mode and no name', async (t) => {
  const modes = { 'd/a': 0o400, 'd/b': 0o444, 'd/c': 0o400 }
  const disk = scene({ mine: 'mine' })
  let opened = 0
  disk.hook = ({ call, path }) => {
    if (call !== 'open' || path !== '/dst/d/b.part' || ++opened !== 2) return
    disk.remove(path)
    disk.sync!.link('/dst/mine', path)
  }
  const { found } = await receive(disk, FILES, { modes })
  t.is(opened > 1, true)
  t.deepEqual(found, { ...ALL, 'd/b': 'failed ERR_WRITE' })
  t.is((await disk.lstat('/dst/mine')).mode & 0o777, 0o644)
  t.is(text(disk, 'mine'), 'mine')
  t.false(disk.list().includes('/dst/d/b'))
})

test('modes and times on the real disk, with another umask', async (t) => {
  const dir = await temporary(t)
  const before = process.umask(0o077)
  try {
    const modes = { 'd/a': 0o644, 'd/b': 0o444, 'd/c': 0o755, top: 0o600 }
    const { error } = await receiveItems(arrivingOf(FILES, { modes }), { dir })
    t.is(error, undefined)
    for (const [path, mode] of Object.entries(modes)) {
      const stats = await lstat(join(dir, path))
      t.is(stats.mode & 0o777, mode, path)
      t.is(Math.floor(stats.mtimeMs), MTIME)
      t.is(stats.nlink, 1)
    }
  } finally {
    process.umask(before)
  }
})

test('while the disk is slow they are left to other threads, and the event loop has its turns', async (t) => {
  const disk = scene()
  const clock = new FakeClock()
  const events: DiskEvent[] = []
  let milliseconds = 60
  disk.hook = (event) => {
    events.push(event)
    if (event.call === 'write' && event.sync) clock.advance(milliseconds)
  }
  let turns = 0
  let timer = setImmediate(function turn() {
    turns++
    timer = setImmediate(turn)
  })
  const files = Object.fromEntries(
    Array.from({ length: 12 }, (_, i) => [`f${String(i).padStart(2, '0')}`, 'four']),
  )
  const opened = async (names: Record<string, string>) => {
    events.length = 0
    const { error } = await receive(disk, names, { run: 16, clock })
    t.is(error, undefined)
    const parts = events.filter(({ call, path }) => call === 'open' && path.endsWith('.part'))
    return parts.map(({ sync }) => sync)
  }
  t.deepEqual(
    await opened(files),
    Array.from({ length: 12 }, (_, i) => i < 2),
  )
  clearImmediate(timer)
  t.true(turns >= 1, `${turns} turns`)
  // a single slow one may be chance
  disk.hook = (event) => {
    events.push(event)
    if (event.call !== 'write' || !event.sync) return
    clock.advance(milliseconds)
    milliseconds = 65 - milliseconds
  }
  const others = Object.fromEntries(Object.entries(files).map(([name, text]) => [`other ${name}`, text]))
  t.deepEqual(await opened(others), Array(12).fill(true))
})

test('which files their parts are stands in the journal, so that another one of such a name is not taken for one', async (t) => {
  const disk = scene()
  const sink = partSink({ dir: '/dst', fs: disk })
  const closed = new Promise((resolve) => sink.once('close', resolve))
  const events = watched(disk)
  await pipeline(Readable.from(arrivingOf(FILES)), sink, async (stored) => {
    for await (const { kind } of stored) if (kind === 'run') break
  })
  await closed
  const [path] = disk.list().filter((there) => there.endsWith('.journal'))
  // its owner, the run, and what they are with the release
  t.is(events.filter(({ call, path }) => call === 'write' && path.includes('.journal')).length, 3)
  const { unfinished } = (await readJournal(disk, path!))!
  t.true(unfinished.length > 0)
  for (const { made, target } of unfinished)
    t.is(made?.ino, String((await disk.lstat(`/dst/${target}.part`)).ino))
  // the same, in another file
  const { target } = unfinished[0]!
  const at = `/dst/${target}.part`
  const content = disk.snapshot().get(at)!
  disk.remove(at)
  disk.put(at, content)
  await collectAll(disk, '/dst')
  t.deepEqual(ours(disk), [at])
})

test('destroyed in the middle of a run it begins no file any more', async (t) => {
  const disk = scene()
  const sink = partSink({ dir: '/dst', fs: disk })
  const opened: string[] = []
  disk.hook = ({ call, path }) => {
    if (call !== 'open' || !path.endsWith('.part')) return
    opened.push(path)
    sink.destroy(new Error('cancelled'))
  }
  const closed = new Promise((resolve) => sink.once('close', resolve))
  await t.throwsAsync(
    pipeline(Readable.from(arrivingOf(FILES)), sink, async (stored) => {
      for await (const _ of stored);
    }),
    { message: 'cancelled' },
  )
  await closed
  t.deepEqual(opened, ['/dst/d/a.part'])
  t.deepEqual(disk.openHandles(), [])
  disk.hook = undefined
  t.deepEqual((await receive(disk)).found, STOOD)
  t.deepEqual(ours(disk), [])
})

test('a folder that somebody takes away between writing and naming costs its files, and nothing is outside', async (t) => {
  for (const there of ['nothing', 'a file', 'a link']) {
    const disk = scene()
    disk.putFolder('/outside')
    let isDone = false
    disk.hook = ({ call }) => {
      if (call !== 'link' || isDone) return
      isDone = true
      disk.move('/dst/d', '/moved')
      if (there === 'a file') disk.put('/dst/d', 'a file')
      if (there === 'a link') disk.putLink('/dst/d', '/outside')
    }
    const { error } = await receive(disk)
    t.true(isDone)
    t.deepEqual(
      disk.list().filter((path) => path.startsWith('/outside/')),
      ['/outside/'],
    )
    if (there === 'a file') t.is(text(disk, 'd'), 'a file')
    // in the folder that was held they are named, wherever it is now
    t.true(error === undefined || ['ERR_FILES_FAILED', 'ERR_UNSAFE_LINK'].includes(error.code!), error?.code)
    for (const [path, content] of disk.snapshot())
      if (!/\.part$|sluice/.test(path) && path.startsWith('/moved/'))
        t.is(String(content), FILES[`d/${path.slice(7)}` as 'd/a'])
  }
})

test('a folder that cannot be made fails the files in it, and the others arrive', async (t) => {
  const disk = scene()
  disk.fail({ call: 'mkdir', path: '/dst/x', error: 'EACCES', once: false })
  const { found } = await receive(disk, { a: 'a', b: 'b', 'x/c': 'c', 'x/y/d': 'd', z: 'z' })
  t.deepEqual(found, {
    a: 'published',
    b: 'published',
    'x/c': 'failed ERR_PERMISSION',
    'x/y/d': 'failed ERR_PERMISSION',
    z: 'published',
  })
  t.deepEqual(ours(disk), [])
})

test('a link in the place of a folder ends it, and nothing is written through it', async (t) => {
  const disk = scene()
  disk.putFolder('/outside')
  disk.putLink('/dst/d', '/outside')
  const { error } = await receive(disk, { 'd/a': 'a', 'd/b': 'b' })
  t.is(error?.code, 'ERR_UNSAFE_LINK')
  t.deepEqual(
    disk.list().filter((path) => path.startsWith('/outside/')),
    ['/outside/'],
  )
})

test('a disk that is full in the middle of a run ends it, and every handle is closed', async (t) => {
  const disk = scene({}, { capacity: 20_000 })
  disk.hook = ({ call, path }) => {
    if (call === 'open' && path === '/dst/d/b.part') disk.capacity = 0
  }
  const { error } = await receive(disk)
  t.is(error?.code, 'ERR_DISK_FULL')
  t.regex(error!.message, /d\/b/)
  for (const path of disk.list()) t.false(/\/(a|b|c|top)$/.test(path), path)
  disk.hook = undefined
  disk.capacity = Number.POSITIVE_INFINITY
  t.deepEqual((await receive(disk)).found, STOOD)
  t.deepEqual(ours(disk), [])
})

test('names that differ in case only both survive, also where they are one', async (t) => {
  const disk = scene({}, { fold: (name) => name.toLowerCase() })
  const { error, found } = await receive(disk, { A: 'one', a: 'two', b: 'three' })
  t.is(error, undefined)
  t.deepEqual([...disk.snapshot().values()].map(String).sort(), ['one', 'three', 'two'])
  t.deepEqual(Object.values(found).sort(), ['published', 'published', 'published as a_1'])
})

test('a disk without hard links has all of them, too', async (t) => {
  const disk = scene({ 'd/b': 'mine' }, { links: false })
  t.deepEqual((await receive(disk)).found, { ...STOOD, 'd/b': 'published as d/b_1' })
  t.deepEqual(ours(disk), [])
})
