import { type Clock, systemClock } from '../../clock.js'
import type { SluiceError } from '../../errors.js'
import { showKey } from '../../peers/keys.js'
import { stateOfError } from '../../transfer/lifecycle.js'
import type { Transfer } from '../../transfer/transfer.js'
import type { Offer } from '../../wire/entry.js'
import type { Caller } from '../network/entrance.js'
import { Series } from './series.js'

/** Milliseconds for which a sender that has lost its connection may go on over another one. */
const PATIENCE = 10 * 60 * 1000

/** Series without a connection, and bytes of memory for their versions, at most: the oldest are given up. */
const MOST_LOST = 64
const MOST_BYTES = 256 * 1024 * 1024

/** A series whose connection was lost. */
interface Lost {
  series: Series
  key: string
  since: number
}

/**
 * The series of all connections. A series is one sender's, over one connection, or over another one that the same key
 * makes within ten minutes after the one before was lost. It ends, and all that is known of it is forgotten, when the
 * sender ends it, when either side cancels, when anything else goes wrong, or when that time is over.
 */
export class AllSeries {
  readonly #clock: Pick<Clock, 'now'>
  readonly #byConnection = new WeakMap<object, { series: Series; key: string | undefined }>()
  /** Those that were lost first come first. */
  #lost: Lost[] = []

  constructor(clock: Pick<Clock, 'now'> = systemClock) {
    this.#clock = clock
  }

  /** To be called for a connection before anything is received over it. */
  of(connection: object, { key }: Pick<Caller, 'key'> = {}): Series {
    const known = this.#byConnection.get(connection)
    const { series } = known ?? { series: new Series() }
    if (!known) this.#byConnection.set(connection, { series, key: key && showKey(key) })
    return series
  }

  /**
   * What an offer goes on with that was accepted before: with what comes over its connection, or, 'back', with what has
   * come over one that was lost. Undefined: with nothing.
   */
  goesOn(
    connection: object,
    { hasNext }: Pick<Transfer, 'hasNext'>,
    offer: Offer,
  ): 'next' | 'back' | undefined {
    const series = this.of(connection)
    if (!hasNext) series.forget()
    if (series.isAccepted || !hasNext) return series.goesOnWith(offer) ? 'next' : undefined
    this.#sweep()
    const { key } = this.#byConnection.get(connection)!
    const lost = this.#lost.find((one) => one.key === key && one.series.goesOnWith(offer))
    if (!lost) return undefined
    this.#lost = this.#lost.filter((one) => one !== lost)
    series.takeUp(lost.series)
    return 'back'
  }

  /** A connection has come to its end, with an error: only who has lost it may come back. */
  over(connection: object, error: SluiceError): void {
    const { series, key } = this.#byConnection.get(connection) ?? {}
    this.#byConnection.delete(connection)
    if (!series?.isAccepted || key === undefined || stateOfError(error) !== 'interrupted') return
    this.#lost.push({ series, key, since: this.#clock.now() })
    this.#sweep()
  }

  #sweep(): void {
    const now = this.#clock.now()
    this.#lost = this.#lost.filter(({ since }) => now - since <= PATIENCE).slice(-MOST_LOST)
    const bytes = () => this.#lost.reduce((sum, { series }) => sum + series.versions.bytes, 0)
    while (bytes() > MOST_BYTES) this.#lost.shift()
  }
}
