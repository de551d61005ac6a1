import { printable, SluiceError } from '../../errors.js'
import { errorCode } from '../disk/disk-error.js'
import type { FileSystem } from '../disk/fs.js'
import { ifThere, lstatIfThere } from '../disk/stats.js'
import { syncFolder } from './shared-folder.js'

/**
 * Makes the folder `path` and those above it that are missing. Links on the way are followed, since the user gave the
 * path. With `power` the new names are synced, and so is that of an existing folder: the process that made it may not
 * have synced it yet, or may have been killed before. Fails with `ERR_WRITE` for a link that leads to nothing.
 */
export async function makeFolders(fs: FileSystem, path: string, power: boolean): Promise<void> {
  const above = folderAbove(path)
  try {
    await fs.mkdir(path)
  } catch (error) {
    const code = errorCode(error)
    if (code === 'EEXIST') {
      // it has the name, and yet there is no folder: we would try to make what is below it for ever
      const link = await linkToNothing(fs, path)
      if (link !== undefined) throw leadsToNothing(link, 'ERR_WRITE', error)
      return power ? syncExisting(fs, path) : undefined
    }
    if (code !== 'ENOENT' || above === '' || above === path) throw error
    await makeFolders(fs, above, power)
    return makeFolders(fs, path, power)
  }
  if (!power) return
  try {
    // the folders further up were synced each before the next one was made
    await syncExisting(fs, above)
    await syncFolder(fs, above === '' ? '.' : above)
  } catch (error) {
    // else the next caller would take it for a folder whose name was synced
    await fs.rmdir(path).catch(() => {})
    throw error
  }
}

/** The link at a path, or on the way to what is missing there, that leads to nothing; undefined if there is none. */
export async function linkToNothing(fs: FileSystem, path: string): Promise<string | undefined> {
  const name = path.replace(/(?<=[^/\\])[/\\]+$/, '')
  const there = await lstatIfThere(fs, name)
  if (there) return there.isSymbolicLink() && !(await ifThere(fs.stat(name))) ? name : undefined
  const above = folderAbove(name)
  return above === '' || above === name ? undefined : linkToNothing(fs, above)
}

/** The error for such a link. */
export function leadsToNothing(link: string, code: 'ERR_WRITE' | 'ERR_USAGE', cause?: unknown): SluiceError {
  const message = `${printable(link)} is a link that leads to nothing: make the folder that it leads to, or remove the link`
  return new SluiceError(code, message, { path: link, cause })
}

/** Syncs the names of a folder and of those above it, whoever made them, up to the root of the disk. */
export async function syncNames(fs: FileSystem, path: string): Promise<void> {
  const above = folderAbove(path)
  if (above === path) return
  await syncExisting(fs, path)
  await syncNames(fs, above)
}

/** Syncs the name of a folder that existed already. */
async function syncExisting(fs: FileSystem, path: string): Promise<void> {
  const above = folderAbove(path)
  try {
    if (above !== path) await syncFolder(fs, above === '' ? '.' : above)
  } catch (error) {
    // a folder that we may not read was made by somebody else, and so was what is in it
    if (!UNREADABLE.has(errorCode(error) ?? '')) throw error
  }
}

// the last one is Node's, of its permission model
const UNREADABLE = new Set(['EACCES', 'EPERM', 'ERR_ACCESS_DENIED'])

/** The folder above, with its slash; '' for a single name, the path itself for the root. */
function folderAbove(path: string): string {
  return path.replace(/[^/\\]+[/\\]*$/, '')
}
