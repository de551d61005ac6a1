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
  #files = 0
  readonly #running: ReturnType<Reporter['running']>
  #meter: ProgressMeter | undefined
  /** Runs while something has passed that was not shown yet. */
  #timer: NodeJS.Timeout | undefined

  constructor(reporter: Reporter) {
    this.#running = reporter.running(() => this.id)
  }

  /** To stand behind what gives the items. */
  stage(): Transform {
    return tap<Item>((item) => this.#pass(item))
  }

  over(): void {
    clearTimeout(this.#timer)
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
    // all entries come, one after the other: those before the last one of the run have ended
    this.#files = item.last
    this.#timer ??= setTimeout(() => this.#show(), INTERVAL)
  }

  #show(): void {
    this.#timer = undefined
    if (this.#meter) this.#running.progress({ ...this.#meter.snapshot(), files: this.#files })
  }
}
