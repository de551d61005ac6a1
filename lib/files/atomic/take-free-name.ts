import { basename } from 'node:path'
import { printable, SluiceError } from '../../errors.js'
import { diskError, errorCode } from '../disk/disk-error.js'
import type { FileStats, FileSystem } from '../disk/fs.js'
import { dropOldName, moveFile } from '../disk/move-file.js'
import { lstatIfThere } from '../disk/stats.js'
import { temporaryName } from '../own/temporary-name.js'
import { firstFree } from '../publish/first-free.js'
import { publish } from '../publish/publish.js'
import { NO_LINKS } from '../publish/take-name.js'
import type { Directory } from '../tree/directory.js'
import type { Folder } from '../tree/folder.js'
import type { Renaming } from './rename-atomic.js'

/**
 * Moves what stands at `from` to the name of `to`, or with conflict 'rename' to the first suffix that is free, never
 * over anything, and never by looking first. Gives the name. Throws system errors and `ERR_CONFLICT`.
 * @param isCopy whether `from` is a temporary file in the folder already
 */
export async function takeFreeName(
  renaming: Renaming,
  folder: Folder,
  from: string,
  to: string,
  isCopy = false,
): Promise<string> {
  const { fs, source, conflict } = renaming
  if (source.isFile()) return takeForFile(renaming, folder, from, to, isCopy)
  return firstFree(basename(to), to, async (name) => {
    if (await take(fs, renaming, from, folder.at(name))) return name
    if (conflict === 'rename') return undefined
    const message = `${printable(to)} is taken; move it away or choose another conflict policy`
    throw new SluiceError('ERR_CONFLICT', message, { path: to })
  })
}

/**
 * A file gets a second name in the folder first: that shows whether it is on the same file system, before anything is
 * done to the name that is wanted.
 */
async function takeForFile(
  renaming: Renaming,
  folder: Folder,
  from: string,
  to: string,
  isCopy: boolean,
): Promise<string> {
  const { fs, conflict, durability } = renaming
  const policy = { conflict: conflict === 'rename' ? 'rename' : 'fail', durability } as const
  const temporary = temporaryName()
  const second = isCopy ? undefined : await secondName(fs, from, folder.at(temporary))
  const place: Directory = second
    ? folder
    : { ...within(folder), at: (name) => (name === temporary ? from : folder.at(name)) }
  try {
    const { name, warning } = await publish(fs, place, temporary, basename(to), policy)
    // the new name is there, but so is an old one; that of a copy is collected later
    if (warning && !isCopy) throw warning
    if (second) await dropOldName(fs, from, second)
    return name
  } catch (error) {
    if (second) await fs.unlink(folder.at(temporary)).catch(() => {})
    // as an error of ours: only what the first step says means another file system
    throw diskError(error, 'rename', from)
  }
}

/** The file that has it now; undefined: this file system has no second names. */
async function secondName(fs: FileSystem, from: string, to: string): Promise<FileStats | undefined> {
  try {
    await fs.link(from, to)
    return await fs.lstat(to)
  } catch (error) {
    if (errorCode(error) !== 'EXDEV' && NO_LINKS.has(errorCode(error) ?? '')) return undefined
    // it may have been done nevertheless
    await fs.unlink(to).catch(() => {})
    throw error
  }
}

function within(folder: Folder): Omit<Directory, 'at'> {
  return {
    path: folder.path,
    fd: folder.fd,
    list: () => folder.list(),
    // whoever renames syncs both folders afterwards, and until then the source stands
    sync: async () => {},
    release: () => {},
  }
}

/** A link or a folder, which have no second names: the name is taken by an empty one of the same kind. */
async function take(fs: FileSystem, { source, clock }: Renaming, from: string, to: string): Promise<boolean> {
  if (source.isSymbolicLink()) {
    if (!(await isMade(() => readAndLink(fs, from, to)))) return false
    await dropOldName(fs, from, source)
    return true
  }
  if (!source.isDirectory() || fs.platform === 'win32') {
    // Windows renames no folder over anything; of pipes and devices nobody makes an empty one
    if (await lstatIfThere(fs, to)) return false
    await moveFile(fs, clock, from, to, source)
    return true
  }
  if (!(await isMade(() => fs.mkdir(to, 0o700)))) return false
  try {
    await moveFile(fs, clock, from, to, source)
    return true
  } catch (error) {
    await fs.rmdir(to).catch(() => {})
    throw error
  }
}

async function readAndLink(fs: FileSystem, from: string, to: string): Promise<void> {
  await fs.symlink(await fs.readlink(from), to)
}

async function isMade(make: () => Promise<void>): Promise<boolean> {
  try {
    await make()
    return true
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false
    throw error
  }
}
