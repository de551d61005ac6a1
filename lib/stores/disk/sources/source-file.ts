import type { FileStats, FileSystem, SyncCalls } from '../../../files/disk/fs.js'
import { openRegular, openRegularSync } from '../../../files/disk/open-regular.js'
import { readFully, readFullySync } from '../../../files/disk/read-write.js'
import { sameContent } from '../../../files/disk/stats.js'
import { type OpenSource, sourceChanged, sourceError } from '../../sources.js'

/**
 * Which file it was when it was listed, and which content it had. The change time is not part of that: it also changes
 * with the mode, the owner and the names of a file.
 */
export interface FileVersion {
  dev: bigint
  ino: bigint
  mtimeMs: number
  ctimeMs: number
  size: number
}

/**
 * A file that was listed, open for reading. It must be the same when it is opened, and not change until `verify`. All
 * methods fail with `ERR_SOURCE_CHANGED` or `ERR_SOURCE_READ`.
 */
export class SourceFile implements OpenSource {
  readonly #fs: FileSystem
  readonly #path: string
  readonly #fd: number
  readonly #opened: FileStats

  private constructor(fs: FileSystem, path: string, fd: number, opened: FileStats) {
    this.#fs = fs
    this.#path = path
    this.#fd = fd
    this.#opened = opened
  }

  /**
   * Opens what stands at `path`. A call that fails because too many files are open fails as it is: it can wait.
   * @param isAgain whether something of it was read before: then the change time counts as well
   */
  static async open(
    fs: FileSystem,
    path: string,
    version: FileVersion,
    isAgain = false,
  ): Promise<SourceFile> {
    const { fd, stats } = await openRegular(fs, path)
    const file = new SourceFile(fs, path, fd, stats)
    if (isVersion(stats, version) && (!isAgain || stats.ctimeMs === version.ctimeMs)) return file
    await file.close()
    throw sourceChanged(path, { expected: version.size, found: stats.size })
  }

  /** When its content, mode, owner or names changed last, in milliseconds. */
  get changed(): number {
    return this.#opened.ctimeMs
  }

  /** Fewer bytes than asked for mean that the file was cut: nothing is ever filled up. */
  async read(offset: number, buffer: Buffer): Promise<void> {
    const got = await readFully(this.#fs, this.#fd, buffer, offset).catch(failing(this.#path))
    if (got < buffer.length)
      throw sourceChanged(this.#path, { expected: offset + buffer.length, found: offset + got })
  }

  async verify(): Promise<void> {
    checkContent(this.#path, this.#opened, await this.#fs.fstat(this.#fd).catch(failing(this.#path)))
  }

  /** What was read is not worth less when the handle cannot be closed. */
  async close(): Promise<void> {
    await this.#fs.close(this.#fd).catch(() => {})
  }
}

/**
 * Reads a small file from its beginning to its end by synchronous calls, into `buffer` from `offset` on, with the same
 * checks as those of a {@link SourceFile}. Fails as the calls do, or with `ERR_SOURCE_CHANGED`.
 */
export function readSourceSync(
  fs: FileSystem,
  path: string,
  version: FileVersion,
  buffer: Buffer,
  offset: number,
): void {
  const calls = fs.sync!
  const { fd, stats } = openRegularSync(fs, path)
  try {
    if (!isVersion(stats, version)) throw sourceChanged(path, { expected: version.size, found: stats.size })
    const found = readFullySync(calls, fd, buffer, offset, version.size, 0)
    if (found < version.size) throw sourceChanged(path, { expected: version.size, found })
    checkContent(path, stats, calls.fstat(fd))
  } finally {
    closeAnyway(calls, fd)
  }
}

/** What was read is not worth less when the handle cannot be closed. */
export function closeAnyway(calls: SyncCalls, fd: number): void {
  try {
    calls.close(fd)
  } catch {
    // there is nothing to be done about it
  }
}

/** Whether a file is the one that was listed, and has that content, as far as its size and time tell. */
export function isVersion({ dev, ino, mtimeMs, size }: FileStats, version: FileVersion): boolean {
  return dev === version.dev && ino === version.ino && mtimeMs === version.mtimeMs && size === version.size
}

/** The change time tells even where the other times were put back. */
function checkContent(path: string, before: FileStats, after: FileStats): void {
  if (sameContent(before, after)) return
  throw sourceChanged(path, { expected: before.size, found: after.size })
}

function failing(path: string): (cause: unknown) => never {
  return (cause) => {
    throw sourceError(path, cause)
  }
}
