import type { BigIntStats } from 'node:fs'
import { errorCode, SystemError } from './disk-error.js'
import type { FileStats, FileSystem } from './fs.js'
import { StatsByMode } from './native/stats-by-mode.js'

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

/**
 * Whether other users may make files in a folder that nobody else can remove again, as in /tmp: then they could have
 * any name before us.
 */
export function isSticky(fs: FileSystem, { mode }: FileStats): boolean {
  return (mode & 0o1000) !== 0 && (mode & 0o022) !== 0 && fs.user?.() !== undefined
}

/** What tells a file from all others of its machine: a number of a file is one of another file on another disk. */
export type FileNumbers = Pick<FileStats, 'dev' | 'ino'>

/** All that is known of a file to which others may write. */
export function numbersOf({ dev, ino }: FileNumbers): FileNumbers {
  return { dev, ino }
}

/** The same for two names of one file, and for no two files. */
export function idText({ dev, ino }: FileNumbers): string {
  return `${dev} ${ino}`
}

/** Whether both are one file under two names. */
export function sameInode(a: FileNumbers, b: FileNumbers): boolean {
  return a.ino === b.ino && a.dev === b.dev
}

/**
 * What was put under a temporary name: a file that was written, or a link that was made. Without a size it is a second
 * name of a file to which others may write. The stats are those after the last change: some systems give the time of
 * that for the one of the birth.
 */
export type WrittenFile = FileNumbers & Partial<Pick<FileStats, 'size' | 'birthtimeMs' | 'isSymbolicLink'>>

/** The same without what is not needed any more. */
export function writtenOf({ dev, ino, size, birthtimeMs }: FileStats): WrittenFile {
  return { dev, ino, size, birthtimeMs }
}

/**
 * Fails with EBUSY unless what is at `path` is still the file that was written, with as many bytes: another process may
 * have put another one there, and only what was verified may get a name.
 */
export async function checkStillWritten(fs: FileSystem, path: string, written: WrittenFile): Promise<void> {
  checkIsStill(await fs.lstat(path), written)
}

/** The same for what was found already. */
export function checkIsStill(there: FileStats, written: WrittenFile): void {
  if (isStillWritten(there, written)) return
  throw new SystemError('EBUSY', 'lstat', 'another program exchanged it, or wrote to it')
}

/** The error for a file of another size than was written: what is longer is no fault of the disk. */
export function otherSize(call: string, found: number, written: number): SystemError {
  const detail = `${found} of ${written} bytes stand there`
  if (found < written) return new SystemError('EIO', call, detail)
  return new SystemError('EBUSY', call, `another program wrote to it: ${detail}`)
}

/** Whether it is the file that was written, as long as it was then. */
export function isStillWritten(there: FileStats, written: WrittenFile): boolean {
  const isOfKind = written.isSymbolicLink?.() ? there.isSymbolicLink() : there.isFile()
  return isOfKind && isSameFile(there, written) && (written.size ?? there.size) === there.size
}

/** Whether it is the same file, however long. A disk gives the number of a file that is gone to the next one. */
function isSameFile(there: FileStats, written: WrittenFile): boolean {
  if (!sameInode(there, written)) return false
  const { birthtimeMs: born } = written
  return !born || !there.birthtimeMs || born === there.birthtimeMs
}

/**
 * Removes the temporary file at `path`, but not what another process has put in its place. Fails with the codes of the
 * system.
 * @param written what was written there, if that is known
 */
export async function removeWritten(fs: FileSystem, path: string, written?: WrittenFile): Promise<void> {
  const there = written && (await lstatIfThere(fs, path))
  if (written && !(there && isSameFile(there, written))) return
  await fs.unlink(path)
}

/** Whether nobody wrote to an open file between two `fstat`s, as far as its size and times tell. */
export function sameContent(before: FileStats, after: FileStats): boolean {
  return before.size === after.size && before.mtimeMs === after.mtimeMs && before.ctimeMs === after.ctimeMs
}

/**
 * Whether times of birth are true: some systems, as where `statx` is not allowed, give the time of the last change in
 * their place. One file on which the two differ shows that this is none of them; before that no birth is told.
 */
export class Births {
  #areTrue = false

  /** The time of birth, or 0: it is not known. Both in nanoseconds since 1970. */
  of({ birthtimeNs, ctimeNs }: { birthtimeNs: bigint; ctimeNs: bigint }): bigint {
    this.#areTrue ||= birthtimeNs > 0n && birthtimeNs !== ctimeNs
    return this.#areTrue ? birthtimeNs : 0n
  }
}

const births = new Births()

/**
 * What Node says of a file, with device and inode as whole 64-bit numbers and all else as ordinary ones. The times are
 * made when somebody asks for them: there are very many stats, and most of them only tell which file it is.
 */
export class NodeStats extends StatsByMode implements FileStats {
  readonly size: number
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly dev: bigint
  readonly ino: bigint
  readonly nlink: number
  /** Nanoseconds since 1970. No private fields: a file system may give an object that inherits from this one. */
  readonly mtimeNs: bigint
  readonly ctimeNs: bigint
  readonly birthtimeNs: bigint

  constructor(stats: BigIntStats) {
    super()
    this.mtimeNs = stats.mtimeNs
    this.ctimeNs = stats.ctimeNs
    this.birthtimeNs = births.of(stats)
    this.size = Number(stats.size)
    this.mode = Number(stats.mode)
    this.uid = Number(stats.uid)
    this.gid = Number(stats.gid)
    // Node gives those beyond 2^63 as negative numbers
    this.dev = BigInt.asUintN(64, stats.dev)
    this.ino = BigInt.asUintN(64, stats.ino)
    this.nlink = Number(stats.nlink)
  }

  get mtimeMs(): number {
    return millisecondsOf(this.mtimeNs)
  }

  get ctimeMs(): number {
    return millisecondsOf(this.ctimeNs)
  }

  get birthtimeMs(): number {
    return millisecondsOf(this.birthtimeNs)
  }
}

/** As Node computes `mtimeMs`, so that both can be compared. */
function millisecondsOf(nanoseconds: bigint): number {
  const seconds = nanoseconds / 1_000_000_000n
  return Number(seconds) * 1000 + Number(nanoseconds - seconds * 1_000_000_000n) / 1e6
}
