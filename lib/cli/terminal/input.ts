import { readError, SystemError } from '../../files/disk/disk-error.js'
import { nodeFileSystem } from '../../files/disk/node-fs.js'
import type { Io } from './reporter.js'

/**
 * Standard input. Rejects with `ERR_SOURCE_READ` if it is a folder: Node reads no bytes of one and reports no error,
 * so that it would count as an empty file.
 */
export async function standardInput({ stdin }: Io): Promise<Io['stdin']> {
  try {
    if ((await nodeFileSystem.fstat(stdin.fd)).isDirectory())
      throw new SystemError('EISDIR', 'read', 'a folder')
  } catch (error) {
    throw readError(error, 'standard input')
  }
  return stdin
}
