import { printable, type SluiceError } from '../../errors.js'
import { quoted } from '../../terminal/text.js'
import type { TransferState } from '../../transfer/lifecycle.js'
import type { Transfer } from '../../transfer/transfer.js'
import type { Offer } from '../../wire/entry.js'
import type { TransferResult } from '../../wire/outcome.js'
import { type CliEvent, eventLine, said } from './events.js'
import { exitOf } from './exit.js'
import { Controls } from './input/controls.js'
import { watchInside } from './inside.js'
import type { Io } from './io.js'
import { type Aside, pausedText, RunningTime } from './live/progress.js'
import { Screen, shownOn } from './live/screen.js'
import type { Manner } from './manner.js'
import { type Settled, settling } from './outcomes.js'
import { Running } from './running.js'
import { checkOutput } from './streams.js'
import { watchLost } from './watch-reconnects.js'
import { FirstLines } from './words/first-lines.js'
import {
  type Interrupted,
  interruptedText,
  type Numbers,
  noteLines,
  summaryOf,
  type WatchedTransfer,
} from './words/summary.js'
import { Tally } from './words/tally.js'

const WAITING = 'offered; waiting for the answer'

/**
 * Reports what happens: for people on standard error, with live lines on a terminal; or as events on standard output.
 */
export class Reporter {
  readonly #io: Io
  readonly #isStopped: () => boolean
  readonly #manner: Manner
  /** The transfer or offer with which the command ends, until it is completed. Its id is empty until it is known. */
  #last: { readonly id: string } | null = null
  readonly #screen: Screen
  #controls: Controls | undefined
  readonly #now: () => number
  /** The names of the offers, and those that the user refused, by the id of the transfer. */
  readonly #names = new Map<string, string>()
  readonly #refused = new Set<string>()
  /** What people have read already: errors of transfers whose failures were told, and warnings. */
  readonly #told = new WeakSet<SluiceError>()

