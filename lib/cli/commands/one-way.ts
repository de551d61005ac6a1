import type { Transform } from 'node:stream'
import { tap } from '../../stages/progress-tap.js'
import type { Item } from '../../stages/river/items.js'
import { ProgressMeter } from '../../transfer/progress.js'
import type { Reporter } from '../terminal/reporter.js'

/** Milliseconds between two looks at how far it is. */
const INTERVAL = 100

/** A river without a conversation: nobody but this stage knows how far it is. */
export class OneWay {
  /** Of the offer; '' until it is known. */
  id = ''
  /** Bytes of content that passed. */
  bytes = 0
  readonly #running: ReturnType<Reporter['running']>
  #meter: ProgressMeter | undefined
  #told = Number.NEGATIVE_INFINITY

  constructor(reporter: Reporter) {
    this.#running = reporter.running(() => this.id)
  }

  /** To stand behind what gives the items. */
  stage(): Transform {
    return tap<Item>((item) => this.#pass(item))
  }

  over(): void {
    this.#running.over()
  }

  #pass(item: Item): void {
    if (item.kind === 'offer') {
      this.id = item.offer.id
      this.#meter = new ProgressMeter(item.plan)
    }
    if (item.kind !== 'run') return
    this.bytes += item.length
    this.#meter?.passed(item)
    if (this.#meter === undefined || performance.now() - this.#told < INTERVAL) return
    this.#told = performance.now()
    // all entries come, one after the other: those before the last one of the run have ended
    this.#running.progress({ ...this.#meter.snapshot(), files: item.last })
  }
}
