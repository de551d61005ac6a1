import { createCipheriv, type KeyObject } from 'node:crypto'
import { ByteTransform } from './byte-transform.js'
import { ALGORITHM, DATA, LAST, MAX_CHUNK, nonceOf, PREFIX, streamKey, TAG } from './sealed-stream.js'

/** Seals one stream. */
export class Encryptor extends ByteTransform {
  readonly #key: Buffer
  #header: Buffer | undefined
  #number = 0

  constructor(key: KeyObject, header: Buffer) {
    super()
    this.#key = streamKey(key, header)
    this.#header = header
  }

  /** Everything in `chunks`, in as few sealed chunks as it fits in. */
  override *convert(chunks: Buffer[]): Generator<Buffer, void> {
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
  override *finish(): Generator<Buffer, void> {
    yield this.#chunk(LAST, [])
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
    const cipher = createCipheriv(ALGORITHM, this.#key, nonceOf(this.#number++, kind), { authTagLength: TAG })
    cipher.setAAD(prefix, { plaintextLength: length })
    for (const part of parts) at += cipher.update(part).copy(sealed, at)
    cipher.final()
    cipher.getAuthTag().copy(sealed, at)
    return sealed
  }
}
