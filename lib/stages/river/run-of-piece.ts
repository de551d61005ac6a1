import type { Piece } from '../../transfer/plan/pieces.js'
import type { Plan } from '../../transfer/plan.js'
import type { Run } from '../../wire/run.js'

/** A piece of a plan, with its bytes. */
export function runOfPiece({ entries }: Plan, piece: Piece, buffers: readonly Buffer[]): Run {
  const { position, length, first, last, offset, ends } = piece
  return { kind: 'run', position, length, buffers, entries, first, last, offset, ends }
}
