/** The pseudo-random numbers of Mulberry32, from 0 to 1: the same for the same seed, on every machine. */
export function randomBySeed(seed: number): () => number {
  // signed, as bits are: an integer of more than 31 bits would be an object of its own each time
  let state = seed | 0
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

/** Bytes that cannot be compressed, the same for the same seed. */
export function randomContent(length: number, seed = 1): Buffer {
  const random = randomBySeed(seed)
  const content = Buffer.alloc(length)
  for (let at = 0; at < length; at++) content[at] = random() * 256
  return content
}

/** `bytes` in pieces of `size` bytes (views). */
export function piecesOf(bytes: Buffer, size: number): Buffer[] {
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) pieces.push(bytes.subarray(at, at + size))
  return pieces
}

/** `bytes` in pieces of random sizes, some of them empty (views). */
export function randomPieces(bytes: Buffer, seed: number): Buffer[] {
  const random = randomBySeed(seed)
  const largest = Math.max(1, Math.ceil(bytes.length / 3))
  const pieces: Buffer[] = []
  for (let at = 0; at < bytes.length; ) {
    // Small pieces are as likely as large ones.
    const size = Math.floor(largest ** random()) - (random() < 0.1 ? largest : 0)
    const end = Math.min(bytes.length, at + Math.max(0, size))
    pieces.push(bytes.subarray(at, end))
    at = end
  }
  return pieces
}
