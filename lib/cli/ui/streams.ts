import { fstatSync, readSync, statSync, writeSync } from 'node:fs'
import { devNull } from 'node:os'
import { SluiceError } from '../../errors.js'
import { errorCode, readError, SystemError } from '../../files/disk/disk-error.js'
import { nodeFileSystem } from '../../files/disk/node-fs.js'
import type { Io } from './io.js'

/**
 * Standard input. Rejects with `ERR_SOURCE_READ` if it is closed, or a folder: Node reads no bytes of either and
 * reports no error, so that it would count as an empty file; and if it is a file that was not opened to be read.
 */
export async function standardInput({ stdin }: Io): Promise<Io['stdin']> {
  if (isClosed(stdin.fd, 'input'))
    throw new SluiceError(
      'ERR_SOURCE_READ',
      'standard input is closed; add < FILE, or < /dev/null for nothing',
    )
  try {
    const stats = await nodeFileSystem.fstat(stdin.fd)
    if (stats.isDirectory()) throw new SystemError('EISDIR', 'read', 'a folder')
    // from a place, so that the byte comes again
    if (stats.isFile()) readSync(stdin.fd, Buffer.alloc(1), 0, 1, 0)
  } catch (error) {
    if (errorCode(error) === 'EBADF') throw notReadable(error)
    throw readError(error, 'standard input')
  }
  return stdin
}

function notReadable(cause: unknown): SluiceError {
  const message = 'standard input is open for writing only; add < FILE'
  return new SluiceError('ERR_SOURCE_READ', message, { cause })
}

/** Throws `ERR_WRITE` if nobody would get what is written to standard output, which is the point of the command. */
export function checkOutput({ stdout }: Io): void {
  const { fd } = stdout as { fd?: number }
  if (fd === undefined || !isClosed(fd, 'output')) return
  throw new SluiceError('ERR_WRITE', 'standard output is closed; add > FILE, or > /dev/null')
}

/**
 * Whether a standard stream was closed when the program began. In its place Node opens the null device, for reading and
 * writing; people and scripts open it for one of the two.
 */
function isClosed(fd: number, as: 'input' | 'output'): boolean {
  try {
    const stats = fstatSync(fd)
    if (!stats.isCharacterDevice() || stats.rdev !== statSync(devNull).rdev) return false
    if (as === 'input') writeSync(fd, '\0')
    else readSync(fd, Buffer.alloc(1))
    return true
  } catch (error) {
    const { syscall } = error as NodeJS.ErrnoException
    return syscall === 'fstat' && errorCode(error) === 'EBADF'
  }
}

/** Milliseconds that a program which was stopped waits for a reader of what it has written. */
const LAST_WORDS = 100

/**
 * Resolves when all that was written so far has been flushed, or is lost. Rejects soon after the program was stopped:
 * whoever is to read it may never do so.
 */
export function written(stream: NodeJS.WriteStream, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (stream.destroyed || stream.writableEnded) return resolve()
    let timer: NodeJS.Timeout | undefined
    const stopped = () => {
      timer = setTimeout(() => reject(signal.reason), LAST_WORDS)
    }
    stream.write('', () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stopped)
      resolve()
    })
    if (signal.aborted) stopped()
    else signal.addEventListener('abort', stopped)
  })
}
