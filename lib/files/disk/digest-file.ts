import { createHash } from 'node:crypto'
import { type FileSystem, OPEN } from './fs.js'
import { withRegular } from './open-regular.js'
import { readPieces } from './read-write.js'

/** Anything that computes a digest, as `createHash` of `node:crypto` returns it. */
export interface Hasher {
  update(bytes: Uint8Array): unknown
  digest(): Buffer
}

/** The digest of the whole content of an open file. Aborted, it fails with the reason of the signal. */
export async function digestFile(
  fs: FileSystem,
  fd: number,
  hasher: Hasher,
  signal?: AbortSignal,
): Promise<Buffer> {
  for await (const piece of readPieces(fs, fd)) {
    signal?.throwIfAborted()
    hasher.update(piece)
  }
  return hasher.digest()
}

/**
 * The SHA-256 of the regular file at `path`, hexadecimal; never through a link.
 * @param sync whether its content is synced
 */
export function fileDigest(fs: FileSystem, path: string, sync = false): Promise<string> {
  const digest = async (fd: number) => {
    const found = await digestFile(fs, fd, createHash('sha256'))
    if (sync) await fs.fsync(fd)
    return found.toString('hex')
  }
  return withRegular(fs, path, digest, sync && fs.platform === 'win32' ? OPEN.update : OPEN.read)
}
