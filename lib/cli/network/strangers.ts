import type { Clock } from '../../clock.js'
import { counted, SluiceError } from '../../errors.js'
import { backgroundClock } from '../../files/own/lease.js'

/** Milliseconds from one warning to the next, so that people can read what else there is. */
const PAUSE = 1000

/** Warns of connections that came to nothing: of all that came meanwhile at once, however many there are. */
export class Strangers {
  readonly #warn: (warning: SluiceError) => void
  readonly #clock: Clock
  /** Those that nobody has been told of yet. */
  #untold = 0
  #last: SluiceError | undefined
  /** Until it may be warned again. */
  #cancel: (() => void) | undefined

  constructor(warn: (warning: SluiceError) => void, clock: Clock = backgroundClock) {
    this.#warn = warn
    this.#clock = clock
  }

  /** Another one came to nothing. */
  refused(error: SluiceError): void {
    this.#untold++
    // somebody with a ticket or a key that is not let in is more than somebody who says nothing
    if (this.#last?.code !== 'ERR_IDENTITY' || error.code === 'ERR_IDENTITY') this.#last = error
    if (!this.#cancel) this.#tell()
  }

  /** Warns of those that are untold, and no more. */
  over(): void {
    this.#cancel?.()
    if (this.#untold > 0) this.#tell()
    this.#cancel?.()
  }

  #tell(): void {
    const { code, message } = this.#last!
    // without the advice to run it again: the program keeps listening
    const why = code === 'ERR_INTERRUPTED' ? 'it broke' : message
    const what =
      this.#untold === 1
        ? `a connection came to nothing: ${why}`
        : `a connection came to nothing, and ${counted(this.#untold - 1, 'other')} since the last warning: ${why}`
    const warning = new SluiceError(code, `${what}; still listening`, { cause: this.#last })
    this.#untold = 0
    this.#last = undefined
    this.#cancel = this.#clock.after(PAUSE, () => {
      this.#cancel = undefined
      if (this.#untold > 0) this.#tell()
    })
    this.#warn(warning)
  }
}
