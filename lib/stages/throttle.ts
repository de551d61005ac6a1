import type { Transform } from 'node:stream'
import { type Clock, systemClock } from '../clock.js'
import { checkKeys, checkObject, checkOption } from '../options.js'
import { ByteTransform } from './bytes/byte-transform.js'
import type { Callback } from './bytes/pump.js'
import { Rate } from './bytes/rate.js'
import { noStream, type WireStage } from './bytes/wire-stage.js'

/** What {@link throttle} and {@link limitRate} take. */
export interface ThrottleOptions {
  /** Bytes per second, at least 1; or a {@link Rate}, which can be changed meanwhile. */
  rate: number | Rate
  /** Where the time comes from; the clock of the process by default. */
  clock?: Clock
}

/** Pieces per second: enough to be smooth, few enough that the timer costs nothing. */
const PIECES_PER_SECOND = 20
const MAX_PIECE = 64 * 1024

/** Bytes that may wait where the limit can become lower: they would be in the way of talk for longer then. */
const FEW_WAITING = 16 * 1024

/**
 * A wire stage that lets at most `rate` bytes per second pass, each way. It has no format, so it may stand on
 * one side only. It is no stream: in a pipeline of your own use {@link limitRate}. Throws `ERR_USAGE` on a bad option.
 *
 * A `Rate` that is changed counts at once, also for what waits here already; what was made into a frame before travels
 * in it. Without a limit chunks pass as they are.
 */
export function throttle(options: ThrottleOptions): WireStage<Transform> {
  const make = checked(options)
  const stage: WireStage<Transform> = { rate: options.rate, outgoing: make, incoming: make }
  MADE.set(stage, make)
  return noStream('throttle', 'limitRate()', stage)
}

/** {@link throttle} as a plain Transform for a hand-made pipeline. Throws `ERR_USAGE` on a bad option. */
export function limitRate(options: ThrottleOptions): Transform {
  return checked(options)()
}

/** What {@link throttle} gave out, and how that makes its streams. */
const MADE = new WeakMap<WireStage, () => Transform>()

/**
 * Whether a wire stage gives on each byte that leaves once, where it stands in memory, and keeps none: as it came from
 * {@link throttle}. In a stage of the user's the same stream may be listened to before anybody else has it.
 */
export function isThrottle(stage: WireStage): boolean {
  return stage.outgoing !== undefined && stage.outgoing === MADE.get(stage) && !stage.paired
}

function checked(options: ThrottleOptions): () => Transform {
  checkObject('options', options)
  checkKeys('options', options, { rate: true, clock: true })
  const { rate, clock = systemClock } = options
  const isRate = rate instanceof Rate || (Number.isFinite(rate) && rate >= 1)
  checkOption('rate', rate, isRate, 'a finite number of bytes per second from 1, or a Rate')
  if (rate instanceof Rate) return () => new Throttle(rate, Math.min(pieceOf(rate.limit), FEW_WAITING), clock)
  return () => new Throttle(new Rate(rate), pieceOf(rate), clock)
}

/** Tokens that a bucket holds at most. */
function depthOf(limit: number): number {
  return Math.max(1, Math.ceil(limit / PIECES_PER_SECOND))
}

/** Bytes that leave at once, at most. */
function pieceOf(limit: number | null): number {
  return limit === null ? MAX_PIECE : Math.min(depthOf(limit), MAX_PIECE)
}

/**
 * A token bucket: it fills at the rate, holds no more than a twentieth of a second, and begins empty. A large
 * chunk leaves in pieces (views of it), so that the connection is shared evenly and little waits in the streams behind.
 */
class Throttle extends ByteTransform {
  readonly #rate: Rate
  readonly #clock: Clock
  /** The limit by which the bucket fills: that of the rate, but for the moment in which it changes. */
  #limit: number | null
  #tokens = 0
  #filled: number
  #cancel = () => {}
  readonly #forget: () => void

  /** @param room bytes that may wait on each of its sides */
  constructor(rate: Rate, room: number, clock: Clock) {
    super(room)
    this.#rate = rate
    this.#clock = clock
    this.#limit = rate.limit
    this.#filled = clock.now()
    this.#forget = rate.onChange(() => this.#change())
  }

  protected override *convert(chunks: Buffer[]): Iterator<Buffer | undefined> {
    for (const chunk of chunks) {
      for (let start = 0; start < chunk.length; ) {
        // asked each time: meanwhile it may be another one
        const limit = this.#limit
        const piece = limit === null ? chunk.subarray(start) : chunk.subarray(start, start + pieceOf(limit))
        if (limit === null || this.#spend(piece.length, limit)) {
          start += piece.length
          yield piece
        } else yield undefined
      }
    }
  }

  override _destroy(error: Error | null, callback: Callback): void {
    this.#cancel()
    this.#forget()
    callback(error)
  }

  /** What was saved up until now was so at the old limit, and is no more than the new one lets be saved up. */
  #change(): void {
    this.#fill()
    this.#limit = this.#rate.limit
    this.#tokens = this.#limit === null ? 0 : Math.min(this.#tokens, depthOf(this.#limit))
    this.#cancel()
    this.pump.resume()
  }

  #fill(): void {
    const now = this.#clock.now()
    const limit = this.#limit ?? 0
    this.#tokens = Math.min(depthOf(limit), this.#tokens + ((now - this.#filled) / 1000) * limit)
    this.#filled = now
  }

  /** Takes tokens for a piece; if there are too few, resumes when there will be enough. */
  #spend(size: number, limit: number): boolean {
    this.#fill()
    // The reader may ask while the timer runs: one timer is enough.
    this.#cancel()
    if (this.#tokens < size) {
      const wait = ((size - this.#tokens) / limit) * 1000
      // Rounded up: a timer that rings a little early would be set again and again.
      this.#cancel = this.#clock.after(Math.max(1, Math.ceil(wait)), () => this.pump.resume())
      return false
    }
    this.#tokens -= size
    return true
  }
}
