import { printable, SluiceError } from '../../errors.js'
import { checkAbortSignal, checkChoice, checkDuration, checkLocalPath, checkWhole } from '../../options.js'
import { type Audited, audited } from '../audit/audited.js'
import { type Clock, pause, systemClock } from '../disk/clock.js'
import { errorCode, readError, SystemError } from '../disk/disk-error.js'
import { type FileSystem, OPEN } from '../disk/fs.js'
import { nodeFileSystem } from '../disk/node-fs.js'
import { decodeText, TEXT_ENCODINGS, type TextEncoding } from './encodings.js'
import { type Attempt, changedWhileRead, readOpened } from './read-whole.js'

/** Options of {@link readFileRetry}. */
export interface ReadOptions extends Audited {
  /** Return text in this encoding instead of bytes; `ERR_PARSE` if it is not such text. */
  encoding?: TextEncoding
  /** How many attempts are made in all. Default 5. */
  attempts?: number
  /** Milliseconds before the second attempt; doubled each time. Default 20. */
  delay?: number
  /** The longest wait between two attempts, in milliseconds. Default 1000. */
  maxDelay?: number
  /** The largest size in bytes; a larger file fails with `ERR_LIMIT`. Default: what one Buffer can hold. */
  maxBytes?: number
  /** Cancels with `ERR_CANCELLED`. */
  signal?: AbortSignal
  fs?: FileSystem
  clock?: Clock
}

/** Errors that can go away by themselves; that a file does not exist is none of them. */
const PASSING_ERRORS = new Set(['EBUSY', 'EAGAIN', 'EMFILE', 'ENFILE', 'EINTR'])

/**
 * Reads a whole file. Tries again after errors that can go away (EBUSY, EAGAIN, EMFILE, ENFILE, EINTR), and if the
 * file changed while it was read; if the file does not exist it fails at once. Fails with `ERR_NO_SUCH_FILE`,
 * `ERR_SOURCE_READ`, `ERR_SOURCE_CHANGED` (with every attempt), `ERR_LIMIT`, `ERR_PARSE` (not text in the encoding),
 * `ERR_CANCELLED`.
 */
export function readFileRetry(
  path: string,
  options: ReadOptions & { encoding: TextEncoding },
): Promise<string>
export function readFileRetry(path: string, options?: ReadOptions & { encoding?: undefined }): Promise<Buffer>
export function readFileRetry(path: string, options: ReadOptions = {}): Promise<Buffer | string> {
  return audited('readFileRetry', path, options, () => readPatiently(path, options))
}

async function readPatiently(path: string, options: ReadOptions): Promise<Buffer | string> {
  const { attempts = 5, delay = 20, maxDelay = 1000, encoding } = options
  checkLocalPath('path', path)
  checkWhole('attempts', attempts, 1)
  checkDuration('delay', delay)
  checkDuration('maxDelay', maxDelay)
  checkWhole('maxBytes', options.maxBytes, 0)
  checkChoice('encoding', encoding, TEXT_ENCODINGS)
  checkAbortSignal('signal', options.signal)
  const { clock = systemClock, signal } = options
  for (let attempt = 1; ; attempt++) {
    if (signal?.aborted) throw readCancelled(path, signal)
    const found = await tryOnce(path, options, attempt === attempts)
    if (found?.isSame) return encoding ? decodeText(found.bytes, encoding, path) : found.bytes
    if (attempt === attempts) throw changedWhileRead(path, attempts)
    await pause(clock, Math.min(maxDelay, delay * 2 ** (attempt - 1)), signal)
  }
}

/** Returns undefined if it failed, but may succeed the next time. */
async function tryOnce(path: string, options: ReadOptions, isLast: boolean): Promise<Attempt | undefined> {
  try {
    return await read(path, options)
  } catch (error) {
    if (!isLast && PASSING_ERRORS.has(errorCode(error) ?? '')) return undefined
    throw readError(error, path)
  }
}

async function read(path: string, options: ReadOptions): Promise<Attempt> {
  const { fs = nodeFileSystem, maxBytes = Number.MAX_SAFE_INTEGER } = options
  const fd = await fs.open(path, OPEN.anyFile)
  try {
    const before = await fs.fstat(fd)
    if (before.isDirectory()) throw new SystemError('EISDIR', 'open', 'a folder')
    if (!before.isFile()) throw new SystemError('ENXIO', 'open', 'not a regular file')
    if (before.size > maxBytes) throw tooLarge(path, maxBytes, before.size)
    return await readOpened(fs, fd, before, maxBytes, () => tooLarge(path, maxBytes))
  } finally {
    // nothing is lost by a failed close
    await fs.close(fd).catch(() => {})
  }
}

function tooLarge(path: string, maxBytes: number, found?: number): SluiceError {
  const message = `${printable(path)} has more than the ${maxBytes} bytes that may be read; raise maxBytes`
  return new SluiceError('ERR_LIMIT', message, { path, expected: maxBytes, found })
}

function readCancelled(path: string, signal: AbortSignal): SluiceError {
  return new SluiceError('ERR_CANCELLED', `reading ${printable(path)} was cancelled`, {
    path,
    cause: signal.reason,
  })
}
