import { errorCode } from './disk-error.js'
import type { FileStats, FileSystem } from './fs.js'

/** What a call answers; undefined if what it is about does not exist (ENOENT). */
export async function ifThere<T>(call: Promise<T>): Promise<T | undefined> {
  try {
    return await call
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

/** The stats of what is at `path`, without following a link; undefined if there is nothing. */
export function lstatIfThere(fs: FileSystem, path: string): Promise<FileStats | undefined> {
  return ifThere(fs.lstat(path))
}

/** Removes a file. Returns false if there is none: another process was faster, or the answer of a call was lost. */
export async function unlinkIfThere(fs: FileSystem, path: string): Promise<boolean> {
  return (await ifThere(fs.unlink(path).then(() => true))) ?? false
}

/** Whether it belongs to the user who runs; yes where there are no users. */
export function isOfUser(fs: FileSystem, { uid }: FileStats): boolean {
  const user = fs.user?.()
  return user === undefined || user === uid
}

/** Whether both are one file under two names. */
export function sameInode(a: FileStats, b: FileStats): boolean {
  return a.ino === b.ino && a.dev === b.dev
}

/** Whether nobody wrote to an open file between two `fstat`s, as far as its size and times tell. */
export function sameContent(before: FileStats, after: FileStats): boolean {
  return before.size === after.size && before.mtimeMs === after.mtimeMs && before.ctimeMs === after.ctimeMs
}
