import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import test from 'ava'
import { type RenameOptions, renameAtomic } from '../../../lib/files/index.js'
import type { DiskEvent } from '../../../lib/testing/disk/disk-faults.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { systemError } from '../../../lib/testing/disk/memory-inode.js'
import type { MemoryDiskOptions } from '../../../lib/testing/disk/memory-store.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { randomContent } from '../../../lib/testing/splits.js'
import { temporary } from '../../helpers/folders.js'

const files = (disk: MemoryDisk) =>
  Object.fromEntries([...disk.snapshot()].map(([path, b]) => [path, `${b}`]))

function setup(options: MemoryDiskOptions = {}) {
  const disk = new MemoryDisk(options)
  disk.put('/a/from', 'content', 0o640)
  const rename = (from: string, to: string, more: RenameOptions = {}) =>
    renameAtomic(from, to, { fs: disk, clock: new FakeClock({ auto: true }), ...more })
  return { disk, rename }
}

/** As if `/b` were on another disk. */
function apart(disk: MemoryDisk): void {
  const isThere = (path = '') => path.startsWith('/b/')
  disk.hook = ({ call, path, to }: DiskEvent) => {
    if ((call === 'rename' || call === 'link') && isThere(path) !== isThere(to))
      throw systemError('EXDEV', call)
  }
}

test('a file is renamed, and folders that are missing are made', async (t) => {
  const { disk, rename } = setup()
  t.deepEqual(await rename('/a/from', '/b/c/to'), { path: '/b/c/to', copied: false })
  t.deepEqual(files(disk), { '/b/c/to': 'content' })
  disk.put('/b/other', 'older')
  await rename('/b/c/to', '/b/other', { durability: 'crash' })
  t.deepEqual(files(disk), { '/b/other': 'content' })
  t.deepEqual(disk.openHandles(), [])
})

test('twice the same path, and a source that is missing, are refused', async (t) => {
  const { disk, rename } = setup()
  for (const to of ['/a/from', '/a/../a/from', '/a//from']) {
    await t.throwsAsync(rename('/a/from', to), { code: 'ERR_USAGE', message: /same path/ })
  }
  for (const none of ['/a/none', '/none/from', '/a/from/below'])
    await t.throwsAsync(rename(none, '/x/to'), { code: 'ERR_NO_SUCH_FILE' })
  await t.throwsAsync(rename('', '/x'), { code: 'ERR_USAGE' })
  await t.throwsAsync(rename('/a/from', '/x', { signal: AbortSignal.abort() }), { code: 'ERR_CANCELLED' })
  await t.throwsAsync(rename('/a/from', '/x', { signal: {} as AbortSignal }), { code: 'ERR_USAGE' })
  await t.throwsAsync(rename('/a/from', '/x\0'), { code: 'ERR_USAGE' })
  await t.throwsAsync(rename('/a/from', '/x', { conflict: 'skip' as 'fail' }), { code: 'ERR_USAGE' })
  await t.throwsAsync(rename('/a', '/a/inside'), { code: 'ERR_USAGE', message: /inside it/ })
  t.deepEqual(disk.list(), ['/a/', '/a/from'])
})

test('a taken name is not taken over if that is asked for', async (t) => {
  for (const links of [true, false]) {
    for (const standing of ['file', 'folder', 'link'] as const) {
      const { disk, rename } = setup({ links })
      if (standing === 'file') disk.put('/b/to.txt', 'mine')
      if (standing === 'folder') disk.putFolder('/b/to.txt')
      if (standing === 'link') disk.putLink('/b/to.txt', 'nowhere')
      const before = disk.list()
      await t.throwsAsync(rename('/a/from', '/b/to.txt', { conflict: 'fail' }), { code: 'ERR_CONFLICT' })
      t.deepEqual(disk.list(), before)
      t.is((await rename('/a/from', '/b/to.txt', { conflict: 'rename' })).path, '/b/to_1.txt')
      t.is(files(disk)['/b/to_1.txt'], 'content')
      t.false(files(disk)['/a/from'] !== undefined)
      t.deepEqual(disk.openHandles(), [])
    }
  }
})

test('a file that somebody puts at the old name meanwhile stays there, or has the new name', async (t) => {
  for (const far of [false, true])
    for (const conflict of ['overwrite', 'fail', 'rename'] as const)
      for (let at = 1, made = 1; at <= made; at++) {
        const { disk, rename } = setup()
        disk.putFolder('/b')
        made = 0
        if (far) apart(disk)
        const across = disk.hook
        disk.hook = undefined
        const meanwhile = async (event: DiskEvent) => {
          // right before its removal no look helps
          if (++made === at && !(event.call === 'unlink' && event.path === '/a/from')) {
            disk.delay = undefined
            await disk.rename('/a/from', '/a/mine').catch(() => {})
            disk.put('/a/from', 'acknowledged')
            disk.delay = meanwhile
          }
          across?.(event)
        }
        disk.delay = meanwhile
        await rename('/a/from', '/b/to', { conflict }).catch(() => {})
        if (!files(disk)['/a/mine']) continue
        t.true(Object.values(files(disk)).includes('acknowledged'), `${far} ${conflict} call ${at}`)
      }
})

