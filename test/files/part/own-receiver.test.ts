import { spawn } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import test from 'ava'
import { collectLeftovers, OPEN, PartFile, type PartFileOptions, Tree } from '../../../lib/files/index.js'
import { processSystem } from '../../../lib/files/own/owner.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { temporary } from '../../helpers/folders.js'
import { contentFrom, PIECE } from '../../helpers/part-content.js'

// What a receiver of one's own stands on: a part that completes by itself, knows its digest, and goes on after a break.

const CHILD = fileURLToPath(new URL('../../helpers/part-child.js', import.meta.url))

const CONTENT = randomBytes(50_000)
const DIGEST = createHash('sha256').update(CONTENT).digest()

/** A disk that counts the bytes that are read of files. */
class CountingDisk extends MemoryDisk {
  bytesRead = 0

  override async read(...args: Parameters<MemoryDisk['read']>): Promise<number> {
    const got = await super.read(...args)
    this.bytesRead += got
    return got
  }
}

function memory(): CountingDisk {
  const disk = new CountingDisk()
  disk.putFolder('/d')
  return disk
}

/** The bytes that are read of files while `act` runs. */
async function readBy(disk: CountingDisk, act: () => Promise<unknown>): Promise<number> {
  const before = disk.bytesRead
  await act()
  return disk.bytesRead - before
}

/** Changes what stands in a file, which stays the same one. */
async function change(fs: MemoryDisk, path: string): Promise<void> {
  const fd = await fs.open(path, OPEN.update)
  await fs.write(fd, [Buffer.alloc(1000)], 0)
  await fs.close(fd)
}

const open = (fs: MemoryDisk, options: PartFileOptions = {}) =>
  PartFile.open('/d/in/a', { fs, size: CONTENT.length, ...options })

test('with a size it completes by itself, with the write that brings the last byte, in any order', async (t) => {
  const fs = memory()
  await using part = await open(fs, { expected: DIGEST })
  await part.write(10_000, CONTENT.subarray(10_000))
  t.is(part.published, undefined)
  t.is(part.position, 0)
  await part.write(0, CONTENT.subarray(0, 10_000))
  t.like(part.published, { how: 'created', name: 'a' })
  t.true(fs.snapshot().get('/d/in/a')!.equals(CONTENT))
  t.false(part.exists)
  await t.throwsAsync(part.write(0, CONTENT), { code: 'ERR_STATE', message: /complete/ })
})

test('it completes once, whichever of several writes at the same time was the last', async (t) => {
  const fs = memory()
  await using part = await open(fs, { expected: DIGEST })
  const starts = Array.from({ length: 5 }, (_, n) => n * 10_000)
  await Promise.all(starts.map((start) => part.write(start, CONTENT.subarray(start, start + 10_000))))
  t.like(part.published, { how: 'created' })
  t.deepEqual(fs.list(), ['/d/', '/d/in/', '/d/in/a'])
})

test('a file of no bytes is complete when it is opened', async (t) => {
  const fs = memory()
  await using part = await open(fs, { size: 0 })
  t.like(part.published, { how: 'created', name: 'a' })
  t.deepEqual(fs.list(), ['/d/', '/d/in/', '/d/in/a'])
  const expected = DIGEST
  await t.throwsAsync(PartFile.open('/d/b', { fs, size: 0, expected }), { code: 'ERR_DIGEST' })
  t.false(fs.list().includes('/d/b'))
})

test('bytes beyond the size are refused before anything is written, and a part with gaps gets no name', async (t) => {
  const fs = memory()
  await using part = await open(fs, { size: 10 })
  for (const [position, length] of [
    [0, 11],
    [9, 2],
    [10, 1],
  ] as const)
    await t.throwsAsync(part.write(position, Buffer.alloc(length)), {
      code: 'ERR_USAGE',
      message: /size of 10/,
    })
  await part.write(4, Buffer.alloc(6))
  await t.throwsAsync(part.complete(), { code: 'ERR_STATE', message: /^4 of the 10 bytes of a are missing/ })
  t.is(part.position, 0)
  await part.write(0, Buffer.alloc(4))
  t.truthy(part.published)
})

