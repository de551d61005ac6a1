import type { Hash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'

/** Bytes that are written at once. */
const PORTION = 4 * 1024 * 1024

/** Bytes that are digested at once: more would hold the event loop. */
const STEP = 1024 * 1024

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
export function* portionsOf(buffers: readonly Uint8Array[], size = PORTION): Generator<Uint8Array[]> {
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
