import type { Ranges } from '../../ranges.js'
import type { Part } from '../../stores/parts.js'
import type { FileWrite } from './writes.js'

/** Bytes that are compared at once, and written again at most if one of them differs. */
const PIECE = 64 * 1024

/** Bytes that are written by one call. */
interface Piece {
  offset: number
  buffers: Buffer[]
  length: number
}

/**
 * Writes of what comes again only what is not there already. So what is there is proved without a word to the sender:
 * what is not written is equal.
 * @param there what may be there
 * @param ends see {@link Part.write}
 */
export async function writeUnequal(
  part: Part,
  there: Ranges,
  { offset, buffers, length }: Pick<FileWrite, 'offset' | 'buffers' | 'length'>,
  ends: boolean,
): Promise<void> {
  const pieces: Piece[] = []
  let at = offset
  for (const bytes of buffers)
    for (let from = 0; from < bytes.length; ) {
      const some = bytes.subarray(from, Math.min(bytes.length, from + lengthOfNext(there, at)))
      if (!(await isThere(part, there, at, some))) add(pieces, at, some)
      from += some.length
      at += some.length
    }
  // where all was there, or there is nothing to write, it is still to be known that it has come
  if (pieces.length === 0 && ends) pieces.push({ offset: offset + length, buffers: [], length: 0 })
  for (const [i, piece] of pieces.entries())
    await part.write(piece.offset, piece.buffers, ends && i === pieces.length - 1)
}

/** How many bytes from `at` on are to be compared, or to be written, together. */
function lengthOfNext(there: Ranges, at: number): number {
  const next = there.next(at)
  if (next === undefined) return Number.POSITIVE_INFINITY
  return next.start === at ? Math.min(PIECE, next.end - at) : next.start - at
}

function add(pieces: Piece[], offset: number, bytes: Buffer): void {
  const last = pieces.at(-1)
  if (last && last.offset + last.length === offset) {
    last.buffers.push(bytes)
    last.length += bytes.length
  } else pieces.push({ offset, buffers: [bytes], length: bytes.length })
}

/** What cannot be read is not there: it is written. */
async function isThere(part: Part, there: Ranges, at: number, bytes: Buffer): Promise<boolean> {
  if (!part.read || !there.covers(at, at + bytes.length)) return false
  const found = Buffer.allocUnsafe(bytes.length)
  try {
    await part.read(at, found)
  } catch {
    return false
  }
  return found.equals(bytes)
}