test('folders and links are renamed as they are, and never over anything', async (t) => {
  for (const platform of ['linux', 'win32'] as const) {
    const { disk, rename } = setup({ platform })
    disk.putLink('/a/link', 'from')
    disk.put('/b/file', 'mine')
    disk.putFolder('/b/empty')
    await t.throwsAsync(rename('/a', '/b/empty', { conflict: 'fail' }), { code: 'ERR_CONFLICT' })
    await t.throwsAsync(rename('/a/link', '/b/file', { conflict: 'fail' }), { code: 'ERR_CONFLICT' })
    await t.throwsAsync(rename('/a', '/b/file'), { code: 'ERR_WRITE' })
    t.is((await rename('/a/link', '/b/file', { conflict: 'rename' })).path, '/b/file_1')
    t.is((await rename('/a', '/b/empty', { conflict: 'rename' })).path, '/b/empty_1')
    t.true(disk.list().includes('/b/file_1 -> from'))
    t.deepEqual(files(disk), { '/b/file': 'mine', '/b/empty_1/from': 'content' })
    await rename('/b/empty_1', '/b/empty')
    t.deepEqual(files(disk), { '/b/file': 'mine', '/b/empty/from': 'content' })
    t.deepEqual(disk.openHandles(), [])
  }
})

test('a folder that cannot be moved leaves no empty one', async (t) => {
  const { disk, rename } = setup()
  disk.fail({ call: 'rename', error: 'EACCES' })
  await t.throwsAsync(rename('/a', '/b', { conflict: 'fail' }), { code: 'ERR_PERMISSION' })
  t.deepEqual(disk.list(), ['/a/', '/a/from'])
  disk.putPipe('/pipe')
  await rename('/pipe', '/a/pipe', { conflict: 'fail' })
  disk.fail({ call: 'mkdir', path: '/c', error: 'EIO' })
  await t.throwsAsync(rename('/a', '/c', { conflict: 'fail' }), { code: 'ERR_WRITE' })
  t.deepEqual(disk.list(), ['/a/', '/a/from', '/a/pipe|'])
})

test('over another name of the same file only the new name stays; another spelling is the same name', async (t) => {
  const { disk, rename } = setup()
  await disk.link('/a/from', '/a/second')
  await rename('/a/from', '/a/second')
  t.deepEqual(files(disk), { '/a/second': 'content' })
  const folding = new MemoryDisk({ fold: (name) => name.toLowerCase() })
  folding.put('/a/from', 'content')
  await folding.link('/a/from', '/a/other')
  await renameAtomic('/a/from', '/a/FROM', { fs: folding })
  folding.putLink('/link', '/a')
  await renameAtomic('/link/FROM', '/a/From', { fs: folding })
  t.deepEqual(files(folding), { '/a/From': 'content', '/a/other': 'content' })
})

test('twice the same name, reached through a link, is refused too, and no name is lost', async (t) => {
  for (const conflict of ['overwrite', 'rename', 'fail'] as const) {
    const { disk, rename } = setup()
    await disk.link('/a/from', '/b')
    disk.putLink('/link', '/a')
    const before = disk.list()
    for (const [from, to] of [
      ['/link/from', '/a/from'],
      ['/a/from', '/link/from'],
    ] as const) {
      await t.throwsAsync(rename(from, to, { conflict }), { code: 'ERR_USAGE', message: /same path/ })
    }
    t.deepEqual(disk.list(), before)
    await rename('/link/from', '/a/other', { conflict })
    t.deepEqual(files(disk), { '/a/other': 'content', '/b': 'content' })
    t.deepEqual(disk.openHandles(), [])
  }
})

test('to another file system it is copied with its mode and time, and the source goes last', async (t) => {
  for (const conflict of ['overwrite', 'rename', 'fail'] as const) {
    const { disk, rename } = setup()
    const content = randomContent(3_000_000)
    disk.put('/a/from', content, 0o640)
    disk.putFolder('/b')
    const fd = await disk.open('/a/from', 2)
    await disk.futimes(fd, 1000, 1000)
    await disk.close(fd)
    apart(disk)
    t.deepEqual(await rename('/a/from', '/b/to', { conflict }), { path: '/b/to', copied: true })
    t.deepEqual(disk.list(), ['/a/', '/b/', '/b/to'])
    t.true(disk.snapshot().get('/b/to')!.equals(content))
    const { mode, mtimeMs } = await disk.stat('/b/to')
    t.deepEqual([mode & 0o777, Math.floor(mtimeMs)], [0o640, 1_000_000])
    t.deepEqual(disk.openHandles(), [])
  }
})

