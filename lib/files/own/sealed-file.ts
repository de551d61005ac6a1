import type { FileSystem } from '../disk/fs.js'
import { withRegular } from '../disk/open-regular.js'
import { readPieces } from '../disk/read-write.js'
import { decodeSealed } from './record.js'

/** A longer record is not one of ours. */
const LARGEST_SEALED = 256 * 1024 * 1024

/**
 * The record in the file at `path`, as `encodeSealed` made it; undefined if that is damaged, has another title, or is
 * too large. What counts is what is read, not what the file is said to hold: of a file with another beginning one piece
 * is read. Throws system errors.
 */
export function readSealed(fs: FileSystem, path: string, title: string): Promise<unknown> {
  return withRegular(fs, path, async (fd) => {
    const pieces: Buffer[] = []
    let size = 0
    for await (const piece of readPieces(fs, fd)) {
      if (size === 0 && !piece.toString('latin1', 0, title.length + 1).startsWith(`${title} `))
        return undefined
      size += piece.length
      if (size > LARGEST_SEALED) return undefined
      pieces.push(Buffer.from(piece))
    }
    return decodeSealed(title, Buffer.concat(pieces))
  })
}
