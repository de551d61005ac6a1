import type { Entry } from '../wire/manifest.js'
import type { Cut } from './items.js'

/** What a run brings of one entry: its cuts, one behind the other. */
export interface Piece {
  entry: Entry
  offset: number
  length: number
  /** Without empty ones. */
  buffers: Buffer[]
  /** Whether the entry ends with it. */
  last: boolean
  digest?: Buffer
}

/** Puts together the cuts that follow each other in one entry, so that they take one write. */
export function piecesOf(cuts: readonly Cut[]): Piece[] {
  const pieces: Piece[] = []
  for (const { entry, offset, bytes, last, digest } of cuts) {
    let piece = pieces.at(-1)
    if (piece === undefined || piece.entry !== entry || piece.offset + piece.length !== offset) {
      piece = { entry, offset, length: 0, buffers: [], last: false }
      pieces.push(piece)
    }
    if (bytes.length > 0) piece.buffers.push(bytes)
    piece.length += bytes.length
    piece.last = last
    if (digest) piece.digest = digest
  }
  return pieces
}
