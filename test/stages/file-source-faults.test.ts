import test from 'ava'
import { OPEN } from '../../lib/files/disk/fs.js'
import { fileSource, hashTap, manifestOf, type SluiceError } from '../../lib/index.js'
import { FakeClock, MemoryDisk } from '../../lib/testing/index.js'

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

/** Writes into the file as it stands: the same inode. */
async function inPlace(fs: MemoryDisk, bytes: Buffer, position: number): Promise<void> {
  const fd = await fs.open('/p/m', OPEN.update)
  await fs.write(fd, [bytes], position)
  await fs.close(fd)
}

async function cutTo(fs: MemoryDisk, length: number): Promise<void> {
  const fd = await fs.open('/p/m', OPEN.update)
  await fs.ftruncate(fd, length)
  await fs.close(fd)
}

for (const [kind, content] of [
  ['small', SMALL],
  ['large', LARGE],
] as const) {
  const before: Record<string, (fs: MemoryDisk) => void | Promise<void>> = {
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
      const { fs, manifest, around } = await between(content)
      await act(fs)
      const failures: SluiceError[] = []
      const files = filesOf(t, await read(fs, manifest, { onFailure: (error) => failures.push(error) }))
      t.deepEqual(files['p/m'], failed('ERR_SOURCE_CHANGED'))
      t.true(failures.some(({ path, code }) => path === '/p/m' && code === 'ERR_SOURCE_CHANGED'))
      if (what !== 'lost its folder') t.like(files, around)
    })
  }

  test(`a ${kind} file with another time than when it was listed fails`, async (t) => {
    let now = 1000
    const fs = new MemoryDisk({ now: () => now })
    fs.put('/p/m', content)
    const manifest = await manifestOf(['/p'], { fs })
    now = 1000.5
    await inPlace(fs, Buffer.from('x'), 0)
    t.deepEqual(filesOf(t, await read(fs, manifest))['p/m'], failed('ERR_SOURCE_CHANGED'))
  })

  test(`a ${kind} file that changes while it is read fails before its digest goes out (known failure 17)`, async (t) => {
    const acts: Record<string, (fs: MemoryDisk, now: { ms: number }) => Promise<void>> = {
      grows: (fs) => inPlace(fs, Buffer.from('more'), content.length),
      shrinks: (fs) => cutTo(fs, 10),
      'is written to': (fs, now) => {
        now.ms += 1
        return inPlace(fs, Buffer.from('x'), 5)
      },
      'is written to, and its time put back': async (fs, now) => {
        now.ms += 1
        await inPlace(fs, Buffer.from('x'), 5)
        const fd = await fs.open('/p/m', OPEN.update)
        await fs.futimes(fd, 1, 1)
        await fs.close(fd)
      },
    }
    for (const [what, act] of Object.entries(acts)) {
      const now = { ms: 1000 }
      const fs = new MemoryDisk({ now: () => now.ms })
      fs.put('/p/m', content)
      fs.put('/p/z', 'zzz')
      const manifest = await manifestOf(['/p'], { fs })
      let seen = 0
      fs.delay = async ({ call }) => {
        if (call !== 'read' || ++seen !== 1) return
        fs.delay = undefined
        await act(fs, now)
      }
      const items = await collect(fileSource(manifest, { fs }).pipe(hashTap()))
      const files = filesOf(t, items)
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
        const { fs, manifest, around } = await between(content)
        fs.fail({ call, path: '/p/m', error })
        const files = filesOf(t, await read(fs, manifest))
        t.like(files, { ...around, 'p/m': failed('ERR_SOURCE_READ') }, `${call} ${error}`)
      }
    }
  })

  test(`a ${kind} file that cannot be closed was read all the same`, async (t) => {
    const { fs, manifest } = await between(content)
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

test('a file that fails is said to fail once, also when more ranges of it follow', async (t) => {
  for (const content of [SMALL, LARGE]) {
    const { fs, manifest } = await between(content)
    fs.remove('/p/m')
    const middle = 3 + content.length / 2
    const ranges = [
      { start: 0, end: 10 },
      { start: 20, end: middle },
      { start: middle, end: manifest.offer.bytes },
    ]
    const items = await read(fs, manifest, { ranges })
    t.is(items.filter(({ kind }) => kind === 'digests').length, 1)
    t.deepEqual(filesOf(t, items)['p/z'], ended('zzz'))
  }
})

test('a file that changed after a part of it that is not its end is noticed there', async (t) => {
  for (const length of [64 * KIB, 300 * KIB]) {
    const { fs, manifest } = await between(LARGE)
    fs.delay = async ({ call, path }) => {
      if (call !== 'read' || path !== '/p/m') return
      fs.delay = undefined
      await cutTo(fs, 500 * KIB)
    }
    const items = await read(fs, manifest, { ranges: [{ start: 3, end: 3 + length }] })
    t.is(filesOf(t, items)['p/m']!.failure, 'ERR_SOURCE_CHANGED')
  }
})

test('too many open files make it wait, and nothing is lost (hostile input 70)', async (t) => {
  const { fs, manifest, around } = await between(SMALL)
  for (let nth = 1; nth <= 5; nth++) fs.fail({ call: 'open', nth, error: nth % 2 ? 'EMFILE' : 'ENFILE' })
  const items = await read(fs, manifest, { clock: new FakeClock({ auto: true }) })
  t.deepEqual(filesOf(t, items), { ...around, 'p/m': ended(SMALL.toString('latin1')) } as never)
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

test('a manifest that does not say where a file is fails that file', async (t) => {
  const fs = new MemoryDisk()
  fs.put('/a', 'x')
  const { offer, skipped } = await manifestOf(['/a'], { fs })
  const items = await read(fs, { offer, skipped, sources: [] })
  t.deepEqual(filesOf(t, items), { a: failed('ERR_SOURCE_READ') })
})
