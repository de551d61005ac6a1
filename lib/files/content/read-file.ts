import { type Clock, pause, systemClock } from '../../clock.js'
import { printable, SluiceError } from '../../errors.js'
import { checkAbortSignal, checkChoice, checkKeys, checkWhole, type Keys } from '../../options.js'
import { AUDITED, type Audited, audited } from '../audit/recorder.js'
import { readError } from '../disk/disk-error.js'
import { type FileStats, type FileSystem, OPEN } from '../disk/fs.js'
import { localPath, type PathLike } from '../disk/names.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { checkRegular, withRegular } from '../disk/open-regular.js'
import { readFully } from '../disk/read-write.js'
import { canPass, checkRetry, pauseAfter, RETRY_OPTIONS, type RetryOptions } from '../disk/retry.js'
import { sameContent, sameInode } from '../disk/stats.js'
import { handlesOf } from '../tree/handle-budget.js'
import { decodeText, TEXT_ENCODINGS, type TextEncoding } from './encodings.js'
import { restOf } from './half-written.js'

/** Options of {@link readFileRetry}. */
export interface ReadOptions extends Audited, RetryOptions {
  /** Return text in this encoding instead of bytes; `ERR_PARSE` if it is not such text. */
  encoding?: TextEncoding
  /** The largest size in bytes; a larger file fails with `ERR_LIMIT`. Default: what one Buffer can hold. */
  maxBytes?: number
  /** Cancels with `ERR_CANCELLED`. */
  signal?: AbortSignal
  fs?: FileSystem
  clock?: Clock
}

/** Their names. */
export const READ_OPTIONS: Keys<ReadOptions> = {
  ...AUDITED,
  ...RETRY_OPTIONS,
  encoding: true,
  maxBytes: true,
  signal: true,
  fs: true,
  clock: true,
}

/**
 * Reads a whole file, as it was at one moment: it is read twice, and compared. A file of more than 64 KiB that was
 * written to in place just now is compared once more after up to 200 ms, since its writer may have been stopped in the
 * middle of a write, which neither size nor times tell. Just now is less than 250 ms ago, and 100 ms more for each MiB.
 * Nobody waits for a smaller file, nor for one that was written under another name and renamed, as by
 * `writeFileAtomic`.
 *
 * It cannot tell a writer that is stopped for longer than that in the middle of its write from one that has ended; nor
 * one that makes several writes, and is between two of them. Who wants that nobody ever reads a half renames a new file
 * over the old one.
 *
 * Tries again after errors that can go away
 * (EBUSY, EAGAIN, EMFILE, ENFILE, EINTR, on Windows EPERM and EACCES, too), and if the file changed while it was read;
 * if the file does not exist it fails at once. Fails with `ERR_NO_SUCH_FILE`, `ERR_SOURCE_READ`, `ERR_SOURCE_CHANGED`
 * (with every attempt), `ERR_LIMIT`, `ERR_PARSE` (not text in the encoding), `ERR_CANCELLED`.
 */
export function readFileRetry(
  path: PathLike,
  options: ReadOptions & { encoding: TextEncoding },
): Promise<string>
export function readFileRetry(
  path: PathLike,
  options?: ReadOptions & { encoding?: undefined },
): Promise<Buffer>
export function readFileRetry(file: PathLike, options: ReadOptions = {}): Promise<Buffer | string> {
  return audited('readFileRetry', file, options, async () => {
    checkKeys('options', options, READ_OPTIONS)
    const { attempts = 5, encoding, fs = nodeFileSystem, clock = systemClock, signal } = options
    const path = localPath('path', file)
    checkRetry('', options)
    checkWhole('maxBytes', options.maxBytes, 0)
    checkChoice('encoding', encoding, TEXT_ENCODINGS)
    checkAbortSignal('signal', signal)
    for (let attempt = 1; ; attempt++) {
      checkNotCancelled(path, signal)
      const read = () => readOnce(path, options)
      const found = await settled(fs, path, read, clock, signal).catch((error: unknown) => {
        if (attempt === attempts || !canPass(error, fs)) throw readError(error, path)
      })
      if (found) return encoding ? decodeText(found, encoding, path) : found
      if (attempt === attempts) throw changedWhileRead(path, attempts)
      await pauseAfter(attempt, options, clock, signal)
    }
  })
}

async function readOnce(path: string, options: ReadOptions): Promise<Attempt> {
  const { fs = nodeFileSystem, maxBytes = Number.MAX_SAFE_INTEGER } = options
  return withOpened(fs, path, (fd, before) => {
    checkRegular(before)
    if (before.size > maxBytes) throw tooLarge(path, maxBytes, before.size)
    return readOpened(fs, fd, before, maxBytes, () => tooLarge(path, maxBytes))
  })
}

function checkNotCancelled(path: string, signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return
  const message = `reading ${printable(path)} was cancelled`
  throw new SluiceError('ERR_CANCELLED', message, { path, cause: signal.reason })
}

