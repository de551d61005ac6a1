import { SystemError } from './disk-error.js'
import type { FileSystem } from './fs.js'
import { sameInode } from './stats.js'

// Node's permission model (`--permission`) allows no `fchmod`, `fchown` and `futimes`, from Node 22 on no `fsync`
// either, and no path through `/proc/self/fd`, although the folder is allowed. Here they are made by path instead.

interface Permission {
  has(scope: 'fs.read' | 'fs.write', path: string): boolean
}

/** Node's permission model, if this process runs under it. */
export const permission = (process as { permission?: Permission }).permission

/** The calls by path that take the place of those by handle. */
export interface CallsByPath {
  chmod(path: string, mode: number): Promise<void>
  chown(path: string, uid: number, gid: number): Promise<void>
  utimes(path: string, atime: number, mtime: number): Promise<void>
}

type Calls = Omit<FileSystem, 'platform' | 'at' | 'sync' | 'accessList'>

/**
 * The same calls as the permission model allows them: what is set by handle is set by the path that it was opened with,
 * if the same file still stands there. A sync that is refused is left out; `warn` is called for the first.
 */
export function restricted(calls: Calls, byPath: CallsByPath, warn: () => void): Calls {
  const paths = new Map<number, string>()
  const pathOf = async (fd: number, call: string): Promise<string> => {
    const path = paths.get(fd)!
    // somebody who exchanges it for a link between this look and the call has the attributes set elsewhere
    if (sameInode(await calls.lstat(path), await calls.fstat(fd))) return path
    throw new SystemError('ENOENT', call, 'the file was exchanged meanwhile')
  }
  let warned = false
  return {
    ...calls,
    open: async (path, flags, mode) => {
      const fd = await calls.open(path, flags, mode)
      paths.set(fd, path)
      return fd
    },
    close: (fd) => {
      paths.delete(fd)
      return calls.close(fd)
    },
    fchmod: async (fd, mode) => byPath.chmod(await pathOf(fd, 'chmod'), mode),
    fchown: async (fd, uid, gid) => byPath.chown(await pathOf(fd, 'chown'), uid, gid),
    futimes: async (fd, atime, mtime) => byPath.utimes(await pathOf(fd, 'utimes'), atime, mtime),
    fsync: async (fd) => {
      try {
        await calls.fsync(fd)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ERR_ACCESS_DENIED') throw error
        if (!warned) warn()
        warned = true
      }
    },
  }
}
