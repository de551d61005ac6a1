import { SluiceError } from '../../errors.js'
import type { Span } from '../../transfer/plan/take-back.js'

/** Bytes of one span at most: only the oldest as a whole has an age. */
const LONGEST_SPAN = 1024 * 1024

/** What was given to one connection, in order, until the peer says that it came. Pure. */
export class DealtData {
  readonly #spans: (Span & { at: number })[] = []
  #dealt = 0
  /** Bytes that came, as far as is known. */
  came = 0

  /** @param at a number that grows, by which {@link oldest} tells when it was */
  deal({ first, position, length }: Span, at = 0): void {
    const last = this.#spans.at(-1)
    const isNext = last !== undefined && last.position + last.length === position
    if (isNext && last.length + length <= LONGEST_SPAN) last.length += length
    else this.#spans.push({ first, position, length, at })
    this.#dealt += length
  }

  /** Bytes that are on their way, as far as is known. */
  get underway(): number {
    return this.#dealt - this.came
  }

  /** When the oldest of what is on its way was dealt; undefined if nothing is. */
  get oldest(): number | undefined {
    return this.#spans[0]?.at
  }

  /**
   * The peer has so many bytes, in all.
   * @throws SluiceError `ERR_PROTOCOL` for more than were given to the connection, or fewer than it had before
   */
  heard(bytes: number): void {
    if (bytes > this.#dealt || bytes < this.came) {
      const text = `the peer says that ${bytes} bytes came over a connection, of ${this.#dealt} that it was given`
      throw new SluiceError('ERR_PROTOCOL', text)
    }
    let more = bytes - this.came
    this.came = bytes
    while (more > 0) {
      const span = this.#spans[0]!
      const some = Math.min(more, span.length)
      span.position += some
      span.length -= some
      more -= some
      if (span.length === 0) this.#spans.shift()
    }
  }

  /** The connection is gone: what did not come has to go elsewhere. */
  rest(): Span[] {
    return this.#spans.splice(0).map(({ first, position, length }) => ({ first, position, length }))
  }
}
