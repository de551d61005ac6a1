import { BLOCK_DIGEST_LENGTH } from '../../digest/blocks.js'
import { SluiceError } from '../../errors.js'
import { CHUNK_RECORD, chunkedBytes } from '../../wire/chunk-records.js'
import type { Entry } from '../../wire/entry.js'
import { dataHeader } from '../../wire/frames.js'
import type { Limits } from '../../wire/limits.js'
import { OfferFrames } from '../../wire/manifest.js'
import { type DigestsMessage, encodeMessage } from '../../wire/messages.js'
import { type Cut, digestIn, type Run } from '../../wire/run.js'
import type { BlocksItem, ChunksItem, DigestsItem, Item } from './items.js'
import { checkPlace } from './place.js'

/** One frame in the buffers that it is written in: nothing may come between them. */
export type FrameBuffers = readonly Buffer[]

/** What the other side takes, in bytes. */
export type FrameLimits = Pick<Limits, 'frame' | 'message'>

/**
 * The frames of an item, with at most `frame` bytes of data or `message` bytes of a message in each.
 * @param begun what has said the beginning of the offer that is given out
 * @throws SluiceError `ERR_STATE` for a file that ends without a digest
 */
export function* framesOf(
  item: Item,
  { frame, message }: FrameLimits,
  begun?: OfferFrames,
): Generator<FrameBuffers, void> {
  checkPlace('framer', item)
  switch (item.kind) {
    case 'offer':
      for (const page of (begun ?? new OfferFrames(item.offer)).rest(message)) yield [page]
      break
    case 'run':
      if (item.cuts) {
        for (const stretch of stretchesOf(item.cuts)) yield* dataFrames(stretch, frame)
        for (const digests of digestsOfCuts(item.cuts)) yield* digestFrames(digests, message)
      } else {
        // what the receiver has does not travel
        if (!item.isProof) yield* dataFrames(item, frame)
        const digests = digestsOfRun(item)
        if (digests) yield* digestFrames(digests, message)
      }
      break
    case 'blocks':
      yield* blockFrames(item, message)
      break
    case 'chunks':
      yield* chunkFrames(item, message)
      break
    case 'digests':
      yield* digestFrames(item, message)
      break
    case 'end':
      yield [encodeMessage({ type: 'end' })]
      break
    default:
      throw new SluiceError('ERR_STATE', `framer() cannot send an item of kind ${item.kind}`)
  }
}

/** Bytes that stand next to each other in the stream. */
interface Stretch {
  position: number
  buffers: readonly Buffer[]
}

function* dataFrames(stretch: Stretch, maxFrame: number): Generator<FrameBuffers, void> {
  let { position } = stretch
  let frame: Buffer[] = []
  let length = 0
  for (const whole of joined(stretch.buffers)) {
    for (let bytes = whole; bytes.length > 0; ) {
      const some = bytes.length <= maxFrame - length ? bytes : bytes.subarray(0, maxFrame - length)
      frame.push(some)
      length += some.length
      bytes = bytes.subarray(some.length)
      if (length === maxFrame) {
        yield [dataHeader(position, length), ...frame]
        position += length
        frame = []
        length = 0
      }
    }
  }
  if (length > 0) yield [dataHeader(position, length), ...frame]
}

/** Views that stand next to each other in one memory become one again: a write for a hundred small files. */
function joined(buffers: readonly Buffer[]): Buffer[] {
  const joined: Buffer[] = []
  for (const bytes of buffers) {
    const last = joined.at(-1)
    if (bytes.length === 0) continue
    if (last?.buffer === bytes.buffer && last.byteOffset + last.length === bytes.byteOffset)
      joined[joined.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + bytes.length)
    else joined.push(bytes)
  }
  return joined
}

/** A stage of a user's may have dropped some of what is between. */
function* stretchesOf(cuts: readonly Cut[]): Generator<Stretch, void> {
  let stretch: { position: number; buffers: Buffer[] } | undefined
  let end = 0
  for (const { entry, offset, bytes } of cuts) {
    const position = entry.start + offset
    if (stretch && position !== end) {
      yield stretch
      stretch = undefined
    }
    stretch ??= { position, buffers: [] }
    stretch.buffers.push(bytes)
    end = position + bytes.length
  }
  if (stretch) yield stretch
}

type Digests = Omit<DigestsItem, 'kind'>