test('the folders above are made, below a tree too, unless that is switched off', async (t) => {
  const fs = memory()
  await using part = await PartFile.open('/d/x/y/z', { fs, durability: 'power' })
  await part.write(0, CONTENT)
  await part.complete()
  const tree = await Tree.open('/d', { fs })
  await using below = await PartFile.open({ tree, path: 'u/v/w' }, { durability: 'power' })
  await below.write(0, CONTENT)
  await below.complete()
  t.deepEqual(
    fs.list().filter((path) => !path.endsWith('/')),
    ['/d/u/v/w', '/d/x/y/z'],
  )
  const refused = { code: 'ERR_WRITE', message: /ENOENT/ }
  await t.throwsAsync(PartFile.open('/d/none/a', { fs, makeParents: false }), refused)
  await t.throwsAsync(PartFile.open({ tree, path: 'none/a' }, { makeParents: false }), refused)
  await tree.close()
})

test('the digest is there without reading back what came in order', async (t) => {
  const fs = memory()
  await using part = await open(fs, { size: CONTENT.length + 1 })
  const read = await readBy(fs, async () => {
    for (let at = 0; at < CONTENT.length; at += 7_000) await part.write(at, CONTENT.subarray(at, at + 7_000))
    t.deepEqual(await part.digest(), DIGEST)
    t.deepEqual(await part.digest(), DIGEST)
    t.deepEqual(part.prefix, { offset: CONTENT.length, digest: DIGEST.toString('hex') })
  })
  t.is(read, 0)
})

test('of what came in another order only the rest is read back, once', async (t) => {
  const fs = memory()
  await using part = await open(fs, { size: CONTENT.length + 1 })
  await part.write(30_000, CONTENT.subarray(30_000))
  await part.write(0, CONTENT.subarray(0, 30_000))
  t.is(await readBy(fs, async () => t.deepEqual(await part.digest(), DIGEST)), 20_000)
  t.is(await readBy(fs, async () => t.deepEqual(await part.digest(), DIGEST)), 0)
})

test('the digest is that of the disk also where bytes were written anew, or a write failed', async (t) => {
  for (const fails of [true, false]) {
    const fs = memory()
    await using part = await open(fs, { size: CONTENT.length + 1 })
    await part.write(0, CONTENT)
    if (fails) {
      // half of it is written, and then the disk fails
      fs.fail({ call: 'write', short: 50 })
      fs.fail({ call: 'write', error: 'EIO', nth: 2 })
      await t.throwsAsync(part.write(1000, Buffer.alloc(100)), { code: 'ERR_WRITE' })
      t.is(part.position, 1000)
    } else await part.write(1000, Buffer.alloc(100))
    const stands = fs.snapshot().get('/d/in/a.part')!
    t.false(stands.equals(CONTENT))
    t.deepEqual(await part.digest(), createHash('sha256').update(stands).digest())
  }
})

