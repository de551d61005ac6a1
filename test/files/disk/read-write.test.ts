import test from 'ava'
import fc from 'fast-check'
import { errorCode, type FileSystem, OPEN, readFully, writeFully } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'

const codeOf = (promise: Promise<unknown>) => promise.then(() => 'done', errorCode)

test('whatever a write takes at once, all arrives, in order', async (t) => {
  const pieces = fc.array(fc.uint8Array({ maxLength: 20 }), { maxLength: 8 })
  const whole = fc.asyncProperty(
    pieces,
    fc.array(fc.integer({ min: 1, max: 15 })),
    fc.nat(9),
    async (buffers, shorts, position) => {
      const disk = new MemoryDisk()
      const fd = await disk.open('/f', OPEN.create)
      for (const short of shorts) disk.fail({ call: 'write', short })
      await writeFully(disk, fd, buffers, position)
      const written = Buffer.concat(buffers)
      const expected = written.length === 0 ? written : Buffer.concat([Buffer.alloc(position), written])
      const back = Buffer.alloc(expected.length + 5)
      for (const short of shorts) disk.fail({ call: 'read', short })
      const got = await readFully(disk, fd, back, 0)
      return back.subarray(0, got).equals(expected)
    },
  )
  await t.notThrowsAsync(fc.assert(whole))
})

test('a write that takes nothing means that the disk is full', async (t) => {
  const fs: FileSystem = Object.create(new MemoryDisk(), {
    write: {
      value: (_fd: number, _buffers: readonly Uint8Array[], position: number) =>
        Promise.resolve(position < 8 ? 3 : 0),
    },
  })
  const error = await t.throwsAsync(writeFully(fs, 1, [Buffer.alloc(6), Buffer.alloc(6)], 2), {
    code: 'ENOSPC',
  })
  t.regex(error!.message, /6 of 12 bytes were taken at position 2/)
})

test('a call that was only disturbed is done again, but not for ever', async (t) => {
  for (const error of ['EINTR', 'EAGAIN']) {
    const disk = new MemoryDisk()
    const fd = await disk.open('/f', OPEN.create)
    for (let i = 0; i < 5; i++) disk.fail({ call: 'write', error })
    await writeFully(disk, fd, [Buffer.from('text')], 0)
    for (let i = 0; i < 5; i++) disk.fail({ call: 'read', error })
    const back = Buffer.alloc(4)
    t.is(await readFully(disk, fd, back, 0), 4)
    t.is(back.toString(), 'text')
    disk.fail({ call: 'write', error, once: false })
    t.is(await codeOf(writeFully(disk, fd, [back], 0)), error)
  }
})
