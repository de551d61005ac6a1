import type { FileSystem } from '../../lib/files/disk/fs.js'
import type { MemoryDisk } from '../../lib/testing/disk/memory-disk.js'
import { systemError } from '../../lib/testing/disk/memory-inode.js'
import { asAnotherProcess } from './as-another-process.js'

/** The same disk, on which `/t` is another file system. */
export function twoDisks(disk: MemoryDisk): FileSystem {
  const isThere = (path: string) => path.startsWith('/t/')
  const within = (call: 'rename' | 'link') => async (from: string, to: string) => {
    if (isThere(from) !== isThere(to)) throw systemError('EXDEV', call)
    return disk[call](from, to)
  }
  return asAnotherProcess(disk, { rename: within('rename'), link: within('link') })
}
