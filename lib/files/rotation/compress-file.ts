import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import { setMode, setTime } from '../disk/attributes.js'
import { errorCode } from '../disk/disk-error.js'
import { type FileStats, type FileSystem, OPEN } from '../disk/fs.js'
import { closing, openRegular } from '../disk/open-regular.js'
import { readFully, writeFully } from '../disk/read-write.js'

const COMPRESS_BYTES = 256 * 1024

/** Compresses `from` with gzip into a new file at `to`, which is removed if that fails. */
export async function compressFile(fs: FileSystem, from: string, to: string, power: boolean): Promise<void> {
  const { fd: source, stats } = await openRegular(fs, from)
  try {
    const target = await fs.open(to, OPEN.create, 0o600)
    try {
      await closing(fs, target, () => fillCompressed(fs, source, target, stats, power))
    } catch (error) {
      await fs.unlink(to).catch(() => {})
      throw error
    }
  } finally {
    await fs.close(source).catch(() => {})
  }
}

async function fillCompressed(
  fs: FileSystem,
  source: number,
  target: number,
  { mode, mtimeMs }: FileStats,
  power: boolean,
): Promise<void> {
  let position = 0
  await pipeline(Readable.from(compressedBytesOf(fs, source)), createGzip(), async (compressed) => {
    for await (const piece of compressed as AsyncIterable<Buffer>) {
      await writeFully(fs, target, [piece], position)
      position += piece.length
    }
  })
  await setMode(fs, target, mode & 0o777)
  await setTime(fs, target, Math.floor(mtimeMs))
  if (power) await fs.fsync(target)
}

/** Whether the compressed file has exactly the content of the other one; false too if it is incomplete. */
export async function holdsSame(fs: FileSystem, plain: string, compressed: string): Promise<boolean> {
  const { fd: packed } = await openRegular(fs, compressed)
  try {
    const { fd } = await openRegular(fs, plain)
    try {
      return await compare(fs, packed, fd)
    } finally {
      await fs.close(fd)
    }
  } finally {
    await fs.close(packed)
  }
}

async function compare(fs: FileSystem, packed: number, fd: number): Promise<boolean> {
  let position = 0
  let same = true
  try {
    await pipeline(Readable.from(compressedBytesOf(fs, packed)), createGunzip(), async (pieces) => {
      for await (const piece of pieces as AsyncIterable<Buffer>) {
        const other = Buffer.alloc(piece.length)
        const got = await readFully(fs, fd, other, position)
        position += piece.length
        same &&= got === piece.length && piece.equals(other)
      }
    })
  } catch (error) {
    // an error of zlib: not compressed, damaged, or cut off
    if (/^Z_/.test(errorCode(error) ?? '')) return false
    throw error
  }
  return same && (await fs.fstat(fd)).size === position
}

async function* compressedBytesOf(fs: FileSystem, fd: number): AsyncGenerator<Buffer> {
  for (let position = 0; ; ) {
    const buffer = Buffer.alloc(COMPRESS_BYTES)
    const got = await readFully(fs, fd, buffer, position)
    if (got > 0) yield buffer.subarray(0, got)
    if (got < COMPRESS_BYTES) return
    position += got
  }
}
