import type { Entry } from './manifest.js'

/** One bit per entry, the first in the highest bit of the first byte. */
export type Bitmap = Uint8Array

/** The bitmap of `length` entries of which `wants` says yes. */
export function bitmapOf(length: number, wants: (index: number) => boolean): Bitmap {
  const bitmap = Buffer.alloc(Math.ceil(length / 8))
  for (let i = 0; i < length; i++) if (wants(i)) bitmap[i >> 3]! |= 0x80 >> (i & 7)
  return bitmap
}

/** Whether the bit of entry `index` is set; entries beyond the bitmap are not wanted. */
export function isWanted(bitmap: Bitmap, index: number): boolean {
  return ((bitmap[index >> 3] ?? 0) & (0x80 >> (index & 7))) !== 0
}

/** The bytes from `start` up to, but not including, `end`. */
export interface Range {
  start: number
  end: number
}

/** The index of the entry that owns the byte at `position`; -1 if there is none. */
export function entryAt(entries: readonly Entry[], position: number): number {
  let low = 0
  let high = entries.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (entries[middle]!.start <= position) low = middle + 1
    else high = middle
  }
  const found = entries[low - 1]
  if (found === undefined) return -1
  return found.size === null || position < found.start + found.size ? low - 1 : -1
}
