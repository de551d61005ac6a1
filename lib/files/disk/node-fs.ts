import { isUtf8 } from 'node:buffer'
import * as fs from 'node:fs'
import { promisify } from 'node:util'
import { LONGEST_HOLD } from '../../async.js'
import { checkKeys } from '../../options.js'
import { accessList } from './access-list.js'
import { SystemError } from './disk-error.js'
import type { FileStats, FileSystem, SyncCalls } from './fs.js'
import { byHandles, pathByHandle } from './native/handle-calls.js'
import { permission, restricted } from './restricted.js'
import { NodeStats } from './stats.js'

/** Options of {@link makeFileSystem}. */
export interface FileSystemOptions {
  /** Default: `process.platform`. Tests give another one. */
  platform?: NodeJS.Platform
  /**
   * true: synchronous calls, which are faster for small files but block the event loop. 'short': synchronous calls
   * except for syncs and long writes, which are faster on other threads. Default: asynchronous calls.
   */
  blocking?: boolean | 'short'
}

/** The file system of Node as a {@link FileSystem}. libuv itself repeats opens and closes that a signal interrupted. */
export function makeFileSystem(options: FileSystemOptions = {}): FileSystem {
  checkKeys('options', options, { platform: true, blocking: true })
  const { platform = process.platform, blocking = false } = options
  const calls = callsOf(blocking)
  const allowed = permission ? restricted(calls, BY_PATH, warnOfSync) : calls
  const lists = platform === 'linux' ? accessList : undefined
  const made: FileSystem = { platform, user, at: anchor(platform), accessList: lists, ...allowed }
  return Object.defineProperty(made, 'sync', {
    // only for this very object: one derived from it in order to replace a call must not be bypassed
    get: function sync(this: unknown) {
      if (this !== made || permission) return undefined
      return platform === 'linux' ? CALLS_BY_HANDLES : SYNC_CALLS
    },
  })
}

function callsOf(blocking: boolean | 'short'): Calls {
  if (blocking === 'short') return { ...BLOCKING, write: longElsewhere, fsync: CALLBACKS.fsync }
  return blocking ? BLOCKING : CALLBACKS
}

function anchor(platform: NodeJS.Platform): FileSystem['at'] {
  if (platform !== 'linux') return () => null
  // checked once, when first needed: a chroot may have no /proc, and the permission model may not allow it
  let there: boolean | undefined
  return (fd, name) => {
    there ??= isAllowed('/proc/self/fd') && fs.existsSync('/proc/self/fd')
    return there ? pathByHandle(fd, name) : null
  }
}

function isAllowed(path: string): boolean {
  return !permission || (permission.has('fs.read', path) && permission.has('fs.write', path))
}

/** Asked each time: a process may change its user. */
const user = (): number | undefined => process.geteuid?.()

type Calls = Omit<FileSystem, 'platform' | 'user' | 'at' | 'sync' | 'accessList'>

/** The same calls, synchronous. */
type AtOnce = {
  [Name in keyof Calls]: (...args: Parameters<Calls[Name]>) => Awaited<ReturnType<Calls[Name]>>
}

// promisified callbacks: `fs.promises` costs an object per handle and more per call
const readdir = promisify(fs.readdir)
const readlink = promisify(fs.readlink)
const realpath = (path: string) =>
  new Promise<Buffer>((resolve, reject) => {
    fs.realpath.native(path, 'buffer', (error, bytes) => (error ? reject(error) : resolve(bytes)))
  })
const statfs = promisify(fs.statfs)
const lutimes = promisify(fs.lutimes)

const futimes = promisify(fs.futimes)

/** Where a link leads as a text: one that is none would lead elsewhere, or nowhere, once it was made one. */
function textOf(bytes: Buffer, call: string, path: string): string {
  if (isUtf8(bytes)) return bytes.toString()
  throw new SystemError('EILSEQ', call, path)
}

const BY_PATH = {
  chmod: promisify(fs.chmod),
  chown: promisify(fs.lchown),
  utimes: (path: string, atime: number, mtime: number) => lutimes(path, timeOf(atime), timeOf(mtime)),
}

function warnOfSync(): void {
  const message =
    'Node allows no fsync under its permission model: what is written survives the death of the process, but not ' +
    "always a loss of power, as durability 'crash'"
  process.emitWarning(message, { type: 'SluiceWarning', code: 'SLUICE_NO_SYNC' })
}

