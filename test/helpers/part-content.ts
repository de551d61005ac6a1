/** Bytes of a piece. */
export const PIECE = 1024 * 1024

/** The next piece of a content that is the same in each process: one byte repeated, another one for each piece. */
export function contentFrom(position: number, size: number): Buffer {
  const piece = Math.floor(position / PIECE)
  return Buffer.alloc(Math.min((piece + 1) * PIECE, size) - position, piece)
}
