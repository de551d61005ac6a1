import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as later } from 'node:timers/promises'
import test from 'ava'
import { OPEN, type ReadOptions, readFileRetry } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'
import { FakeClock } from '../../../lib/testing/fake-clock.js'
import { randomContent } from '../../../lib/testing/splits.js'
import { temporary } from '../../helpers/folders.js'

function setup(content: string | Buffer = 'content') {
  const disk = new MemoryDisk()
  disk.put('/d/file', content)
  const clock = new FakeClock({ auto: true })
  const read = (options: ReadOptions = {}, path = '/d/file') =>
    readFileRetry(path, { fs: disk, clock, ...options, encoding: undefined })
  return { disk, clock, read }
}

test('a file of any size is read whole, through a disk that gives it in small parts', async (t) => {
  for (const size of [0, 1, 65_536, 300_000]) {
    const content = randomContent(size)
    const { disk, read } = setup(content)
    t.true((await read()).equals(content))
    disk.fail({ call: 'read', short: 7001, once: false })
    t.true((await read()).equals(content))
    t.deepEqual(disk.openHandles(), [])
  }
})

test('KNOWN-FAILURES 38: a file that does not exist fails at once, and nobody waits', async (t) => {
  const { disk, read } = setup()
  const clock = new FakeClock()
  await t.throwsAsync(read({ clock }, '/d/none'), { code: 'ERR_NO_SUCH_FILE' })
  for (const error of ['EACCES', 'EIO', 'EISDIR', 'ELOOP']) {
    disk.fail({ call: 'open', error })
    await t.throwsAsync(read({ clock }), { code: 'ERR_SOURCE_READ', message: new RegExp(error) })
  }
  disk.putPipe('/d/pipe')
  for (const path of ['/d', '/d/pipe'])
    await t.throwsAsync(read({ clock }, path), { code: 'ERR_SOURCE_READ' })
  t.is(clock.pending, 0)
  t.deepEqual(disk.openHandles(), [])
})

test('what can pass is tried again, each time after a longer wait, and not for ever', async (t) => {
  for (const error of ['EBUSY', 'EAGAIN', 'EINTR']) {
    const { disk, clock, read } = setup()
    for (let i = 0; i < 4; i++) disk.fail({ call: 'open', error })
    t.is(`${await read()}`, 'content')
    t.is(clock.now(), 20 + 40 + 80 + 160)
    disk.fail({ call: 'fstat', error, once: false })
    const began = clock.now()
    await t.throwsAsync(read({ attempts: 3, delay: 100, maxDelay: 150 }), { code: 'ERR_SOURCE_READ' })
    t.is(clock.now() - began, 250)
    t.deepEqual(disk.openHandles(), [])
  }
})

test('where there is no handle it is read once there is one', async (t) => {
  for (const error of ['EMFILE', 'ENFILE']) {
    const { disk, read } = setup()
    disk.fail({ call: 'open', error })
    t.is(`${await read()}`, 'content')
    t.deepEqual(disk.openHandles(), [])
  }
})

test('KNOWN-FAILURES 38: a file that changed while it was read is read again', async (t) => {
  const { disk, clock, read } = setup('one')
  let times = 2
  disk.hook = ({ call }) => {
    if (call === 'read' && times-- > 0) disk.put('/d/file', `changed ${times}`)
  }
  t.is(`${await read()}`, 'changed 0')
  disk.hook = undefined

  const growing = setup('one')
  let grows = 2
  growing.disk.delay = async ({ call }) => {
    if (call !== 'read' || grows-- <= 0) return
    const fd = await growing.disk.open('/d/file', 2)
    await growing.disk.write(fd, [Buffer.from('more')], grows * 3)
    await growing.disk.close(fd)
  }
  t.is(`${await growing.read()}`, 'moreore')
  t.true(growing.clock.now() > 0)

  const restless = setup('one')
  let time = 0
  restless.disk.delay = async ({ call }) => {
    if (call !== 'read') return
    const fd = await restless.disk.open('/d/file', 2)
    await restless.disk.futimes(fd, ++time, time)
    await restless.disk.close(fd)
  }
  await t.throwsAsync(restless.read({ attempts: 3 }), {
    code: 'ERR_SOURCE_CHANGED',
    message: /each of the 3/,
  })
  t.deepEqual(disk.openHandles(), [])
  t.is(clock.now(), 20)
})

