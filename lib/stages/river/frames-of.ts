import { SluiceError } from '../errors.js'
import { dataHeader } from '../wire/frames.js'
import type { Limits } from '../wire/limits.js'
import { offerMessages } from '../wire/manifest.js'
import { encodeMessage } from '../wire/messages.js'
import type { Cut, Item, Run, SentDigest } from './items.js'

/** One frame in the pieces that it is written in: nothing may come between them. */
export type FramePieces = readonly Buffer[]

/** What the other side takes, in bytes. */
export type FrameLimits = Pick<Limits, 'frame' | 'message'>

/** The frames of an item, with at most `frame` bytes of data or `message` bytes of a message in each. */
export function* framesOf(item: Item, { frame, message }: FrameLimits): Generator<FramePieces> {
  switch (item.kind) {
    case 'offer':
      for (const page of offerMessages(item.offer, message)) yield [encodeMessage(page)]
      break
    case 'run':
      yield* dataFrames(item, frame)
      yield* digestFrames(ended(item.cuts).map(digestOf), message)
      break
    case 'digests':
      yield* digestFrames(item.digests, message)
      break
    default:
      throw new SluiceError('ERR_STATE', `framer() cannot send an item of kind ${item.kind}`)
  }
}

function ended(cuts: readonly Cut[]): Cut[] {
  return cuts.filter(({ last, entry }) => last && entry.type === 'file')
}

function* dataFrames(run: Run, maxFrame: number): Generator<FramePieces> {
  let position = run.position
  let frame: Buffer[] = []
  let length = 0
  for (const whole of joined(run.cuts)) {
    for (let bytes = whole; bytes.length > 0; ) {
      const piece = bytes.subarray(0, maxFrame - length)
      frame.push(piece)
      length += piece.length
      bytes = bytes.subarray(piece.length)
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
function joined(cuts: readonly Cut[]): Buffer[] {
  const buffers: Buffer[] = []
  for (const { bytes } of cuts) {
    const last = buffers.at(-1)
    if (bytes.length === 0) continue
    if (
      last !== undefined &&
      last.buffer === bytes.buffer &&
      last.byteOffset + last.length === bytes.byteOffset
    ) {
      buffers[buffers.length - 1] = Buffer.from(last.buffer, last.byteOffset, last.length + bytes.length)
    } else {
      buffers.push(bytes)
    }
  }
  return buffers
}

/** Digests in a message at most, and the bytes of the longest. */
const DIGESTS_PER_MESSAGE = 500
const DIGEST_BYTES = 100

function* digestFrames(digests: readonly SentDigest[], message: number): Generator<FramePieces> {
  const most = Math.max(1, Math.min(DIGESTS_PER_MESSAGE, Math.floor(message / DIGEST_BYTES)))
  for (let from = 0; from < digests.length; from += most) {
    const records = digests.slice(from, from + most).map(({ entry, digest, failure, size }) => ({
      index: entry.index,
      ...(digest === undefined ? { failure: failure! } : { digest }),
      ...(size === undefined ? {} : { size }),
    }))
    yield [encodeMessage({ type: 'digests', digests: records })]
  }
}

function digestOf({ entry, offset, bytes, digest }: Cut): SentDigest {
  if (digest === undefined) {
    throw new SluiceError('ERR_STATE', 'a file ended without a digest; put hashTap() before framer()', {
      path: entry.path,
    })
  }
  return { entry, digest, ...(entry.size === null ? { size: offset + bytes.length } : {}) }
}
