import * as fs from 'node:fs'
import { promisify } from 'node:util'
import type { FileSystem } from './fs.js'

/** Options of {@link makeFileSystem}. */
export interface FileSystemOptions {
  /** Default: `process.platform`. Tests give another one. */
  platform?: NodeJS.Platform
  /**
   * true: synchronous calls, which are faster for small files but block the event loop. 'short': synchronous calls
   * except for long writes, which are faster on another thread. Default: asynchronous calls.
   */
  blocking?: boolean | 'short'
}

/** The file system of Node as a {@link FileSystem}. libuv itself repeats opens and closes that a signal interrupted. */
export function makeFileSystem({
  platform = process.platform,
  blocking = false,
}: FileSystemOptions = {}): FileSystem {
  const made: FileSystem = { platform, user, at: anchor(platform), ...callsOf(blocking) }
  return Object.defineProperty(made, 'sync', {
    // only for this very object: one derived from it in order to replace a call must not be bypassed
    get: function sync(this: unknown) {
      return this === made ? AT_ONCE : undefined
    },
  })
}

function callsOf(blocking: boolean | 'short'): Calls {
  if (blocking === 'short') return { ...BLOCKING, write: longElsewhere }
  return blocking ? BLOCKING : CALLBACKS
}

function anchor(platform: NodeJS.Platform): FileSystem['at'] {
  if (platform !== 'linux') return () => null
  // checked once, when first needed: a chroot may have no /proc
  let there: boolean | undefined
  return (fd, name) => {
    there ??= fs.existsSync('/proc/self/fd')
    return there ? `/proc/self/fd/${fd}/${name}` : null
  }
}

/** Asked each time: a process may change its user. */
const user = (): number | undefined => process.geteuid?.()

type Calls = Omit<FileSystem, 'platform' | 'user' | 'at' | 'sync'>

/** The same calls, synchronous. */
type AtOnce = {
  [Name in keyof Calls]: (...args: Parameters<Calls[Name]>) => Awaited<ReturnType<Calls[Name]>>
}

// promisified callbacks: `fs.promises` costs an object per handle and more per call
const readdir = promisify(fs.readdir)
const statfs = promisify(fs.statfs)

const futimes = promisify(fs.futimes)

/** Node takes a negative number for "now", but accepts a date before 1970. */
function timeOf(seconds: number): number | Date {
  return seconds < 0 ? new Date(Math.floor(seconds * 1000)) : seconds
}

const CALLBACKS: Calls = {
  open: promisify(fs.open),
  close: promisify(fs.close),
  read: (fd, buffer, offset, length, position) =>
    new Promise((resolve, reject) => {
      fs.read(fd, buffer, offset, length, position, (error, n) => (error ? reject(error) : resolve(n)))
    }),
  write: (fd, buffers, position) =>
    new Promise((resolve, reject) => {
      const done = (error: Error | null, n: number) => (error ? reject(error) : resolve(n))
      const only = buffers.length === 1 ? buffers[0] : undefined
      if (only) fs.write(fd, only, 0, only.length, position, done)
      else fs.writev(fd, buffers, position, done)
    }),
  fstat: promisify(fs.fstat),
  fsync: promisify(fs.fsync),
  ftruncate: promisify(fs.ftruncate),
  fchmod: promisify(fs.fchmod),
  fchown: promisify(fs.fchown),
  futimes: (fd, atime, mtime) => futimes(fd, timeOf(atime), timeOf(mtime)),
  stat: promisify(fs.stat),
  lstat: promisify(fs.lstat),
  mkdir: promisify(fs.mkdir) as Calls['mkdir'],
  rmdir: promisify(fs.rmdir),
  readdir: (path) => readdir(path, 'buffer'),
  link: promisify(fs.link),
  symlink: promisify(fs.symlink),
  readlink: promisify(fs.readlink),
  rename: promisify(fs.rename),
  unlink: promisify(fs.unlink),
  realpath: promisify(fs.realpath.native),
  free: async (path) => {
    const { bavail, bsize } = await statfs(path)
    return bavail * bsize
  },
}

const AT_ONCE = {
  open: fs.openSync,
  close: fs.closeSync,
  read: fs.readSync,
  write: (fd: number, buffers: readonly Uint8Array[], position: number | null) => {
    const only = buffers.length === 1 ? buffers[0] : undefined
    return only
      ? fs.writeSync(fd, only, 0, only.length, position)
      : fs.writevSync(fd, buffers, position ?? undefined)
  },
  fstat: (fd: number) => fs.fstatSync(fd),
  fsync: fs.fsyncSync,
  ftruncate: fs.ftruncateSync,
  fchmod: fs.fchmodSync,
  fchown: fs.fchownSync,
  futimes: (fd: number, atime: number, mtime: number) => fs.futimesSync(fd, timeOf(atime), timeOf(mtime)),
  stat: (path: string) => fs.statSync(path),
  lstat: (path: string) => fs.lstatSync(path),
  mkdir: (path: string, mode?: number) => {
    fs.mkdirSync(path, mode)
  },
  rmdir: (path: string) => fs.rmdirSync(path),
  readdir: (path: string) => fs.readdirSync(path, 'buffer'),
  link: fs.linkSync,
  symlink: (target: string, path: string) => fs.symlinkSync(target, path),
  readlink: (path: string) => fs.readlinkSync(path),
  rename: fs.renameSync,
  unlink: fs.unlinkSync,
  realpath: (path: string) => fs.realpathSync.native(path),
  free: (path: string) => {
    const { bavail, bsize } = fs.statfsSync(path)
    return bavail * bsize
  },
} satisfies AtOnce

// `async`, so that what is thrown becomes a rejection
const later =
  (call: (...args: never[]) => unknown) =>
  async (...args: never[]) =>
    call(...args)
const BLOCKING = Object.fromEntries(
  Object.entries(AT_ONCE).map(([name, call]) => [name, later(call)]),
) as unknown as Calls

/** From this size on a write is faster on another thread. A socket delivers 64 KiB at once. */
const LONG = 48 * 1024

const longElsewhere: Calls['write'] = (fd, buffers, position) => {
  let length = 0
  for (const buffer of buffers) length += buffer.length
  return (length < LONG ? BLOCKING : CALLBACKS).write(fd, buffers, position)
}

/** The file system of this machine, with asynchronous calls. */
export const nodeFileSystem: FileSystem = makeFileSystem()

/** The same with synchronous calls: the work is done when a call returns. */
export const blockingFileSystem: FileSystem = makeFileSystem({ blocking: true })

/**
 * The same with synchronous calls except for long writes: the fastest for a single transfer. The command line uses
 * it.
 */
export const commandFileSystem: FileSystem = makeFileSystem({ blocking: 'short' })
