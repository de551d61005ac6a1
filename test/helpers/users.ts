import { OPEN } from '../../lib/files/index.js'
import type { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'

/** Gives a file or folder on a disk in memory to another user; ours is 0. */
export async function giveTo(disk: MemoryDisk, path: string, uid: number): Promise<void> {
  const fd = await disk.open(path, OPEN.anyFile)
  await disk.fchown(fd, uid, uid)
  await disk.close(fd)
}
