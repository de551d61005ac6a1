import { createHash } from 'node:crypto'
import test from 'ava'
import { AtomicFile, type AtomicWriteOptions } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'

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
  // cut to nothing, and opened and closed once more: then the system begins to write it before the sync
  const made = 'lstat open ftruncate write fstat open close fsync fstat close'
  t.deepEqual(order, `${made} open lstat rename fsync close`.split(' '))
  t.deepEqual(files(disk), { '/d/file': 'the new' })
  t.deepEqual(disk.openHandles(), [])
})

test('without power nothing is synced, and no folder opened', async (t) => {
  const { disk, open } = setup({ durability: 'crash' })
  const order = calls(disk)
  const file = await open()
  await file.write([Buffer.from('new')])
  await file.commit()
  t.deepEqual(order, 'lstat open write fstat fstat close lstat rename'.split(' '))
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

test('many writes make one file: text and bytes, one after the other and at positions', async (t) => {
  const { disk, open } = setup()
  await using file = await open()
  await file.write('0123')
  await file.write([Buffer.from('45'), Buffer.from('67')])
  await file.write('ab', 2)
  await file.write(Buffer.from('é'))
  t.is(file.bytes, 10)
  t.is(files(disk)['/d/file'], 'old')
  const { bytes, digest } = await file.commit()
  t.deepEqual([bytes, digest], [10, sha256('01ab4567é')])
  t.deepEqual(files(disk), { '/d/file': '01ab4567é' })
})

test('pieces may come in any order; as long as one is missing there is no commit, and it can still come', async (t) => {
  for (const verify of [true, false]) {
    const { disk, open } = setup({ verify })
    await using file = await open()
    await file.write('def', 3)
    await t.throwsAsync(file.commit(), { code: 'ERR_STATE', message: /at position 0/ })
    await t.throwsAsync(file.stage(), { code: 'ERR_STATE' })
    await file.write('x', 7)
    await file.write('abc', 0)
    await t.throwsAsync(file.commit(), { code: 'ERR_STATE', message: /at position 6/ })
    await file.write('-', 6)
    t.deepEqual((await file.commit()).digest, sha256('abcdef-x'))
    t.deepEqual(files(disk), { '/d/file': 'abcdef-x' })
  }
})

test('leaving its block without a commit changes nothing, and what is no content is refused', async (t) => {
  const { disk, open } = setup()
  {
    await using file = await open()
    await file.write('half')
    for (const wrong of [5, null, ['text'], { length: 1 }])
      await t.throwsAsync(file.write(wrong as never), { code: 'ERR_USAGE' })
    for (const position of [-1, 0.5, null, Number.NaN])
      await t.throwsAsync(file.write('x', position as never), { code: 'ERR_USAGE' })
    await t.throwsAsync(file.write('\ud800'), { code: 'ERR_USAGE' })
    await file.write('!')
  }
  t.deepEqual(files(disk), { '/d/file': 'old' })
  t.deepEqual(disk.openHandles(), [])
})
