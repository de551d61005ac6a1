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
