import { crc32 } from 'node:zlib'

/** The types of frames. Below 0x20 they belong to the river and are strictly ordered; talk may overtake. */
export const FrameType = Object.freeze({
  OFFER: 0x01,
  ENTRIES: 0x02,
  DATA: 0x03,
  DIGESTS: 0x04,
  END: 0x05,
  BLOCKS: 0x06,
  CHUNKS: 0x07,
  HELLO: 0x20,
  ANSWER: 0x21,
  PLAN: 0x22,
  OUTCOMES: 0x23,
  PAUSE: 0x24,
  RESUME: 0x25,
  CANCEL: 0x26,
  PING: 0x27,
  RESULT: 0x28,
  ERROR: 0x29,
  WANT: 0x2a,
  LANE: 0x2b,
})

/** Whether a frame of this type belongs to the conversation. */
export function isTalk(type: number): boolean {
  return type >= 0x20
}

/** Bytes of a header: type u8, length of the payload u32be. */
export const HEADER_BYTES = 5
/** Bytes of the position u64be that a DATA payload begins with. */
export const POSITION_BYTES = 8

/** The header of a message whose payload has `length` bytes. */
export function frameHeader(type: number, length: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES)
  header[0] = type
  header.writeUInt32BE(length, 1)
  return header
}

/** Header and position of a DATA frame with `length` bytes of data. */
export function dataHeader(position: number, length: number): Buffer {
  const header = Buffer.allocUnsafe(HEADER_BYTES + POSITION_BYTES)
  header[0] = FrameType.DATA
  header.writeUInt32BE(POSITION_BYTES + length, 1)
  header.writeBigUInt64BE(BigInt(position), HEADER_BYTES)
  return header
}

// Every message of the conversation ends with a check of what stands before it. Files prove themselves by their
// digests, and what changed on its way comes again; but of what was said about them a single wrong bit might leave both
// sides waiting for each other.

/**
 * Bytes of a check: the CRC-32 of gzip (RFC 1952) over the type of the frame and the payload up to the check,
 * big-endian.
 */
export const CHECK_BYTES = 4

/** Puts the check at the end of a payload, which has room for it. */
export function seal(type: number, payload: Buffer): void {
  payload.writeUInt32BE(checkOf(type, payload), payload.length - CHECK_BYTES)
}

/** Whether a payload that ends with a check is what its sender sealed. */
export function isIntact(type: number, payload: Buffer): boolean {
  return payload.readUInt32BE(payload.length - CHECK_BYTES) === checkOf(type, payload)
}

function checkOf(type: number, payload: Buffer): number {
  return crc32(payload.subarray(0, -CHECK_BYTES), crc32(Buffer.of(type)))
}
