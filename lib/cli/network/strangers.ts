import type { Clock } from '../../clock.js'
import { counted, SluiceError } from '../../errors.js'
import { backgroundClock } from '../../files/own/lease.js'

/** Milliseconds from one warning to the next, so that people can read what else there is. */
const PAUSE = 1000

/** Warns of connections that came to nothing: of all that came meanwhile at once, however many there are. */
export class Strangers {
  readonly #warn: (warning: SluiceError) => void
  readonly #clock: Clock
  readonly #after: () => string
  /** Those that nobody has been told of yet. */
  #untold = 0
  #last: SluiceError | undefined
  /** Until it may be warned again. */
  #cancel: (() => void) | undefined

  /** @param after what goes on after it all the same */
  constructor(
    warn: (warning: SluiceError) => void,
    after = () => 'still listening',
    clock: Clock = backgroundClock,
  ) {
    this.#warn = warn
    this.#after = after
    this.#clock = clock
  }

  /** Another one came to nothing. */
  refused(error: SluiceError): void {
    this.#untold++
    // somebody with a ticket or a key that is not let in is more than somebody who says nothing
    if (this.#last?.code !== 'ERR_IDENTITY' || error.code === 'ERR_IDENTITY') this.#last = error
    if (!this.#cancel) this.#tell()
  }

  /** Warns at once of those that are untold. */
  flush(): void {
    this.#cancel?.()
    if (this.#untold > 0) this.#tell()
    this.#cancel?.()
    this.#cancel = undefined
  }

  #tell(): void {
    const { code, message } = this.#last!
    // without the advice to run it again: the program keeps listening
    const why = code === 'ERR_INTERRUPTED' ? 'it broke' : message
    const what =
      this.#untold === 1
        ? `a connection came to nothing: ${why}`
        : `a connection came to nothing, and ${counted(this.#untold - 1, 'other')} since the last warning: ${why}`
    const warning = new SluiceError(code, `${what}; ${this.#after()}`, { cause: this.#last })
    this.#untold = 0
    this.#last = undefined
    this.#cancel = this.#clock.after(PAUSE, () => {
      this.#cancel = undefined
      if (this.#untold > 0) this.#tell()
    })
    this.#warn(warning)
  }
}
