import type { Transform } from 'node:stream'
import { tap } from '../../stages/progress-tap.js'
import type { Item } from '../../stages/river/items.js'
import { type Progress, ProgressMeter } from '../../transfer/progress.js'
import type { Entry } from '../../wire/entry.js'
import type { Reporter } from '../ui/reporter.js'

/** Milliseconds between two looks at how far it is. */
const INTERVAL = 100

/** A river without a conversation: nobody but this stage knows how far it is. */
export class OneWay {
  /** Of the offer; '' until it is known. */
  id = ''
  /** All is wanted, and nothing is asked for again: what a plan would say. */
  readonly #passed = {
    wanted: { entries: 0, closed: 0, others: 0, closedOthers: 0 },
    cameBytes: 0,
    wantedBytes: 0 as number | null,
    provedBytes: 0,
    left: (index?: number) => this.#left(index),
  }
  #entries: readonly Entry[] = []
  readonly #meter = new ProgressMeter(this.#passed)
  readonly #running: ReturnType<Reporter['running']>
  /** Runs while something has passed that was not shown yet. */
  #timer: NodeJS.Timeout | undefined

  constructor(reporter: Reporter) {
    this.#running = reporter.running(() => this.id)
  }

  /** To stand behind what gives the items. */
  stage(): Transform {
    return tap<Item>((item) => this.#pass(item))
  }

  /** How far it is now. */
  get progress(): Progress {
    return this.#meter.snapshot()
  }

  /** Bytes of content that passed. */
  get bytes(): number {
    return this.#passed.cameBytes
  }

  over(): void {
    clearTimeout(this.#timer)
    this.#running.over()
  }

  #pass(item: Item): void {
    if (item.kind === 'offer') {
      this.id = item.offer.id
      this.#expect(item.offer.entries)
    }
    if (item.kind !== 'run') return
    this.#passed.cameBytes += item.length
    // all entries come, one after the other: those before the last one of the run have ended
    const { wanted } = this.#passed
    for (; wanted.closed < item.last; wanted.closed++)
      if (this.#entries[wanted.closed]!.type !== 'file') wanted.closedOthers++
    this.#meter.passed(item)
    this.#timer ??= setTimeout(() => this.#show(), INTERVAL)
  }

  /** Bytes that did not pass yet: all before the last ones did. */
  #left(index?: number): number {
    const { cameBytes, wantedBytes } = this.#passed
    if (index === undefined) return Math.max(0, (wantedBytes ?? 0) - cameBytes)
    const { start, size } = this.#entries[index]!
    return Math.max(0, start + size! - cameBytes)
  }

  #expect(entries: readonly Entry[]): void {
    this.#entries = entries
    const sizes = entries.map(({ size }) => size)
    this.#passed.wanted.entries = entries.length
    this.#passed.wanted.others = entries.filter(({ type }) => type !== 'file').length
    this.#passed.wantedBytes = sizes.reduce(
      (sum, size) => (sum === null || size === null ? null : sum + size),
      0,
    )
  }

  #show(): void {
    this.#timer = undefined
    this.#running.progress(this.progress)
  }
}
