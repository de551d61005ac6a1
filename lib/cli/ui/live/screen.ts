import { Limiter } from '../../../async.js'
import { drawsOn, ERASE, liveLines, MOST_BELOW } from '../../../terminal/live-lines.js'
import { wrapped } from '../../../terminal/text.js'
import { withoutTickets } from '../../../terminal/tickets.js'

/** What is drawn of something that runs: a line of so many columns at most, and the others of so many. */
export type Drawn = (columns: number, others: number) => readonly string[]

/** A text as a stream shows it to people: on a terminal broken between words. */
export function shownOn({ isTTY, columns }: NodeJS.WriteStream, text: string): string {
  return isTTY ? wrapped(text, columns || 80) : text
}

/** Milliseconds between two lines about what runs, on a terminal that can erase nothing. */
const PLAIN_INTERVAL = 5_000

/**
 * Standard error as people read it. On a terminal lines are broken between words, what runs is shown in lines that are
 * drawn anew, and one question at a time is asked. One that can erase nothing (TERM=dumb) gets a line about what runs
 * from time to time instead, and a file none.
 */
export class Screen {
  readonly #stream: NodeJS.WriteStream
  /** Whether what runs is drawn anew all the time. */
  readonly isLive: boolean
  readonly #isPlain: boolean
  readonly #now: () => number
  /** What runs, in the order in which it began. */
  readonly #running = new Map<object, Drawn>()
  readonly #questions = new Limiter(1)
  /** Lines that are held back during a question. */
  #waiting: (() => void)[] | null = null
  #isDrawn = false
  /** When the last plain line about what runs was written, or could have been. */
  #told = 0

  /** @param isQuiet nothing is shown of what runs */
  constructor(stream: NodeJS.WriteStream, isQuiet: boolean, now: () => number, canDraw = drawsOn(stream)) {
    this.#stream = stream
    this.isLive = !isQuiet && canDraw
    this.#isPlain = !isQuiet && stream.isTTY && !canDraw
    this.#now = now
  }

  /** A line, in which nothing is shown of a ticket. */
  line(text: string): void {
    this.whole(shownOn(this.#stream, withoutTickets(text)))
  }

  /** A line that is left to the terminal to break, so that a word of it can be copied. */
  whole(text: string): void {
    if (this.#waiting) return void this.#waiting.push(() => this.whole(text))
    this.#clear()
    this.#stream.write(`${text}\n`)
    this.#draw()
  }

  /** Shows how far something is that runs, until {@link over}. */
  show(what: object, drawn: Drawn): void {
    if (this.#isPlain) return this.#plain(what, drawn)
    if (!this.isLive) return
    if (this.#running.size === 0) this.#stream.on('resize', this.#draw)
    this.#running.set(what, drawn)
    this.#draw()
  }

  over(what: object): void {
    if (!this.#running.delete(what)) return
    if (this.#running.size === 0) this.#stream.off('resize', this.#draw)
    this.#clear()
    this.#draw()
  }

  /**
   * Shows `lines` and asks a question below them; nothing else is printed before the answer. The answer is no, without
   * a question, if `over` aborts before.
   */
  ask<T>(lines: readonly string[], question: () => Promise<T>, over: AbortSignal): Promise<T | false> {
    return this.#questions.run(async () => !over.aborted && (await this.#ask(lines, question)))
  }

  async #ask<T>(lines: readonly string[], question: () => Promise<T>): Promise<T> {
    for (const line of lines) this.line(line)
    this.#clear()
    const waiting: (() => void)[] = []
    this.#waiting = waiting
    try {
      return await question()
    } finally {
      this.#waiting = null
      for (const tell of waiting) tell()
      this.#draw()
    }
  }

  /** Shows what runs as it is now. */
  redraw(): void {
    this.#draw()
  }

  get #columns(): number {
    return this.#stream.columns || 80
  }

  /** One that began just now may be over soon: its first line comes after a while. */
  #plain(what: object, drawn: Drawn): void {
    const now = this.#now()
    if (!this.#running.has(what)) this.#told = now
    this.#running.set(what, drawn)
    if (now - this.#told < PLAIN_INTERVAL) return
    this.#told = now
    for (const one of this.#running.values()) this.line(one(this.#columns, this.#columns)[0]!)
  }

  readonly #draw = () => {
    if (!this.isLive || this.#waiting || this.#running.size === 0) return
    const below = Math.min(this.#columns, MOST_BELOW)
    const lines = Array.from(this.#running.values()).flatMap((drawn, n) =>
      drawn(n === 0 ? this.#columns : below, below),
    )
    // more than fit would scroll, and could not be erased: what began last is what a person has just asked for
    this.#stream.write(liveLines(lines.slice(-Math.max((this.#stream.rows || 24) - 1, 1))))
    this.#isDrawn = true
  }

  #clear(): void {
    if (this.#isDrawn) this.#stream.write(ERASE)
    this.#isDrawn = false
  }
}
