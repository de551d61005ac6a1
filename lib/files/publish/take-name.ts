import { errorCode } from '../disk/disk-error.js'
import { type FileStats, type FileSystem, OPEN } from '../disk/fs.js'
import { moveOver } from '../disk/move-file.js'
import { lstatIfThere, sameInode } from '../disk/stats.js'
import type { Directory } from '../tree/directory.js'

/** A finished file under its temporary name, on the way to its own. */
export interface TemporaryFile {
  fs: FileSystem
  directory: Directory
  temporary: string
}

/** What file systems without hard links say (FAT, exFAT, some mounts; EISDIR is what Windows makes of it). */
export const NO_LINKS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV', 'EISDIR'])

/**
 * Gives the file the name `name` if nothing has it, never by looking first. 'linked': it has both names now;
 * 'moved': only the new one; 'taken': something else has the name.
 */
export async function takeName(file: TemporaryFile, name: string): Promise<'linked' | 'moved' | 'taken'> {
  const { fs, directory, temporary } = file
  try {
    await fs.link(directory.at(temporary), directory.at(name))
    return 'linked'
  } catch (error) {
    const code = errorCode(error) ?? ''
    if (NO_LINKS.has(code)) return takeByPlaceholder(file, name)
    // also after an error the link may stand: an answer was lost, or an earlier run made it
    if (await hasBothNames(file, name).catch(() => false)) return 'linked'
    if (code === 'EEXIST') return 'taken'
    throw error
  }
}

/** Whether the temporary name and `name` are one file: what a crash between link and unlink leaves. */
export async function hasBothNames(
  { fs, directory, temporary }: TemporaryFile,
  name: string,
): Promise<boolean> {
  const ours = await lstatIfThere(fs, directory.at(temporary))
  if (!ours?.isFile()) return false
  const theirs = await lstatIfThere(fs, directory.at(name))
  return theirs !== undefined && sameInode(ours, theirs)
}

/**
 * Without hard links: an empty file takes the name exclusively, then the temporary one is renamed over it, if it is
 * still ours. Between the last look and the rename somebody else's file could be lost, and a crash in between leaves
 * the empty file: no call of these systems is better.
 */
async function takeByPlaceholder(file: TemporaryFile, name: string): Promise<'moved' | 'taken'> {
  const { fs, directory, temporary } = file
  const path = directory.at(name)
  let fd: number
  try {
    fd = await fs.open(path, OPEN.create, 0o600)
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return 'taken'
    throw error
  }
  let placeholder: FileStats | undefined
  const isOurs = async () => {
    const now = await lstatIfThere(fs, path)
    return placeholder !== undefined && now?.size === 0 && sameInode(placeholder, now)
  }
  try {
    try {
      // asked twice: an empty file that cannot be recognized cannot be removed either
      placeholder = await fs.fstat(fd).catch(() => fs.fstat(fd))
    } finally {
      await fs.close(fd)
    }
    if (!(await isOurs())) return 'taken'
    await moveOver(fs, directory.at(temporary), path)
    return 'moved'
  } catch (error) {
    if (await isOurs().catch(() => false)) await fs.unlink(path).catch(() => {})
    throw error
  }
}
