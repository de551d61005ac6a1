import { SystemError } from '../../../files/disk/disk-error.js'
import type { FileStats, FileSystem } from '../../../files/disk/fs.js'
import { nameOf, parentOf } from '../../../files/disk/names.js'
import { openRegular } from '../../../files/disk/open-regular.js'
import { readFully } from '../../../files/disk/read-write.js'
import { lstatIfThere, sameInode } from '../../../files/disk/stats.js'
import { isReservedName } from '../../../files/own/reserved.js'
import type { HandleBudget } from '../../../files/tree/handle-budget.js'
import type { OpenFolder } from '../../../files/tree/tree.js'
import type { Entry } from '../../../wire/entry.js'
import type { Basis, OpenBasis } from '../../claim.js'

/** What is used of a store. */
interface Place {
  fs: FileSystem
  handles: HandleBudget
  within<T>(path: string, work: (folder: OpenFolder) => Promise<T>): Promise<T>
}

/** The older version of a file: what stands under its name, if that is a file. What cannot be looked at is none. */
export async function findBasis(store: Place, { path }: Entry): Promise<Basis | undefined> {
  // what has such a name is stored under another one
  if (path.split('/').some(isReservedName)) return undefined
  const within = <T>(work: (folder: OpenFolder) => Promise<T>) => store.within(parentOf(path), work)
  const look = (folder: OpenFolder) => lstatIfThere(store.fs, folder.at(nameOf(path)))
  const stats = await within(look).catch(() => undefined)
  if (!stats?.isFile()) return undefined
  const open = () => within((folder) => openBasis(store, folder.at(nameOf(path)), stats))
  return { size: stats.size, open }
}

/** What changes while it is read does no harm: each chunk of it is compared. */
async function openBasis({ fs, handles }: Place, path: string, stats: FileStats): Promise<OpenBasis> {
  const { fd, stats: now } = await handles.retry(() => openRegular(fs, path))
  const close = () => fs.close(fd)
  if (!sameInode(now, stats)) {
    await close()
    throw new SystemError('EBUSY', 'open', 'another file has its name by now')
  }
  return {
    close,
    async read(position, into) {
      const found = await readFully(fs, fd, into, position)
      if (found < into.length)
        throw new SystemError('EIO', 'read', `${found} of ${into.length} bytes stand at ${position}`)
    },
  }
}
