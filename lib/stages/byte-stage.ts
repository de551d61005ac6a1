import { Transform, type TransformCallback } from 'node:stream'

/** Bytes that a stage lets pile up on each of its sides before it asks the source to wait. */
export const HIGH_WATER_MARK = 64 * 1024

type Done = (error?: Error | null) => void

/**
 * A Transform over bytes whose work is written as two generators. One piece is made at a time, when there is
 * room for it, however large the chunk it is made from: back-pressure is one parked generator. What piled up
 * while the reader was slow comes as one batch, so that many small writes need not become many small pieces.
 */
export abstract class ByteStage extends Transform {
  #resume: (() => void) | undefined
  #wanted = false

  constructor(highWaterMark = HIGH_WATER_MARK) {
    super({ readableHighWaterMark: highWaterMark, writableHighWaterMark: highWaterMark })
  }

  /** What these chunks become. Never gives out an empty piece. */
  protected abstract convert(chunks: Buffer[]): Iterator<Buffer>

  /** What still follows after the last chunk. Throws when the input cannot end here. */
  protected abstract finish(): Iterator<Buffer>

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Done): void {
    this.#pump(this.convert([chunk]), callback)
  }

  override _writev(batch: { chunk: Buffer }[], callback: Done): void {
    this.#pump(this.convert(batch.map(({ chunk }) => chunk)), callback)
  }

  override _flush(callback: TransformCallback): void {
    this.#pump(this.finish(), callback)
  }

  override _read(): void {
    this.#wanted = true
    const resume = this.#resume
    this.#resume = undefined
    resume?.()
  }

  #pump(pieces: Iterator<Buffer>, callback: Done): void {
    const more = () => {
      let next: IteratorResult<Buffer>
      while (!this.destroyed) {
        try {
          next = pieces.next()
        } catch (error) {
          callback(error as Error)
          return
        }
        if (next.done) {
          callback()
          return
        }
        this.#wanted = false
        // A reader may ask again from within push(); that question is not repeated, so it must not be lost.
        if (!this.push(next.value) && !this.#wanted) {
          this.#resume = more
          return
        }
      }
    }
    more()
  }
}
