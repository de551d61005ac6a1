import type { Transform } from 'node:stream'
import { type Clock, systemClock } from '../clock.js'
import { checkKeys, checkObject, checkOption } from '../options.js'
import { ByteTransform } from './bytes/byte-transform.js'
import type { Callback } from './bytes/pump.js'
import { noStream, type WireStage } from './bytes/wire-stage.js'

/** What {@link throttle} and {@link limitRate} take. */
export interface ThrottleOptions {
  /** Bytes per second, at least 1. */
  rate: number
  /** Where the time comes from; the clock of the process by default. */
  clock?: Clock
}

/** Pieces per second: enough to be smooth, few enough that the timer costs nothing. */
const PIECES_PER_SECOND = 20
const MAX_PIECE = 64 * 1024

/**
 * A wire stage that lets at most `rate` bytes per second pass, each way. It has no format, so it may stand on
 * one side only. It is no stream: in a pipeline of your own use {@link limitRate}. Throws `ERR_USAGE` on a bad option.
 */
export function throttle(options: ThrottleOptions): WireStage<Transform> {
  const make = checked(options)
  return noStream('throttle', 'limitRate()', { rate: options.rate, outgoing: make, incoming: make })
}

/** {@link throttle} as a plain Transform for a hand-made pipeline. Throws `ERR_USAGE` on a bad option. */
export function limitRate(options: ThrottleOptions): Transform {
  return checked(options)()
}

function checked(options: ThrottleOptions): () => Transform {
  checkObject('options', options)
  checkKeys('options', options, { rate: true, clock: true })
  const { rate, clock = systemClock } = options
  checkOption('rate', rate, Number.isFinite(rate) && rate >= 1, 'a finite number of bytes per second from 1')
  return () => new Throttle(rate, clock)
}

/**
 * A token bucket: it fills at `rate`, holds no more than a twentieth of a second, and begins empty. A large
 * chunk leaves in pieces (views of it), so that the connection is shared evenly and little waits in the streams behind.
 */
class Throttle extends ByteTransform {
  readonly #rate: number
  readonly #piece: number
  readonly #depth: number
  readonly #clock: Clock
  #tokens = 0
  #filled: number
  #cancel = () => {}

  constructor(rate: number, clock: Clock) {
    const depth = Math.max(1, Math.ceil(rate / PIECES_PER_SECOND))
    const piece = Math.min(depth, MAX_PIECE)
    super(piece)
    this.#rate = rate
    this.#piece = piece
    this.#depth = depth
    this.#clock = clock
    this.#filled = clock.now()
  }

  protected override *convert(chunks: Buffer[]): Iterator<Buffer | undefined> {
    for (const chunk of chunks) {
      for (let start = 0; start < chunk.length; ) {
        const piece = chunk.subarray(start, start + this.#piece)
        if (this.#spend(piece.length)) {
          start += piece.length
          yield piece
        } else yield undefined
      }
    }
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#cancel()
    callback(error)
  }

  /** Takes tokens for a piece; if there are too few, resumes when there will be enough. */
  #spend(size: number): boolean {
    const now = this.#clock.now()
    this.#tokens = Math.min(this.#depth, this.#tokens + ((now - this.#filled) / 1000) * this.#rate)
    this.#filled = now
    // The reader may ask while the timer runs: one timer is enough.
    this.#cancel()
    if (this.#tokens < size) {
      const wait = ((size - this.#tokens) / this.#rate) * 1000
      // Rounded up: a timer that rings a little early would be set again and again.
      this.#cancel = this.#clock.after(Math.max(1, Math.ceil(wait)), () => this.pump.resume())
      return false
    }
    this.#tokens -= size
    return true
  }
}
