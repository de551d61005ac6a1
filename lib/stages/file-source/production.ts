import { TimeSlice } from '../../async.js'
import type { Clock } from '../../clock.js'
import { SluiceError } from '../../errors.js'
import type { Plan } from '../../transfer/plan.js'
import type { Offer } from '../../wire/entry.js'
import type { Item } from '../river/items.js'
import type { SourceReader } from './reader.js'
import { nextStep, type StepRules } from './steps.js'
import { WakeUps } from './wake-ups.js'

/** What a {@link Production} depends on. */
export interface ProductionOptions {
  plan: Plan
  /** Those that count now. */
  rules: () => StepRules
  reader: SourceReader
  clock: Clock
  /** Whether it goes on behind `end` until every entry has its outcome. */
  untilSettled: boolean
  /** Whether nothing will be asked for any more: it ends once all that is wanted was given out. */
  isFinished: boolean
  /** Told when nothing is left that is wanted, of all that was decided. */
  onIdle?: (() => void) | undefined
}

/** The items of a source, one after the other: offers, what the plan wants, the end. */
export class Production {
  readonly #options: ProductionOptions
  readonly #wakeUps = new WakeUps()
  /** Offers that are still to be given out. */
  readonly #offers: Offer[] = []
  #isFinished: boolean

  constructor(options: ProductionOptions) {
    this.#options = options
    this.#isFinished = options.isFinished
  }

  /** An offer is to be given out, which was added to the plan. */
  announce(offer: Offer): void {
    this.#offers.push(offer)
    this.#wakeUps.change()
  }

  /** The plan was changed. */
  wake(): void {
    this.#wakeUps.change()
  }

  finish(): void {
    this.#isFinished = true
    this.#wakeUps.change()
  }

  hold(isHeld: boolean): void {
    this.#wakeUps.hold(isHeld)
  }

  /** Nobody reads any more: {@link items} ends as soon as it is asked again. */
  stop(): void {
    this.#wakeUps.end()
  }

  async *items(): AsyncGenerator<Item> {
    const { plan, rules, reader, clock, untilSettled } = this.#options
    const slice = new TimeSlice(clock)
    try {
      for (;;) {
        // first: what changes while something is given out is looked at next
        this.#wakeUps.look()
        yield* this.#announced()
        const { current, inOrder } = reader
        const step = nextStep(plan, { ...rules(), current, inOrder })
        // the end is nothing to be read
        if (step && this.#wakeUps.isHeld) yield* this.#held()
        else if (step) yield* this.#unheld(reader.items(step))
        else if (plan.isEnded && (plan.isFinished || !untilSettled)) return
        else if (this.#isFinished && !plan.isEnded) yield this.#end()
        else await this.#change()
        if (this.#wakeUps.isOver) return
        await slice.yield()
      }
    } finally {
      await reader.close()
    }
  }

  /** A stream to its end, or some blocks of a large file, are one step: it is held in the middle, too. */
  async *#unheld(items: AsyncGenerator<Item>): AsyncGenerator<Item> {
    for await (const item of items) {
      yield item
      yield* this.#announced()
      yield* this.#held()
      if (this.#wakeUps.isOver) return
    }
  }

  /** Ends when reading may go on, or nobody reads any more; an offer is nothing to be read. */
  async *#held(): AsyncGenerator<Item> {
    if (!this.#wakeUps.isHeld) return
    await this.#options.reader.close()
    while (this.#wakeUps.isHeld)
      if (this.#offers.length > 0) yield* this.#announced()
      else await this.#wakeUps.next()
  }

  *#announced(): Generator<Item> {
    for (const offer of this.#offers.splice(0)) yield { kind: 'offer', offer, plan: this.#options.plan }
  }

  #end(): Item {
    const { plan } = this.#options
    if (plan.undecided < plan.entries.length) {
      const message = `finish() was called before plan.want() or plan.skip() of entry ${plan.undecided}`
      throw new SluiceError('ERR_STATE', message)
    }
    plan.end()
    return { kind: 'end' }
  }

  /** Resolves when the plan was changed, or nobody reads any more. */
  async #change(): Promise<void> {
    const { plan, onIdle } = this.#options
    if (plan.undecided === plan.entries.length) onIdle?.()
    await this.#options.reader.close()
    await this.#wakeUps.changed()
  }
}
