import { BLOCK_DIGEST_LENGTH, blockSizeOf } from '../../digest/blocks.js'
import { fileCodeOf, type SluiceError } from '../../errors.js'
import { refuse } from '../../transfer/plan/refuse.js'
import type { Plan } from '../../transfer/plan.js'
import { chunkedBytes } from '../../wire/chunk-records.js'
import type { Offer } from '../../wire/entry.js'
import type { Data, Frame } from '../../wire/frame-parser.js'
import type { BlocksMessage, ChunksMessage, DigestsMessage, Message } from '../../wire/messages.js'
import { failureOf } from '../../wire/outcome.js'
import { hasDigest, RunReader } from '../../wire/run.js'
import { type Item, runOfPiece } from './items.js'

/**
 * The runs that bytes at a position of the stream belong to.
 * @throws SluiceError `ERR_PROTOCOL` for bytes that the plan does not want
 */
export function* itemsOfData(plan: Plan, { position, length, chunks }: Data): Generator<Item, void> {
  const reader = new RunReader(chunks)
  for (const piece of plan.take(position, length)) {
    const buffers = reader.take(piece.length)
    if (!piece.isLate) yield runOfPiece(plan, piece, buffers)
  }
}

/** What is said of files, in the order of the river. */
export type Said = Extract<Message, { type: 'blocks' | 'chunks' | 'digests' | 'end' }>

/**
 * The items of a message about files.
 * @param length of the digest of a file, in bytes
 * @throws SluiceError `ERR_PROTOCOL` for what the plan does not expect
 */
export function itemsOfMessage(plan: Plan, message: Said, length: number): Generator<Item, void> {
  switch (message.type) {
    case 'blocks':
      return itemsOfBlocks(plan, message)
    case 'chunks':
      return itemsOfChunks(plan, message)
    case 'digests':
      return itemsOfDigests(plan, message, length)
    case 'end':
      return itemsOfEnd(plan)
  }
}

/**
 * A column of digests, after the ends of the files without bytes before them.
 * @param length of a digest, in bytes
 * @throws SluiceError `ERR_PROTOCOL` for digests of another length, or that the plan does not expect
 */
function* itemsOfDigests(plan: Plan, message: DigestsMessage, length: number): Generator<Item, void> {
  const { first, count, bytes, failures: codes, sizes } = message
  if (first + count > plan.entries.length)
    throw refuse(`a digest of entry ${first + count - 1}, which is none`)
  const slot = bytes.length / count
  if (slot !== length) throw refuse(`a digest of ${slot} instead of ${length} bytes for`, plan.entries[first])
  const failures = new Map<number, SluiceError>()
  const open = new Set<number>()
  // first, so that an empty file that failed is not passed
  for (const [index, code] of codes ?? []) {
    plan.answer(index, true)
    failures.set(index, failureOf(plan.entries[index]!, fileCodeOf(code)))
    if (plan.isOpen(index)) open.add(index)
  }
  for (const piece of plan.pass(first + count)) yield runOfPiece(plan, piece, [])
  // of its own, not of the pool of Buffer: outcomes keep it, and with it all that lies in the same memory
  const column = { first, count, bytes: Buffer.allocUnsafeSlow(bytes.length) }
  column.bytes.set(bytes)
  for (let index = first; index < first + count; index++) {
    // a slot of zeros says nothing: of a folder, or of a file that nobody asked for
    if (failures.has(index) || !hasDigest(column, index)) continue
    const size = sizes?.get(index)
    // an entry of unknown size ends with a run of no bytes
    const end = size === undefined ? undefined : plan.setSize(index, size)
    if (end) yield runOfPiece(plan, end, [])
    plan.answer(index)
    if (plan.isOpen(index)) open.add(index)
  }
  yield { kind: 'digests', ...column, failures, open, ...(sizes && { sizes }) }
}

/**
 * Digests of blocks, as the sender says them; nothing of a file that has its outcome.
 * @throws SluiceError `ERR_PROTOCOL` for blocks that the file does not have, or that nobody has
 */
function* itemsOfBlocks(plan: Plan, { index, first, digests }: BlocksMessage): Generator<Item, void> {
  const entry = plan.entries[index]
  if (entry?.type !== 'file' || entry.size === null)
    throw refuse(`digests of blocks of entry ${index}, which has none`, entry)
  if (plan.isClosed(index)) return
  const block = blockSizeOf(entry.size)
  const end = (first + digests.length / BLOCK_DIGEST_LENGTH) * block
  if (end - block >= entry.size) throw refuse(`digests of blocks up to ${end}, which is beyond`, entry)
  if (!plan.isKnown(index, first * block, Math.min(end, entry.size)))
    throw refuse(`digests of blocks from ${first} on, which neither came nor were claimed, of`, entry)
  yield { kind: 'blocks', index, first, digests: Buffer.from(digests), isSaid: true }
}

/**
 * Chunks of a file, as the sender says them; nothing of a file that has its outcome.
 * @throws SluiceError `ERR_PROTOCOL` for chunks that were not asked for, and those that are not the next ones of the
 *   file
 */
function* itemsOfChunks(plan: Plan, { index, offset, chunks }: ChunksMessage): Generator<Item, void> {
  const entry = plan.entries[index]
  if (entry === undefined)
    throw refuse(`chunks of entry ${index}, of ${plan.entries.length} that were offered`)
  if (plan.isClosed(index)) return
  const length = chunkedBytes(chunks)
  if (!plan.chunked.take(index, offset, length))
    throw refuse(`chunks from ${offset} on, which are not the next that were asked for, of`, entry)
  if (offset + length > entry.size!) throw refuse(`chunks up to ${offset + length}, which is beyond`, entry)
  yield { kind: 'chunks', index, offset, chunks: Buffer.from(chunks) }
}

/** The ends of the files without bytes that are left, and the end of the stream. */
function* itemsOfEnd(plan: Plan): Generator<Item, void> {
  for (const piece of plan.pass()) yield runOfPiece(plan, piece, [])
  plan.end()
  yield { kind: 'end', open: [...plan.askedAgain()] }
}

/** Whether a frame must wait until it was decided about an offer: it is about that, or follows it. */
export function isAbout(frame: Frame, { first, position }: Offer): boolean {
  if (frame.kind === 'data') return frame.position + frame.length > position
  const { message } = frame
  if (message.type === 'digests') return message.first + message.count > first
  if (message.type === 'blocks' || message.type === 'chunks') return message.index >= first
  return message.type === 'end' || message.type === 'offer'
}
