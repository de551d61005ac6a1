import type { Rate } from '../../../stages/bytes/rate.js'
import type { Transfer } from '../../../transfer/transfer.js'
import type { Screen } from '../live/screen.js'
import { type KeysOf, PressedKeys } from './keys.js'

/** What keys steer. */
export type Steered = Pick<Transfer, 'pausedBy' | 'pause' | 'resume' | 'cancel'> & {
  readonly progress: Pick<Transfer['progress'], 'rate'>
}

/** Where people read about it. */
type ScreenOf = Pick<Screen, 'line' | 'show' | 'over' | 'redraw'>

/** The keys that do something. */
const OURS = /^[pcyn+-]+$/i

/** Milliseconds of a transfer until people are told of the keys: what is over before needs none. */
const LONG_ENOUGH = 5000

/** Bytes per second: a lower limit, and one beyond, is none that keys set. */
const LOWEST = 16_000
const HIGHEST = 1e9

/**
 * What people at a terminal can do about what runs there, by keys: pause it and let it go on, cancel it, change its
 * limit. To cancel takes two keys that do not lie beside each other, so that nothing that falls on a keyboard does it.
 */
export class Controls {
  readonly #keys: PressedKeys
  readonly #screen: ScreenOf
  readonly #running = new Set<Steered>()
  /** What goes on although nothing of it may run now. */
  #lasting = 0
  #rate: Rate | undefined
  #isAsking = false
  #isTold = false

  constructor(stdin: NodeJS.ReadStream, screen: ScreenOf, of?: KeysOf) {
    this.#screen = screen
    this.#keys = new PressedKeys(stdin, (keys) => this.#pressAll(keys), of)
  }

  /** Whether keys do something now. */
  get areHeard(): boolean {
    return this.#keys.isListening
  }

  /** The limit of all that runs, which keys change. */
  limitBy(rate: Rate): void {
    this.#rate = rate
  }

  /** Bytes per second; null if there is none. */
  get limit(): number | null {
    return this.#rate?.limit ?? null
  }

  /** Keys are about this, too, until {@link delete}. */
  add(what: Steered): void {
    this.#running.add(what)
    this.#listen()
  }

  delete(what: Steered): void {
    if (!this.#running.delete(what) || this.#running.size > 0) return
    this.#ask(false)
    this.#listen()
  }

  /** Keys are read until something is over, also while nothing runs: the terminal does not show what is typed then. */
  listenUntil(over: Promise<unknown>): void {
    this.#lasting++
    this.#listen()
    const end = () => {
      this.#lasting--
      this.#listen()
    }
    over.then(end, end)
  }

  #listen(): void {
    this.#keys.want(this.#running.size > 0 || this.#lasting > 0)
  }

  /** Leaves the terminal to a question. */
  without<T>(question: () => Promise<T>): Promise<T> {
    return this.#keys.without(question)
  }

  /** Tells people of the keys, once, when something has run for so many milliseconds that it is worth it. */
  hint(took: number): void {
    if (this.#isTold || !this.areHeard || took <= LONG_ENOUGH) return
    this.#isTold = true
    this.#screen.line(
      `keys: p pauses, and goes on; c cancels${this.#rate ? '; - and + change the limit' : ''}`,
    )
  }

  /** Over a slow connection keys come together; what has others among them is a text, which somebody has pasted. */
  #pressAll(keys: string): void {
    if (keys.length === 1 || OURS.test(keys)) for (const key of keys) this.#press(key)
  }

  #press(key: string): void {
    if (this.#running.size === 0) return
    if (this.#isAsking) {
      this.#ask(false)
      if (key === 'y' || key === 'Y') for (const one of this.#running) void one.cancel()
    } else if (key === 'p' || key === 'P') this.#toggle()
    else if (key === 'c' || key === 'C') this.#ask(true)
    else if (key === '+' || key === '-') this.#changeLimit(key)
  }

  /** All of them pause, unless all do already. */
  #toggle(): void {
    const all = [...this.#running]
    const isPausedHere = ({ pausedBy }: Steered) => pausedBy === 'here' || pausedBy === 'both'
    const isEnd = all.every(isPausedHere)
    for (const one of all) isEnd ? one.resume() : one.pause()
  }

  #ask(isAsking: boolean): void {
    this.#isAsking = isAsking
    if (isAsking) this.#screen.show(this, () => [cancelQuestion(this.#running.size)])
    else this.#screen.over(this)
  }

  /** By half, or twice as much. Where there is no limit, it begins with the rate of what runs. */
  #changeLimit(key: '+' | '-'): void {
    const rate = this.#rate
    if (rate === undefined) return
    const { limit } = rate
    if (limit !== null) {
      const next = key === '-' ? Math.max(limit / 2, Math.min(limit, LOWEST)) : limit * 2
      rate.limit = next > HIGHEST ? null : next
    } else if (key === '-') {
      const fastest = Math.max(...Array.from(this.#running, ({ progress }) => progress.rate))
      rate.limit = Math.max(Number(fastest.toPrecision(2)), LOWEST)
    }
    this.#screen.redraw()
  }
}

/** @param count how many transfers run */
function cancelQuestion(count: number): string {
  const which = count === 2 ? ' both' : count > 2 ? ` all ${count}` : ''
  return `Cancel${which}? What came is kept. (y / n)`
}
