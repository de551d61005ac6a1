import { isReadable, type Readable } from 'node:stream'
import { SluiceError } from '../errors.js'
import type { SourceStore } from './sources.js'

/** A store of one file whose bytes are read from a stream, once. Closing it destroys the stream. */
export class StreamSource implements SourceStore {
  readonly #stream: Readable
  #isTaken = false

  constructor(stream: Readable) {
    // it may fail before it is read; that is heard of when it is
    stream.on('error', () => {})
    this.#stream = stream
  }

  /**
   * @throws SluiceError `ERR_STATE` if the stream is being read, or was, or was closed; one that failed says why when
   *   it is read
   */
  checkUnread(): void {
    const isOver = isReadable(this.#stream) === false && !this.#stream.errored
    if (!this.#isTaken && !isOver) return
    const message = 'the stream of this manifest was read, or closed, before: make a manifest of another one'
    throw new SluiceError('ERR_STATE', message)
  }

  rereadable(): boolean {
    return false
  }

  stream(): Readable {
    if (this.#isTaken) throw new Error('it was read before')
    this.#isTaken = true
    return this.#stream
  }

  close(): void {
    this.#stream.destroy()
  }
}
