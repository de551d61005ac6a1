import type { Clock } from '../clock.js'
import { checkKeys } from '../options.js'

/** A clock that goes on only when it is told to, or by itself from timer to timer: a test never waits for it. */
export class FakeClock implements Clock {
  #now = 0
  #timers: { at: number; callback: () => void }[] = []
  readonly #auto: boolean

  /** With `auto`, time jumps to the next timer whenever the event loop has nothing else to do first. */
  constructor(options: { auto?: boolean } = {}) {
    checkKeys('options', options, { auto: true })
    const { auto = false } = options
    this.#auto = auto
  }

  /** Timers that have neither rung nor been cancelled. */
  get pending(): number {
    return this.#timers.length
  }

  now(): number {
    return this.#now
  }

  after(ms: number, callback: () => void): () => void {
    const timer = { at: this.#now + ms, callback }
    this.#timers.push(timer)
    if (this.#auto) setImmediate(() => this.#timers.includes(timer) && this.advance(timer.at - this.#now))
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer)
    }
  }

  /** Lets `ms` milliseconds pass, with every timer that rings within them, in order. */
  advance(ms: number): void {
    const end = this.#now + Math.max(0, ms)
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0]
      if (!next) break
      this.#timers = this.#timers.filter((other) => other !== next)
      this.#now = Math.max(this.#now, next.at)
      next.callback()
    }
    this.#now = end
  }
}
