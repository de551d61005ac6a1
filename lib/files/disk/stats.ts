import { errorCode } from './disk-error.js'
import type { FileStats, FileSystem } from './fs.js'

/** The stats of what is at `path`, without following a link; undefined if there is nothing. */
export async function lstatIfThere(fs: FileSystem, path: string): Promise<FileStats | undefined> {
  try {
    return await fs.lstat(path)
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Whether both are one file under two names. */
export function sameInode(a: FileStats, b: FileStats): boolean {
  return a.ino === b.ino && a.dev === b.dev
}

/** Whether nobody wrote to an open file between two `fstat`s, as far as its size and times tell. */
export function sameContent(before: FileStats, after: FileStats): boolean {
  return before.size === after.size && before.mtimeMs === after.mtimeMs && before.ctimeMs === after.ctimeMs
}
