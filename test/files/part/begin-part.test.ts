import test, { type ExecutionContext } from 'ava'
import { PartFile, Tree } from '../../../lib/files/index.js'
import { Journal } from '../../../lib/files/journal/journal.js'
import { LEASE } from '../../../lib/files/own/lease.js'
import { thisOwner } from '../../../lib/files/own/owner.js'
import { FakeClock, MemoryDisk } from '../../../lib/testing/index.js'

// A part is gone on with that a process left which cannot be looked at.

/** Whoever watches has watched for long at its second look. To be used in serial tests. */
function hurryClock(t: ExecutionContext): void {
  const real = performance.now
  let now = 0
  performance.now = () => {
    now += LEASE
    return now
  }
  t.teardown(() => {
    performance.now = real
  })
}

test.serial(
  'a part that cannot be taken over stays as it is, holds nothing open, and is gone on with the next time',
  async (t) => {
    const disk = new MemoryDisk()
    disk.putFolder('/d')
    const tree = await Tree.open('/d', { fs: disk })
    const owner = { ...thisOwner(), host: 'elsewhere' }
    const renewals = new FakeClock()
    const left = await Journal.create(tree, 'part of a', { durability: 'crash', owner, renewals })
    await left.begin([{ path: 'a', size: 10, mtime: 1, part: 'a.part' }])
    disk.put('/d/a.part', 'abc')
    hurryClock(t)
    const open = () => PartFile.open('/d/a', { fs: disk, size: 10, mtime: 1, journal: true })
    const handles = disk.openHandles().length

    disk.fail({ call: 'rename', path: /sluice-tmp$/, error: 'EIO' })
    await t.throwsAsync(open(), { code: 'ERR_WRITE' })
    t.is(disk.openHandles().length, handles)
    t.is(disk.snapshot().get('/d/a.part')!.toString(), 'abc')
    t.is(disk.list().filter((path) => path.endsWith('.journal')).length, 1)

    disk.heal()
    const part = await open()
    t.deepEqual(
      disk.list().filter((path) => path.endsWith('.part')),
      ['/d/a.part'],
    )
    await part.write(0, Buffer.from('0123456789'))
    t.is(disk.snapshot().get('/d/a')!.toString(), '0123456789')
    await tree.close()
  },
)
