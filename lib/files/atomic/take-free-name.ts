import { basename } from 'node:path'
import { printable, SluiceError } from '../../errors.js'
import { diskError, errorCode, isRefusal } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import { dropOldName, moveFile } from '../disk/move-file.js'
import {
  type FileNumbers,
  lstatIfThere,
  numbersOf,
  removeWritten,
  sameInode,
  type WrittenFile,
} from '../disk/stats.js'
import { temporaryName } from '../own/temporary-name.js'
import { firstFree } from '../publish/first-free.js'
import { publish } from '../publish/publish.js'
import { isLinkRefusal } from '../publish/take-name.js'
import type { Folder, OpenFolder } from '../tree/open-folder.js'
import type { Renaming } from './rename-atomic.js'

/**
 * Moves what is at `from` to the name of `to`; with conflict 'rename' to the first suffix that is free. It never
 * replaces anything, and takes the name in one step without looking first. Returns the name. Throws system errors and
 * `ERR_CONFLICT`.
 * @param copy what was written at `from`, if that is already a temporary file in the folder
 */
export async function takeFreeName(
  renaming: Renaming,
  folder: Folder,
  from: string,
  to: string,
  copy?: WrittenFile,
): Promise<string> {
  const { fs, source, conflict } = renaming
  if (source.isFile()) return takeForFile(renaming, folder, from, to, copy)
  return firstFree(basename(to), to, async (name) => {
    if (await take(fs, renaming, from, folder.at(name))) return name
    if (conflict === 'rename') return undefined
    const message = `${printable(to)} is taken; move it away or choose another conflict policy`
    throw new SluiceError('ERR_CONFLICT', message, { path: to })
  })
}

/**
 * A file gets a second, temporary name in the folder first: that shows whether it is on the same file system, before
 * the wanted name is touched.
 */
async function takeForFile(
  renaming: Renaming,
  folder: Folder,
  from: string,
  to: string,
  copy: WrittenFile | undefined,
): Promise<string> {
  const { fs, source, conflict, durability } = renaming
  const temporary = temporaryName()
  const second = copy ? undefined : await secondName(fs, from, folder.at(temporary), source)
  const policy = {
    conflict: conflict === 'rename' ? 'rename' : 'fail',
    durability,
    written: copy ?? numbersOf(source),
  } as const
  const inPlace: OpenFolder = {
    path: folder.path,
    fd: folder.fd,
    at: (name) => (name === temporary ? from : folder.at(name)),
    list: () => folder.list(),
    // the caller syncs both folders afterwards; until then the source exists
    sync: async () => {},
    release: () => {},
  }
  try {
    const { name, warning } = await publish(fs, second ? folder : inPlace, temporary, basename(to), policy)
    // the old name could not be removed; that of a copy is removed by removeOrphans later
    if (warning && !copy) throw warning
    if (second) await dropOldName(fs, from, source)
    return name
  } catch (error) {
    if (second) await removeWritten(fs, folder.at(temporary), second).catch(() => {})
    // as an error of ours: an EXDEV from here does not mean that a copy is needed
    throw diskError(error, 'rename', from)
  }
}

/** The file that got a second name, which another program may have just put there; undefined without hard links. */
async function secondName(
  fs: FileSystem,
  from: string,
  to: string,
  source: FileNumbers,
): Promise<FileNumbers | undefined> {
  try {
    await fs.link(from, to)
    const [one, other] = [await fs.lstat(from), await fs.lstat(to)]
    return numbersOf(sameInode(one, other) ? other : source)
  } catch (error) {
    if (errorCode(error) !== 'EXDEV' && isLinkRefusal(error)) return undefined
    // the link may have been made nevertheless
    if (!isRefusal(error)) await fs.unlink(to).catch(() => {})
    throw error
  }
}

/** For a link or a folder, which have no second names: an empty placeholder of the same kind takes the name. */
async function take(fs: FileSystem, { source, clock }: Renaming, from: string, to: string): Promise<boolean> {
  if (source.isSymbolicLink()) {
    const target = await fs.readlink(from)
    if (!(await isMade(fs.symlink(target, to)))) return false
    await dropOldName(fs, from, source)
    return true
  }
  if (!source.isDirectory() || fs.platform === 'win32') {
    // Windows renames no folder over another one; for pipes and devices there is no placeholder
    if (await lstatIfThere(fs, to)) return false
    await moveFile(fs, clock, from, to, source)
    return true
  }
  if (!(await isMade(fs.mkdir(to, 0o700)))) return false
  try {
    await moveFile(fs, clock, from, to, source)
    return true
  } catch (error) {
    await fs.rmdir(to).catch(() => {})
    throw error
  }
}

async function isMade(made: Promise<void>): Promise<boolean> {
  try {
    await made
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
}