test('content that is not the expected one gets no name: the part is reset, and after three times removed', async (t) => {
  const fs = memory()
  await using part = await open(fs, { expected: DIGEST.toString('hex').toUpperCase() })
  const wrong = Buffer.from(CONTENT)
  wrong[49_999]! ^= 1
  for (const message of [/reset.*\(2 more/, /reset.*\(1 more/, /came 3 times/]) {
    t.is(part.position, 0)
    const error = await t.throwsAsync(part.write(0, wrong), { code: 'ERR_DIGEST', message })
    t.like(error, { expected: DIGEST.toString('hex'), path: 'a' })
    t.false(fs.list().includes('/d/in/a'))
  }
  await t.throwsAsync(part.write(0, CONTENT), { code: 'ERR_STATE' })
  t.deepEqual(fs.list(), ['/d/', '/d/in/'])

  await using again = await open(fs, { expected: DIGEST })
  await t.throwsAsync(again.write(0, wrong), { code: 'ERR_DIGEST' })
  await again.write(0, CONTENT)
  t.truthy(again.published)
})

test('the algorithm can be another one, and what is no digest is refused at once', async (t) => {
  const fs = memory()
  const expected = createHash('sha1').update(CONTENT).digest()
  await using part = await open(fs, { expected, algorithm: 'sha1' })
  await part.write(0, CONTENT)
  t.truthy(part.published)
  for (const wrong of ['', 'zz', DIGEST.subarray(1), 'ab'.repeat(31), null, 5])
    await t.throwsAsync(open(fs, { expected: wrong as never }), { code: 'ERR_USAGE', message: /32 bytes/ })
  await t.throwsAsync(open(fs, { algorithm: 'sha257' }), { code: 'ERR_UNSUPPORTED' })
  // what a transfer has beside those of node:crypto is not offered here
  const { message } = await t.throwsAsync(open(fs, { algorithm: 'blake3' }), { code: 'ERR_UNSUPPORTED' })
  t.notRegex(message.replace('algorithm blake3 is', ''), /blake3|blocks/)
  await t.throwsAsync(open(fs, { attempts: 0 }), { code: 'ERR_USAGE' })
  await t.throwsAsync(open(fs, { journal: true, offset: 0 }), { code: 'ERR_USAGE', message: /one of/ })
})

test('by a prefix that was stored it goes on where it stands, and only there', async (t) => {
  const fs = memory()
  const first = await open(fs)
  await first.write(0, CONTENT.subarray(0, 20_000))
  const { prefix } = first
  // what came after the prefix was stored is cut off
  await first.write(20_000, Buffer.alloc(1000))
  await first.close()
  await using part = await open(fs, { prefix, expected: DIGEST })
  t.is(part.position, 20_000)
  t.is(part.partName, 'a.part')
  t.is(
    await readBy(fs, () => part.write(20_000, CONTENT.subarray(20_000))),
    0,
    'what was proved is in the digest',
  )
  t.true(fs.snapshot().get('/d/in/a')!.equals(CONTENT))
})

test('a prefix that does not stand there is not believed: a new part begins, the other file stays', async (t) => {
  for (const damage of ['changed', 'shorter', 'gone', 'a link'] as const) {
    const fs = memory()
    const first = await open(fs)
    await first.write(0, CONTENT.subarray(0, 20_000))
    const { prefix } = first
    await first.close()
    fs.put('/d/in/other', CONTENT.subarray(0, 20_000))
    if (damage !== 'changed') fs.remove('/d/in/a.part')
    if (damage === 'changed' || damage === 'shorter')
      fs.put('/d/in/a.part', damage === 'shorter' ? CONTENT.subarray(0, 19_999) : Buffer.alloc(20_000))
    if (damage === 'a link') fs.putLink('/d/in/a.part', '/d/in/other')
    const before = fs.snapshot()
    await using part = await open(fs, { prefix, expected: DIGEST })
    t.is(part.position, 0, damage)
    t.is(part.partName, damage === 'gone' ? 'a.part' : 'a.1.part', damage)
    await part.write(0, CONTENT)
    t.truthy(part.published)
    for (const [path, content] of before)
      t.true(fs.snapshot().get(path)!.equals(content), `${damage}: ${path}`)
  }
})

test('with a journal the next call finds the part by itself, proves it and goes on', async (t) => {
  const fs = memory()
  const options = { expected: DIGEST, journal: true, mtime: 1_600_000_000 }
  const first = await open(fs, options)
  await first.write(0, CONTENT.subarray(0, 20_000))
  t.deepEqual(fs.list().filter((path) => path.includes('journal')).length, 1)
  await first.close()
  await t.throwsAsync(first.write(20_000, CONTENT.subarray(20_000)), { code: 'ERR_STATE' })
  const second = await open(fs, options)
  t.is(second.position, 20_000)
  await second.write(20_000, CONTENT.subarray(20_000, 40_000))
  await second.close()
  await using third = await open(fs, options)
  t.is(third.position, 40_000)
  t.is(await readBy(fs, () => third.write(40_000, CONTENT.subarray(40_000))), 0)
  t.truthy(third.published)
  await third.close()
  t.deepEqual(fs.list(), ['/d/', '/d/in/', '/d/in/a'])
  t.deepEqual(fs.openHandles(), [])
})

test('with a journal, what was found whole gets its name at once, and what is wrong comes again', async (t) => {
  for (const isRight of [true, false]) {
    const fs = memory()
    const first = await open(fs, { size: CONTENT.length, journal: true, expected: DIGEST })
    fs.hook = ({ call }) => {
      if (call === 'link') throw Object.assign(new Error('EIO'), { code: 'EIO' })
    }
    await t.throwsAsync(first.write(0, CONTENT), { code: 'ERR_WRITE' })
    fs.hook = undefined
    await first.close()
    if (!isRight) await change(fs, '/d/in/a.part')
    await using second = await open(fs, { journal: true, expected: DIGEST })
    t.is(second.position, isRight ? CONTENT.length : 0)
    if (!isRight) await second.write(0, CONTENT)
    t.truthy(second.published)
    t.true(fs.snapshot().get('/d/in/a')!.equals(CONTENT))
  }
})

test('a journal of other content, or a part that was changed since, is begun anew', async (t) => {
  for (const other of [{ size: 40_000 }, { mtime: 5 }, { expected: Buffer.alloc(32) }, 'changed'] as const) {
    const fs = memory()
    const first = await open(fs, { journal: true })
    await first.write(0, CONTENT.subarray(0, 20_000))
    await first.close()
    if (other === 'changed') await change(fs, '/d/in/a.part')
    const second = await open(fs, { journal: true, ...(other === 'changed' ? {} : other) })
    t.is(second.position, 0)
    t.is(await second.size(), 0)
    await second.discard()
    t.deepEqual(fs.list(), ['/d/', '/d/in/'])
  }
})

test('the part of a process that lives is left alone, and nobody keeps one of which nothing is left', async (t) => {
  const fs = memory()
  const first = await open(fs, { journal: true })
  await first.write(0, CONTENT.subarray(0, 1000))
  const second = await open(fs, { journal: true })
  t.is(second.partName, 'a.1.part')
  t.is(second.position, 0)
  await second.discard()
  await first.discard()
  t.deepEqual(fs.list(), ['/d/', '/d/in/'])
  t.deepEqual(fs.openHandles(), [])
})

test('of several parts in one folder each is found by its own name, and the others stay', async (t) => {
  const fs = memory()
  for (const name of ['a', 'b', 'c']) {
    const part = await PartFile.open(`/d/${name}`, { fs, journal: true })
    await part.write(0, Buffer.from(`of ${name}`))
    await part.close()
  }
  const part = await PartFile.open('/d/b', { fs, journal: true })
  t.is(part.position, 4)
  await part.complete()
  await part.close()
  const tree = await Tree.open('/d', { fs })
  const left = await collectLeftovers(tree)
  t.deepEqual(
    left
      .filter(({ state }) => state === 'part')
      .map(({ path }) => path)
      .sort(),
    ['a.part', 'c.part'],
  )
  await tree.close()
  t.deepEqual(fs.list(), ['/d/', '/d/b'])
})

test('no call of the disk that fails while a part is taken over loses what the others know', async (t) => {
  const begin = async () => {
    const fs = memory()
    for (const name of ['a', 'b']) {
      const part = await PartFile.open(`/d/${name}`, { fs, journal: true })
      await part.write(0, CONTENT)
      await part.close()
    }
    return fs
  }
  let struck = true
  for (let nth = 1; struck; nth++) {
    const fs = await begin()
    const before = fs.calls
    fs.fail({ call: '*', nth, error: 'EIO' })
    const part = await PartFile.open('/d/a', { fs, journal: true }).catch(() => undefined)
    struck = fs.calls - before >= nth
    fs.heal()
    await part?.close()
    t.deepEqual(fs.openHandles(), [], `call ${nth}`)
    const tree = await Tree.open('/d', { fs })
    // as a later process
    await collectLeftovers(tree, { system: { ...processSystem, pid: 1, isAlive: () => false } })
    await tree.close()
    t.deepEqual(fs.list(), ['/d/'], `call ${nth}`)
  }
})

test('with a journal each part costs as much as the others, however many are open or were left', async (t) => {
  const cost = async (count: number) => {
    const fs = memory()
    const openAll = () =>
      Promise.all(Array.from({ length: count }, (_, i) => PartFile.open(`/d/${i}`, { fs, journal: true })))
    const first = await openAll()
    const opened = fs.calls
    await Promise.all(first.map((part) => part.write(0, Buffer.from('x'))))
    for (const part of first) await part.close()
    const closed = fs.calls
    for (const part of await openAll()) {
      t.is(part.position, 1)
      await part.close()
    }
    return [opened, fs.calls - closed] as const
  }
  const [few, fewAgain] = await cost(20)
  const [many, manyAgain] = await cost(80)
  t.true(many < 4.4 * few, `${few} calls for 20, ${many} for 80`)
  t.true(manyAgain < 4.4 * fewAgain, `${fewAgain} calls to go on with 20, ${manyAgain} with 80`)
})

test('parts in one folder hold two handles together and one each, at most, beside the budget', async (t) => {
  const fs = memory()
  const parts: PartFile[] = []
  for (let i = 0; i < 100; i++) parts.push(await PartFile.open(`/d/${i}`, { fs, journal: true }))
  const budget = 64
  t.true(fs.openHandles().length <= 2 + 100 + budget, `${fs.openHandles().length}`)
  t.is(fs.openHandles().filter((path) => path === '/d').length, 1)
  for (const part of parts) await part.discard()
  t.deepEqual(fs.openHandles(), [])
})

test('a folder that takes the place of one with parts in it gets parts of its own', async (t) => {
  const fs = memory()
  const first = await PartFile.open('/d/in/a', { fs, size: 1 })
  await fs.rename('/d/in', '/d/old')
  const second = await PartFile.open('/d/in/a', { fs, size: 1 })
  await first.write(0, Buffer.from('1'))
  await second.write(0, Buffer.from('2'))
  t.deepEqual([`${fs.snapshot().get('/d/old/a')}`, `${fs.snapshot().get('/d/in/a')}`], ['1', '2'])
  await first.close()
  await second.close()
  t.deepEqual(fs.openHandles(), [])
})

test('a process that is killed loses no more than what it wrote last', async (t) => {
  const dir = await temporary(t)
  const size = 6 * PIECE + 5
  const hasher = createHash('sha256')
  for (let at = 0; at < size; at += PIECE) hasher.update(contentFrom(at, size))
  const expected = hasher.digest('hex')
  const path = join(dir, 'in/a')
  for (const pieces of [2, 3, 5]) {
    const args = [CHILD, path, String(size), expected, String(pieces * PIECE)]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
    t.teardown(() => child.kill('SIGKILL'))
    await once(child.stdout, 'data')
    child.kill('SIGKILL')
    await once(child, 'exit')
    await using part = await PartFile.open(path, { size, expected, journal: true })
    t.is(part.position, pieces * PIECE)
  }
  await using part = await PartFile.open(path, { size, expected, journal: true })
  while (!part.published) await part.write(part.position, contentFrom(part.position, size))
  await part.close()
  t.deepEqual(await readdir(join(dir, 'in')), ['a'])
})

test('after a power cut the folders that were made are there with the file', async (t) => {
  const fs = new MemoryDisk({ crashes: true })
  fs.putFolder('/d')
  fs.syncAll()
  const tree = await Tree.open('/d', { fs })
  await using part = await PartFile.open({ tree, path: 'u/v/w' }, { durability: 'power', size: 3 })
  await part.write(0, Buffer.from('abc'))
  for (let seed = 0; seed < 20; seed++) t.is(`${fs.crash(seed).snapshot().get('/d/u/v/w')}`, 'abc', `${seed}`)
  await tree.close()
})

test('whatever is called at the same time has its turn: what gets the name is what was digested', async (t) => {
  const other = randomBytes(CONTENT.length)
  for (const act of [
    (part: PartFile) => [part.reset(), part.complete()],
    (part: PartFile) => [part.complete(), part.reset()],
    (part: PartFile) => [part.write(0, other), part.complete()],
    (part: PartFile) => [part.write(0, other), part.write(0, CONTENT), part.complete()],
    (part: PartFile) => [part.write(0, [CONTENT, CONTENT]), part.reset(), part.complete()],
    (part: PartFile) => [part.complete(), part.close()],
    (part: PartFile) => [part.complete(), part.discard()],
  ]) {
    const disk = memory()
    const part = await PartFile.open('/d/f', { fs: disk, expected: DIGEST })
    await part.write(0, CONTENT)
    const results = await Promise.allSettled(act(part))
    for (const one of results)
      if (one.status === 'rejected') t.regex(one.reason.code, /^ERR_(STATE|DIGEST)$/, `${act}`)
    const found = disk.snapshot().get('/d/f')
    if (found) t.deepEqual(found, CONTENT, `${act}`)
    t.is(found !== undefined, part.published !== undefined, `${act}`)
    await part.close()
  }
})

test('the prefix is one that a later process can prove, also while bytes are written', async (t) => {
  const part = await PartFile.open('/d/f', { fs: memory() })
  const large = Buffer.alloc(3 << 20, 'x')
  const writing = part.write(0, large)
  let isOver = false
  writing.finally(() => {
    isOver = true
  })
  while (!isOver) {
    const { offset, digest } = part.prefix
    t.is(digest, createHash('sha256').update(large.subarray(0, offset)).digest('hex'))
    await new Promise(setImmediate)
  }
  t.is(part.prefix.offset, large.length)
  await part.close()
})

test('without a size, too, a part with a gap gets no name; nor is an offset beyond the size believed', async (t) => {
  const disk = memory()
  const part = await PartFile.open('/d/f', { fs: disk })
  await part.write(5, Buffer.from('tail'))
  await t.throwsAsync(part.complete(), { code: 'ERR_STATE', message: /5 of the 9 bytes/ })
  await part.write(0, Buffer.from('12345'))
  await part.complete()
  t.is(disk.snapshot().get('/d/f')?.toString(), '12345tail')
  await t.throwsAsync(PartFile.open('/d/g', { fs: disk, size: 50, offset: 100 }), { code: 'ERR_USAGE' })
})

test('a part that belongs to another user is not gone on with: its owner could exchange what was proved', async (t) => {
  const disk = memory()
  disk.put('/d/f.part', CONTENT)
  Object.defineProperty(disk, 'user', { value: () => 4711 })
  const prefix = { offset: CONTENT.length, digest: DIGEST.toString('hex') }
  const part = await PartFile.open('/d/f', { fs: disk, prefix })
  t.is(part.position, 0)
  t.is(part.partName, 'f.1.part')
  await part.close()
  await t.throwsAsync(PartFile.open('/d/f', { fs: disk, partName: 'f.part', offset: 10 }), {
    code: 'ERR_PERMISSION',
  })
  t.is(disk.snapshot().get('/d/f.part')?.length, CONTENT.length)
})
