import { createHash } from 'node:crypto'
import test from 'ava'
import { AtomicFile, type AtomicWriteOptions } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/index.js'

const sha256 = (text: string) => createHash('sha256').update(text).digest()
const files = (disk: MemoryDisk) =>
  Object.fromEntries([...disk.snapshot()].map(([path, b]) => [path, `${b}`]))
const calls = (disk: MemoryDisk): string[] => {
  const order: string[] = []
  disk.hook = ({ call }) => void order.push(call)
  return order
}

function setup(options: AtomicWriteOptions = {}) {
  const disk = new MemoryDisk()
  disk.put('/d/file', 'old')
  const open = (path = '/d/file', more: AtomicWriteOptions = {}) =>
    AtomicFile.open(path, { fs: disk, ...options, ...more })
  return { disk, open }
}

test('a file gets its content when it is committed, and the order of the calls makes it last', async (t) => {
  const { disk, open } = setup()
  const order = calls(disk)
  const file = await open()
  await file.write([Buffer.from('the '), Buffer.from('new')])
  t.is(file.bytes, 7)
  t.is(files(disk)['/d/file'], 'old')
  t.deepEqual(await file.commit(), { path: '/d/file', bytes: 7, digest: sha256('the new') })
  t.deepEqual(order, 'lstat open write fstat fsync close open rename fsync close'.split(' '))
  t.deepEqual(files(disk), { '/d/file': 'the new' })
  t.deepEqual(disk.openHandles(), [])
})

test('without power nothing is synced, and no folder opened', async (t) => {
  const { disk, open } = setup({ durability: 'crash' })
  const order = calls(disk)
  const file = await open()
  await file.write([Buffer.from('new')])
  await file.commit()
  t.deepEqual(order, 'lstat open write fstat close rename'.split(' '))
})

test('what is staged stands whole under its temporary name, with no handle open, until it is committed', async (t) => {
  const { disk, open } = setup()
  const file = await open()
  await file.write([Buffer.from('new')])
  const { temporary, bytes, digest } = await file.stage()
  t.deepEqual(disk.openHandles(), [])
  t.deepEqual(files(disk), { '/d/file': 'old', [temporary]: 'new' })
  t.deepEqual([bytes, digest], [3, sha256('new')])
  await t.throwsAsync(file.write([Buffer.from('x')]), { code: 'ERR_STATE' })
  await file.commit()
  t.deepEqual(files(disk), { '/d/file': 'new' })
})

test('what is discarded leaves nothing, and is over', async (t) => {
  const { disk, open } = setup()
  const file = await open()
  await file.write([Buffer.from('new')])
  await file.discard()
  await file.discard()
  t.deepEqual(files(disk), { '/d/file': 'old' })
  t.deepEqual(disk.openHandles(), [])
  for (const late of [file.write([]), file.stage(), file.commit()]) {
    await t.throwsAsync(late, { code: 'ERR_STATE' })
  }
})

test('discarding waits for the call that runs, and ends it before the name is taken', async (t) => {
  const { disk, open } = setup()
  const file = await open()
  let discarded: Promise<void> | undefined
  disk.hook = ({ call }) => {
    if (call === 'fsync') discarded ??= file.discard()
  }
  await t.throwsAsync(file.commit(), { code: 'ERR_DESTROYED' })
  await discarded
  t.deepEqual(files(disk), { '/d/file': 'old' })
})

test('one call at a time', async (t) => {
  const { disk, open } = setup()
  const file = await open()
  const first = file.write([Buffer.from('a')])
  await t.throwsAsync(file.write([Buffer.from('b')]), { code: 'ERR_STATE' })
  await first
  await file.commit()
  t.is(files(disk)['/d/file'], 'a')
})

test('a disk that says it took more than it did is found out before the name is taken', async (t) => {
  const disk = new MemoryDisk()
  disk.put('/d/f', 'old')
  const lying = new Proxy(disk, {
    get(target, key: keyof MemoryDisk) {
      if (key === 'write') {
        return async (fd: number, [first]: Uint8Array[], position: number) => {
          await target.write(fd, [first!.subarray(1)], position)
          return first!.length
        }
      }
      const value: unknown = target[key]
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const file = await AtomicFile.open('/d/f', { fs: lying })
  await file.write([Buffer.from('new content')])
  await t.throwsAsync(file.commit(), { code: 'ERR_WRITE' })
  await file.discard()
  t.deepEqual(disk.list(), ['/d/', '/d/f'])
  t.is(disk.snapshot().get('/d/f')?.toString(), 'old')
})
