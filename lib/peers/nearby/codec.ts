import type { Packet } from 'dns-packet'

/** Packets as bytes. */
export interface Codec {
  encode(packet: Packet): Uint8Array
  /** What somebody has sent; undefined if it is not about Sluice, or nothing that can be read. */
  decode(bytes: Buffer): Packet | undefined
}

/** Bytes of a packet that is read: its header, and at most so many. Ours have about 200. */
const HEADER = 12
const LARGEST = 1500

/** Records of a packet that is read, at most. Ours have three. */
const MOST_RECORDS = 32

/** The label in the name of our service. Most of what is said in a network has none, and is not looked at. */
const LABEL = Buffer.from('\u0007_sluice')

/** Loads what makes packets bytes: whoever neither announces nor looks for anything does without it. */
export async function loadCodec(): Promise<Codec> {
  const { decode, encode } = await import('dns-packet')
  return {
    encode: (packet) => encode(packet),
    decode(bytes) {
      if (bytes.length < HEADER || bytes.length > LARGEST) return undefined
      if (recordsIn(bytes) > MOST_RECORDS || !bytes.includes(LABEL)) return undefined
      try {
        return decode(bytes)
      } catch {
        // garbage of a stranger
        return undefined
      }
    },
  }
}

/** How many records a packet says that it has: to read one that says very many takes long, wherever they are. */
function recordsIn(packet: Buffer): number {
  return [4, 6, 8, 10].reduce((sum, at) => sum + packet.readUInt16BE(at), 0)
}
