import { printable, SluiceError } from '../../errors.js'
import type { FileStats, FileSystem } from '../disk/fs.js'
import { isOfUser, lstatIfThere } from '../disk/stats.js'

/**
 * Told of what has a name of ours and belongs to another user. It is not read: whoever wrote it could have us change
 * and remove our own files.
 */
export type PassOver = (warning: SluiceError) => void

/** What {@link PassOver} is told. */
export function entryOfAnother(path: string, uid: number): SluiceError {
  const message = `${printable(path)} belongs to another user (${uid}), and is passed over; only that user can end what it stands for`
  return new SluiceError('ERR_PERMISSION', message, { path })
}

/**
 * Tells whether what stands beside a file under a name of ours, such as a backup or a rotated file, was made by
 * somebody who could have replaced the file as well: by this user, or by the owner of the file or of the folder.
 * Anybody else may have planted it. Throws system errors.
 * @param folder the folder that all is in
 * @param files the paths of the file, and of what is known to be kept of it
 */
export async function judgeOf(
  fs: FileSystem,
  folder: FileStats,
  files: readonly string[],
): Promise<(stats: FileStats) => boolean> {
  if (fs.user?.() === undefined) return () => true
  const owners = new Set([folder.uid])
  for (const file of files) {
    const there = await lstatIfThere(fs, file)
    if (there) owners.add(there.uid)
  }
  return (stats) => isOfUser(fs, stats) || owners.has(stats.uid)
}
