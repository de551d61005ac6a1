import { printable, SluiceError } from '../../errors.js'
import type { FileStats, FileSystem } from '../disk/fs.js'
import { openRegular } from '../disk/open-regular.js'
import { readFully } from '../disk/read-write.js'
import { sameContent } from '../disk/stats.js'

/** Size of the buffer if the size of the file is not known. */
const FIRST_READ = 64 * 1024

/** How often a file is read that changes meanwhile, without a pause. */
const ATTEMPTS = 5

/** What was read, and whether the file was the same before and afterwards. */
export interface Attempt {
  bytes: Buffer
  isSame: boolean
}

/**
 * The content of a regular file at one moment, never through a link: if it was written to meanwhile, it is read
 * again. Throws system errors, and `ERR_SOURCE_CHANGED` if it changed each time.
 * @param shown the path for the message
 */
export async function readWholeFile(fs: FileSystem, path: string, shown: string): Promise<Buffer> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const { fd, stats } = await openRegular(fs, path)
    try {
      const { bytes, isSame } = await readOpened(fs, fd, stats)
      if (isSame) return bytes
    } finally {
      // nothing is lost by a failed close
      await fs.close(fd).catch(() => {})
    }
  }
  throw changedWhileRead(shown, ATTEMPTS)
}

/**
 * The whole content of an open file. Reads one byte more than its size, to see whether it grew.
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
  // files under /proc have content although their size is 0
  const isSame = sameContent(before, await fs.fstat(fd)) && (size === length || size === 0)
  return { bytes: buffer.subarray(0, length), isSame }
}

/** The error `ERR_SOURCE_CHANGED`. */
export function changedWhileRead(path: string, attempts: number): SluiceError {
  const message = `${printable(path)} changed each of the ${attempts} times that it was read; try it again when it rests`
  return new SluiceError('ERR_SOURCE_CHANGED', message, { path })
}
