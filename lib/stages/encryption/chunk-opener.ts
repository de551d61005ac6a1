import { createDecipheriv } from 'node:crypto'
import { SluiceError } from '../../errors.js'
import {
  ALGORITHM,
  ChunkKeys,
  type ChunkOptions,
  DATA,
  LAST,
  LENGTH,
  MAX_CHUNK,
  PREFIX,
  TAG,
} from './sealed-stream.js'
import { UnitGatherer } from './unit-gatherer.js'

/** Opens the chunks of one stream, however it is split; no stream itself. */
export class ChunkOpener {
  readonly #keys: ChunkKeys
  readonly #padding: number | undefined
  readonly #units = new UnitGatherer(PREFIX)
  /** Of the chunk whose rest is to come. */
  #prefix: Buffer | undefined
  #isAtEnd = false

  constructor(streamKey: Buffer, options: ChunkOptions = {}) {
    this.#keys = new ChunkKeys(streamKey, options)
    this.#padding = options.padding
  }

  /** Whether the chunk that ends the stream has come. */
  get isAtEnd(): boolean {
    return this.#isAtEnd
  }

  /**
   * What becomes readable with these bytes, none of which is kept.
   * @throws SluiceError `ERR_DECRYPT`
   */
  *open(bytes: Buffer): Generator<Buffer, void> {
    for (let at = 0; at < bytes.length; ) {
      if (this.#isAtEnd) throw new SluiceError('ERR_DECRYPT', 'bytes follow the end of the encrypted stream')
      const unit = this.#units.gather(bytes, at)
      at += unit.taken
      if (!unit.bytes) continue
      if (this.#prefix) yield* this.#body(this.#prefix, unit.bytes)
      else this.#begin(unit.bytes)
    }
  }

  /** A chunk begins: its length is judged before anything is kept for it. */
  #begin(prefix: Buffer): void {
    const kind = prefix[0]
    const length = prefix.readUIntBE(1, 3)
    const isData = length >= 1 && length <= MAX_CHUNK && length % (this.#padding ?? 1) === 0
    const isValid = kind === DATA ? isData : kind === LAST && length === 0
    if (!isValid) throw doesNotOpen(this.#keys.number)
    this.#prefix = Buffer.from(prefix)
    this.#units.next(length + TAG)
  }

  *#body(prefix: Buffer, sealed: Buffer): Generator<Buffer, void> {
    const kind = prefix[0]!
    const content = this.#content(kind, prefix, sealed)
    this.#prefix = undefined
    this.#units.next(PREFIX)
    this.#isAtEnd = kind === LAST
    if (kind === DATA) yield content
  }

  /** What is in a chunk, in memory of its own: the length before it, and what it is padded with, are apart. */
  #content(kind: number, prefix: Buffer, sealed: Buffer): Buffer {
    const end = sealed.length - TAG
    const { number } = this.#keys
    const { key, nonce } = this.#keys.next(kind)
    const decipher = createDecipheriv(ALGORITHM, key, nonce, { authTagLength: TAG })
    decipher.setAAD(prefix, { plaintextLength: end })
    decipher.setAuthTag(sealed.subarray(end))
    const isPadded = kind === DATA && this.#padding !== undefined
    const start = isPadded ? LENGTH : 0
    const length = isPadded ? decipher.update(sealed.subarray(0, start)).readUIntBE(0, LENGTH) : end
    const content = decipher.update(sealed.subarray(start, Math.min(start + length, end)))
    decipher.update(sealed.subarray(start + content.length, end))
    try {
      decipher.final()
    } catch (cause) {
      throw doesNotOpen(number, cause)
    }
    // only now the length counts: anybody may have written what no tag proves
    if (length !== content.length || (isPadded && length === 0)) throw doesNotOpen(number)
    return content
  }
}

/** For who has read all that came, and not the end. */
export function endsEarly(): SluiceError {
  return new SluiceError('ERR_TRUNCATED', 'the encrypted stream ends without its mark of the end')
}

function doesNotOpen(number: number, cause?: unknown): SluiceError {
  return new SluiceError(
    'ERR_DECRYPT',
    `chunk ${number} of the encrypted stream does not open: another key, or the bytes were changed on the way`,
    { cause },
  )
}
