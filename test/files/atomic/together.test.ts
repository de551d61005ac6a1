import test from 'ava'
import { writeFileAtomic } from '../../../lib/files/index.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'

const COUNT = 200

test('of many writes at once 64 are under way, and the first is synced when the system has been asked to write all of these', async (t) => {
  const disk = new MemoryDisk()
  disk.putFolder('/d')
  /** Files by the last call on each: `open` is that of the handle that is closed so that the system begins to write. */
  const filled = new Set<string>()
  let beforeSync: number | undefined
  let most = 0
  disk.hook = ({ call, path }) => {
    most = Math.max(most, new Set(disk.openHandles()).size)
    if (call === 'close') filled.add(path)
    if (call === 'fsync' && path !== '/d') beforeSync ??= filled.size
  }
  await Promise.all(Array.from({ length: COUNT }, (_, i) => writeFileAtomic(`/d/${i}`, `${i}`, { fs: disk })))
  t.is(beforeSync, 64)
  t.true(most <= 65, `${most}: the files and their folder`)
  for (let i = 0; i < COUNT; i++) t.is(disk.snapshot().get(`/d/${i}`)?.toString(), `${i}`)
})
