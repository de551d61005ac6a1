import type { KeyObject } from 'node:crypto'
import { ByteTransform } from '../bytes/byte-transform.js'
import { ChunkSealer } from './chunk-sealer.js'
import { type HeaderExchange, keyOfTwo, streamKey } from './sealed-stream.js'

/** Seals one stream. */
export class Encryptor extends ByteTransform {
  /** null: there is nobody to seal anything for; undefined: that is not known yet. */
  #sealer: ChunkSealer | null | undefined
  /** What still goes before the first chunk. */
  #header: Buffer | undefined

  /** @param header with what the stream begins; or, in a conversation, what both streams begin with */
  constructor(key: KeyObject, header: Buffer | HeaderExchange) {
    super()
    if (Buffer.isBuffer(header)) {
      this.#sealer = new ChunkSealer(streamKey(key, header))
      this.#header = header
    } else {
      header.known = () => {
        this.#sealer = header.theirs ? new ChunkSealer(keyOfTwo(key, header.ours, header.theirs)) : null
        this.pump.resume()
      }
      // the other side waits for it before it says anything
      this.push(header.ours)
    }
  }

  /** Everything in `contents`, in as few chunks as it fits in. */
  override *convert(contents: Buffer[]): Generator<Buffer | undefined, void> {
    const sealer = yield* this.#ready()
    if (sealer) for (const chunk of sealer.seal(contents)) yield this.#begun(chunk)
  }

  /** The mark that the stream ends here. */
  override *finish(): Generator<Buffer | undefined, void> {
    const sealer = yield* this.#ready()
    if (sealer) yield this.#begun(sealer.end())
  }

  /** Rests until the key is known; null if there will be none. */
  *#ready(): Generator<undefined, ChunkSealer | null> {
    while (this.#sealer === undefined) yield undefined
    return this.#sealer
  }

  #begun(chunk: Buffer): Buffer {
    const header = this.#header
    this.#header = undefined
    return header ? Buffer.concat([header, chunk]) : chunk
  }
}