test('what one long write has half done is not taken for content, although size and times stay', async (t) => {
  const size = 2_500_000
  for (const from of [0, 4096, 1_200_000]) {
    // the times of the file change at the beginning of the write, which was before
    const disk = new MemoryDisk({ now: () => 0 })
    disk.put('/d/file', Buffer.alloc(size, 'A'))
    disk.fail({ call: 'read', short: size / 2 })
    let reads = 0
    disk.delay = async ({ call }) => {
      if (call !== 'read' || ++reads !== 2) return
      // half of it was read, and half is to come
      const fd = await disk.open('/d/file', OPEN.update)
      await disk.write(fd, [Buffer.alloc(size - from, 'B')], from)
      await disk.close(fd)
    }
    const fs = disk
    await t.throwsAsync(readFileRetry('/d/file', { fs, attempts: 1 }), { code: 'ERR_SOURCE_CHANGED' })
    const found = await readFileRetry('/d/file', { fs, attempts: 1 })
    t.true(found.equals(disk.snapshot().get('/d/file')!))
  }
})

test('a writer that is stopped in the middle of one write is waited for, and what it had half done is not taken', async (t) => {
  const size = 300_000
  const [old, content] = [Buffer.alloc(size, 'A'), Buffer.alloc(size, 'B')]
  // as on a real disk: the times of the file change at the beginning of the write
  const time = Date.now() + 60_000
  const half = () => {
    const disk = new MemoryDisk({ now: () => time })
    disk.put('/d/file', Buffer.concat([content.subarray(0, size / 2), old.subarray(size / 2)]))
    return disk
  }
  /** The writer goes on when the clock is first asked to wait. */
  class Writing extends FakeClock {
    disk: MemoryDisk
    waits: number[] = []
    constructor(disk: MemoryDisk) {
      super({ auto: true })
      this.disk = disk
    }
    override after(ms: number, callback: () => void): () => void {
      this.waits.push(ms)
      if (this.waits.length > 1) return super.after(ms, callback)
      const write = async () => {
        const fd = await this.disk.open('/d/file', OPEN.update)
        await this.disk.write(fd, [content.subarray(size / 2)], size / 2)
        await this.disk.close(fd)
      }
      return super.after(ms, () => void write().then(callback))
    }
  }
  const once = new Writing(half())
  await t.throwsAsync(readFileRetry('/d/file', { fs: once.disk, clock: once, attempts: 1 }), {
    code: 'ERR_SOURCE_CHANGED',
    message: /try it again when it rests/,
  })
  const clock = new Writing(half())
  const found = await readFileRetry('/d/file', { fs: clock.disk, clock })
  t.true(found.equals(content))
  t.deepEqual(clock.waits, [200, 20, 200])
  t.deepEqual(clock.disk.openHandles(), [])

  // another file has the name by then
  const replaced = new MemoryDisk({ now: () => time })
  replaced.put('/d/file', old)
  replaced.put('/d/other', content)
  const renames = new FakeClock()
  const reading = readFileRetry('/d/file', { fs: replaced, clock: renames, attempts: 1 })
  while (renames.pending === 0) await later()
  t.deepEqual(replaced.openHandles(), [])
  await replaced.rename('/d/other', '/d/file')
  renames.advance(200)
  await t.throwsAsync(reading, { code: 'ERR_SOURCE_CHANGED' })

  // cancelled while it waits
  const stop = new AbortController()
  const still = new FakeClock()
  const stopped = readFileRetry('/d/file', {
    fs: half(),
    clock: still,
    attempts: 1,
    signal: stop.signal,
  })
  while (still.pending === 0) await later()
  stop.abort()
  await t.throwsAsync(stopped, { code: 'ERR_CANCELLED' })
})

