import { BLOCK_DIGEST_LENGTH } from '../digest/blocks.js'
import { type Chunk, LONGEST_CHUNK, MOST_CHUNKED } from '../digest/chunks.js'

/** Bytes of a length. */
const LENGTH = 4

/** Bytes that a chunk takes in a message: its length as u32, and its digest. */
export const CHUNK_RECORD = LENGTH + BLOCK_DIGEST_LENGTH

/** Chunks that follow each other in a file, as they stand in a message. */
export function packChunks(chunks: readonly Omit<Chunk, 'offset'>[]): Buffer {
  const records = Buffer.alloc(chunks.length * CHUNK_RECORD)
  for (const [i, { length, digest }] of chunks.entries()) {
    records.writeUInt32BE(length, i * CHUNK_RECORD)
    records.set(digest, i * CHUNK_RECORD + LENGTH)
  }
  return records
}

/** The chunks that stand in a message, the first of which begins at `offset` of the file. Their digests are views. */
export function* chunksIn(records: Buffer, offset: number): Generator<Chunk, void> {
  for (let at = 0, start = offset; at < records.length; at += CHUNK_RECORD) {
    const length = records.readUInt32BE(at)
    yield { offset: start, length, digest: records.subarray(at + LENGTH, at + CHUNK_RECORD) }
    start += length
  }
}

/** Bytes of the file that the chunks in a message are. */
export function chunkedBytes(records: Buffer): number {
  let bytes = 0
  for (let at = 0; at < records.length; at += CHUNK_RECORD) bytes += records.readUInt32BE(at)
  return bytes
}

/** What is wrong with the chunks in a message, the first of which begins at `offset` of the file. */
export function faultOfChunks(offset: number, records: Buffer): string | undefined {
  if (records.length % CHUNK_RECORD !== 0) return `with ${records.length} bytes of chunks`
  let end = offset
  for (const { length } of chunksIn(records, offset)) {
    if (length === 0 || length > LONGEST_CHUNK) return `with a chunk of ${length} bytes`
    end += length
  }
  return end > MOST_CHUNKED ? `with chunks up to ${end}` : undefined
}
