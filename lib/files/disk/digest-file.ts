import { createHash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { type FileStats, type FileSystem, OPEN } from './fs.js'
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
 * @param signal aborted, it fails with its reason
 */
export async function fileDigest(fs: FileSystem, path: string, options: DigestOptions = {}): Promise<string> {
  return (await digestFileAt(fs, path, options)).digest
}

/** Options of {@link fileDigest}. */
export interface DigestOptions {
  sync?: boolean
  signal?: AbortSignal | undefined
}

/** {@link fileDigest}, and the stats of the very file that was read. */
export function digestFileAt(
  fs: FileSystem,
  path: string,
  { sync = false, signal }: DigestOptions = {},
): Promise<{ digest: string; stats: FileStats }> {
  const digest = async (fd: number, stats: FileStats) => {
    const found = await digestFile(fs, fd, createHash('sha256'), signal)
    if (sync) await fs.fsync(fd)
    return { digest: found.toString('hex'), stats }
  }
  return withRegular(fs, path, digest, sync && fs.platform === 'win32' ? OPEN.update : OPEN.read)
}

/** Bytes that are digested at once: more would hold the event loop for too long. */
const STEP = 1024 * 1024

/** Digests the buffers, and lets the event loop turn in between. */
export async function digestInSteps(hasher: Hasher, buffers: readonly Uint8Array[]): Promise<void> {
  for (const step of portionsOf(buffers, STEP)) {
    let bytes = 0
    for (const part of step) {
      hasher.update(part)
      bytes += part.length
    }
    if (bytes >= STEP) await setImmediate()
  }
}

/** The buffers in groups of about `size` bytes; larger buffers are divided. */
export function* portionsOf(buffers: readonly Uint8Array[], size: number): Generator<Uint8Array[]> {
  let group: Uint8Array[] = []
  let bytes = 0
  for (const buffer of buffers) {
    for (let from = 0; from < buffer.length; from += size) {
      const part = buffer.length <= size ? buffer : buffer.subarray(from, from + size)
      group.push(part)
      bytes += part.length
      if (bytes < size) continue
      yield group
      group = []
      bytes = 0
    }
  }
  if (group.length > 0) yield group
}
