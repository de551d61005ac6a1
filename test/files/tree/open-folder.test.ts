import test from 'ava'
import { Folder } from '../../../lib/files/tree/open-folder.js'
import { MemoryDisk } from '../../../lib/testing/disk/memory-disk.js'

/** Notes which handles are synced. */
class NotingDisk extends MemoryDisk {
  readonly synced: number[] = []

  override fsync(fd: number) {
    this.synced.push(fd)
    return super.fsync(fd)
  }
}

test('a folder that has a handle of its own is synced by it, and so is one that was entered', async (t) => {
  const fs = new NotingDisk()
  fs.putFolder('/a/b')
  const outer = await Folder.openReal(fs, '/a')
  const inner = await outer.enter('b')
  await outer.sync()
  await inner.sync()
  t.deepEqual(fs.synced, [outer.fd, inner.fd])
  await Promise.all([outer.close(), inner.close()])
})
