import type { Readable } from 'node:stream'
import { errorOf } from '../../errors.js'

/** The callback of a write: calling it asks for the next chunk. */
export type Callback = (error?: Error | null) => void

/**
 * Gives out what one write becomes, one item at a time, and never more than the reader asked for. Every stage that
 * makes several items of one chunk stands on a pump:
 *
 * ```ts
 * readonly #pump = new Pump<Buffer>(this)
 * _write(chunk, encoding, callback) { this.#pump.take(this.convert(chunk), callback) }  // a generator
 * _read() { this.#pump.resume() }
 * ```
 * Back-pressure is the callback of the write: it is kept until the last item is out. When the reader is full, the
 * iterator is simply not asked for its next item; what was not made yet takes no memory.
 */
export class Pump<T> {
  readonly #stream: Readable
  readonly #push: (item: T) => boolean
  #items: Iterator<T | undefined> | undefined
  #done: Callback = () => {}
  #running = false
  #asked = false

  /** `push` gives one item to the reader and says whether there is room for more; by default `stream.push`. */
  constructor(stream: Readable, push: (item: T) => boolean = (item) => stream.push(item)) {
    this.#stream = stream
    this.#push = push
  }

  /**
   * Takes what one write becomes, and its callback, which also gets what the iterator or `push` throws. An item that
   * is `undefined` means "not yet": the pump rests until `resume()`, which a timer may call as well as the reader.
   * Once the stream is destroyed nothing more is taken from the iterator, and the callback is dropped.
   */
  take(items: Iterator<T | undefined>, done: Callback): void {
    this.#items = items
    this.#done = done
    this.#run()
  }

  /** To be called by `_read`. `false` if no item was given: there was none, or none yet. */
  resume(): boolean {
    this.#asked = true
    return this.#run()
  }

  /** For iterators: "not yet" until the event loop has gone round, so that others have their turn. */
  *turn(): Generator<undefined, void> {
    let isOver = false
    setImmediate(() => {
      isOver = true
      this.resume()
    })
    while (!isOver) yield undefined
  }

  /**
   * Gives out one item of a source that is no iterator, such as the 'data' of another stream. `false` asks the source
   * to wait for the next `_read`.
   */
  give(item: T): boolean {
    this.#asked = false
    // `push` may call `_read` before it returns, and still return false. Node does not ask twice: the question counts.
    return this.#push(item) || this.#asked
  }

  #run(): boolean {
    const items = this.#items
    // `_read` may also come from within `push` or the iterator: then the loop below is at work already.
    if (this.#running || items === undefined) return this.#running
    let given = false
    let ended = false
    let failure: Error | undefined
    this.#running = true
    try {
      for (let more = true; more && !this.#stream.destroyed; ) {
        const { value, done } = items.next()
        const isItem = !done && value !== undefined
        ended = done === true
        given ||= isItem
        more = isItem && this.give(value)
      }
    } catch (error) {
      ended = true
      failure = errorOf(error)
    }
    this.#running = false
    if (ended) {
      this.#items = undefined
      this.#done(failure)
    }
    return given
  }
}
