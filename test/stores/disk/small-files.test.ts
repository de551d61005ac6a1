import test from 'ava'
import { readJournal } from '../../../lib/files/journal/read-journal.js'
import type { Item } from '../../../lib/stages/river/items.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import type { MemoryDiskOptions } from '../../../lib/testing/disk/memory-store.js'
import { collectAll } from '../../helpers/collect-all.js'
import { arrivingOf, MTIME } from '../../helpers/items.js'
import { receiveItems } from '../../helpers/river.js'
import { stopClock } from '../../helpers/stopped-clock.js'

// Many small files by calls that are made at once. What may fail in it: small-files-faults.test.ts.

const FILES = Object.fromEntries(
  ['a/1', 'a/2', 'a/3', 'a/b/4', 'a/b/5', 'top'].map((path) => [path, `content of ${path}`]),
)

function scene(files: Record<string, string> = FILES, options: MemoryDiskOptions = {}) {
  const disk = new MemoryDisk(options)
  disk.putFolder('/dst')
  const receive = (modes: Record<string, number> = {}) =>
    receiveItems(arrivingOf(files, { modes }), { dir: '/dst', fs: disk })
  const text = (path: string) => disk.snapshot().get(path)?.toString()
  return { disk, receive, text }
}

test.serial(
  'a run is one record in the journal before its first part, and one when it was named',
  async (t) => {
    stopClock(t)
    const { disk, receive } = scene()
    const made: string[] = []
    let unfinished = 0
    disk.hook = ({ call, path, sync }) => {
      made.push(`${call} ${path} ${sync}`)
      if (call !== 'open' || !path.endsWith('.part')) return
      const [journal] = [...disk.snapshot()].find(([name]) => name.endsWith('.journal'))!
      const text = disk.snapshot().get(journal)!.toString()
      t.is(text.split('\n').length, 3, 'the owner, and the run')
      for (const name of Object.keys(FILES)) t.true(text.includes(`"${name}"`))
      unfinished++
    }
    t.is((await receive()).error, undefined)
    t.is(unfinished, 6)
    const parts = made.filter((event) => event.includes('.part '))
    t.is(parts.length, 6 * 8, 'open, write, a look, futimes, close; another look, link, unlink')
    t.true(parts.every((event) => event.endsWith(' true')))
  },
)

test('content, mode and time are those that were sent, whatever the umask takes away', async (t) => {
  const modes = { 'a/1': 0o644, 'a/2': 0o666, 'a/3': 0o777, 'a/b/4': 0o600, 'a/b/5': 0o400, top: 0o666 }
  const { disk, receive, text } = scene(FILES, { umask: 0o077 })
  t.is((await receive(modes)).error, undefined)
  for (const [path, mode] of Object.entries(modes)) {
    t.is(text(`/dst/${path}`), FILES[path])
    const stats = await disk.lstat(`/dst/${path}`)
    t.is(stats.mode & 0o7777, mode, path)
    t.is(Math.floor(stats.mtimeMs), MTIME)
  }
})

test.serial('a folder that is exchanged for a link while the loop writes leads nowhere', async (t) => {
  stopClock(t)
  for (const moment of ['open', 'link'] as const) {
    const { disk, receive } = scene()
    disk.putFolder('/outside')
    let times = 0
    disk.hook = ({ call, path, sync }) => {
      if (!sync || call !== moment || !path.startsWith('/dst/a/') || ++times !== 2) return
      disk.move('/dst/a', '/dst/moved')
      disk.putLink('/dst/a', '/outside')
    }
    await receive()
    t.is(times, 2)
    t.deepEqual(
      disk.list().filter((path) => path.startsWith('/outside')),
      ['/outside/'],
      moment,
    )
  }
})

test('what is planted under the name of a part is neither followed nor written to', async (t) => {
  const { disk, receive, text } = scene()
  disk.put('/outside', 'mine')
  disk.put('/dst/a/2.part', 'mine, too')
  disk.putLink('/dst/a/1.part', '/outside')
  disk.putLink('/dst/a/3.part', '/nowhere')
  const { error } = await receive()
  t.is(error, undefined)
  for (const path of Object.keys(FILES)) t.is(text(`/dst/${path}`), FILES[path])
  t.is(text('/outside'), 'mine')
  t.is(text('/dst/a/2.part'), 'mine, too')
  t.false(disk.list().includes('/nowhere'))
  t.true(disk.list().includes('/dst/a/1.part -> /outside'))
})

