import test from 'ava'
import type { SluiceError } from '../../lib/errors.js'
import { type FileSystem, OPEN, type SyncCalls } from '../../lib/files/disk/fs.js'
import { fileSource } from '../../lib/stages/file-source.js'
import { hashTap } from '../../lib/stages/hash-tap.js'
import { manifestOf } from '../../lib/stages/manifest/manifest-of.js'
import { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../lib/testing/fake-clock.js'
import { randomContent } from '../../lib/testing/splits.js'
import { Plan } from '../../lib/transfer/plan.js'
import { planOf } from '../helpers/items.js'
import {
  allClosed,
  between,
  collect,
  ended,
  failed,
  filesOf,
  KIB,
  LARGE,
  read,
  runsOf,
  SMALL,
} from '../helpers/sources.js'

/** Changes the file as it stands, the same inode, all at once: it may be done from within a synchronous call. */
function change(fs: MemoryDisk, act: (fd: number, calls: SyncCalls) => unknown): void {
  const calls = fs.sync!
  const fd = calls.open('/p/m', OPEN.update)
  act(fd, calls)
  calls.close(fd)
}

function inPlace(fs: MemoryDisk, bytes: Buffer, position: number): void {
  change(fs, (fd, calls) => calls.write(fd, [bytes], position))
}

function cutTo(fs: MemoryDisk, length: number): void {
  change(fs, (fd) => fs.ftruncate(fd, length))
}

/** Reads small files by asynchronous calls although the disk has others. */
function asynchronous(fs: MemoryDisk): FileSystem {
  return new Proxy(fs, {
    get(disk, name) {
      if (name === 'sync') return undefined
      const value: unknown = Reflect.get(disk, name)
      return typeof value === 'function' ? value.bind(disk) : value
    },
  })
}

for (const [kind, content, isSync] of [
  ['small', SMALL, false],
  ['small (read by synchronous calls)', SMALL, true],
  ['large', LARGE, false],
] as const) {
  const list = (fs: MemoryDisk) => manifestOf(['/p'], { fs: isSync ? fs : asynchronous(fs) })
  const setUp = async (now = () => 1000) => {
    const { fs, around } = await between(content, { sync: true, now })
    return { fs, around, manifest: await list(fs) }
  }

  const before: Record<string, (fs: MemoryDisk) => void> = {
    vanished: (fs) => fs.remove('/p/m'),
    'lost its folder': (fs) => fs.remove('/p'),
    grew: (fs) => inPlace(fs, Buffer.from('more'), content.length),
    shrank: (fs) => cutTo(fs, content.length - 1),
    'is now another file of the same size and time': (fs) => fs.put('/p/m', content),
    'is now a link': (fs) => fs.putLink('/p/m', 'a'),
    'is now a pipe': (fs) => fs.putPipe('/p/m'),
    'is now a folder': (fs) => {
      fs.remove('/p/m')
      fs.putFolder('/p/m')
    },
  }
  for (const [what, act] of Object.entries(before)) {
    test(`a ${kind} file that ${what} since it was listed fails, and the others stay where they are (known failure 17)`, async (t) => {
      const { fs, manifest, around } = await setUp()
      act(fs)
      const failures: SluiceError[] = []
      const files = filesOf(t, await read(fs, manifest, { onFailure: (error) => failures.push(error) }))
      t.deepEqual(files['p/m'], failed('ERR_SOURCE_CHANGED'))
      t.true(failures.some(({ path, code }) => path === '/p/m' && code === 'ERR_SOURCE_CHANGED'))
      if (what !== 'lost its folder') t.like(files, around)
    })
  }

  test(`a ${kind} file with another time than when it was listed fails`, async (t) => {
    let now = 1000
    const { fs, manifest } = await setUp(() => now)
    now = 1000.5
    inPlace(fs, Buffer.from('x'), 0)
    t.deepEqual(filesOf(t, await read(fs, manifest))['p/m'], failed('ERR_SOURCE_CHANGED'))
  })

  test(`a ${kind} file that changes while it is read fails before its digest goes out (known failure 17)`, async (t) => {
    const acts: Record<string, (fs: MemoryDisk, now: { ms: number }) => void> = {
      grows: (fs) => inPlace(fs, Buffer.from('more'), content.length),
      shrinks: (fs) => cutTo(fs, 10),
      'is written to': (fs, now) => {
        now.ms += 1
        return inPlace(fs, Buffer.from('x'), 5)
      },
      'is written to, and its time put back': (fs, now) => {
        now.ms += 1
        inPlace(fs, Buffer.from('x'), 5)
        change(fs, (fd, calls) => calls.futimes(fd, 1, 1))
      },
    }
    for (const [what, act] of Object.entries(acts)) {
      const now = { ms: 1000 }
      const { fs, manifest } = await setUp(() => now.ms)
      fs.hook = ({ call, path }) => {
        if (call !== 'read' || path !== '/p/m') return
        fs.hook = undefined
        act(fs, now)
      }
      const items = await collect(fileSource(manifest).pipe(hashTap()))
      const files = filesOf(t, items)
      if (isSync && what === 'is written to, and its time put back') {
        // one who looks only once, after reading, takes it for another file, reads it again and finds it unchanged
        const now = Buffer.from(content)
        now.write('x', 5)
        t.deepEqual(files['p/m'], ended(now.toString('latin1')))
        continue
      }
      t.is(files['p/m']!.failure, 'ERR_SOURCE_CHANGED', what)
      t.false(files['p/m']!.ended)
      t.true(files['p/m']!.text.length < content.length, 'never filled up with zeros')
      if (what === 'shrinks') t.is(files['p/m']!.text, '')
      t.deepEqual(files['p/z'], ended('zzz'))
      const z = manifest.offer.entries.at(-1)!
      t.is(runsOf(items).at(-1)!.position, z.start)
      allClosed(fs)
    }
  })

  test(`a ${kind} file that cannot be read fails, and the others go on`, async (t) => {
    for (const call of ['open', 'fstat', 'read'] as const) {
      for (const error of ['EIO', 'EACCES']) {
        const { fs, manifest, around } = await setUp()
        // what fails in the synchronous loop is tried once more
        fs.fail({ call, path: '/p/m', error, once: !isSync })
        const files = filesOf(t, await read(fs, manifest))
        t.like(files, { ...around, 'p/m': failed('ERR_SOURCE_READ') }, `${call} ${error}`)
      }
    }
  })

  test(`a ${kind} file that cannot be closed was read all the same`, async (t) => {
    const { fs, manifest } = await setUp()
    fs.fail({ call: 'close', path: '/p/m', error: 'EIO' })
    t.true(filesOf(t, await read(fs, manifest))['p/m']!.ended)
  })
}

test('a large file that fails in its middle keeps what was sent and has no end', async (t) => {
  const { fs, manifest, around } = await between(LARGE)
  fs.fail({ call: 'read', path: '/p/m', nth: 3, error: 'EIO' })
  const files = filesOf(t, await read(fs, manifest))
  t.like(files, around)
  t.is(files['p/m']!.failure, 'ERR_SOURCE_READ')
  t.is(files['p/m']!.text, LARGE.toString('latin1', 0, 2 * 256 * KIB))
})

test('a file that fails is said to fail once, also when more of it was asked for', async (t) => {
  for (const content of [SMALL, LARGE]) {
    const { fs, manifest } = await between(content)
    fs.remove('/p/m')
    const plan = new Plan()
    plan.add(manifest.offer)
    plan.want(2)
    plan.claim([
      { start: 10, end: 20 },
      { start: content.length / 2, end: content.length / 2 + 1 },
    ])
    plan.want(1)
    const source = fileSource(manifest, { plan })
    source.finish()
    const items = await collect(source)
    t.is(items.filter(({ kind }) => kind === 'digests').length, 1)
    t.deepEqual(filesOf(t, items)['p/z'], ended('zzz'))
  }
})

test('a file that was asked for twice is said to fail twice: each request has its answer', async (t) => {
  const { fs, manifest } = await between(SMALL)
  fs.remove('/p/m')
  const plan = planOf(manifest.offer)
  plan.ask(2)
  const failures: SluiceError[] = []
  const source = fileSource(manifest, { plan, onFailure: (error) => failures.push(error) })
  source.finish()
  const items = await collect(source)
  t.is(items.filter(({ kind }) => kind === 'digests').length, 2)
  t.is(failures.length, 1)
})

test('a file that changed after a part of it that is not its end is noticed there', async (t) => {
  for (const length of [64 * KIB, 300 * KIB]) {
    const { fs, manifest } = await between(LARGE, { sync: true })
    fs.hook = ({ call, path }) => {
      if (call !== 'read' || path !== '/p/m') return
      fs.hook = undefined
      cutTo(fs, 500 * KIB)
    }
    const plan = new Plan()
    plan.add(manifest.offer)
    plan.skip(2)
    plan.claim([{ start: length, end: LARGE.length }])
    plan.skip(1)
    const source = fileSource(manifest, { plan })
    source.finish()
    t.is(filesOf(t, await collect(source))['p/m']!.failure, 'ERR_SOURCE_CHANGED')
    allClosed(fs)
  }
})

test('files that fail among others split the run there, whatever is between', async (t) => {
  for (const sync of [false, true]) {
    const fs = new MemoryDisk({ sync })
    const names = Array.from({ length: 40 }, (_, i) => String(i).padStart(2, '0'))
    const content = (i: number) => (i % 5 === 4 ? '' : randomContent(i * 3 + 1, i + 1).toString('latin1'))
    for (const [i, name] of names.entries()) fs.put(`/p/${name}`, Buffer.from(content(i), 'latin1'))
    const manifest = await manifestOf(['/p'], { fs })
    // two in a row, an empty one, the first and the last
    const broken = new Set([0, 11, 12, 24, 39])
    for (const i of broken) fs.remove(`/p/${names[i]}`)
    const files = filesOf(t, await read(fs, manifest))
    t.deepEqual(files.p, ended(''))
    for (const [i, name] of names.entries()) {
      t.deepEqual(files[`p/${name}`], broken.has(i) ? failed('ERR_SOURCE_CHANGED') : ended(content(i)), name)
    }
  }
})

test('too many open files make it wait, and nothing is lost (hostile input 70)', async (t) => {
  for (const sync of [false, true]) {
    const { fs, around } = await between(SMALL, { sync })
    const manifest = await manifestOf(['/p'], { fs, clock: new FakeClock({ auto: true }) })
    for (let nth = 1; nth <= 5; nth++) fs.fail({ call: 'open', nth, error: nth % 2 ? 'EMFILE' : 'ENFILE' })
    const items = await read(fs, manifest)
    t.deepEqual(filesOf(t, items), { ...around, 'p/m': ended(SMALL.toString('latin1')) } as never)
  }
})

test('no more than sixteen files are open at once', async (t) => {
  const fs = new MemoryDisk()
  for (let i = 0; i < 100; i++) fs.put(`/p/${i}`, 'x')
  const manifest = await manifestOf(['/p'], { fs })
  let most = 0
  fs.delay = async () => {
    await new Promise((resolve) => setImmediate(resolve))
    most = Math.max(most, fs.openHandles().length)
  }
  await read(fs, manifest)
  t.is(most, 16)
})

test('entries that the store of a manifest does not know fail, and the others go on', async (t) => {
  const fs = new MemoryDisk()
  fs.put('/a', 'x')
  fs.put('/b', 'y')
  const { offer, skipped } = await manifestOf(['/a', '/b'], { fs })
  const { store } = await manifestOf(['/a'], { fs })
  const items = await read(fs, { offer, skipped, store })
  t.deepEqual(filesOf(t, items), { a: ended('x'), b: failed('ERR_SOURCE_READ') })
})
