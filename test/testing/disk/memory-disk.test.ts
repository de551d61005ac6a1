import { constants } from 'node:fs'
import test from 'ava'
import { errorCode, OPEN } from '../../../lib/files/index.js'
import type { DiskEvent, DiskFault } from '../../../lib/testing/disk/disk-faults.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'

const codeOf = (promise: Promise<unknown>) => promise.then(() => 'done', errorCode)
const bytes = (length: number) => [Buffer.alloc(length, 1)]

test('the nth fitting call fails, once or from then on', async (t) => {
  const disk = new MemoryDisk()
  disk.put('/a/b', '')
  disk.fail({ call: 'lstat', nth: 2, error: 'EIO' })
  t.deepEqual(
    [await codeOf(disk.lstat('/a')), await codeOf(disk.lstat('/a')), await codeOf(disk.lstat('/a'))],
    ['done', 'EIO', 'done'],
  )
  disk.fail({ call: '*', path: '/a/b', error: 'EACCES', once: false })
  t.deepEqual(
    [await codeOf(disk.lstat('/a')), await codeOf(disk.stat('/a/b')), await codeOf(disk.link('/a/b', '/c'))],
    ['done', 'EACCES', 'EACCES'],
  )
  t.is(await codeOf(disk.rename('/a', '/a/b')), 'EACCES')
  disk.heal()
  disk.fail({ call: 'mkdir', path: /^\/x/, error: 'EROFS' })
  t.deepEqual([await codeOf(disk.mkdir('/y')), await codeOf(disk.mkdir('/x'))], ['done', 'EROFS'])
})

test('a rule that could never strike is refused, and one with the flag g strikes each time', async (t) => {
  const disk = new MemoryDisk()
  for (const wrong of [
    { call: 'wirte', error: 'EIO' },
    { call: 'write' },
    { call: '*', error: 'EIO', nth: 0 },
    {},
  ])
    t.throws(() => disk.fail(wrong as DiskFault), { code: 'ERR_USAGE' }, JSON.stringify(wrong))
  disk.fail({ call: 'mkdir', path: /x$/g, error: 'EROFS', once: false })
  for (let i = 0; i < 3; i++) t.is(await codeOf(disk.mkdir('/x')), 'EROFS')
})

test('a call may do its work and then say that it failed', async (t) => {
  const disk = new MemoryDisk()
  disk.fail({ call: 'mkdir', error: 'EIO', after: true })
  t.is(await codeOf(disk.mkdir('/x')), 'EIO')
  disk.fail({ call: 'open', error: 'EIO', after: true })
  t.is(await codeOf(disk.open('/y', OPEN.create)), 'EIO')
  t.deepEqual(disk.list(), ['/x/', '/y'])
  t.deepEqual(disk.openHandles(), [])
})

test('reads and writes may be short', async (t) => {
  const disk = new MemoryDisk()
  const fd = await disk.open('/a', OPEN.create)
  disk.fail({ call: 'write', short: 3 })
  t.is(await disk.write(fd, [...bytes(2), ...bytes(2), ...bytes(2)], 0), 3)
  t.is(await disk.write(fd, bytes(5), 3), 5)
  disk.fail({ call: 'read', short: 2 })
  t.is(await disk.read(fd, Buffer.alloc(9), 0, 9, 0), 2)
  t.is(await disk.read(fd, Buffer.alloc(9), 0, 9, 0), 8)
})

test('a close that fails closes nevertheless, and a handle that was closed is never another', async (t) => {
  const disk = new MemoryDisk()
  const fd = await disk.open('/a', OPEN.create)
  disk.fail({ call: 'close', error: 'EIO' })
  t.is(await codeOf(disk.close(fd)), 'EIO')
  t.deepEqual(disk.openHandles(), [])
  t.not(await disk.open('/a', OPEN.read), fd)
  t.is(await codeOf(disk.fstat(fd)), 'EBADF')
  disk.hook = () => {}
  t.is(await codeOf(disk.close(fd)), 'EBADF')
})

