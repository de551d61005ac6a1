import { constants } from 'node:fs'

/** What Sluice asks of a `stat`. */
export interface FileStats {
  isFile(): boolean
  isDirectory(): boolean
  isSymbolicLink(): boolean
  size: number
  mode: number
  uid: number
  gid: number
  /** The disk, and the number of the file on it: of 64 bits, of which a `number` would round those beyond 2^53. */
  dev: bigint
  ino: bigint
  nlink: number
  mtimeMs: number
  ctimeMs: number
  /** When it was made; missing, or 0, where the disk does not say. */
  birthtimeMs?: number | undefined
  /** What {@link FileSystem.accessList} says of it, where somebody asked. */
  accessList?: string | undefined
}

/** What tells a file from any other one, and from itself before it was written to. */
export type FileIdentity = Pick<FileStats, 'dev' | 'ino' | 'size' | 'birthtimeMs'>

/**
 * Every file-system call of the library: the one thing to inject in order to fail, delay, kill or reorder any of them.
 * Paths are strings, handles are numbers, errors carry the `code` of the system (`ENOENT`, `EEXIST`, …).
 */
export interface FileSystem {
  /** The platform whose rules apply to names and handles. */
  readonly platform: NodeJS.Platform
  /** Opens with the flags of `fs.constants`. */
  open(path: string, flags: number, mode?: number): Promise<number>
  close(fd: number): Promise<void>
  /** Fills part of `buffer`; returns the number of bytes, 0 at the end. */
  read(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): Promise<number>
  /**
   * Writes the buffers one after the other from `position`; may take fewer bytes than given, and says how many. They
   * may be used again once it has resolved: what is kept is to be copied.
   * @param position `null` only for a handle that was opened with {@link OPEN}`.append`: then the system writes at the
   *   end of the file in one atomic step, even if other processes append too
   */
  write(fd: number, buffers: readonly Uint8Array[], position: number | null): Promise<number>
  fstat(fd: number): Promise<FileStats>
  fsync(fd: number): Promise<void>
  ftruncate(fd: number, length: number): Promise<void>
  fchmod(fd: number, mode: number): Promise<void>
  fchown(fd: number, uid: number, gid: number): Promise<void>
  /** Times in seconds, as in Node. */
  futimes(fd: number, atime: number, mtime: number): Promise<void>
  stat(path: string): Promise<FileStats>
  lstat(path: string): Promise<FileStats>
  mkdir(path: string, mode?: number): Promise<void>
  rmdir(path: string): Promise<void>
  /** The names in a folder, as bytes: a name need not be valid UTF-8. */
  readdir(path: string): Promise<Buffer[]>
  link(from: string, to: string): Promise<void>
  symlink(target: string, path: string): Promise<void>
  /** Fails with `EILSEQ` where the link leads to what is not valid UTF-8; so does `realpath`. */
  readlink(path: string): Promise<string>
  rename(from: string, to: string): Promise<void>
  unlink(path: string): Promise<void>
  realpath(path: string): Promise<string>
  /**
   * The number of the user who runs, as `uid` in the stats of what that user makes. Missing, or undefined, where there
   * are no users: then everything counts as ours.
   */
  user?(): number | undefined
  /** Free bytes for an ordinary user at `path`. */
  free(path: string): Promise<number>
  /**
   * The path of `name` inside the folder that is open as `fd`, whatever is done meanwhile to the folders above it
   * (on Linux through `/proc/self/fd`); `null` where the platform has no such thing.
   */
  at(fd: number, name: string): string | null
  /**
   * The access list of a file: `group::r--` for its group, and the entries for other users and groups, in one text;
   * undefined if it has none, or nobody can tell. With a list the group bits of the mode are only the most that these
   * may have. If it is missing, no file has a list.
   */
  accessList?: ((file: string | number) => Promise<string | undefined>) | undefined
  /**
   * Synchronous versions of some of the calls, for loops over many small files, where a promise costs more than the
   * call itself. If it is missing, the calls above are used. To replace a call above means to replace it here too,
   * or to leave this out.
   */
  readonly sync?: SyncCalls | undefined
}

/** Synchronous calls of a {@link FileSystem}: they block the event loop until they return. */
export interface SyncCalls {
  open(path: string, flags: number, mode?: number): number
  close(fd: number): void
  read(fd: number, buffer: Uint8Array, offset: number, length: number, position: number): number
  write(fd: number, buffers: readonly Uint8Array[], position: number | null): number
  fstat(fd: number): FileStats
  fsync(fd: number): void
  ftruncate(fd: number, length: number): void
  fchmod(fd: number, mode: number): void
  futimes(fd: number, atime: number, mtime: number): void
  lstat(path: string): FileStats
  mkdir(path: string, mode?: number): void
  link(from: string, to: string): void
  rename(from: string, to: string): void
  /**
   * Renames a file within an open folder, unless something has the name `to`: EEXIST. Fails with ENOSYS, EINVAL, EPERM
   * or ENOTSUP where the system or the disk has no such call, and may be missing: then `link` and `unlink` give a name.
   */
  readonly renameNoReplace?: ((from: string, to: string) => void) | undefined
  unlink(path: string): void
}

// Windows has neither O_NOFOLLOW nor O_DIRECTORY nor O_NONBLOCK: there, callers check what these flags would refuse.
/** 0 where the system has no such flag. */
export const NOFOLLOW = constants.O_NOFOLLOW ?? 0
const NONBLOCK = constants.O_NONBLOCK ?? 0

/** Flags for `open`, in the combinations that are safe. */
export const OPEN = {
  /** A new file; fails if anything has the name, a link too. */
  create: constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | NOFOLLOW,
  /** An existing file, for reading, not through a link. Non-blocking: four pipes would occupy the whole thread pool. */
  read: constants.O_RDONLY | NOFOLLOW | NONBLOCK,
  /** An existing file, for reading, also through a link: for paths that the user gave. */
  anyFile: constants.O_RDONLY | NONBLOCK,
  /** An existing file, for reading and writing, not through a link. */
  update: constants.O_RDWR | NOFOLLOW | NONBLOCK,
  /** An existing or a new file, for reading and for writes that always go to its end. */
  append: constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | NOFOLLOW | NONBLOCK,
  /** A folder, not a link to one. */
  folder: constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | NOFOLLOW | NONBLOCK,
  /** A folder, or a link to one: for paths that the user gave. */
  anyFolder: constants.O_RDONLY | (constants.O_DIRECTORY ?? 0) | NONBLOCK,
} as const
