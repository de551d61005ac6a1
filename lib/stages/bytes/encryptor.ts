import { createCipheriv, type KeyObject } from 'node:crypto'
import { ByteTransform } from './byte-transform.js'
import {
  ALGORITHM,
  DATA,
  type HeaderExchange,
  keyOfTwo,
  LAST,
  MAX_CHUNK,
  nonceOf,
  PREFIX,
  streamKey,
  TAG,
} from './sealed-stream.js'

/** Seals one stream. */
export class Encryptor extends ByteTransform {
  /** null: there is nobody to seal anything for; undefined: that is not known yet. */
  #key: Buffer | null | undefined
  #header: Buffer | undefined
  #number = 0

  /** @param header with what the stream begins; or, in a conversation, what both streams begin with */
  constructor(key: KeyObject, header: Buffer | HeaderExchange) {
    super()
    if (Buffer.isBuffer(header)) {
      this.#key = streamKey(key, header)
      this.#header = header
      return
    }
    header.known = () => {
      this.#key = header.theirs ? keyOfTwo(key, header.ours, header.theirs) : null
      this.pump.resume()
    }
    // the other side waits for it before it says anything
    this.push(header.ours)
  }

  /** Everything in `chunks`, in as few sealed chunks as it fits in. */
  override *convert(chunks: Buffer[]): Generator<Buffer | undefined, void> {
    if (!(yield* this.#ready())) return
    let group: Buffer[] = []
    let room = MAX_CHUNK
    for (const chunk of chunks) {
      for (let start = 0; start < chunk.length; ) {
        const part = chunk.subarray(start, start + room)
        group.push(part)
        start += part.length
        room -= part.length
        if (room > 0) continue
        yield this.#chunk(DATA, group)
        group = []
        room = MAX_CHUNK
      }
    }
    if (group.length > 0) yield this.#chunk(DATA, group)
  }

  /** The mark that the stream ends here. */
  override *finish(): Generator<Buffer | undefined, void> {
    if (yield* this.#ready()) yield this.#chunk(LAST, [])
  }

  /** Rests until the key is known; false if there will be none. */
  *#ready(): Generator<undefined, boolean> {
    while (this.#key === undefined) yield undefined
    return this.#key !== null
  }

  #chunk(kind: number, parts: Buffer[]): Buffer {
    let length = 0
    for (const part of parts) length += part.length
    const header = this.#header
    this.#header = undefined
    let at = header?.length ?? 0
    const sealed = Buffer.allocUnsafe(at + PREFIX + length + TAG)
    header?.copy(sealed)
    const prefix = sealed.subarray(at, at + PREFIX)
    prefix.writeUInt32BE(kind * 2 ** 24 + length)
    at += PREFIX
    const cipher = createCipheriv(ALGORITHM, this.#key!, nonceOf(this.#number++, kind), {
      authTagLength: TAG,
    })
    cipher.setAAD(prefix, { plaintextLength: length })
    for (const part of parts) at += cipher.update(part).copy(sealed, at)
    cipher.final()
    cipher.getAuthTag().copy(sealed, at)
    return sealed
  }
}