test('a hook sees every call with its plain paths, and may fail it; another may delay it', async (t) => {
  const disk = new MemoryDisk()
  disk.putFolder('/a/b')
  const fd = await disk.open('/a/b', OPEN.folder)
  const events: DiskEvent[] = []
  let go = () => {}
  disk.hook = (event) => {
    events.push(event)
    if (event.call === 'fsync') throw Object.assign(new Error('no'), { code: 'ENO' })
  }
  disk.delay = ({ call }) => {
    if (call === 'mkdir') return new Promise((resolve) => (go = resolve))
  }
  const made = disk.mkdir(disk.at(fd, 'c')!)
  t.false(disk.list().includes('/a/b/c/'))
  go()
  await made
  t.is(await codeOf(disk.fsync(fd)), 'ENO')
  await disk.rename(disk.at(fd, 'c')!, '/d')
  await disk.readdir(disk.at(fd, '.')!)
  await disk.lstat('/')
  t.deepEqual(
    events.map(({ call, path, to }) => [call, path, to].filter(Boolean).join(' ')),
    ['mkdir /a/b/c', 'fsync /a/b', 'rename /a/b/c /d', 'readdir /a/b', 'lstat /'],
  )
  t.is(disk.calls, 6)
})

test('calls that are made at once are counted, seen, failed and shortened as the others are', async (t) => {
  const disk = new MemoryDisk()
  const sync = disk.sync!
  const events: string[] = []
  disk.hook = ({ call, path, to, number, sync: atOnce }) =>
    void events.push([number, call, path, to, atOnce].join(' '))
  const fd = sync.open('/a', OPEN.create)
  disk.fail({ call: 'write', short: 3 })
  t.is(sync.write(fd, [...bytes(2), ...bytes(2)], 0), 3)
  await disk.write(fd, bytes(2), 3)
  disk.fail({ call: '*', nth: 2, error: 'EIO' })
  t.is(sync.fstat(fd).size, 5)
  t.throws(() => sync.link('/a', '/b'), { code: 'EIO' })
  disk.fail({ call: 'link', error: 'EIO', after: true })
  t.throws(() => sync.link('/a', '/b'), { code: 'EIO' })
  disk.fail({ call: 'close', error: 'EIO' })
  t.throws(() => sync.close(fd), { code: 'EIO' })
  t.deepEqual([disk.list(), disk.openHandles()], [['/a', '/b'], []])
  t.is(disk.calls, 7)
  t.deepEqual(events, [
    '0 open /a  true',
    '1 write /a  true',
    '2 write /a  false',
    '3 fstat /a  true',
    '4 link /a /b true',
    '5 link /a /b true',
    '6 close /a  true',
  ])
  disk.hook = () => {
    throw Object.assign(new Error('no'), { code: 'ENO' })
  }
  t.throws(() => sync.unlink('/a'), { code: 'ENO' })
  t.deepEqual(disk.list(), ['/a', '/b'])
})

test('what was written at once and not synced may be lost, and each name for itself', (t) => {
  const seen = new Set<string>()
  for (let seed = 0; seed < 60; seed++) {
    const disk = new MemoryDisk({ crashes: true })
    const { open, write, close, link, unlink } = disk.sync!
    const fd = open('/a.part', OPEN.create)
    write(fd, [Buffer.from('whole')], 0)
    close(fd)
    link('/a.part', '/a')
    unlink('/a.part')
    const found = disk.crash(seed)
    t.truthy(found.sync)
    seen.add([...found.snapshot()].map(([path, text]) => `${path}:${text.length}`).join(' '))
  }
  for (const state of ['', '/a:0', '/a:5', '/a.part:0', '/a.part:5']) t.true(seen.has(state), state)
})

