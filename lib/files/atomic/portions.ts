import type { Hash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'

/** Bytes that are written at once: where somebody looks on, or may end it, and where nobody does. */
export const PORTION = 4 * 1024 * 1024
export const LARGE_PORTION = 32 * 1024 * 1024

/** Bytes that are digested at once: more would hold the event loop. */
const STEP = 1024 * 1024

/** Pieces of less are put together: a write of each apart costs far more than to copy it. */
const SMALL_PIECE = 16 * 1024

/** Bytes that are put together at the most. */
const TOGETHER = 64 * 1024

/** Digests, and lets others have their turn in between. */
export async function digestInSteps(hasher: Hash, buffers: readonly Uint8Array[]): Promise<void> {
  for (const step of portionsOf(buffers, STEP)) {
    let bytes = 0
    for (const part of step) {
      hasher.update(part)
      bytes += part.length
    }
    if (bytes >= STEP) await setImmediate()
  }
}

/** The buffers in groups of about `size` bytes, large ones cut. */
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

/** The same bytes in pieces that are worth a write: small ones put together, in a buffer that is used again and again. */
export async function* gatheredPieces(pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let buffer: Buffer | undefined
  let used = 0
  for await (const piece of pieces) {
    if (used > 0 && (piece.length >= SMALL_PIECE || used + piece.length > TOGETHER)) {
      yield buffer!.subarray(0, used)
      used = 0
    }
    if (piece.length >= SMALL_PIECE) yield piece
    else {
      buffer ??= Buffer.allocUnsafe(TOGETHER)
      buffer.set(piece, used)
      used += piece.length
    }
  }
  if (used > 0) yield buffer!.subarray(0, used)
}