test('a file that is called like the part of another gets its name, whichever comes first', async (t) => {
  const files = { 'a/x': 'one', 'a/x.part': 'two', 'a/y': 'three' }
  const { disk, text } = scene(files)
  const items = arrivingOf(files).flatMap((item): Item[] => {
    if (item.kind !== 'digests') return [item]
    const length = item.bytes.length / item.count
    const one = (at: number) => ({
      ...item,
      first: item.first + at,
      count: 1,
      bytes: item.bytes.subarray(at * length, (at + 1) * length),
    })
    return Array.from({ length: item.count }, (_, i) => one(item.count - 1 - i))
  })
  t.is((await receiveItems(items, { dir: '/dst', fs: disk })).error, undefined)
  for (const [path, content] of Object.entries(files)) t.is(text(`/dst/${path}`), content)
  t.is(disk.snapshot().size, 3)
})

test.serial('a name that somebody takes in the very moment is not taken from him', async (t) => {
  stopClock(t)
  const { disk, receive, text } = scene()
  disk.hook = ({ call, path, sync }) => {
    if (sync && call === 'link' && path === '/dst/a/2.part') disk.put('/dst/a/2', 'mine')
  }
  const { error, outcomes } = await receive()
  t.is(error, undefined)
  t.is(text('/dst/a/2'), 'mine')
  t.is(text('/dst/a/2_1'), FILES['a/2'])
  t.is(outcomes.find(({ path }) => path === 'a/2')?.name, 'a/2_1')
})

test('below a folder that has a suffix it is told under which name a file is', async (t) => {
  const { disk, receive, text } = scene()
  disk.put('/dst/a', 'a file')
  const { error, outcomes } = await receive()
  t.is(error, undefined)
  for (const { path, name = path } of outcomes) t.is(text(`/dst/${name}`), FILES[path], path)
  t.is(text('/dst/a'), 'a file')
})

test('a name that was taken away although the call failed is away', async (t) => {
  const { disk, receive, text } = scene()
  disk.fail({ call: 'unlink', path: '/dst/a/2.part', error: 'EIO', after: true })
  const { error, outcomes } = await receive()
  t.is(error, undefined)
  t.true(outcomes.every(({ status }) => status === 'published'))
  t.is(text('/dst/a/2'), FILES['a/2'])
})

test('a part that an open may have made although it failed is collected', async (t) => {
  const { disk, receive } = scene()
  disk.fail({ call: 'open', path: '/dst/a/2.part', error: 'EIO', after: true })
  const { outcomes } = await receive()
  t.deepEqual(
    outcomes.filter(({ status }) => status === 'failed').map(({ path }) => path),
    ['a/2'],
  )
  await collectAll(disk, '/dst')
  t.false(disk.list().some((path) => path.includes('.part')))
})

test('in a long loop the journal says that the loop is at work, so that its last parts are known as ours', async (t) => {
  const real = { now: Date.now, performance: performance.now }
  let time = real.now()
  Date.now = () => time
  performance.now = () => time
  t.teardown(() => {
    Date.now = real.now
    performance.now = real.performance
  })
  const count = 300
  const files = Object.fromEntries(Array.from({ length: count }, (_, i) => [`f${i + 100}`, `${i}`]))
  const { disk, receive } = scene(files, { crashes: true, now: () => time })
  let found: MemoryDisk | undefined
  let parts = 0
  disk.hook = ({ call, path, sync }) => {
    // longer than the loop holds the event loop, and not so long that the disk counts as slow
    if (sync && call === 'open' && path.endsWith('.part')) {
      parts++
      time += 45
    }
    if (parts < count || call !== 'close' || found) return
    // all of it as it is now, when the process dies
    disk.syncAll()
    found = disk.crash(0)
  }
  t.is((await receive()).error, undefined)
  const journal = found!.list().find((path) => path.endsWith('.journal'))!
  t.is((await readJournal(found!, journal))!.unfinished.length, count)
  await collectAll(found!, '/dst')
  t.deepEqual(found!.list(), ['/dst/'])
})