test('calls are not made at once where that is not wanted, while they are delayed, and where one was replaced', async (t) => {
  class Other extends MemoryDisk {
    override async unlink() {}
  }
  t.is(new MemoryDisk({ sync: false }).sync, undefined)
  t.is(new MemoryDisk({ sync: false, crashes: true }).crash(0).sync, undefined)
  t.is(new Other().sync, undefined)
  const disk = new MemoryDisk()
  t.is(Object.create(disk, { unlink: { value: async () => {} } }).sync, undefined)
  const { sync } = disk
  disk.delay = async () => {}
  t.is(disk.sync, undefined)
  t.throws(() => sync!.mkdir('/a'), { code: 'ERR_USAGE' })
  await disk.mkdir('/a')
  disk.delay = undefined
  t.is(disk.sync, sync)
  disk.hook = async () => {}
  t.throws(() => sync!.mkdir('/b'), { code: 'ERR_USAGE' })
  await t.throwsAsync(disk.mkdir('/b'), { code: 'ERR_USAGE', message: /delay/ })
  t.deepEqual(disk.list(), ['/a/'])
})

test('the capacity bounds the content, and what is removed gives its room back', async (t) => {
  const disk = new MemoryDisk({ capacity: 10 })
  const fd = await disk.open('/a', OPEN.create)
  t.is(await disk.write(fd, bytes(6), 0), 6)
  t.is(await disk.write(fd, bytes(6), 6), 4)
  t.is(await codeOf(disk.write(fd, bytes(1), 10)), 'ENOSPC')
  t.is(await disk.write(fd, bytes(10), 0), 10)
  t.deepEqual([await disk.free('/'), disk.used], [0, 10])
  t.is(await codeOf(disk.ftruncate(fd, 11)), 'ENOSPC')
  await disk.ftruncate(fd, 4)
  t.is(await disk.free('/'), 6)
  await disk.link('/a', '/b')
  await disk.unlink('/a')
  await disk.unlink('/b')
  t.is(disk.used, 4)
  await disk.close(fd)
  t.is(disk.used, 0)
  disk.put('/x/y/z', 'four')
  disk.put('/x/y/z', '123')
  t.is(disk.used, 3)
  disk.remove('/x')
  t.is(disk.used, 0)
  disk.capacity = 0
  t.is(await disk.free('/'), 0)
  t.is(await codeOf(disk.free('/none')), 'ENOENT')
  const free = new MemoryDisk()
  t.is(await free.free('/'), Number.MAX_SAFE_INTEGER)
  const big = await free.open('/big', OPEN.create)
  t.is(await codeOf(free.write(big, bytes(1), 2 ** 40)), 'EFBIG')
  t.is(await codeOf(free.ftruncate(big, 2 ** 40)), 'EFBIG')
})

test('a disk may ignore case: a name is found in every spelling, and keeps its own', async (t) => {
  const disk = new MemoryDisk({ fold: (name) => name.toLowerCase() })
  disk.put('/Folder/A.txt', 'x')
  t.is(await codeOf(disk.open('/folder/a.TXT', OPEN.create)), 'EEXIST')
  t.is(await disk.realpath('/FOLDER/a.txt'), '/Folder/A.txt')
  await disk.rename('/folder/a.txt', '/folder/a.TXT')
  t.deepEqual(disk.list(), ['/Folder/', '/Folder/a.TXT'])
})

test('a pipe does not hold the test, and says what a real one says', async (t) => {
  const disk = new MemoryDisk()
  disk.putPipe('/p')
  t.is(await codeOf(disk.open('/p', constants.O_RDONLY)), 'EDEADLK')
  t.is(await codeOf(disk.open('/p', constants.O_WRONLY | constants.O_NONBLOCK)), 'ENXIO')
  const fd = await disk.open('/p', OPEN.read)
  t.is(await codeOf(disk.read(fd, Buffer.alloc(1), 0, 1, 0)), 'ESPIPE')
  t.deepEqual(disk.list(), ['/p|'])
})