/** Promises {@link NodeStats}. */
function statsBy<On extends string | number>(
  call: (
    on: On,
    options: { bigint: true },
    done: (error: NodeJS.ErrnoException | null, stats: fs.BigIntStats) => void,
  ) => void,
): (on: On) => Promise<FileStats> {
  return (on) =>
    new Promise((resolve, reject) => {
      call(on, BIG, (error, stats) => (error ? reject(error) : resolve(new NodeStats(stats))))
    })
}

const BIG = { bigint: true } as const

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
  fstat: statsBy(fs.fstat),
  fsync: promisify(fs.fsync),
  ftruncate: promisify(fs.ftruncate),
  fchmod: promisify(fs.fchmod),
  fchown: promisify(fs.fchown),
  futimes: (fd, atime, mtime) => futimes(fd, timeOf(atime), timeOf(mtime)),
  stat: statsBy<string>(fs.stat),
  lstat: statsBy<string>(fs.lstat),
  mkdir: promisify(fs.mkdir) as Calls['mkdir'],
  rmdir: promisify(fs.rmdir),
  readdir: (path) => readdir(path, 'buffer'),
  link: promisify(fs.link),
  symlink: promisify(fs.symlink),
  readlink: async (path) => textOf(await readlink(path, 'buffer'), 'readlink', path),
  rename: promisify(fs.rename),
  unlink: promisify(fs.unlink),
  realpath: async (path) => textOf(await realpath(path), 'realpath', path),
  free: async (path) => {
    const { bavail, bsize } = await statfs(path)
    return bavail * bsize
  },
}

const SYNC_CALLS = {
  open: fs.openSync,
  close: fs.closeSync,
  read: fs.readSync,
  write: (fd: number, buffers: readonly Uint8Array[], position: number | null) => {
    const only = buffers.length === 1 ? buffers[0] : undefined
    return only
      ? fs.writeSync(fd, only, 0, only.length, position)
      : fs.writevSync(fd, buffers, position ?? undefined)
  },
  fstat: (fd: number) => new NodeStats(fs.fstatSync(fd, BIG)),
  fsync: fs.fsyncSync,
  ftruncate: fs.ftruncateSync,
  fchmod: fs.fchmodSync,
  fchown: fs.fchownSync,
  futimes: (fd: number, atime: number, mtime: number) => fs.futimesSync(fd, timeOf(atime), timeOf(mtime)),
  stat: (path: string): FileStats => new NodeStats(fs.statSync(path, BIG)),
  lstat: (path: string) => new NodeStats(fs.lstatSync(path, BIG)),
  mkdir: (path: string, mode?: number) => {
    fs.mkdirSync(path, mode)
  },
  rmdir: (path: string) => fs.rmdirSync(path),
  readdir: (path: string) => fs.readdirSync(path, 'buffer'),
  link: fs.linkSync,
  symlink: (target: string, path: string) => fs.symlinkSync(target, path),
  readlink: (path: string) => textOf(fs.readlinkSync(path, 'buffer'), 'readlink', path),
  rename: fs.renameSync,
  unlink: fs.unlinkSync,
  realpath: (path: string) => textOf(fs.realpathSync.native(path, 'buffer'), 'realpath', path),
  free: (path: string) => {
    const { bavail, bsize } = fs.statfsSync(path)
    return bavail * bsize
  },
} satisfies AtOnce

const CALLS_BY_HANDLES: SyncCalls = byHandles(SYNC_CALLS)

/** When the first of the calls was made since the event loop turned. */
let heldSince: number | undefined

/**
 * A promise of a call that is made at once is resolved before the event loop turns: a loop that awaits one after the
 * other would hold it to its end, and no signal, timer or byte of a peer would get through. Gives what to wait for, now
 * and then.
 */
function turn(): Promise<void> | undefined {
  const now = performance.now()
  if (heldSince === undefined) {
    heldSince = now
    setImmediate(() => {
      heldSince = undefined
    })
  }
  return now - heldSince < LONGEST_HOLD ? undefined : new Promise((resolve) => setImmediate(resolve))
}

// `async`, so that what is thrown becomes a rejection
const later =
  (call: (...args: never[]) => unknown) =>
  async (...args: never[]) => {
    try {
      return call(...args)
    } finally {
      const turned = turn()
      if (turned) await turned
    }
  }
const BLOCKING = Object.fromEntries(
  Object.entries(SYNC_CALLS).map(([name, call]) => [name, later(call)]),
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
 * The same with synchronous calls except for syncs and long writes: the fastest for a single transfer. The command line
 * uses it.
 */
export const commandFileSystem: FileSystem = makeFileSystem({ blocking: 'short' })
