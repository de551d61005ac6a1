import type { Run } from '../../wire/run.js'
import type { Item } from '../river/items.js'
import { DealtData } from './dealt-data.js'

/** What frames the data of a lane, and takes it to the connection. */
export interface LaneOutlet {
  readonly destroyed: boolean
  write(item: Item): boolean
  on(event: 'drain', listener: () => void): unknown
}

/**
 * Bytes that are underway at most, until the peer says that they came: enough for 160 MB/s at 100 ms, and no more than
 * the others can take over in a while.
 */
const WINDOW = 16 * 1024 * 1024

/** One of the further connections of a transfer, as its sender gives data to it. */
export class Lane {
  readonly dealt = new DealtData()
  readonly #outlet: LaneOutlet
  #isOpen = true
  #isBlocked = false

  /** @param woken told when there is room again */
  constructor(outlet: LaneOutlet, woken: () => void) {
    this.#outlet = outlet
    outlet.on('drain', () => {
      this.#isBlocked = false
      woken()
    })
  }

  /** Whether data may be given to it. */
  get isOpen(): boolean {
    return this.#isOpen && !this.#outlet.destroyed
  }

  get hasRoom(): boolean {
    return this.isOpen && !this.#isBlocked && this.dealt.underway < WINDOW
  }

  /**
   * Gives the bytes of a run to it, and nothing else of it.
   * @param at as of {@link DealtData.deal}
   */
  send(run: Run, at: number): void {
    this.dealt.deal(run, at)
    const { last } = run
    this.#isBlocked = !this.#outlet.write({ ...run, first: last, ends: false })
  }

  close(): void {
    this.#isOpen = false
  }
}