test('to another file system a link is made anew, a folder or a pipe refused', async (t) => {
  for (const conflict of ['overwrite', 'fail'] as const) {
    const { disk, rename } = setup()
    disk.putLink('/a/link', 'from')
    disk.putPipe('/a/pipe')
    disk.put('/b/mine', 'x')
    apart(disk)
    t.deepEqual(await rename('/a/link', '/b/link', { conflict }), {
      path: '/b/link',
      copied: conflict === 'overwrite',
    })
    t.true(disk.list().includes('/b/link -> from'))
    for (const from of ['/a', '/a/pipe']) {
      await t.throwsAsync(rename(from, '/b/to', { conflict }), {
        code: 'ERR_WRITE',
        message: /another file system/,
      })
    }
    await t.throwsAsync(rename('/a/from', '/b/mine', { conflict: 'fail' }), { code: 'ERR_CONFLICT' })
    t.deepEqual(disk.list(), ['/a/', '/a/from', '/a/pipe|', '/b/', '/b/link -> from', '/b/mine'])
  }
})

test('a copy that cannot be finished leaves the source and nothing else', async (t) => {
  const { disk, rename } = setup()
  disk.putFolder('/b')
  const stop = new AbortController()
  const failures: [string, () => void][] = [
    ['ERR_DISK_FULL', () => disk.fail({ call: 'write', error: 'ENOSPC' })],
    ['ERR_WRITE', () => disk.fail({ call: 'fsync', path: /tmp$/, error: 'EIO' })],
    ['ERR_PERMISSION', () => disk.fail({ call: 'rename', path: '/b/to', error: 'EACCES' })],
    ['ERR_CANCELLED', () => stop.abort()],
  ]
  for (const [code, fail] of failures) {
    apart(disk)
    fail()
    await t.throwsAsync(rename('/a/from', '/b/to', { signal: stop.signal }), { code: code as 'ERR_WRITE' })
    t.deepEqual(disk.list(), ['/a/', '/a/from', '/b/'], code)
    t.deepEqual(disk.openHandles(), [])
    disk.heal()
  }
})

test('a source that changes while it is copied stays', async (t) => {
  const { disk, rename } = setup()
  disk.putFolder('/b')
  apart(disk)
  disk.delay = async ({ call }) => {
    if (call === 'read') {
      disk.delay = undefined
      const fd = await disk.open('/a/from', 2)
      await disk.write(fd, [Buffer.from('more content')], 0)
      await disk.close(fd)
    }
  }
  await t.throwsAsync(rename('/a/from', '/b/to'), { code: 'ERR_SOURCE_CHANGED' })
  t.deepEqual(files(disk), { '/a/from': 'more content' })
})

test('on Windows it is tried again while somebody has the file open, elsewhere not', async (t) => {
  for (const error of ['EPERM', 'EACCES', 'EBUSY']) {
    const { disk, rename } = setup({ platform: 'win32' })
    const clock = new FakeClock({ auto: true })
    for (let i = 0; i < 5; i++) disk.fail({ call: 'rename', error })
    await rename('/a/from', '/a/to', { clock })
    t.is(clock.now(), 10 + 20 + 40 + 80 + 160)
    disk.fail({ call: 'rename', error, once: false })
    await t.throwsAsync(rename('/a/to', '/a/from', { clock }))
    t.true(clock.now() < 12_000)
    const linux = setup()
    linux.disk.fail({ call: 'rename', error })
    const still = new FakeClock()
    await t.throwsAsync(linux.rename('/a/from', '/a/to', { clock: still }))
    t.is(still.now(), 0)
  }
})

test('a source that cannot be removed is an error, and the new name stands', async (t) => {
  const { disk, rename } = setup()
  disk.putFolder('/b')
  disk.fail({ call: 'unlink', path: '/a/from', error: 'EACCES', once: false })
  await t.throwsAsync(rename('/a/from', '/a/to', { conflict: 'fail' }), { code: 'ERR_PERMISSION' })
  apart(disk)
  await t.throwsAsync(rename('/a/from', '/b/to'), { code: 'ERR_PERMISSION' })
  t.deepEqual(files(disk), { '/a/from': 'content', '/a/to': 'content', '/b/to': 'content' })
})

test('on the real disk it is the same', async (t) => {
  const folder = await temporary(t)
  const at = (name: string) => join(folder, name)
  await writeFile(at('from'), 'content')
  await renameAtomic(at('from'), at('below/to'))
  await writeFile(at('from'), 'second')
  const { path } = await renameAtomic(at('from'), at('below/to'), { conflict: 'rename' })
  t.is(await readFile(path, 'utf8'), 'second')
  t.is(await readFile(at('below/to'), 'utf8'), 'content')
  await renameAtomic(at('below'), at('moved'), { conflict: 'fail' })
  t.deepEqual(await readdir(folder), ['moved'])
})
