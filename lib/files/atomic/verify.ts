import { createHash } from 'node:crypto'
import { printable, SluiceError } from '../../errors.js'
import { digestFile } from '../disk/digest-file.js'
import type { FileSystem } from '../disk/fs.js'

/**
 * Reads the open file back. `ERR_DIGEST` if it is not what was given.
 * @param expected SHA-256 of what was given
 * @param path for the message: the file that is being written
 */
export async function verifyFile(fs: FileSystem, fd: number, expected: Buffer, path: string): Promise<void> {
  const found = await digestFile(fs, fd, createHash('sha256'))
  if (found.equals(expected)) return
  const message = `what was read back of ${printable(path)} is not what was written; check the disk`
  throw new SluiceError('ERR_DIGEST', message, {
    path,
    expected: expected.toString('hex'),
    found: found.toString('hex'),
  })
}
