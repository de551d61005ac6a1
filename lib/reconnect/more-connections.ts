import type { Clock } from '../clock.js'
import { SluiceError } from '../errors.js'
import type { Widening } from '../transfer/lifecycle.js'
import { asError } from '../transfer/peer-error.js'
import type { ByteDuplex } from '../transfer/streams/byte-duplex.js'
import { beginOver, type Connect, overConnections } from './connections.js'
import { LaneSession } from './lane-session.js'
import type { ReconnectOptions } from './retry.js'

/** What it takes to make further connections of a transfer. */
interface More {
  connect: Connect
  retry: Required<ReconnectOptions>
  clock: Clock
  warn(warning: SluiceError): void
}

/** Makes the further connections of a transfer, and another one in the place of each that is lost. */
export class MoreConnections {
  readonly #more: More
  readonly #count: number
  /** The number of the one that was made last: each has its own, as long as the transfer goes on. */
  #number = 0

  /** @param count how many there are to be, beside the first */
  constructor(count: number, more: More) {
    this.#count = count
    this.#more = more
  }

  /** The first connection is there, with which they end. */
  open(widening: Widening): void {
    for (let i = 0; i < this.#count; i++)
      this.#keep(widening).catch((error) => {
        if (!widening.ends.aborted) this.#more.warn(withoutIt(asError(error)))
      })
  }

  async #keep(widening: Widening): Promise<void> {
    const { connect, retry, clock } = this.#more
    await overConnections({
      // none of them is the first: nobody has to be asked for anything any more
      ...{ connect: (attempt, over) => connect(attempt + 1, over), retry, clock, signal: widening.ends },
      serve: (socket) => this.#serve(socket, widening),
      reconnecting: () => {},
    })
  }

  #serve(socket: ByteDuplex, { lanes, stages, options, resume }: Widening): Promise<SluiceError | undefined> {
    const lane = ++this.#number
    return lanes.join(lane, (calls) =>
      beginOver(socket, () => new LaneSession(socket, stages(), options, { resume, lane }, calls)),
    )
  }
}

function withoutIt(cause: SluiceError): SluiceError {
  const text = `a further connection could not be made, or not again; the transfer goes on without it: ${cause.message}`
  return new SluiceError(cause.code, text, { cause })
}
