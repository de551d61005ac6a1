import { SluiceError } from '../../errors.js'
import { checkOption } from '../../options.js'
import type { Offer } from '../../wire/entry.js'

/** The first offer of a sender, of which something may be said before it is complete. */
export class GrowingOffer {
  #offer: Offer | undefined
  #isComplete = false

  /** A beginning of it is to be said. Throws `ERR_STATE`, `ERR_USAGE`. */
  grew(offer: Offer): void {
    if (this.#isComplete)
      throw new SluiceError('ERR_STATE', 'the offer is complete: tell of it before it is given')
    this.#is(offer)
  }

  /** All of it is known. Throws `ERR_USAGE`. */
  complete(offer: Offer): void {
    this.#is(offer)
    this.#isComplete = true
  }

  /** To be called when it is complete. */
  get whole(): Offer {
    return this.#offer!
  }

  /** What was said of one offer cannot go on with another. */
  #is(offer: Offer): void {
    const isSame = this.#offer === undefined || this.#offer === offer
    checkOption('source', offer.name, isSame, 'a function that gives the very offer of which it told')
    this.#offer = offer
  }
}
