import { diskError, errorCode, SystemError } from './disk-error.js'
import { type FileStats, type FileSystem, OPEN, openRegular, sameInode } from './fs.js'
import type { Folders } from './part-options.js'
import type { Durability } from './publish.js'

/** What a system says when it certainly made no file. */
const REFUSALS = new Set(
  'EEXIST EACCES EPERM EROFS ENOSPC EDQUOT EMFILE ENFILE ENOENT ENOTDIR ELOOP ENAMETOOLONG EINVAL'.split(' '),
)

/** Whether a failed exclusive open certainly made no file: of a failing disk nobody knows. */
export function isRefusal(error: unknown): boolean {
  return REFUSALS.has(errorCode(error) ?? '')
}

/**
 * Opens a part that stands there: a regular file with one name, and the one that it was, where that is known. A planted
 * file, or one that would be written under its second name too, is refused.
 */
export async function openAgain(fs: FileSystem, path: string, known: FileStats | undefined): Promise<number> {
  const { fd, stats } = await openRegular(fs, path, OPEN.update)
  if (stats.nlink === 1 && (!known || sameInode(stats, known))) return fd
  await fs.close(fd)
  throw new SystemError('EBUSY', 'open', 'it was exchanged meanwhile')
}

/** Removes a part; that it is gone already is fine. */
export async function removePart(
  folders: Folders,
  folder: string,
  name: string,
  durability: Durability,
): Promise<void> {
  try {
    const directory = await folders.directory(folder)
    try {
      await folders.fs.unlink(directory.at(name))
      if (durability === 'power') await directory.sync()
    } finally {
      directory.release()
    }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT')
      throw diskError(error, 'remove', folder === '' ? name : `${folder}/${name}`)
  }
}