test('nobody waits for a small file, an old one, or one that was renamed after it was written', async (t) => {
  const cases: Record<string, [size: number, age: number, renamed: boolean, waits: boolean]> = {
    small: [64 * 1024, 0, false, false],
    larger: [64 * 1024 + 1, 0, false, true],
    'a while ago': [100_000, 260, false, false],
    'large, a while ago': [20 << 20, 1000, false, true],
    'large, longer ago': [20 << 20, 2300, false, false],
    'in the future, by another clock': [100_000, -5000, false, true],
    renamed: [100_000, 0, true, false],
  }
  for (const [kind, [size, age, renamed, waits]] of Object.entries(cases)) {
    let time = Date.now() - age
    const disk = new MemoryDisk({ now: () => time })
    disk.put('/d/new', Buffer.alloc(size))
    if (renamed) time++
    await disk.rename('/d/new', '/d/file')
    const clock = new FakeClock({ auto: true })
    await readFileRetry('/d/file', { fs: disk, clock })
    t.is(clock.now() > 0, waits, kind)
    t.true(clock.now() <= 200, kind)
  }
})

test('a file that is too large is refused, also where it grows meanwhile', async (t) => {
  const { disk, read } = setup('12345')
  await t.throwsAsync(read({ maxBytes: 4 }), { code: 'ERR_LIMIT' })
  t.is(`${await read({ maxBytes: 5 })}`, '12345')
  disk.delay = async ({ call }) => {
    if (call !== 'read') return
    disk.delay = undefined
    const fd = await disk.open('/d/file', 2)
    await disk.write(fd, [Buffer.alloc(100_000)], 0)
    await disk.close(fd)
  }
  await t.throwsAsync(read({ maxBytes: 50_000 }), { code: 'ERR_LIMIT' })
  t.deepEqual(disk.openHandles(), [])
})

test('text is decoded, and bytes that are no text are refused', async (t) => {
  const { disk } = setup(Buffer.from([0xc3, 0xa4]))
  const read = (encoding: 'utf8' | 'latin1' | 'utf16le') => readFileRetry('/d/file', { fs: disk, encoding })
  t.is(await read('utf8'), 'ä')
  t.is(await read('latin1'), 'Ã¤')
  t.is(await read('utf16le'), '\ua4c3')
  disk.put('/d/file', Buffer.from([0xc3]))
  await t.throwsAsync(read('utf8'), { code: 'ERR_PARSE' })
  await t.throwsAsync(read('utf16le'), { code: 'ERR_PARSE' })
})

test('a signal ends the waiting', async (t) => {
  const { disk } = setup()
  const clock = new FakeClock()
  const stop = new AbortController()
  disk.fail({ call: 'open', error: 'EBUSY', once: false })
  const reading = readFileRetry('/d/file', { fs: disk, clock, signal: stop.signal })
  while (clock.pending === 0) await new Promise((resolve) => setImmediate(resolve))
  stop.abort()
  await t.throwsAsync(reading, { code: 'ERR_CANCELLED' })
  t.is(clock.pending, 0)
})

test('options that are wrong are refused', async (t) => {
  const { read } = setup()
  for (const [name, value] of Object.entries({
    attempts: 0,
    delay: -1,
    maxDelay: Number.NaN,
    maxBytes: 1.5,
  })) {
    const message = new RegExp(`^${name} must`)
    await t.throwsAsync(read({ [name]: value }), { code: 'ERR_USAGE', message })
  }
  await t.throwsAsync(read({}, ''), { code: 'ERR_USAGE' })
  await t.throwsAsync(readFileRetry('/x', { encoding: 'utf7' as 'utf8' }), { code: 'ERR_USAGE' })
})

test('on the real disk it is the same, also for what the system makes up', async (t) => {
  const path = join(await temporary(t), 'file')
  const content = randomContent(100_000)
  await writeFile(path, content)
  t.true((await readFileRetry(path)).equals(content))
  if (process.platform === 'linux')
    t.regex(await readFileRetry('/proc/self/status', { encoding: 'utf8' }), /^Name:/)
})
