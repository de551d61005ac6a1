import { createCipheriv, type KeyObject } from 'node:crypto'
import { ByteTransform } from './byte-transform.js'
import {
  ALGORITHM,
  ChunkKeys,
  type ChunkOptions,
  DATA,
  type HeaderExchange,
  keyOfTwo,
  LAST,
  LENGTH,
  MAX_CHUNK,
  PREFIX,
  streamKey,
  TAG,
} from './sealed-stream.js'

const ZEROS = Buffer.alloc(MAX_CHUNK)

/** Seals one stream. */
export class Encryptor extends ByteTransform {
  readonly #options: ChunkOptions
  /** Bytes of content that one chunk has at most. */
  readonly #most: number
  /** null: there is nobody to seal anything for; undefined: that is not known yet. */
  #keys: ChunkKeys | null | undefined
  #header: Buffer | undefined

  /**
   * @param header with what the stream begins; or, in a conversation, what both streams begin with; null: with
   *   nothing, as `key` is for this stream alone
   */
  constructor(key: KeyObject, header: Buffer | HeaderExchange | null, options: ChunkOptions = {}) {
    super()
    this.#options = options
    this.#most = options.padding ? MAX_CHUNK - LENGTH : MAX_CHUNK
    if (header === null) this.#begin(key.export())
    else if (Buffer.isBuffer(header)) {
      this.#begin(streamKey(key, header))
      this.#header = header
    } else {
      header.known = () => {
        if (header.theirs) this.#begin(keyOfTwo(key, header.ours, header.theirs))
        else this.#keys = null
        this.pump.resume()
      }
      // the other side waits for it before it says anything
      this.push(header.ours)
    }
  }

  /** Everything in `chunks`, in as few sealed chunks as it fits in. */
  override *convert(chunks: Buffer[]): Generator<Buffer | undefined, void> {
    if (!(yield* this.#ready())) return
    let group: Buffer[] = []
    let room = this.#most
    for (const chunk of chunks) {
      for (let start = 0; start < chunk.length; ) {
        const part = chunk.subarray(start, start + room)
        group.push(part)
        start += part.length
        room -= part.length
        if (room > 0) continue
        yield this.#chunk(DATA, group)
        group = []
        room = this.#most
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
    while (this.#keys === undefined) yield undefined
    return this.#keys !== null
  }

  #begin(key: Buffer): void {
    this.#keys = new ChunkKeys(key, this.#options)
  }

  #chunk(kind: number, parts: Buffer[]): Buffer {
    const text = kind === DATA && this.#options.padding ? padded(parts, this.#options.padding) : parts
    const length = lengthOf(text)
    const header = this.#header
    this.#header = undefined
    let at = header?.length ?? 0
    const sealed = Buffer.allocUnsafe(at + PREFIX + length + TAG)
    header?.copy(sealed)
    const prefix = sealed.subarray(at, at + PREFIX)
    prefix.writeUInt32BE(kind * 2 ** 24 + length)
    at += PREFIX
    const { key, nonce } = this.#keys!.next(kind)
    const cipher = createCipheriv(ALGORITHM, key, nonce, { authTagLength: TAG })
    cipher.setAAD(prefix, { plaintextLength: length })
    for (const part of text) at += cipher.update(part).copy(sealed, at)
    cipher.final()
    cipher.getAuthTag().copy(sealed, at)
    return sealed
  }
}

function padded(parts: Buffer[], multiple: number): Buffer[] {
  const length = lengthOf(parts)
  const prefix = Buffer.alloc(LENGTH)
  prefix.writeUIntBE(length, 0, LENGTH)
  const zeros = (multiple - ((LENGTH + length) % multiple)) % multiple
  return [prefix, ...parts, ZEROS.subarray(0, zeros)]
}

function lengthOf(parts: readonly Buffer[]): number {
  let length = 0
  for (const part of parts) length += part.length
  return length
}
