import type { Hash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'

/** Bytes of one write: with a progress callback or a signal (PORTION), and without (LARGE_PORTION). */
export const PORTION = 4 * 1024 * 1024
export const LARGE_PORTION = 32 * 1024 * 1024

/** Bytes that are digested at once: more would hold the event loop for too long. */
const STEP = 1024 * 1024

/** Smaller pieces are joined: to write each one alone costs far more than to copy it. */
const SMALL_PIECE = 16 * 1024

/** Bytes of joined pieces, at most. */
const TOGETHER = 64 * 1024

/** Digests the buffers, and lets the event loop turn in between. */
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

/** The same bytes in larger pieces: small ones are joined in one buffer, which is reused for the next piece. */
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
