import { createDecipheriv, type KeyObject } from 'node:crypto'
import { SluiceError } from '../../errors.js'
import { ByteTransform } from './byte-transform.js'
import {
  ALGORITHM,
  ChunkKeys,
  type ChunkOptions,
  DATA,
  HEADER,
  type HeaderExchange,
  isOwnHeader,
  keyOfTwo,
  LAST,
  LENGTH,
  MAX_CHUNK,
  PREFIX,
  streamKey,
  TAG,
} from './sealed-stream.js'

/** Opens one stream, however it is split. */
export class Decryptor extends ByteTransform {
  readonly #key: KeyObject
  readonly #secret: Buffer | null
  readonly #exchange: HeaderExchange | undefined
  readonly #options: ChunkOptions
  readonly #buffer = Buffer.allocUnsafe(MAX_CHUNK + TAG)
  #filled = 0
  #need = HEADER
  #keys: ChunkKeys | undefined
  #prefix: Buffer | undefined
  #ended = false

  /**
   * @param secret that by which the streams of the same stage object are known: they are refused; null: the stream has
   *   no header, as `key` is for this stream alone
   * @param exchange in a conversation: what the other direction waits for
   */
  constructor(key: KeyObject, secret: Buffer | null, exchange?: HeaderExchange, options: ChunkOptions = {}) {
    super()
    this.#exchange = exchange
    this.#key = key
    this.#secret = secret
    this.#options = options
    if (secret === null) this.#begin(key.export())
  }

  /** Whether the mark of the end has come. */
  get isAtEnd(): boolean {
    return this.#ended
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
    if (!this.#keys) return this.#header(bytes)
    if (this.#prefix) return this.#body(this.#keys, this.#prefix, bytes)
    const kind = bytes[0]
    const length = bytes.readUIntBE(1, 3)
    const { padding = 1 } = this.#options
    const isData = length >= 1 && length <= MAX_CHUNK && length % padding === 0
    const valid = kind === DATA ? isData : kind === LAST && length === 0
    if (!valid) throw doesNotOpen(this.#keys.number)
    this.#prefix = Buffer.from(bytes)
    this.#need = length + TAG
    return undefined
  }

  #header(bytes: Buffer): undefined {
    if (isOwnHeader(this.#secret!, bytes)) throw new SluiceError('ERR_DECRYPT', OWN_STREAM)
    const { ours } = this.#exchange ?? {}
    this.#begin(ours ? keyOfTwo(this.#key, bytes, ours) : streamKey(this.#key, bytes))
    this.#exchange?.settle(Buffer.from(bytes))
  }

  #begin(key: Buffer): void {
    this.#keys = new ChunkKeys(key, this.#options)
    this.#need = PREFIX
  }

  #body(keys: ChunkKeys, prefix: Buffer, bytes: Buffer): Buffer {
    const length = bytes.length - TAG
    const kind = prefix[0]!
    const { number } = keys
    const { key, nonce } = keys.next(kind)
    const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG })
    decipher.setAAD(prefix, { plaintextLength: length })
    decipher.setAuthTag(bytes.subarray(length))
    const opened = decipher.update(bytes.subarray(0, length))
    try {
      decipher.final()
    } catch (cause) {
      throw doesNotOpen(number, cause)
    }
    this.#prefix = undefined
    this.#need = PREFIX
    this.#ended = kind === LAST
    return this.#options.padding && kind === DATA ? contentOf(opened, number) : opened
  }
}

function contentOf(padded: Buffer, number: number): Buffer {
  const end = LENGTH + padded.readUIntBE(0, LENGTH)
  if (end === LENGTH || end > padded.length) throw doesNotOpen(number)
  return padded.subarray(LENGTH, end)
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