  /** @param isStopped tells whether the user stopped the program */
  constructor(io: Io, manner: Manner = {}, isStopped = () => false, now = () => performance.now()) {
    this.#isStopped = isStopped
    this.#io = io
    this.#manner = manner
    this.#screen = new Screen(io.stderr, manner.json === true || manner.quiet === true, now)
    if (this.#screen.isLive) this.#controls = new Controls(io.stdin, this.#screen)
    this.#now = now
  }

  /** What is written to meanwhile, which may be files. */
  get written(): readonly { fd?: number | undefined }[] {
    const { stdout, stderr } = this.#io as Record<'stdout' | 'stderr', { fd?: number }>
    return [stdout, stderr, this.#manner.log ?? {}]
  }

  /**
   * One result on standard output: as an event, or as the line `text`. A `word` to be copied is not broken.
   * @throws SluiceError `ERR_WRITE` if that is closed
   */
  result(event: CliEvent, text: string, as: 'text' | 'word' = 'text'): void {
    if (this.#manner.json) return void this.#events.write(eventLine(event))
    checkOutput(this.#io)
    this.#events.write(`${as === 'word' ? text : shownOn(this.#events, text)}\n`)
  }

  /** The address for the other side. One that was asked for as it is needs no reader. */
  listening(address: string, asked: string | undefined): void {
    try {
      this.result({ event: 'listening', address }, printable(address), 'word')
    } catch (error) {
      if (address !== asked) throw error
    }
  }

  get #events(): NodeJS.WriteStream {
    return this.#manner.streams ? this.#io.stderr : this.#io.stdout
  }

  /** A line for people; nothing with `--json` and with `--quiet`. */
  note(text: string): void {
    if (!this.#manner.quiet) this.#problem(text)
  }

  /** A line for people with something to be copied, as a ticket or a key: it is not broken. */
  copyable(text: string): void {
    if (!this.#manner.quiet && !this.#manner.json) this.#screen.whole(text)
  }

  /** A line for people who want to know what happens inside. */
  detail(text: string): void {
    if (this.#manner.verbose) this.note(text)
  }

  /** What people read with `--quiet`, too. */
  #problem(text: string): void {
    if (!this.#manner.json) this.#screen.line(text)
  }

  event(event: CliEvent): void {
    // an error after this is not that of the transfer
    if (event.event === 'completed') this.#last = null
    this.#manner.log?.take(event)
    if (this.#manner.json) this.result(event, '')
  }

  /** @param id of the transfer that the warning is about */
  warn(warning: SluiceError, id?: string): void {
    this.warnings(() => id)(warning)
  }

  /** What warns as {@link warn} does, of things of which there may be any number: people read the first ones. */
  warnings(id: () => string | undefined = () => undefined): (warning: SluiceError) => void {
    const lines = new FirstLines('warning', this.note.bind(this))
    return (warning) => {
      this.event({ event: 'warning', ...said(warning, id()) })
      lines.add(warning.message)
      this.#told.add(warning)
    }
  }

  /**
   * One of several transfers failed.
   * @param isOver all transfers end: people are told once, by the error of the command
   */
  failed(error: SluiceError, id: string, isOver: boolean): void {
    this.event({ event: 'error', ...said(error, id), exit: exitOf(error, !isOver) })
    if (!isOver && !this.#refused.has(id) && !this.#told.has(error))
      this.#problem(`warning: ${this.#prefix(id)}${error.message}`)
    this.#names.delete(id)
  }

  /** What is offered, by whom, whether more follows, and to be named when one of several transfers ends. */
  offered({ id, name, entries, bytes }: Offer, peer?: string, series?: true): void {
    this.event({ event: 'offer', id, name, entries: entries.length, bytes, peer, series })
    this.#names.set(id, name)
  }

  /** The user here said no, and is not told so again. */
  refused({ id, name }: Pick<Offer, 'id' | 'name'>): void {
    this.#refused.add(id)
    this.note(`rejected: ${quoted(name, 100)}; nothing was written`)
  }

  /** Which of several transfers a line is about. */
  #prefix(id: string): string {
    const name = this.#names.get(id)
    return this.#last || name === undefined ? '' : `${printable(name, 100)}: `
  }

  /** The command ends as this transfer does: its error gets that id. */
  endsWith(last: { readonly id: string }): void {
    this.#last = last
  }

  /**
   * Reports an error, and returns its exit status.
   * @param byPeer see {@link exitOf}
   */
  error(error: SluiceError, byPeer = false): number {
    const exit = exitOf(error, byPeer)
    const { id = '' } = this.#last ?? {}
    this.event({ event: 'error', ...said(error, id), exit })
    const isKnown = this.#told.has(error) || (error.code === 'ERR_REJECTED' && this.#refused.has(id))
    if (!isKnown && !(this.#manner.json && this.#manner.streams))
      this.#screen.line(`sluice: ${error.message.replaceAll('\n', ' ')}`)
    if (process.env.DEBUG?.includes('sluice')) this.#screen.line(`${error.stack}`)
    return exit
  }

  /** Standard input is what is sent: no key is one for us. */
  inputIsSent(): void {
    this.#controls = undefined
  }

  /** What keys do; undefined where none are read. */
  get controls(): Pick<Controls, 'limitBy' | 'listenUntil'> | undefined {
    return this.#controls
  }

  /** As {@link Screen.ask}. */
  ask<T>(lines: readonly string[], question: () => Promise<T>, over: AbortSignal): Promise<T | false> {
    const controls = this.#controls
    return this.#screen.ask(lines, () => (controls ? controls.without(question) : question()), over)
  }

  /** For what runs: takes in how far it is; see {@link Running}. */
  running(id: () => string, aside?: Aside): Running {
    return new Running({ screen: this.#screen, tell: this.event.bind(this), now: this.#now }, id, aside)
  }

  /** Shows a transfer while it runs, and how it ends. */
  watch(transfer: Transfer, as: WatchedTransfer): void {
    const time = new RunningTime(this.#now)
    const isSender = transfer.direction === 'send'
    const tally = new Tally(as.leftOut, as.isNext)
    const paused = () => pausedText(transfer, this.#controls?.areHeard === true)
    const enter = (state: TransferState) => {
      const { pausedBy } = transfer
      this.event({ event: 'state', id: transfer.id || undefined, state, ...(pausedBy && { pausedBy }) })
      const isGoingOn = time.hasBegun && !time.isRunning
      // the time before that was spent on the question
      if (state === 'sending' || state === 'receiving') {
        this.#controls?.add(transfer)
        time.run()
      } else if (state === 'paused' || state === 'interrupted') time.pause()
      if (!this.#screen.isLive && (state === 'paused' || (isGoingOn && time.isRunning)))
        this.note(`${this.#prefix(transfer.id)}${paused() ?? 'going on'}`)
      // a person may have to answer there
      if (state === 'offered' && isSender) this.#screen.show(transfer, () => [WAITING])
      else this.#screen.over(transfer)
    }
    // an accepted connection is watched only from its offer on
    if (transfer.state === 'offered') enter('offered')
    transfer.on('state', enter)
    watchLost(transfer, this.#screen, this.event.bind(this), (line) =>
      this.note(this.#prefix(transfer.id) + line),
    )
    if (this.#manner.verbose) watchInside(transfer, this.detail.bind(this))
    const id = () => transfer.id
    transfer.on('warning', this.warnings(id))
    transfer.on('settled', this.settling(tally, id))
    const running = this.running(id, { paused, limit: () => this.#controls?.limit ?? null })
    transfer.on('progress', (progress) => {
      // also of one that is rejected there is a last progress
      if (time.hasBegun) running.progress(progress)
      this.#controls?.hint(time.took)
    })
    const over = () => {
      this.#controls?.delete(transfer)
      this.#screen.over(transfer)
      running.over()
    }
    transfer.finished.then(
      (result) => {
        over()
        this.completed(result, tally, as.where, time.took)
      },
      (error: SluiceError) => {
        const { progress } = transfer
        over()
        // whoever awaits the transfer reports the error
        if (error.code === 'ERR_FILES_FAILED')
          this.partly(error, tally, as.where, id(), { ...progress, took: time.took })
        else if (time.hasBegun) this.interrupted(error, tally, id(), { ...as, progress, isSender })
      },
    )
  }

  /** What counts, and reports, what becomes of the entries of a transfer. */
  settling(tally: Tally, id: () => string): Settled {
    const { json, log } = this.#manner
    return settling(tally, id, {
      event: this.event.bind(this),
      events: json ? 'all' : log ? 'unusual' : 'none',
      failed: this.#problem.bind(this),
      isTold: (error) => this.#told.has(error),
    })
  }

  /** Reports the result of a transfer that took `took` milliseconds. */
  completed(result: Omit<TransferResult, 'files'>, tally: Tally, where: string, took: number): void {
    const { id, published, skipped, failed, bytes, resumedBytes } = result
    this.#summary(tally, where, id, { bytes, resumedBytes, took })
    const { there, leftOut } = tally
    const numbers = { published, skipped, there: there.count, leftOut, failed, bytes, resumedBytes }
    this.event({ event: 'completed', id, ...numbers })
  }

  /** Reports a transfer of which files failed: each of them was told when it did. */
  partly(error: SluiceError, tally: Tally, where: string, id: string, numbers: Numbers): void {
    this.#told.add(error)
    this.#summary(tally, where, id, numbers)
  }

  /** What became of all, for people. */
  #summary(tally: Tally, where: string, id: string, numbers: Numbers): void {
    for (const line of noteLines(tally)) this.note(line)
    if (tally.hasNews) this.note(`${tally.names ? '' : this.#prefix(id)}${summaryOf(tally, where, numbers)}`)
    this.#names.delete(id)
  }

  /** Reports a transfer that may be run again, if it ended so: how it ended, what was kept, and what to do. */
  interrupted(error: SluiceError, tally: Tally, id: string, at: Interrupted): void {
    const text = interruptedText(error, tally, { ...at, isStopped: this.#isStopped() })
    if (!text) return
    // it says why, too: `failed` need not
    if (at.isOneOfMany) this.#told.add(error)
    if (at.isOneOfMany || !this.#manner.quiet) this.#problem(`${this.#prefix(id)}${text}`)
  }
}
