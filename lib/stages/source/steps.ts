import { SluiceError } from '../errors.js'
import type { Entry, Offer } from '../wire/manifest.js'
import type { Range } from '../wire/positions.js'
import { chunkSize } from './chunk-size.js'

/** A part of one entry. */
export interface Piece {
  entry: Entry
  offset: number
  length: number
  /** Whether the entry ends with it. */
  last: boolean
}

/**
 * What is read at once: pieces that stand next to each other in the stream; a chunk of one file, and whether it is
 * the last of its range; or a stream to its end.
 */
export type Step =
  | { kind: 'pieces'; pieces: Piece[]; length: number }
  | { kind: 'chunk'; piece: Piece; ends: boolean }
  | { kind: 'stream'; entry: Entry }

/** Bytes that are read together at most. */
const SLAB = 256 * 1024

/** Pieces that are read together at most: with fewer, the threads that read wait for each other too often. */
const MOST_PIECES = 64

/** In what order and in what portions to read: pure, and lazy, since a manifest may be long. */
export function* readPlan(
  offer: Offer,
  ranges: readonly Range[] | undefined,
  isWanted: (entry: Entry) => boolean,
  maxRun: number,
): Generator<Step> {
  const slab = Math.min(SLAB, maxRun)
  let pieces: Piece[] = []
  let length = 0
  let next = 0
  for (const piece of piecesOf(offer, ranges, isWanted)) {
    const { entry, offset } = piece
    const small = entry.size !== null && piece.length <= slab
    const fits = small && length + piece.length <= slab && pieces.length < MOST_PIECES
    if (pieces.length > 0 && !(fits && entry.start + offset === next)) {
      yield { kind: 'pieces', pieces, length }
      pieces = []
      length = 0
    }
    if (small) {
      pieces.push(piece)
      length += piece.length
      next = entry.start + offset + piece.length
    } else if (entry.size === null) {
      yield { kind: 'stream', entry }
    } else {
      yield* chunksOf(piece, Math.min(chunkSize(entry.size), maxRun))
    }
  }
  if (pieces.length > 0) yield { kind: 'pieces', pieces, length }
}

function* chunksOf({ entry, offset, length, last }: Piece, chunk: number): Generator<Step> {
  for (let done = 0; done < length; done += chunk) {
    const some = Math.min(chunk, length - done)
    const ends = done + some === length
    yield { kind: 'chunk', piece: { entry, offset: offset + done, length: some, last: last && ends }, ends }
  }
}

/** Entries of no bytes belong to the range that goes on at their position; at the very end to the one that ends there. */
function* piecesOf(
  { entries, position, bytes }: Offer,
  ranges: readonly Range[] = [{ start: position, end: Number.POSITIVE_INFINITY }],
  isWanted: (entry: Entry) => boolean,
): Generator<Piece> {
  const total = position + bytes
  let first = 0
  for (const entry of entries) {
    const { start, size } = entry
    const end = start + (size ?? 0)
    while (first < ranges.length && ranges[first]!.end < start) first++
    if (!isWanted(entry)) continue
    for (let i = first; i < ranges.length && ranges[i]!.start <= end; i++) {
      const range = ranges[i]!
      const from = Math.max(start, range.start)
      const to = Math.min(end, range.end)
      if (from < to) yield { entry, offset: from - start, length: to - from, last: to === end }
      else if (start === end && (start < range.end || range.end === total)) {
        yield { entry, offset: 0, length: 0, last: true }
        break
      }
    }
  }
}

/** Throws `ERR_USAGE` unless the ranges are of the offer, in ascending order and apart from each other. */
export function checkRanges(ranges: readonly Range[], { position, bytes, entries }: Offer): void {
  const open = entries.at(-1)?.size === null
  const total = position + bytes
  let least = position
  for (const { start, end } of ranges) {
    const whole = Number.isSafeInteger(start) && Number.isSafeInteger(end)
    if (!whole || start < least || end < start || (end > total && !open)) {
      const message = `ranges: [${start}, ${end}) is not one of ascending ranges from ${position} to ${total}`
      throw new SluiceError('ERR_USAGE', message, { found: ranges })
    }
    least = end
  }
}
