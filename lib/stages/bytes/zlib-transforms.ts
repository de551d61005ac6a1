import type { Transform } from 'node:stream'
import { SluiceError } from '../../errors.js'
import { WrappingTransform } from './wrapping-transform.js'

/** Output that is never held against the input: a small file may well be nothing but zeros. */
const ALLOWANCE = 1024 * 1024

/** Input that may wait for its output: brotli alone would gather more than a megabyte of what it cannot shrink. */
const MOST_HELD = 512 * 1024

/** A stream of node:zlib. */
type Engine = Transform & { flush(kind?: number): void }

/** Compresses, and flushes when the input runs dry or much has been gathered. */
export class Compressor extends WrappingTransform {
  readonly #flush: () => void
  readonly #maxRatio: number
  #taken = 0
  #given = 0
  #held = 0
  #idle: NodeJS.Immediate | undefined

  constructor(engine: Engine, kind: number | undefined, maxRatio: number) {
    super(engine)
    this.#flush = () => engine.flush(kind)
    this.#maxRatio = maxRatio
  }

  protected override admit(chunk: Buffer): Buffer {
    clearImmediate(this.#idle)
    return chunk
  }

  // brotli makes 15 bytes of a megabyte of zeros. A flush makes at least 13, so flushing keeps us below the cap.
  protected override feed(part: Buffer, done?: (error?: Error | null) => void): void {
    this.#taken += part.length
    const isNear = this.#taken - this.#given * this.#maxRatio > ALLOWANCE / 2
    const size = Math.ceil(this.#maxRatio * 6)
    for (; isNear && part.length > size; part = part.subarray(size)) {
      super.feed(part.subarray(0, size))
      this.#flush()
    }
    super.feed(part, done)
    this.#held += part.length
    if (!isNear && this.#held < MOST_HELD) return
    this.#held = 0
    this.#flush()
  }

  protected override inspect(piece: Buffer): void {
    this.#given += piece.length
    this.#held = 0
  }

  // A flush costs bytes: it waits one turn of the event loop, in which a busy source brings the next chunk.
  protected override settled(): void {
    clearImmediate(this.#idle)
    if (this.writableLength === 0 && !this.destroyed) this.#idle = setImmediate(this.#flush)
  }

  protected override finishing(): void {
    clearImmediate(this.#idle)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    clearImmediate(this.#idle)
    super._destroy(error, callback)
  }
}

/** Decompresses up to a ratio, with errors of ours. */
export class Decompressor extends WrappingTransform {
  readonly #algorithm: string
  readonly #maxRatio: number
  #taken = 0
  #given = 0

  constructor(engine: Transform, algorithm: string, maxRatio: number) {
    super(engine)
    this.#algorithm = algorithm
    this.#maxRatio = maxRatio
  }

  protected override admit(chunk: Buffer): Buffer {
    this.#taken += chunk.length
    return chunk
  }

  protected override inspect(piece: Buffer): void {
    this.#given += piece.length
    if (this.#given - ALLOWANCE <= this.#taken * this.#maxRatio) return
    throw new SluiceError(
      'ERR_LIMIT',
      `${this.#taken} bytes of ${this.#algorithm} became more than ${this.#maxRatio} times as many; raise maxRatio if that is meant`,
      { expected: this.#maxRatio, found: this.#given / this.#taken },
    )
  }

  protected override endedEarly(): SluiceError {
    return new SluiceError('ERR_CORRUPT', `bytes follow the end of the ${this.#algorithm} data`)
  }

  protected override translate(cause: Error & { code?: string }): Error {
    // zlib's name for "the input ended, and I am not done".
    if (cause.code === 'Z_BUF_ERROR') {
      return new SluiceError('ERR_TRUNCATED', `the ${this.#algorithm} data ends in the middle`, { cause })
    }
    return new SluiceError('ERR_CORRUPT', `the ${this.#algorithm} data cannot be read: ${cause.message}`, {
      cause,
    })
  }
}