/** What is to be said of the files that end in a run; undefined if none does. */
function digestsOfRun(run: Run): Digests | undefined {
  const { entries, digests } = run
  let { first } = run
  let last = run.ends ? run.last : run.last - 1
  while (first <= last && entries[first]!.type !== 'file') first++
  while (first <= last && entries[last]!.type !== 'file') last--
  if (first > last) return undefined
  if (digests === undefined) throw withoutDigest(entries[first]!)
  const { bytes, count } = digests
  const slot = bytes.length / count
  const from = (first - digests.first) * slot
  for (let index = first, at = from; index <= last; index++, at += slot) {
    // hardly any digest begins with a zero; those that do are looked at more closely
    if (bytes[at] || entries[index]!.type !== 'file' || digestIn(digests, index)) continue
    throw withoutDigest(entries[index]!)
  }
  const said: Digests = {
    first,
    count: last - first + 1,
    bytes: bytes.subarray(from, from + (last - first + 1) * slot),
  }
  const entry = entries[last]!
  if (entry.size === null) said.sizes = new Map([[last, run.position + run.length - entry.start]])
  return said
}

/** The same where a stage of a user's made the run: rows of entries, since it may have dropped some between. */
function* digestsOfCuts(cuts: readonly Cut[]): Generator<Digests, void> {
  let first = 0
  let slots: Buffer[] = []
  let sizes = new Map<number, number>()
  const row = (): Digests => ({ first, count: slots.length, bytes: Buffer.concat(slots), sizes })
  for (const { entry, offset, bytes, last, digest } of cuts) {
    if (!last || entry.type !== 'file') continue
    if (digest === undefined) throw withoutDigest(entry)
    if (slots.length > 0 && entry.index !== first + slots.length) {
      yield row()
      slots = []
      sizes = new Map()
    }
    if (slots.length === 0) first = entry.index
    slots.push(digest)
    if (entry.size === null) sizes.set(entry.index, offset + bytes.length)
  }
  if (slots.length > 0) yield row()
}

/** Entries in a message at most; bytes of the map around them; bytes of an index with a code or a size at most. */
const MOST_SLOTS = 1024
const HEAD = 64
const EXCEPTION = 80

function* digestFrames({ first, count, bytes, failures, sizes }: Digests, message: number) {
  const slot = bytes.length / count
  const isPlain = (failures?.size ?? 0) + (sizes?.size ?? 0) === 0
  const fit = Math.floor((message - HEAD) / (isPlain ? slot : slot + EXCEPTION))
  const most = Math.max(1, Math.min(MOST_SLOTS, fit))
  for (let from = 0; from < count; from += most) {
    const end = Math.min(count, from + most)
    const said: DigestsMessage = {
      first: first + from,
      count: end - from,
      bytes: bytes.subarray(from * slot, end * slot),
      failures: failures && codesOf(within(failures, first + from, first + end)),
      sizes: sizes && within(sizes, first + from, first + end),
    }
    yield [encodeMessage({ type: 'digests', ...said })]
  }
}

function* blockFrames({ index, first, digests }: BlocksItem, message: number) {
  const most = Math.max(1, Math.min(MOST_SLOTS, Math.floor((message - HEAD) / BLOCK_DIGEST_LENGTH)))
  for (let from = 0; from * BLOCK_DIGEST_LENGTH < digests.length; from += most) {
    const some = digests.subarray(from * BLOCK_DIGEST_LENGTH, (from + most) * BLOCK_DIGEST_LENGTH)
    yield [encodeMessage({ type: 'blocks', index, first: first + from, digests: some })]
  }
}

function* chunkFrames({ index, offset, chunks }: ChunksItem, message: number) {
  const most = Math.max(1, Math.floor((message - HEAD) / CHUNK_RECORD)) * CHUNK_RECORD
  for (let from = 0, start = offset; from < chunks.length; from += most) {
    const some = chunks.subarray(from, from + most)
    yield [encodeMessage({ type: 'chunks', index, offset: start, chunks: some })]
    start += chunkedBytes(some)
  }
}

/** What a map says of the entries from `first` up to `end`. */
function within<T>(map: ReadonlyMap<number, T>, first: number, end: number): Map<number, T> {
  return new Map([...map].filter(([index]) => index >= first && index < end))
}

/** What a peer is told of failures in DIGESTS: their codes. */
function codesOf(failures: ReadonlyMap<number, string | SluiceError>): Map<number, string> {
  return new Map(Array.from(failures, ([index, why]) => [index, typeof why === 'string' ? why : why.code]))
}

function withoutDigest({ path }: Entry): SluiceError {
  const message = 'a file ended without a digest; put hashTap() before framer()'
  return new SluiceError('ERR_STATE', message, { path })
}
