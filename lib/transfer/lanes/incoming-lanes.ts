import type { Clock } from '../../clock.js'
import { MOST_CONNECTIONS } from '../../wire/limits.js'
import type { LaneMessage } from '../../wire/messages.js'

/** Where the data of a further connection joins that of the first. */
export interface Inlet {
  /** Nothing more is taken; gives how many bytes were. */
  close(): number
}

/** Makes one; `took` is told how many bytes came by it. */
export type MakeInlet = (took: (bytes: number) => void) => Inlet

/** Lanes of one transfer at most, beside its first connection. */
const MOST_LANES = MOST_CONNECTIONS - 1

/** Bytes after which the sender is told what came; and milliseconds, where no more come. */
const TOLD_AFTER = 1024 * 1024
const TOLD_LATER = 50

/** What a lane is for the session of the first connection. */
export interface IncomingLane {
  /** Brings all that comes over it there. */
  divert(inlet: Inlet): void
  /** The transfer needs it no more. */
  leave(): void
}

/** The session of a first connection. */
export interface LaneOwner {
  /** Undefined where it takes one connection only. */
  readonly lanes: IncomingLanes | undefined
}

/** The lanes of a receiver, whose data joins that of the first connection. */
export class IncomingLanes {
  readonly #open = new Map<number, { lane: IncomingLane; inlet: Inlet; forget(): void }>()
  readonly #inlet: MakeInlet
  readonly #say: (message: LaneMessage) => void
  readonly #clock: Clock
  #isOver = false

  /** @param say tells the sender, over the first connection */
  constructor(inlet: MakeInlet, say: (message: LaneMessage) => void, clock: Clock) {
    this.#inlet = inlet
    this.#say = say
    this.#clock = clock
  }

  /** Takes a lane; gives why not, in words for the sender. */
  join(number: number, lane: IncomingLane): string | undefined {
    if (this.#isOver) return 'the transfer does not go on over the connection that it belongs to'
    if (this.#open.has(number)) return 'there is a connection of this number'
    if (this.#open.size === MOST_LANES) return `there are ${MOST_LANES + 1} connections already`
    let told = 0
    let forget = () => {}
    const tell = (bytes: number) => {
      told = bytes
      this.#say({ lane: number, bytes })
    }
    const took = (bytes: number) => {
      forget()
      if (bytes - told >= TOLD_AFTER) tell(bytes)
      else forget = this.#clock.after(TOLD_LATER, () => tell(bytes))
    }
    const inlet = this.#inlet(took)
    this.#open.set(number, { lane, inlet, forget: () => forget() })
    lane.divert(inlet)
    return undefined
  }

  /** A lane is closed: what it has not brought has to come over another connection. */
  left(number: number): void {
    const open = this.#open.get(number)
    if (open === undefined) return
    this.#open.delete(number)
    open.forget()
    this.#say({ lane: number, bytes: open.inlet.close(), over: true })
  }

  /** The transfer is over, or goes on over another connection. */
  leave(): void {
    this.#isOver = true
    const open = [...this.#open.values()]
    this.#open.clear()
    for (const { lane, inlet, forget } of open) {
      forget()
      inlet.close()
      lane.leave()
    }
  }
}
