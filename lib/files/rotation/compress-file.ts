import { pipeline } from 'node:stream/promises'
import { createGunzip, createGzip } from 'node:zlib'
import type { SluiceError } from '../../errors.js'
import { withAccessList } from '../disk/access-list.js'
import { keepAttributes, setTime, unlessRefused } from '../disk/attributes.js'
import { errorCode } from '../disk/disk-error.js'
import type { FileStats, FileSystem } from '../disk/fs.js'
import { checkWritten, writeTemporary } from '../disk/move-file.js'
import { withRegular } from '../disk/open-regular.js'
import { readFully, readPieces, writeFully } from '../disk/read-write.js'

/**
 * Compresses `from` with gzip into a new file at `to`, which is removed if that fails. Returns what that is then, and a
 * warning where it could not get its owner, mode or time.
 * @param shown the path for that
 */
export async function compressFile(
  fs: FileSystem,
  from: string,
  to: string,
  power: boolean,
  shown: string,
): Promise<{ written: FileStats; refused: SluiceError | undefined }> {
  return withRegular(fs, from, async (source, stats) => {
    await withAccessList(fs, source, stats)
    return writeTemporary(fs, to, 0o600, async (target) => {
      let position = 0
      await pipeline(copiesOf(fs, source), createGzip(), async (pieces: AsyncIterable<Buffer>) => {
        for await (const piece of pieces) {
          await writeFully(fs, target, [piece], position)
          position += piece.length
        }
      })
      const written = await checkWritten(fs, target, position)
      const kept = await keepAttributes(target, written, stats, { fs, owner: 'try' }, shown)
      const time = Math.floor(stats.mtimeMs)
      const refused = await unlessRefused('time', shown, () => setTime(fs, target, time))
      if (power) await fs.fsync(target)
      return { written: await checkWritten(fs, target, position), refused: kept ?? refused }
    })
  })
}

/** Whether the compressed file has exactly the content of the other one; false too if it is incomplete. */
export async function holdsSame(fs: FileSystem, plain: string, compressed: string): Promise<boolean> {
  return withRegular(fs, compressed, (packed) => withRegular(fs, plain, (fd) => compare(fs, packed, fd)))
}

async function compare(fs: FileSystem, packed: number, fd: number): Promise<boolean> {
  let position = 0
  let same = true
  try {
    await pipeline(copiesOf(fs, packed), createGunzip(), async (pieces: AsyncIterable<Buffer>) => {
      for await (const piece of pieces) {
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

/** The content in pieces of their own, for a stream that keeps some of them. */
async function* copiesOf(fs: FileSystem, fd: number): AsyncGenerator<Buffer> {
  for await (const piece of readPieces(fs, fd)) yield Buffer.from(piece)
}
