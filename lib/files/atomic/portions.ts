import type { Hash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'

/** Bytes that are written at once. */
const PORTION = 4 * 1024 * 1024

/** Bytes that are digested at once: more would hold the event loop. */
const STEP = 1024 * 1024

/** Digests, and lets others have their turn in between. */
export async function digestInSteps(hasher: Hash, buffers: readonly Uint8Array[]): Promise<void> {
  let sum = 0
  for (const buffer of buffers) {
    for (let from = 0; from < buffer.length; from += STEP) {
      const part = buffer.length <= STEP ? buffer : buffer.subarray(from, from + STEP)
      hasher.update(part)
      sum += part.length
      if (sum < STEP) continue
      sum = 0
      await setImmediate()
    }
  }
}

/** The buffers in groups of about {@link PORTION} bytes, large ones cut. */
export function* portionsOf(buffers: readonly Uint8Array[]): Generator<Uint8Array[]> {
  let group: Uint8Array[] = []
  let size = 0
  for (const buffer of buffers) {
    for (let from = 0; from < buffer.length; from += PORTION) {
      const part = buffer.length <= PORTION ? buffer : buffer.subarray(from, from + PORTION)
      group.push(part)
      size += part.length
      if (size < PORTION) continue
      yield group
      group = []
      size = 0
    }
  }
  if (group.length > 0) yield group
}
