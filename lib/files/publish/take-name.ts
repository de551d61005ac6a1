import { errorCode } from '../disk/disk-error.js'
import { type FileStats, type FileSystem, OPEN } from '../disk/fs.js'
import { moveOver } from '../disk/move-file.js'
import { checkStillWritten, lstatIfThere, sameInode, type WrittenFile } from '../disk/stats.js'
import type { OpenFolder } from '../tree/open-folder.js'

/** A finished file under its temporary name. */
export interface TemporaryFile {
  fs: FileSystem
  folder: OpenFolder
  temporary: string
  /** What was written under the temporary name, and verified. If it is known, nothing else gets a name. */
  written?: WrittenFile | undefined
}

/** The last look before the name is given. Fails with EBUSY if the temporary name is that of another file by now. */
export async function checkIsWritten({ fs, folder, temporary, written }: TemporaryFile): Promise<void> {
  if (written) await checkStillWritten(fs, folder.at(temporary), written)
}

const LINK_REFUSALS = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK', 'EXDEV', 'EISDIR'])

/** Whether a failed `link` means that there are no hard links here (FAT, exFAT, some mounts; EISDIR on Windows). */
export function isLinkRefusal(error: unknown): boolean {
  return LINK_REFUSALS.has(errorCode(error) ?? '')
}

/**
 * Gives the file the name `name` if nothing has it, in one step without looking first. 'linked': it has both names
 * now; 'moved': only the new one; 'taken': something else has the name.
 */
export async function takeName(file: TemporaryFile, name: string): Promise<'linked' | 'moved' | 'taken'> {
  const { fs, folder, temporary } = file
  await checkIsWritten(file)
  try {
    await fs.link(folder.at(temporary), folder.at(name))
    return 'linked'
  } catch (error) {
    if (isLinkRefusal(error)) return takeByPlaceholder(file, name)
    // the link may exist in spite of the error: the answer was lost, or an earlier run made it
    if (await hasBothNames(file, name).catch(() => false)) return 'linked'
    if (errorCode(error) === 'EEXIST') return 'taken'
    throw error
  }
}

/** Whether `temporary` and `name` are the same file, as after a crash between link and unlink. */
export async function hasBothNames({ fs, folder, temporary }: TemporaryFile, name: string): Promise<boolean> {
  const ours = await lstatIfThere(fs, folder.at(temporary))
  if (!ours?.isFile()) return false
  const theirs = await lstatIfThere(fs, folder.at(name))
  return theirs !== undefined && sameInode(ours, theirs)
}

/**
 * For file systems without hard links: an empty placeholder takes the name exclusively, then the temporary file is
 * renamed over it if it is still ours. A file that another process puts there between the last look and the rename is
 * lost, and a crash in between leaves the placeholder: these systems have no better call.
 */
async function takeByPlaceholder(file: TemporaryFile, name: string): Promise<'moved' | 'taken'> {
  const { fs, folder, temporary } = file
  const path = folder.at(name)
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
      // tried twice: a placeholder that cannot be recognized later cannot be removed either
      placeholder = await fs.fstat(fd).catch(() => fs.fstat(fd))
    } finally {
      await fs.close(fd)
    }
    if (!(await isOurs())) return 'taken'
    await checkIsWritten(file)
    await moveOver(fs, folder.at(temporary), path, file.written)
    return 'moved'
  } catch (error) {
    if (await isOurs().catch(() => false)) await fs.unlink(path).catch(() => {})
    throw error
  }
}
