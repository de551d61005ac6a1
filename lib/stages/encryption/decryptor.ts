import type { KeyObject } from 'node:crypto'
import { SluiceError } from '../../errors.js'
import { ByteTransform } from '../bytes/byte-transform.js'
import { ChunkOpener, endsEarly } from './chunk-opener.js'
import { HEADER, type HeaderExchange, isOwnHeader, keyOfTwo, streamKey } from './sealed-stream.js'
import { UnitGatherer } from './unit-gatherer.js'

/** Opens one stream, however it is split. */
export class Decryptor extends ByteTransform {
  readonly #key: KeyObject
  readonly #secret: Buffer
  readonly #exchange: HeaderExchange | undefined
  readonly #header = new UnitGatherer(HEADER)
  #opener: ChunkOpener | undefined

  /**
   * @param secret that by which the streams of the same stage object are known: they are refused
   * @param exchange in a conversation: what the other direction waits for
   */
  constructor(key: KeyObject, secret: Buffer, exchange?: HeaderExchange) {
    super()
    this.#exchange = exchange
    this.#key = key
    this.#secret = secret
  }

  /** What becomes readable with these bytes. */
  override *convert(chunks: Buffer[]): Generator<Buffer, void> {
    for (const chunk of chunks) {
      const at = this.#opener ? 0 : this.#begin(chunk)
      if (this.#opener) yield* this.#opener.open(chunk.subarray(at))
    }
  }

  /** Throws `ERR_TRUNCATED` unless the end was seen. */
  override finish(): Iterator<Buffer | undefined> {
    this.#exchange?.settle(null)
    if (this.#opener?.isAtEnd) return super.finish()
    throw endsEarly()
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#exchange?.settle(null)
    super._destroy(error, done)
  }

  /** Reads the header, or a part of it; gives how many bytes that took. */
  #begin(chunk: Buffer): number {
    const { taken, bytes } = this.#header.gather(chunk, 0)
    if (!bytes) return taken
    if (isOwnHeader(this.#secret, bytes)) throw new SluiceError('ERR_DECRYPT', OWN_STREAM)
    const { ours } = this.#exchange ?? {}
    this.#opener = new ChunkOpener(ours ? keyOfTwo(this.#key, bytes, ours) : streamKey(this.#key, bytes))
    this.#exchange?.settle(Buffer.from(bytes))
    return taken
  }
}

const OWN_STREAM =
  'this encrypted stream was made by this very stage: either it was reflected on the way, or one stage object serves both sides; make one for each'