function tooLarge(path: string, maxBytes: number, found?: number): SluiceError {
  const message = `${printable(path)} has more than the ${maxBytes} bytes that may be read; raise maxBytes`
  return new SluiceError('ERR_LIMIT', message, { path, expected: maxBytes, found })
}

/** Size of the buffer if the size of the file is not known. */
const FIRST_READ = 64 * 1024

/** How often a file is read that changes meanwhile, without a pause. */
const ATTEMPTS = 5

/** What was read, from which file, and whether that was the same before and afterwards. */
interface Attempt {
  bytes: Buffer
  stats: FileStats
  isSame: boolean
}

/**
 * What `read` gives; undefined if the file changed meanwhile. One that may be half written is compared again after a
 * pause, in which it is closed: see {@link restOf}.
 */
async function settled(
  fs: FileSystem,
  path: string,
  read: () => Promise<Attempt>,
  clock: Clock = systemClock,
  signal?: AbortSignal,
): Promise<Buffer | undefined> {
  const handles = handlesOf(fs)
  const { bytes, stats, isSame } = await handles.brief(() => handles.retry(read))
  if (!isSame) return undefined
  const rest = restOf(stats, Date.now())
  if (rest === 0) return bytes
  await pause(clock, rest, signal)
  checkNotCancelled(path, signal)
  const isStill = async (fd: number, now: FileStats) =>
    sameInode(stats, now) &&
    sameContent(stats, now) &&
    (await standsThere(fs, fd, bytes)) &&
    sameContent(stats, await fs.fstat(fd))
  const isThere = await handles.brief(() => handles.retry(() => withOpened(fs, path, isStill)))
  return isThere ? bytes : undefined
}

/** Calls `work` with a file that may be reached through links, and closes it. */
async function withOpened<T>(
  fs: FileSystem,
  path: string,
  work: (fd: number, stats: FileStats) => Promise<T>,
): Promise<T> {
  const fd = await fs.open(path, OPEN.anyFile)
  try {
    return await work(fd, await fs.fstat(fd))
  } finally {
    // nothing is lost by a failed close
    await fs.close(fd).catch(() => {})
  }
}

/**
 * The content of a regular file at one moment, never through a link: if it was written to meanwhile, it is read
 * again. Throws system errors, and `ERR_SOURCE_CHANGED` if it changed each time.
 * @param shown the path for the message
 */
export async function readWholeFile(fs: FileSystem, path: string, shown: string): Promise<Buffer> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const read = () => withRegular(fs, path, (fd, stats) => readOpened(fs, fd, stats))
    const found = await settled(fs, path, read)
    if (found) return found
  }
  throw changedWhileRead(shown, ATTEMPTS)
}

/**
 * The whole content of an open file. Reads one byte more than its size, to see whether it grew, and then all of it once
 * more: while one long write runs, the times of the file changed only at its beginning. What was read twice alike is
 * what stood there at the moment between.
 * @param before the stats when it was opened
 * @param maxBytes if it has more, reading stops
 * @param tooMuch the error for that
 */
export async function readOpened(
  fs: FileSystem,
  fd: number,
  before: FileStats,
  maxBytes = Number.POSITIVE_INFINITY,
  tooMuch?: () => SluiceError,
): Promise<Attempt> {
  const { size } = before
  let buffer = Buffer.allocUnsafe(size === 0 ? FIRST_READ : size + 1)
  let length = await readFully(fs, fd, buffer, 0)
  while (length === buffer.length && length <= maxBytes) {
    buffer = Buffer.concat([buffer], 2 * buffer.length)
    length += await readFully(fs, fd, buffer.subarray(length), length)
  }
  if (length > maxBytes && tooMuch) throw tooMuch()
  const bytes = buffer.subarray(0, length)
  // files under /proc have content although their size is 0, and make it anew for each read
  const isOfOneMoment = size === 0 || (size === length && (await standsThere(fs, fd, bytes)))
  return { bytes, stats: before, isSame: isOfOneMoment && sameContent(before, await fs.fstat(fd)) }
}

/** Bytes that are compared at once. */
const COMPARED = 1024 * 1024

/** Whether the content of an open file begins with these bytes. */
async function standsThere(fs: FileSystem, fd: number, bytes: Buffer): Promise<boolean> {
  const buffer = Buffer.allocUnsafe(Math.min(bytes.length, COMPARED))
  for (let at = 0; at < bytes.length; at += COMPARED) {
    const part = bytes.subarray(at, at + COMPARED)
    const again = buffer.subarray(0, part.length)
    if ((await readFully(fs, fd, again, at)) < part.length || !again.equals(part)) return false
  }
  return true
}

/** The error `ERR_SOURCE_CHANGED`. */
function changedWhileRead(path: string, attempts: number): SluiceError {
  const message = `${printable(path)} changed ${attempts === 1 ? 'while' : `each of the ${attempts} times that`} it was read; try it again when it rests`
  return new SluiceError('ERR_SOURCE_CHANGED', message, { path })
}
