import type { Readable } from 'node:stream'
import { errorOf } from '../../errors.js'
import type { Plan } from '../../transfer/plan.js'
import type { Data } from '../../wire/frame-parser.js'
import type { Callback } from '../bytes/pump.js'
import { PumpQueue } from '../bytes/pump-queue.js'
import type { Item } from '../river/items.js'
import { itemsOfData, itemsOfMessage, type Said } from '../river/items-of.js'
import { EarlyMessages } from './early-messages.js'
import { LaneInlet } from './lane-inlet.js'

/**
 * Makes one river of what comes over several connections: data from each of them as it comes, what is said of files
 * from the first, behind the data that it is about.
 */
export class Confluence {
  /** Bytes of a digest of a file. */
  digestLength = 0
  readonly #plan: Plan
  readonly #queue: PumpQueue<Item>
  /** Where there is one connection only, nothing comes early. */
  #early: EarlyMessages | undefined
  /** Waits until fewer messages are early. */
  #parked: Callback | undefined
  #isGivingEarly = false
  readonly #stream: Readable

  /**
   * @param stream gives the items
   * @param onItem told of each before; what it throws ends the stream, over whichever connection the item came
   */
  constructor(stream: Readable, plan: Plan, onItem: (item: Item) => void = () => {}) {
    this.#stream = stream
    this.#plan = plan
    this.#queue = new PumpQueue(stream, (item) => {
      try {
        onItem(item)
      } catch (error) {
        stream.destroy(errorOf(error))
        return false
      }
      return stream.push(item)
    })
  }

  /** To be called by `_read`. `false` if no item was given. */
  resume(): boolean {
    return this.#queue.resume()
  }

  /** Data of the first connection. */
  data(data: Data, done: Callback): void {
    this.#give(itemsOfData(this.#plan, data), done)
  }

  /** What is said of files, which only the first connection brings. */
  message(message: Said, done: Callback): void {
    const early = this.#early
    if (!early?.isEarly(message))
      return this.#give(itemsOfMessage(this.#plan, message, this.digestLength), done)
    early.add(message)
    if (early.isFull) this.#parked = done
    else done()
  }

  /** Makes an inlet for the data of a further connection; `took` is told how many bytes came by it. */
  inlet(took: (bytes: number) => void): LaneInlet {
    this.#plan.hasLanes = true
    this.#early ??= new EarlyMessages(this.#plan)
    return new LaneInlet(this.#plan, (items, done) => this.#give(items, done), took)
  }

  /** Gives items when it is their turn, and then what waited for them. */
  #give(items: Iterator<Item>, done: Callback): void {
    this.#queue.take(items, (error) => {
      done(error)
      this.#giveEarly()
    })
  }

  /** One by one: the next when the items of the one before are out. Thousands of them may have none. */
  #giveEarly(): void {
    if (this.#isGivingEarly) return
    this.#isGivingEarly = true
    for (let isOut = true; isOut; ) {
      const message = this.#early?.next()
      isOut = false
      if (message)
        this.#queue.take(itemsOfMessage(this.#plan, message, this.digestLength), (error) => {
          if (error) this.#stream.destroy(error)
          isOut = true
          this.#giveEarly()
        })
    }
    this.#isGivingEarly = false
    if (!this.#parked || this.#early!.isFull) return
    const done = this.#parked
    this.#parked = undefined
    done()
  }
}