test('what a test puts there is there, with its folders', async (t) => {
  const disk = new MemoryDisk({ now: () => 5, umask: 0 })
  disk.put('/a/b/c', Buffer.from('x'), 0o755)
  disk.putFolder('/a/b')
  disk.putLink('/a/l', 'b')
  disk.move('/a/b', '/z')
  disk.move('/z/c', '/a/l')
  t.deepEqual(disk.list(), ['/a/', '/a/l', '/z/'])
  t.like(await disk.stat('/a/l'), { mode: 0o100755, mtimeMs: 5, ctimeMs: 5, nlink: 1 })
  t.throws(() => disk.put('/a/l/below', 'y'), { code: 'ENOTDIR' })
  t.deepEqual(disk.list(), ['/a/', '/a/l', '/z/'])
})

test('what is wrong with a path is said as the kernel does', async (t) => {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  const fd = await disk.open('/d', OPEN.folder)
  t.is(await codeOf(disk.lstat(`/${'d/../'.repeat(1000)}`)), 'ENAMETOOLONG')
  t.is(await codeOf(disk.lstat('')), 'ENOENT')
  t.is(await codeOf(disk.lstat('/proc/self/fd/5/x')), 'ENOENT')
  t.is(await codeOf(disk.rmdir('/')), 'EBUSY')
  await disk.rmdir('/d')
  t.is(await codeOf(disk.mkdir(disk.at(fd, 'x')!)), 'ENOENT')
  disk.put('/f')
  t.is(await codeOf(disk.rename('/f', disk.at(fd, 'x')!)), 'ENOENT')
  disk.hook = ({ path }) => {
    t.is(path, '/d (deleted)')
  }
  await disk.lstat(`/proc/self/fd/${fd}`)
  disk.hook = undefined
  t.throws(() => disk.move('/none', '/x'), { code: 'ENOENT' })
  t.throws(() => disk.remove('/none/x'), { code: 'ENOENT' })
  t.is(disk.at(fd, 'x'), `/proc/self/fd/${fd}/x`)
  t.is(new MemoryDisk({ platform: 'win32' }).at(fd, 'x'), null)
})

test('each of the calls that are made at once does its work', async (t) => {
  const disk = new MemoryDisk({ sync: true })
  const sync = disk.sync!
  const seen: string[] = []
  disk.hook = ({ call, path }) => {
    seen.push(`${call} ${path}`)
  }
  sync.mkdir('/d')
  const fd = sync.open('/d/a', OPEN.create, 0o600)
  t.is(sync.write(fd, bytes(3), 0), 3)
  sync.fchmod(fd, 0o640)
  sync.futimes(fd, 10, 20)
  sync.fsync(fd)
  const buffer = Buffer.alloc(4)
  t.is(sync.read(fd, buffer, 1, 3, 0), 3)
  t.deepEqual([...buffer], [0, 1, 1, 1])
  t.like(sync.fstat(fd), { size: 3, mtimeMs: 20_000 })
  sync.close(fd)
  sync.link('/d/a', '/d/b')
  sync.rename('/d/b', '/d/c')
  sync.unlink('/d/a')
  t.is(sync.lstat('/d/c').nlink, 1)
  t.is(disk.calls, 13)
  t.is(seen.length, 13)
  t.deepEqual(seen.slice(0, 3), ['mkdir /d', 'open /d/a', 'write /d/a'])
  disk.fail({ call: 'lstat', error: 'EIO' })
  t.throws(() => sync.lstat('/d/c'), { code: 'EIO' })
  t.throws(() => sync.lstat('/d/a'), { code: 'ENOENT' })
  t.is(await codeOf(disk.lstat('/d/c')), 'done')
})

test('a hook may act on the disk within a synchronous call, but not delay it', async (t) => {
  const disk = new MemoryDisk({ sync: true })
  disk.put('/a', 'x')
  let inner: Promise<unknown> | undefined
  disk.hook = ({ call }) => {
    disk.hook = undefined
    if (call === 'lstat') inner = disk.unlink('/a')
  }
  t.throws(() => disk.sync!.lstat('/a'), { code: 'ENOENT' })
  await inner
  disk.hook = async () => {}
  t.throws(() => disk.sync!.mkdir('/b'), { code: 'ERR_USAGE' })
})
