import type { Clock } from '../../clock.js'
import type { SluiceError } from '../../errors.js'
import type { LaneMessage } from '../../wire/messages.js'
import type { Span } from '../plan/take-back.js'
import type { ChannelStages } from '../streams/channel-stages.js'

/** Spreads the data of a river over further connections, by their numbers. */
export interface Spread {
  /** From now on data may go there, too: `outlet` frames it. */
  open(number: number, outlet: ChannelStages['framer']): void
  /** No data goes there any more. */
  close(number: number): void
  /** So many bytes came over it, in all. @throws SluiceError `ERR_PROTOCOL` */
  came(number: number, bytes: number): void
  /** Nothing more comes over it: gives what did not. */
  over(number: number): readonly Span[]
  /** Of each, how many bytes are underway, and how many came. */
  lanes(): Iterable<readonly [number: number, state: { underway: number; came: number }]>
}

/** Milliseconds after which a lane that would need as long again for what it has is too slow, where others wait. */
const TOO_LONG = 2000

/** A further connection, as whoever makes it has it. */
export interface OutgoingLane {
  /** Frames data. */
  readonly framer: ChannelStages['framer']
  /** Resolves when it is closed, with why; with nothing where it was closed from here. */
  readonly closed: Promise<SluiceError | undefined>
  close(): Promise<void>
}

/** What is told of a lane. */
export interface LaneCalls {
  /** The receiver takes data over it. */
  joined(): void
  /** Nothing more may be given to it. */
  left(): void
}

/** What the lanes of a sender are about. */
interface OutgoingOptions {
  /** Told what is to be sent once more. */
  plan: { takeBack(sent: Span): void }
  spread: Spread
  /** Something is to be sent that was sent before. */
  lost(): void
  clock: Clock
}

/** The lanes of a sender: what of the data goes over them, and comes. */
export class OutgoingLanes {
  readonly #options: OutgoingOptions
  readonly #lanes = new Map<number, OutgoingLane>()
  #isOver = false
  /** While it is waited for the last lanes. */
  #cancelLook: (() => void) | undefined

  constructor(options: OutgoingOptions) {
    this.#options = options
  }

  /**
   * Makes a lane, whose number is that of no other one of the transfer. Resolves with why it was lost, or with nothing
   * when all is over.
   */
  async join(number: number, begin: (calls: LaneCalls) => OutgoingLane): Promise<SluiceError | undefined> {
    const { spread } = this.#options
    const lane = begin({
      joined: () => spread.open(number, lane.framer),
      left: () => spread.close(number),
    })
    this.#lanes.set(number, lane)
    if (this.#isOver) await lane.close()
    const error = await lane.closed
    this.#lanes.delete(number)
    return error
  }

  /**
   * The receiver says what came over a lane.
   * @throws SluiceError `ERR_PROTOCOL`
   */
  heard({ lane: number, bytes, over }: LaneMessage): void {
    const { spread, plan, lost } = this.#options
    spread.came(number, bytes)
    if (!over) return
    this.#lanes.get(number)?.close()
    for (const span of spread.over(number)) plan.takeBack(span)
    lost()
  }

  /**
   * Nothing is left to be given out, or nothing more may be: what a slow lane has must not hold up the others. It is
   * closed then, and what it has goes over another connection, when the receiver has said what came.
   */
  lookForSlow(): void {
    if (this.#cancelLook || this.#isOver) return
    const { spread, clock } = this.#options
    const before = new Map(Array.from(spread.lanes(), ([number, { came }]) => [number, came]))
    this.#cancelLook = clock.after(TOO_LONG, () => {
      this.#cancelLook = undefined
      let isWaiting = false
      let slowest: { number: number; behind: number } | undefined
      for (const [number, { underway, came }] of spread.lanes()) {
        isWaiting ||= underway > 0
        const behind = underway - (came - (before.get(number) ?? came))
        if (this.#lanes.has(number) && behind > (slowest?.behind ?? 0)) slowest = { number, behind }
      }
      // one after the other: what all of them have would take the longer over the one that is left
      if (slowest) this.#lanes.get(slowest.number)?.close()
      if (isWaiting) this.lookForSlow()
    })
  }

  /** Closes all of them. */
  async close(): Promise<void> {
    this.#isOver = true
    this.#cancelLook?.()
    await Promise.all([...this.#lanes.values()].map((lane) => lane.close()))
  }
}
