import { Transform, type TransformCallback } from 'node:stream'
import { type Callback, Pump } from './pump.js'

/** Bytes that a stage lets pile up on each of its sides before it asks the source to wait. */
export const HIGH_WATER_MARK = 64 * 1024

/**
 * A Transform over bytes whose work is written as two generators. One piece is made at a time, when there is
 * room for it, however large the chunk it is made from. What piled up while the reader was slow comes as one batch,
 * so that many small writes need not become many small pieces.
 */
export abstract class ByteTransform extends Transform {
  protected readonly pump = new Pump<Buffer>(this)

  constructor(highWaterMark = HIGH_WATER_MARK) {
    super({ readableHighWaterMark: highWaterMark, writableHighWaterMark: highWaterMark })
  }

  /** What these chunks become. Never gives out an empty piece; `undefined` rests until `pump.resume()`. */
  protected abstract convert(chunks: Buffer[]): Iterator<Buffer | undefined>

  /** What still follows after the last chunk; nothing by default. Throws when the input cannot end here. */
  protected finish(): Iterator<Buffer | undefined> {
    return [][Symbol.iterator]()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    this.pump.take(this.convert([chunk]), callback)
  }

  override _writev(batch: { chunk: Buffer }[], callback: Callback): void {
    this.pump.take(this.convert(batch.map(({ chunk }) => chunk)), callback)
  }

  override _flush(callback: TransformCallback): void {
    this.pump.take(this.finish(), callback)
  }

  override _read(): void {
    this.pump.resume()
  }
}
