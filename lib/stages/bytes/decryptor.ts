import { createDecipheriv, type KeyObject } from 'node:crypto'
import { SluiceError } from '../../errors.js'
import { ByteTransform } from './byte-transform.js'
import {
  ALGORITHM,
  DATA,
  HEADER,
  type HeaderExchange,
  isOwnHeader,
  keyOfTwo,
  LAST,
  MAX_CHUNK,
  nonceOf,
  PREFIX,
  streamKey,
  TAG,
} from './sealed-stream.js'

/** Opens one stream, however it is split. */
export class Decryptor extends ByteTransform {
  readonly #key: KeyObject
  readonly #secret: Buffer
  readonly #exchange: HeaderExchange | undefined
  readonly #buffer = Buffer.allocUnsafe(MAX_CHUNK + TAG)
  #filled = 0
  #need = HEADER
  #streamKey: Buffer | undefined
  #prefix: Buffer | undefined
  #number = 0
  #ended = false

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
    for (let chunk of chunks) {
      while (chunk.length > 0) {
        if (this.#ended) throw new SluiceError('ERR_DECRYPT', 'bytes follow the end of the encrypted stream')
        const unit = this.#gather(chunk)
        chunk = chunk.subarray(unit.taken)
        const opened = unit.bytes && this.#unit(unit.bytes)
        if (opened && opened.length > 0) yield opened
      }
    }
  }

  /** Throws `ERR_TRUNCATED` unless the end was seen. */
  override finish(): Iterator<Buffer | undefined> {
    this.#exchange?.settle(null)
    if (this.#ended) return super.finish()
    throw new SluiceError('ERR_TRUNCATED', 'the encrypted stream ends without its mark of the end')
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#exchange?.settle(null)
    super._destroy(error, done)
  }

  // A view where the whole unit stands in one chunk, else a copy: a unit that comes byte by byte costs no more.
  #gather(chunk: Buffer): { taken: number; bytes?: Buffer } {
    if (this.#filled === 0 && chunk.length >= this.#need) {
      return { taken: this.#need, bytes: chunk.subarray(0, this.#need) }
    }
    const taken = chunk.copy(this.#buffer, this.#filled, 0, this.#need - this.#filled)
    this.#filled += taken
    if (this.#filled < this.#need) return { taken }
    this.#filled = 0
    return { taken, bytes: this.#buffer.subarray(0, this.#need) }
  }

  #unit(bytes: Buffer): Buffer | undefined {
    if (!this.#streamKey) {
      if (isOwnHeader(this.#secret, bytes)) throw new SluiceError('ERR_DECRYPT', OWN_STREAM)
      const { ours } = this.#exchange ?? {}
      this.#streamKey = ours ? keyOfTwo(this.#key, bytes, ours) : streamKey(this.#key, bytes)
      this.#exchange?.settle(Buffer.from(bytes))
      this.#need = PREFIX
      return undefined
    }
    if (this.#prefix) return this.#body(this.#streamKey, this.#prefix, bytes)
    const kind = bytes[0]
    const length = bytes.readUIntBE(1, 3)
    const valid = kind === DATA ? length >= 1 && length <= MAX_CHUNK : kind === LAST && length === 0
    if (!valid) throw doesNotOpen(this.#number)
    this.#prefix = Buffer.from(bytes)
    this.#need = length + TAG
    return undefined
  }

  #body(key: Buffer, prefix: Buffer, bytes: Buffer): Buffer {
    const length = bytes.length - TAG
    const kind = prefix[0]!
    const decipher = createDecipheriv(ALGORITHM, key, nonceOf(this.#number, kind), { authTagLength: TAG })
    decipher.setAAD(prefix, { plaintextLength: length })
    decipher.setAuthTag(bytes.subarray(length))
    const opened = decipher.update(bytes.subarray(0, length))
    try {
      decipher.final()
    } catch (cause) {
      throw doesNotOpen(this.#number, cause)
    }
    this.#number++
    this.#prefix = undefined
    this.#need = PREFIX
    this.#ended = kind === LAST
    return opened
  }
}

const OWN_STREAM =
  'this encrypted stream was made by this very stage: either it was reflected on the way, or one stage object serves both sides; make one for each'

function doesNotOpen(number: number, cause?: unknown): SluiceError {
  return new SluiceError(
    'ERR_DECRYPT',
    `chunk ${number} of the encrypted stream does not open: another key, or the bytes were changed on the way`,
    { cause },
  )
}
