import { Transform, type TransformCallback } from 'node:stream'
import { SluiceError } from '../../errors.js'
import { badOption } from '../../options.js'
import { HIGH_WATER_MARK } from './byte-transform.js'
import { type Callback, Pump } from './pump.js'

/**
 * What a {@link WrappingTransform} may have inside: more is used of it than other libraries give their streams.
 * @param what where it is from, for the message
 * @throws SluiceError `ERR_USAGE`
 */
export function wrappable<T extends Transform>(what: string, inner: T): T {
  const isOfNode = typeof inner.cork === 'function' && 'closed' in inner && 'readableEnded' in inner
  if (isOfNode) return inner
  throw badOption(
    what,
    'a Transform of node:stream (send() and receive() take those of other libraries)',
    inner,
  )
}

/**
 * A Transform that works by another one inside, and is one stream to its user: the inner stream's
 * error is its own (never "premature close"), the inner stream's back-pressure reaches both neighbours, and
 * both are destroyed together. The inner stream must emit `close`, as every stage does.
 */
export class WrappingTransform extends Transform {
  protected readonly inner: Transform
  readonly #pump = new Pump<Buffer>(this)
  #finish: TransformCallback | undefined

  constructor(inner: Transform) {
    super({ readableHighWaterMark: HIGH_WATER_MARK, writableHighWaterMark: HIGH_WATER_MARK })
    this.inner = inner
    inner.on('data', (chunk: Buffer) => this.#give(chunk))
    inner.on('end', () => {
      if (this.#finish) this.#finish()
      else this.destroy(this.endedEarly())
    })
    inner.on('error', (error) => this.destroy(this.translate(error)))
    inner.on('close', () => {
      if (!inner.readableEnded) {
        this.destroy(new SluiceError('ERR_DESTROYED', 'a stage was destroyed from inside before its end'))
      }
    })
  }

  /** The part of a chunk that is for the inner stream, possibly empty. May throw. */
  protected admit(chunk: Buffer): Buffer {
    return chunk
  }

  /** Writes one part to the inner stream. */
  protected feed(part: Buffer, done?: Callback): void {
    this.inner.write(part, done)
  }

  /** Sees each piece before it is given out. May throw. */
  protected inspect(_piece: Buffer): void {}

  /** The inner stream has worked off all chunks that were there. */
  protected settled(): void {}

  /** No more input will come. Throws when the input cannot end here. */
  protected finishing(): void {}

  /** What to say when the inner stream ends although its input did not. */
  protected endedEarly(): SluiceError {
    return new SluiceError('ERR_CORRUPT', 'a stage ended before its input did')
  }

  /** The error to raise for one of the inner stream. */
  protected translate(error: Error): Error {
    return error
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: Callback): void {
    this.#forward([{ chunk }], callback)
  }

  override _writev(batch: { chunk: Buffer }[], callback: Callback): void {
    this.#forward(batch, callback)
  }

  override _flush(callback: TransformCallback): void {
    try {
      this.finishing()
    } catch (error) {
      callback(error as Error)
      return
    }
    this.#finish = callback
    this.inner.end()
  }

  override _read(): void {
    this.#pump.resume()
    this.inner.resume()
  }

  override _destroy(error: Error | null, callback: Callback): void {
    if (this.inner.closed) callback(error)
    else this.inner.once('close', () => callback(error)).destroy()
  }

  #forward(batch: { chunk: Buffer }[], callback: Callback): void {
    const admitted: Buffer[] = []
    try {
      for (const { chunk } of batch) {
        const part = this.admit(chunk)
        if (part.length > 0) admitted.push(part)
      }
    } catch (error) {
      callback(error as Error)
      return
    }
    const last = admitted.pop()
    if (!last) {
      callback()
      return
    }
    // Together, so that an inner stream that takes batches gets one.
    this.inner.cork()
    for (const part of admitted) this.feed(part)
    this.feed(last, (error) => {
      // An error also comes as an event, and that one is translated.
      if (error) return
      callback()
      this.settled()
    })
    this.inner.uncork()
  }

  #give(piece: Buffer): void {
    try {
      this.inspect(piece)
    } catch (error) {
      this.destroy(error as Error)
      return
    }
    if (!this.#pump.give(piece)) this.inner.pause()
  }
}
