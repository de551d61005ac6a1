import test, { type ExecutionContext } from 'ava'
import { LONGEST_HOLD } from '../../../../lib/async.js'
import { OPEN } from '../../../../lib/files/disk/fs.js'
import { manifestOf } from '../../../../lib/stages/manifest/manifest-of.js'
import { DiskSources } from '../../../../lib/stores/disk/sources/disk-sources.js'
import { MemoryDisk } from '../../../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../../../lib/testing/fake-clock.js'
import { randomContent } from '../../../../lib/testing/splits.js'
import type { Entry } from '../../../../lib/wire/entry.js'

const FILES = 100

/** A disk with synchronous calls and small files, whose reads take as long as `take` says. */
async function setUp(take: (path: string) => number = () => 0) {
  const clock = new FakeClock()
  const fs = new MemoryDisk({ sync: true, now: () => 1000 })
  for (let i = 0; i < FILES; i++) fs.put(`/p/${String(i).padStart(3, '0')}`, randomContent(i, i + 1))
  const { offer, store } = await manifestOf(['/p'], { fs, clock })
  const files = offer.entries.filter(({ type }) => type === 'file')
  /** Which files were read at once, and which by calls that are waited for. */
  const seen = { sync: 0, async: 0 }
  let isSync = false
  const { read, open } = fs.sync!
  Object.assign(fs.sync!, {
    open: (...args: Parameters<typeof open>) => {
      isSync = true
      return open(...args)
    },
    read: (...args: Parameters<typeof read>) => read(...args),
  })
  fs.hook = ({ call, path }) => {
    if (call === 'open') {
      seen[isSync ? 'sync' : 'async']++
      isSync = false
      clock.advance(take(path))
    }
  }
  const readAll = async (t: ExecutionContext, entries: readonly Entry[] = files) => {
    const expected = Buffer.concat(entries.map(({ index, size }) => randomContent(size!, index)))
    const buffer = Buffer.alloc(expected.length)
    const failures = await store.readRun!(entries, buffer, new AbortController().signal)
    t.deepEqual([...failures], [])
    t.true(buffer.equals(expected))
    t.deepEqual(fs.openHandles(), [])
  }
  return { fs, clock, files, store, seen, readAll }
}

test('files are added in any order', async (t) => {
  const { fs, clock, files } = await setUp()
  const sources = new DiskSources(fs, clock, 0, ({ path }) => `/${path}`)
  const [first, second] = [files.at(-1)!, files.at(0)!]
  for (const entry of [first, second]) sources.add(await fs.lstat(`/${entry.path}`), entry.index)
  for (const entry of [first, second]) {
    const file = await sources.open(entry, new AbortController().signal)
    await file.close()
    t.true(sources.isStill(entry, await fs.lstat(`/${entry.path}`)))
  }
})

test('small files are read by synchronous calls, where there are some', async (t) => {
  const { seen, readAll } = await setUp()
  await readAll(t)
  t.deepEqual(seen, { sync: FILES, async: 0 })
})

test('others have their turn every few milliseconds', async (t) => {
  const { clock, readAll, seen } = await setUp(() => 1)
  const begun = clock.now()
  let longest = 0
  let since = begun
  let over = false
  const turn = () => {
    longest = Math.max(longest, clock.now() - since)
    since = clock.now()
    if (!over) setImmediate(turn)
  }
  setImmediate(turn)
  await readAll(t)
  over = true
  t.is(clock.now() - begun, FILES)
  t.true(longest <= LONGEST_HOLD + 2, `${longest} ms`)
  t.is(seen.async, 0)
})

test('a disk that is slow twice in a row is read by other threads for a second', async (t) => {
  const { clock, readAll, seen } = await setUp((path) => (path === '/p/010' || path === '/p/011' ? 60 : 0))
  await readAll(t)
  t.deepEqual(seen, { sync: 12, async: FILES - 12 })
  seen.sync = seen.async = 0
  clock.advance(500)
  await readAll(t)
  t.is(seen.sync, 0)
  clock.advance(2000)
  const before = seen.async
  await readAll(t)
  t.is(seen.sync, 12, 'it is tried again')
  t.true(seen.async > before)
})

test('a file that takes long once is chance', async (t) => {
  const { readAll, seen } = await setUp((path) => (path.endsWith('0') ? 60 : 0))
  await readAll(t)
  t.deepEqual(seen, { sync: FILES, async: 0 })
})

test('where handles run out, a file waits for one, and the loop goes on', async (t) => {
  const { fs, clock, readAll } = await setUp()
  for (const nth of [3, 4, 5]) fs.fail({ call: 'open', nth, error: 'EMFILE' })
  const reading = readAll(t)
  for (let i = 0; i < 5; i++) {
    await new Promise((resolve) => setImmediate(resolve))
    clock.advance(20)
  }
  await reading
})

test('a run ends early when nobody waits for it any more', async (t) => {
  const { store, files, fs } = await setUp(() => 1)
  const stop = new AbortController()
  const calls = fs.calls
  const reading = store.readRun!(files, Buffer.alloc(10_000), stop.signal)
  stop.abort()
  await reading
  t.true(fs.calls - calls < FILES)
  t.deepEqual(fs.openHandles(), [])
})

test('a file whose mode or names were changed since it was listed is read all the same', async (t) => {
  const { fs, readAll } = await setUp()
  const hook = fs.hook
  fs.hook = undefined
  let now = 1000
  Object.assign(fs, { now: () => ++now })
  const fd = await fs.open('/p/050', 0)
  await fs.fchmod(fd, 0o600)
  await fs.close(fd)
  await fs.link('/p/051', '/other')
  fs.hook = hook
  await readAll(t)
})

test('paths lead below the arguments, wherever those are', async (t) => {
  const fs = new MemoryDisk()
  fs.put('/far/away/photos/deep/a', 'a')
  fs.put('/report', 'r')
  fs.putLink('/shortcut', '/far/away')
  const { offer, store } = await manifestOf(['/far/away/photos', '/report', '/shortcut'], { fs })
  const files = offer.entries.filter(({ type }) => type === 'file')
  const buffer = Buffer.alloc(3)
  t.deepEqual([...(await store.readRun!(files, buffer, new AbortController().signal))], [])
  t.is(buffer.toString(), 'ara')
})

test('what is opened again is the content that was read before, although all its other times were put back', async (t) => {
  for (const isChanged of [true, false]) {
    let now = 1000
    const fs = new MemoryDisk({ now: () => now })
    fs.put('/p/m', randomContent(1000))
    const { offer, store } = await manifestOf(['/p'], { fs })
    const entry = offer.entries[1]!
    const { signal } = new AbortController()
    const change = async (act: (fd: number) => Promise<unknown>) => {
      now++
      const fd = await fs.open('/p/m', OPEN.update)
      await act(fd)
      await fs.close(fd)
    }
    // before it is read for the first time, its mode may be another one
    await change((fd) => fs.fchmod(fd, 0o600))
    const read = async () => {
      const open = await store.open!(entry, signal)
      await open.read(0, Buffer.alloc(500))
      await open.verify()
      await open.close()
    }
    await read()
    await read()
    if (isChanged)
      await change(async (fd) => {
        await fs.write(fd, [Buffer.from('!')], 700)
        await fs.futimes(fd, 1, 1)
      })
    if (isChanged) await t.throwsAsync(read(), { code: 'ERR_SOURCE_CHANGED' })
    else await t.notThrowsAsync(read())
    t.deepEqual(fs.openHandles(), [])
  }
})
