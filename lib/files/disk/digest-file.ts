import type { FileSystem } from './fs.js'
import { readFully } from './read-write.js'

/** Anything that computes a digest, as `createHash` of `node:crypto` returns it. */
export interface Hasher {
  update(bytes: Uint8Array): unknown
  digest(): Buffer
}

/** Bytes that are read and digested at once: more would hold the event loop for too long. */
const READ_SIZE = 512 * 1024

/** The digest of the whole content of an open file. */
export async function digestFile(fs: FileSystem, fd: number, hasher: Hasher): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(READ_SIZE)
  for (let position = 0; ; ) {
    const got = await readFully(fs, fd, buffer, position)
    hasher.update(buffer.subarray(0, got))
    position += got
    if (got < buffer.length) return hasher.digest()
  }
}
