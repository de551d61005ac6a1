import test from 'ava'
import { OPEN, writeFully } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'

const NONE = '(none)'

/** Every outcome of a power cut at this moment that the seeds show, each once. */
function outcomes(disk: MemoryDisk, path: string): string[] {
  const found = new Set(
    Array.from({ length: 200 }, (_, seed) => disk.crash(seed).snapshot().get(path)?.toString() ?? NONE),
  )
  return [...found].sort()
}

async function unsynced(disk: MemoryDisk, path: string, text: string): Promise<number> {
  const fd = await disk.open(path, OPEN.create)
  await writeFully(disk, fd, [Buffer.from(text)], 0)
  return fd
}

test('what was not synced may be lost, a name without its content and a content without its name', async (t) => {
  const disk = new MemoryDisk({ crashes: true })
  const root = await disk.open('/', OPEN.folder)
  const fd = await unsynced(disk, '/a', 'text')
  t.deepEqual(outcomes(disk, '/a'), ['', '\0\0\0\0', NONE, 'text'])
  await disk.fsync(root)
  t.deepEqual(outcomes(disk, '/a'), ['', '\0\0\0\0', 'text'])
  await disk.fsync(fd)
  t.deepEqual(outcomes(disk, '/a'), ['text'])
  await disk.ftruncate(fd, 2)
  // the end of the last block is zeroed before the size is there
  t.deepEqual(outcomes(disk, '/a'), ['te', 'te\0\0', 'text'])
  await disk.rename('/a', '/b')
  t.deepEqual(outcomes(disk, '/a'), [NONE, 'te', 'te\0\0', 'text'])
  t.deepEqual(outcomes(disk, '/b'), [NONE, 'te', 'te\0\0', 'text'])
  for (let seed = 0; seed < 50; seed++) t.is(disk.crash(seed).snapshot().size, 1)
})

test('after a failed sync nobody knows what was written, although the next one succeeds', async (t) => {
  const disk = new MemoryDisk({ crashes: true })
  disk.put('/a', 'old')
  disk.syncAll()
  const fd = await disk.open('/a', OPEN.update)
  await writeFully(disk, fd, [Buffer.from('new')], 0)
  disk.fail({ call: 'fsync', error: 'EIO' })
  await t.throwsAsync(disk.fsync(fd), { code: 'EIO' })
  await disk.fsync(fd)
  t.is(disk.snapshot().get('/a')!.toString(), 'new')
  t.deepEqual(outcomes(disk, '/a'), ['new', 'old'])
  await writeFully(disk, fd, [Buffer.from('wet')], 0)
  await disk.fsync(fd)
  t.deepEqual(outcomes(disk, '/a'), ['wet'])
  const root = await disk.open('/', OPEN.folder)
  await disk.unlink('/a')
  disk.fail({ call: 'fsync', error: 'EIO' })
  await t.throwsAsync(disk.fsync(root), { code: 'EIO' })
  await disk.fsync(root)
  t.deepEqual(outcomes(disk, '/a'), [NONE, 'wet'])
  disk.put('/a', '')
  await disk.fsync(root)
  t.deepEqual(outcomes(disk, '/a'), [''])
})

test('hard links, folders, links and the room come back as they were', async (t) => {
  const disk = new MemoryDisk({ crashes: true, capacity: 100 })
  disk.put('/a/b/c', 'text')
  disk.putLink('/a/l', 'b/c')
  await disk.link('/a/b/c', '/a/d')
  disk.syncAll()
  const after = disk.crash(1)
  t.deepEqual(after.list(), disk.list())
  t.is((await after.stat('/a/l')).nlink, 2)
  t.is((await after.stat('/a/l')).ino, (await disk.stat('/a/l')).ino)
  t.is(after.used, 4)
  await after.mkdir('/a/b/new')
  const lists = new Set(Array.from({ length: 20 }, (_, seed) => after.crash(seed).list().join()))
  t.deepEqual([...lists].sort(), [disk.list().join(), after.list().join()].sort())
  t.throws(() => new MemoryDisk().crash(1), { code: 'ERR_USAGE' })
})

test('a sync of one folder takes earlier changes of the same names in another with it', async (t) => {
  const disk = new MemoryDisk({ crashes: true })
  disk.put('/a/x', 'x')
  disk.put('/b/y', 'y')
  disk.syncAll()
  await disk.unlink('/b/y')
  await disk.rename('/a/x', '/b/y')
  const a = await disk.open('/a', OPEN.folder)
  await disk.fsync(a)
  t.deepEqual(outcomes(disk, '/b/y'), ['x'])
})
