import { errorCode, SystemError } from './disk-error.js'
import type { FileSystem, SyncCalls } from './fs.js'

/** How often a positioned read or write is repeated after EINTR or EAGAIN. */
const MOST_RETRIES = 100

/** Repeats a call that fails with EINTR or EAGAIN, at most a hundred times. Only for calls that may be repeated. */
export async function undisturbed(act: () => Promise<number>): Promise<number> {
  for (let tries = 0; ; tries++) {
    try {
      return await act()
    } catch (error) {
      checkDisturbed(error, tries)
    }
  }
}

/**
 * Throws the error, unless it is EINTR or EAGAIN and the call may be repeated: at the same position nothing is read
 * or written twice.
 */
function checkDisturbed(error: unknown, tries: number): void {
  const code = errorCode(error)
  if (tries === MOST_RETRIES || (code !== 'EINTR' && code !== 'EAGAIN')) throw error
}

/**
 * Writes all of `buffers` from `position` on. A single write may take fewer bytes than given; one that takes none
 * means that the disk is full, and becomes ENOSPC. After an error it is unknown how many bytes were written.
 */
export async function writeFully(
  fs: FileSystem,
  fd: number,
  buffers: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let total = 0
  for (const buffer of buffers) total += buffer.length
  let rest = buffers
  for (let done = 0; done < total; ) {
    const at = position + done
    const taken = await undisturbed(() => fs.write(fd, rest, at))
    if (taken === 0) {
      throw new SystemError('ENOSPC', 'write', `${done} of ${total} bytes were taken at position ${position}`)
    }
    done += taken
    if (done < total) rest = after(rest, taken)
  }
}

/** The buffers without their first `taken` bytes. */
function after(buffers: readonly Uint8Array[], taken: number): Uint8Array[] {
  let index = 0
  let skip = taken
  while (skip >= buffers[index]!.length) skip -= buffers[index++]!.length
  return [buffers[index]!.subarray(skip), ...buffers.slice(index + 1)]
}

/** Fills `buffer` from `position`. Returns the number of bytes: less than its length only at the end of the file. */
export async function readFully(
  fs: FileSystem,
  fd: number,
  buffer: Uint8Array,
  position: number,
): Promise<number> {
  let done = 0
  while (done < buffer.length) {
    const from = done
    const got = await undisturbed(() => fs.read(fd, buffer, from, buffer.length - from, position + from))
    if (got === 0) break
    done += got
  }
  return done
}

/**
 * Bytes that {@link readPieces} reads at once, and that are digested at once: more would hold the event loop too long.
 */
const PIECE_SIZE = 512 * 1024

/**
 * The content of an open file, or of it the bytes from `start` up to `end`. Each piece must be used before the next is
 * asked for: all are in one buffer.
 */
export async function* readPieces(
  fs: FileSystem,
  fd: number,
  size: number = PIECE_SIZE,
  { start = 0, end = Number.POSITIVE_INFINITY }: { start?: number; end?: number } = {},
): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.min(size, end - start))
  for (let position = start; position < end; position += buffer.length) {
    const wanted = buffer.subarray(0, Math.min(buffer.length, end - position))
    const got = await readFully(fs, fd, wanted, position)
    if (got > 0) yield wanted.subarray(0, got)
    if (got < wanted.length) return
  }
}

/** {@link readFully} by the calls that are made at once, into `length` bytes of `buffer` from `offset` on. */
export function readFullySync(
  { read }: SyncCalls,
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number,
  position: number,
): number {
  let done = 0
  for (let tries = 0; done < length; tries++) {
    try {
      const got = read(fd, buffer, offset + done, length - done, position + done)
      if (got === 0) break
      done += got
      tries = 0
    } catch (error) {
      checkDisturbed(error, tries)
    }
  }
  return done
}
