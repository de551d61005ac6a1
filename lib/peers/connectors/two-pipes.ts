import { Duplex, type Readable, type Writable } from 'node:stream'

/** What {@link TwoPipes} is made of. */
interface Pipes {
  /** Where the bytes come from; nobody else reads it. */
  from: Readable
  /** Where they go to. */
  to: Writable
  /** What comes behind the last byte that was read: the end, or the failure that it resolves with. */
  atEnd?: () => Promise<Error | undefined>
  /** Lets go of both. `isWhole`: both sides have come to their end. */
  release(isWhole: boolean): Promise<void>
}

/**
 * One Duplex of two streams. It holds no more of what is read than one chunk, so that a failure never overtakes what
 * came before it.
 */
export class TwoPipes extends Duplex {
  readonly #pipes: Pipes
  #isWanted = false
  #isReadToEnd = false
  /** Bytes that came. */
  bytesRead = 0

  constructor(pipes: Pipes) {
    super({ readableHighWaterMark: 1 })
    this.#pipes = pipes
    const { from, to } = pipes
    from.on('readable', () => this.#isWanted && this._read())
    // Node reads a program that has ended to its end, whoever wants it
    from.on('end', () => {
      this.#isReadToEnd = true
      if (this.#isWanted) void this.#ended()
    })
    from.on('error', (error) => this.destroy(error))
    from.on('close', () => from.readableEnded || this.destroy())
    // each write tells its own failure
    to.on('error', () => {})
  }

  override _read(): void {
    if (this.#isReadToEnd) return void this.#ended()
    const chunk: Buffer | null = this.#pipes.from.read()
    this.#isWanted = chunk === null
    if (chunk === null) return
    this.bytesRead += chunk.length
    this.push(chunk)
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.#pipes.to.write(chunk, (error) => (error ? void this.#broke(error, callback) : callback()))
  }

  override _final(callback: (error?: Error | null) => void): void {
    const { to, atEnd } = this.#pipes
    const ended = (error?: Error | null) => {
      if (!error) callback()
      // all was taken; who has ended in order before the end was told needs it no more
      else if (atEnd) atEnd().then(callback)
      else callback(error)
    }
    // a stream that is destroyed never calls back
    if (to.destroyed) ended(new Error('it is closed already'))
    else to.end(ended)
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    const isWhole = error === null && this.readableEnded && this.writableFinished
    this.#pipes.release(isWhole).then(
      () => callback(error),
      (failure: Error) => callback(error ?? failure),
    )
  }

  /** All has been taken that came before: more was asked for. */
  async #ended(): Promise<void> {
    const failure = await this.#pipes.atEnd?.()
    if (failure) this.destroy(failure)
    else this.push(null)
  }

  /** Why nobody takes it any more is known better behind the last word of the other side. */
  async #broke(error: Error, callback: (error: Error) => void): Promise<void> {
    callback((await this.#pipes.atEnd?.()) ?? error)
  }
}
